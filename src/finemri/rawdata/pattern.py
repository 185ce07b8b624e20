"""What kind of mask it is, in words: whole lines or points, and how large its fully sampled centre."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from finemri.shapes import Sampled

Kind = Literal["full", "lines along i", "lines along j", "points"]
WHOLE = 0.95
"""A line with this share of its samples (of those that any line has) is a whole one."""


@dataclass(frozen=True)
class SamplingFound:
    """What a mask (i, j) gives away."""

    share: float
    """Of all samples, how many were measured: 1/acceleration."""
    kind: Kind
    """full; lines along i: each j is measured wholly or not at all; lines along j; points: neither."""
    centre: tuple[int, int]
    """Fully sampled rectangle around DC (ACS), in samples."""

    def __str__(self) -> str:
        """As inspect prints it."""
        i, j = self.centre
        if self.kind == "full":
            return "every sample"
        kind = "2D, points" if self.kind == "points" else f"1D, whole {self.kind}"
        return f"{kind}, the centre (ACS) full in {i} × {j}"


def look_at(mask: Sampled) -> SamplingFound:
    """Share, kind and centre. Lines may be shorter than the matrix (partial echo), as long as all are alike."""
    centre = _centre(mask)
    return SamplingFound(float(mask.mean()), _kind(mask, centre), centre)


def _kind(mask: Sampled, centre: tuple[int, int]) -> Kind:
    if mask.mean() > 0.999:
        return "full"
    if _whole(mask):
        return "lines along i" if mask.any(axis=0).mean() < mask.any(axis=1).mean() else "lines along j"
    outside = [np.abs(np.arange(n) - n // 2) > width // 2 for n, width in zip(mask.shape, centre, strict=True)]
    beside, above = mask[outside[0]], mask[:, outside[1]]  # lines, and a centre that does not span them
    if beside.size and _whole(beside):
        return "lines along i"
    return "lines along j" if above.size and _whole(above) else "points"


def _whole(mask: Sampled) -> bool:
    """Whether nothing is missing where a row and a column that have samples cross."""
    inner = mask[mask.any(axis=1)][:, mask.any(axis=0)]
    return bool(inner.size and inner.mean() >= WHOLE)


def _centre(mask: Sampled) -> tuple[int, int]:
    """Grown from DC, the shorter side (of the matrix's) first, as long as everything inside is measured."""
    i, j = mask.shape
    low, high = [i // 2, j // 2], [i // 2 + 1, j // 2 + 1]
    if not mask[i // 2, j // 2]:
        return 0, 0
    stuck: set[tuple[int, int]] = set()
    while len(stuck) < 4:
        steps = [(axis, way) for axis in (0, 1) for way in (0, 1) if (axis, way) not in stuck]
        axis, way = min(steps, key=lambda step: (high[step[0]] - low[step[0]]) / mask.shape[step[0]])
        new = low[axis] - 1 if way == 0 else high[axis]
        if 0 <= new < mask.shape[axis] and mask[_line(axis, new, low, high)].all():
            low[axis], high[axis] = min(low[axis], new), max(high[axis], new + 1)
        else:
            stuck.add((axis, way))
    return high[0] - low[0], high[1] - low[1]


def _line(axis: int, place: int, low: list[int], high: list[int]) -> tuple[int | slice, int | slice]:
    """Of the rectangle's length, across ``axis``."""
    return (place, slice(low[1], high[1])) if axis == 0 else (slice(low[0], high[0]), place)
