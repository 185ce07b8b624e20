"""Turn coarse MRI into fine MRI, and prove what was done."""

__version__ = "0.1.0"
