"""Stored: an array of k-space as a file holds it, before its axes are put in order."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from finemri.refusal import Refusal

DEFLATE_LIMIT = 1032
"""Deflate cannot shrink further than 1 : 1032, so a file says by its size how much can be in it."""
MAX_SAMPLES = 2**31
"""More than any scan: 16 GiB of complex64."""


@dataclass(frozen=True, eq=False)
class Stored:
    """What a format hands over. Whatever is told of an axis stands in the order of the array's own axes."""

    array: np.ndarray
    axes: tuple[str, ...] | None = None
    """Words of slice, coil, i, j in the format's own order; None: the file does not say."""
    why: str = ""
    """Where the order comes from: as fastMRI stores it."""
    mask: np.ndarray | None = None
    """Along the last axis, or along both spatial axes as the array has them."""
    sensitivities: np.ndarray | None = None
    """In the array's own order of axes, with or without the axis of slices."""
    spacing: tuple[float | None, ...] | None = None
    """Millimetres, one an axis."""
    shown: tuple[int | None, ...] | None = None
    """Pixels that the scanner would show, one an axis."""
    picture: bool = False
    """An image, and no k-space: a file of pixels."""
    facts: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()


def check_size(name: str, shape: tuple[int, ...], itemsize: int, stored: int) -> None:
    """Before anything is allocated: raises Refusal where a header tells of more than the file's bytes can hold."""
    count = math.prod(shape)
    if count == 0:
        raise Refusal(f"{name} is an empty array; export it again.")
    if count > MAX_SAMPLES or count * itemsize > DEFLATE_LIMIT * stored:
        raise Refusal(
            f"{name} claims {'×'.join(str(n) for n in shape)} samples, more than its file can hold; "
            "it is truncated or damaged, so copy it again."
        )
