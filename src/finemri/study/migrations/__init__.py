"""How older databases become newer ones, step by step."""
