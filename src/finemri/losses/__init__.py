"""What training asks for. A loss takes (made, true) and gives one number; an adversarial rule reads a critic in two
ways."""
