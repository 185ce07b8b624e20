"""Only where there is tissue: the box around it is enhanced, and the air around that is interpolated.

The result has the whole field of view, made slab by slab like any other.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

from finemri.shapes import FineVoxels, Voxels
from finemri.volumes.enhancer import Enhancer
from finemri.volumes.grid import spline_slabs
from finemri.volumes.intensity import Normaliser
from finemri.volumes.tiles import PIECE

BLOCKS = 1e6
"""Blocks that a scan is looked at in: enough to find a box by, and it bounds time and memory."""
FRACTION = 0.1
"""Tissue is what is brighter than this part of the way from background to tissue, as head_mask has it."""
PIECES = 0.01
"""Pieces of less than this share of the largest are noise; two legs are both kept."""
AIR = 8
"""Input voxels that are kept around the tissue."""
FADE = 4
"""Input voxels, of those, over which the box fades into what lies around it."""
WORTH = 0.95
"""A box that is more than this share of the field of view is not worth it."""
HELD = 4 * PIECE
"""Bytes of the budget for what is interpolated."""

Span = tuple[int, int]
Box = tuple[Span, Span, Span]
Along = Float32[np.ndarray, " voxels"]


def tissue_box(voxels: Voxels, margin: int = AIR) -> Box:
    """The box around everything that is tissue, ``margin`` voxels larger on every side, within the field of view.

    The whole field of view where there is no contrast to tell by.
    """
    step = max(1, math.ceil((voxels.size / BLOCKS) ** (1 / 3)))
    smooth = ndimage.gaussian_filter(_blocks(voxels, step), 1.0, mode="nearest")
    darkest, tissue = np.percentile(smooth, [0.5, 98])
    pieces, _ = ndimage.label(smooth > darkest + FRACTION * (tissue - darkest))
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    if not sizes.any():
        i, j, k = ((0, n) for n in voxels.shape)
        return i, j, k
    kept = (sizes >= PIECES * sizes.max())[pieces] & (pieces > 0)
    spans = []
    for axis, size in enumerate(voxels.shape):
        found = np.flatnonzero(kept.any(axis=tuple(a for a in range(3) if a != axis)))
        spans.append((max(0, int(found[0]) * step - margin), min(size, (int(found[-1]) + 1) * step + margin)))
    i, j, k = spans
    return i, j, k


def share_of(box: Box, shape: tuple[int, int, int]) -> float:
    """Part of the field of view."""
    return math.prod(stop - start for start, stop in box) / math.prod(shape)


def cut(voxels: Voxels, box: Box) -> FineVoxels:
    """What lies in the box; no copy."""
    i, j, k = (slice(*span) for span in box)
    return voxels[i, j, k]


@dataclass(frozen=True)
class Measured:
    """An enhancer whose brightness was measured before, over more than it gets to see."""

    enhancer: Enhancer
    units: Normaliser
    normaliser: str = "none"

    @property
    def scale(self) -> tuple[int, int, int]:
        return self.enhancer.scale

    @property
    def tile(self) -> tuple[int, int, int]:
        return self.enhancer.tile

    @property
    def margin(self) -> tuple[int, int, int]:
        return self.enhancer.margin

    @property
    def bytes_per_voxel(self) -> float:
        return self.enhancer.bytes_per_voxel

    def __call__(self, image: Voxels) -> FineVoxels:
        return self.units.undo(self.enhancer(self.units.apply(image)))


def uncropped(
    slabs: Iterator[FineVoxels], voxels: Voxels, box: Box, scale: tuple[int, int, int]
) -> Iterator[FineVoxels]:
    """Slabs of the whole field of view, of slabs of the box: around it the cubic spline through the scan.

    They fade into each other within the outermost voxels of the box, but not where it ends with the field of view.
    """
    fine = [n * s for n, s in zip(voxels.shape, scale, strict=True)]
    rows, columns, depths = ((start * s, stop * s) for (start, stop), s in zip(box, scale, strict=True))
    weights = [_weights(span, n, s) for span, n, s in zip(box, voxels.shape, scale, strict=True)]
    made = _Reader(slabs)
    step = max(1, PIECE // (8 * fine[0] * fine[1]))
    first = 0
    for slab in spline_slabs(voxels, fine, depth=step):
        last = first + slab.shape[2]
        low, high = max(first, depths[0]), min(last, depths[1])
        if low < high:
            inside = slab[slice(*rows), slice(*columns), low - first : high - first]
            w_k = weights[2][low - depths[0] : high - depths[0]]
            known = made.read(high - low)
            known -= inside
            known *= weights[0][:, None, None]
            known *= weights[1][:, None]
            known *= w_k
            inside += known
        first = last
        yield slab


class _Reader:
    """Slabs, in other portions than they come in."""

    def __init__(self, slabs: Iterator[FineVoxels]) -> None:
        self.slabs, self.left = slabs, next(slabs)

    def read(self, depth: int) -> FineVoxels:
        """A copy of the next ``depth`` slices."""
        parts, missing = [], depth
        while missing:
            if not self.left.shape[2]:
                self.left = next(self.slabs)
            parts.append(self.left[:, :, :missing])
            self.left = self.left[:, :, missing:]
            missing -= parts[-1].shape[2]
        return np.concatenate(parts, axis=2)


def _weights(span: Span, size: int, scale: int) -> Along:
    """What the enhanced image counts along an axis of the box."""
    start, stop = span
    length = min(FADE, (stop - start) // 2) * scale
    ramp = ((np.arange(length) + 0.5) / max(1, length)).astype(np.float32)
    weights = np.ones((stop - start) * scale, np.float32)
    if start > 0:
        weights[:length] = ramp
    if stop < size:
        weights[weights.size - length :] = ramp[::-1]
    return weights


def _blocks(voxels: Voxels, step: int) -> FineVoxels:
    """Means over blocks of step³ voxels, a layer of blocks at a time."""
    starts = [np.arange(0, n, step) for n in voxels.shape]
    blocks = np.empty([len(s) for s in starts], np.float32)
    counts = [np.diff([*s, n]) for s, n in zip(starts, voxels.shape, strict=True)]
    for number, start in enumerate(starts[2]):
        layer = voxels[:, :, start : start + step].mean(axis=2)
        layer = np.add.reduceat(np.add.reduceat(layer, starts[0], axis=0), starts[1], axis=1)
        blocks[:, :, number] = layer / (counts[0][:, None] * counts[1])
    return blocks
