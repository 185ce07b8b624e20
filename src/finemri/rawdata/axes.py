"""Which axis is which: named by the user, given by the format, or found by a rule that is told; never guessed silently.

The rule for a bare array, axes of length one left out: two axes are i, j; of three, one that is no longer than 64 and
at most half as long as each of the others is the coils (of a real-valued array: the slices).
"""

import re

import numpy as np

from finemri.refusal import Refusal

WORDS = ("slice", "coil", "i", "j")
MOST_COILS = 64
EXAMPLE = "--axes coil,i,j"


def named(axes: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """The user's words, one an axis. Raises Refusal for other words, one twice, no i or j, or another number."""
    words = tuple(word for word in re.split(r"[,\s]+", axes.strip()) if word)
    if set(words) - set(WORDS) or len(set(words)) < len(words) or not {"i", "j"} <= set(words):
        raise Refusal(
            f"--axes {axes} is not understood; write each of slice, coil, i, j at most once, such as {EXAMPLE}."
        )
    if len(words) != len(shape):
        raise Refusal(
            f"--axes {axes} names {len(words)} axes and the array has {len(shape)} ({by(shape)}); name each of them."
        )
    return words


def found(shape: tuple[int, ...], third: str = "coil") -> tuple[tuple[str, ...], str]:
    """By the rule above: the words, and the reason. Raises Refusal where the rule does not decide."""
    if len(shape) == 2:
        return ("i", "j"), "two axes, so a single coil"
    if len(shape) == 3:
        short = min(range(3), key=shape.__getitem__)
        others = [n for axis, n in enumerate(shape) if axis != short]
        if shape[short] <= MOST_COILS and 2 * shape[short] <= min(others):
            words = ["i", "j"]
            words.insert(short, third)
            return tuple(words), f"the axis of {shape[short]} is by far the shortest, so it is the {third}s"
    raise Refusal(f"Which axis of {by(shape)} is which cannot be told; name them, for example {EXAMPLE}.")


def ordered(array: np.ndarray, words: tuple[str, ...]) -> np.ndarray:
    """Any order -> (slice, coil, i, j), missing ones of length one."""
    here = [words.index(word) for word in WORDS if word in words]
    return array.transpose(here)[tuple(slice(None) if word in words else None for word in WORDS)]


def by(shape: tuple[int, ...]) -> str:
    """8×320×168."""
    return "×".join(str(n) for n in shape)
