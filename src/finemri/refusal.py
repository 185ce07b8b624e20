"""How finemri says no."""


class Refusal(ValueError):
    """Bad input. The message is one sentence: what is wrong, and what to do about it."""
