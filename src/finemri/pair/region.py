"""The region of interest: where there is tissue and both scans looked. Smaller images, less memory."""

from dataclasses import dataclass

import numpy as np

from finemri.measures.mask import head_mask
from finemri.refusal import Refusal
from finemri.shapes import Mask
from finemri.volumes.volume import Volume

MISSED = 0.02
"""Share of the tissue of a side of the box."""


@dataclass(frozen=True)
class Box:
    """First and stop of the voxels along i, j, k that are kept, of a grid of this shape."""

    shape: tuple[int, int, int]
    start: tuple[int, int, int]
    stop: tuple[int, int, int]

    def cut(self, volume: Volume) -> Volume:
        """What is kept."""
        i, j, k = (slice(first, stop) for first, stop in zip(self.start, self.stop, strict=True))
        affine = volume.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ np.array(self.start)
        return Volume(volume.voxels[i, j, k], affine, volume.source)

    def along_k(self, first: int, stop: int, depth: int | None = None) -> "Box":
        """The same in plane; along k another range, of another depth."""
        shape = (*self.shape[:2], self.shape[2] if depth is None else depth)
        return Box(shape, (*self.start[:2], first), (*self.stop[:2], stop))


def whole(volume: Volume) -> Box:
    """Everything."""
    return Box(volume.shape, (0, 0, 0), volume.shape)


def region(fine: Volume, seen: Mask, margin: float) -> Box:
    """The bounding box of the tissue of the fine scan where the coarse scan looked as well, and ``margin`` mm around.

    Not beyond the box of what was ``seen``; and sides of which the coarse scan missed more than ``MISSED`` of the
    tissue are given up, the worst first, so that no pair teaches a wedge of nothing. Raises Refusal where no tissue was
    seen by both.
    """
    head = head_mask(fine.voxels)
    tissue = head & seen
    if not tissue.any():
        raise Refusal("There is no tissue where the two scans overlap; check that they show the same part of the body.")
    starts, stops = [], []
    for axis, mm in enumerate(fine.spacing):
        others = tuple(a for a in range(3) if a != axis)
        there, looked = np.flatnonzero(tissue.any(others)), np.flatnonzero(seen.any(others))
        more = round(margin / mm)
        starts.append(max(int(there[0]) - more, int(looked[0])))
        stops.append(min(int(there[-1]) + more, int(looked[-1])) + 1)
    _give_up(starts, stops, head, head & ~seen)
    return Box(fine.shape, (starts[0], starts[1], starts[2]), (stops[0], stops[1], stops[2]))


def _give_up(starts: list[int], stops: list[int], tissue: Mask, missed: Mask) -> None:
    """Move the side with the largest share of missed tissue inwards, until none has more than ``MISSED``."""

    def share(axis: int, *, far: bool) -> float:
        place = [slice(first, stop) for first, stop in zip(starts, stops, strict=True)]
        at = stops[axis] - 1 if far else starts[axis]
        place[axis] = slice(at, at + 1)
        return float(missed[tuple(place)].sum() / max(1, tissue[tuple(place)].sum()))

    while True:
        sides = [(axis, far) for axis in range(3) for far in (False, True) if stops[axis] - starts[axis] > 1]
        shares = {(axis, far): share(axis, far=far) for axis, far in sides}
        if not shares or max(shares.values()) <= MISSED:
            return
        axis, far = max(shares, key=lambda side: shares[side])
        if far:
            stops[axis] -= 1
        else:
            starts[axis] += 1
