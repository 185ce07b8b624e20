"""Where examples are cut from: real volumes, or label maps that get a new contrast every time."""

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float32, Integer, Real, UInt8
from torch import Tensor

from finemri.cohorts.cutting import cut, start_at
from finemri.physics.contrast import draw_contrast
from finemri.physics.resampling import resample
from finemri.refusal import Refusal
from finemri.volumes.intensity import NORMALISERS, Normaliser

Shape = tuple[int, int, int]
Region = Float32[Tensor, "i j k"]
BLOCK = 8
"""Edge, in voxels, of the blocks in which tissue is looked for."""


@runtime_checkable
class Regions(Protocol):
    """Anything that a fine region can be cut from."""

    def cut(self, shape: Shape, rng: np.random.Generator) -> Region:
        """A region of this shape, air near 0 and tissue up to about 1; pure in the state of ``rng``."""


class VolumeRegions:
    """Regions of real volumes, each as bright as its whole says: air near 0, the normaliser's highest value near 1.

    ``zoom`` (lowest, highest): every volume is also kept in voxels that many times as large, in ``levels`` steps, so
    that a network meets several resolutions. ``tissue`` is the share of the regions that are centred on a block of more
    than a tenth of the 99.9th percentile; the others lie anywhere. Kept as float16, if normalised at all. Raises
    Refusal where there are no volumes.
    """

    def __init__(
        self,
        volumes: Iterable[Real[np.ndarray, "i j k"]],
        *,
        zoom: tuple[float, float] = (1.0, 1.0),
        levels: int = 4,
        normaliser: str = "percentile",
        tissue: float = 0.95,
    ) -> None:
        if not 0 < zoom[0] <= zoom[1]:
            raise Refusal(f"A zoom goes from a smaller to a larger positive number, not from {zoom[0]} to {zoom[1]}.")
        self.tissue = tissue
        self.pyramids: list[list[Float[np.ndarray, "_ _ _"]]] = []
        self.blocks: list[list[Integer[np.ndarray, "_ 3"]]] = []
        for volume in volumes:
            voxels = np.asarray(volume, dtype=np.float32)
            voxels = in_units(normaliser).undo(NORMALISERS[normaliser](voxels).apply(voxels))
            sizes = np.unique(np.geomspace(*zoom, levels)) if zoom[1] > zoom[0] else np.array(zoom[:1])
            pyramid = [_in_larger_voxels(voxels, float(size)) for size in sizes]
            self.pyramids.append(
                [level.astype(np.float32 if normaliser == "none" else np.float16) for level in pyramid]
            )
            bright = 0.1 * NORMALISERS["percentile"](voxels).scale
            self.blocks.append([_bright_blocks(level, bright) for level in pyramid])
        if not self.pyramids:
            raise Refusal("There is no volume to cut examples from; give at least one.")

    def cut(self, shape: Shape, rng: np.random.Generator) -> Region:
        subject = rng.integers(len(self.pyramids))
        level = rng.integers(len(self.pyramids[subject]))
        voxels, blocks = self.pyramids[subject][level], self.blocks[subject][level]
        return torch.from_numpy(
            cut(voxels, _start(voxels.shape, shape, blocks, self.tissue, rng), shape).astype(np.float32)
        )


class LabelRegions:
    """Regions of label maps, each with a contrast of its own (finemri.physics.contrast).

    ``zoom``: how many label voxels a fine voxel spans, drawn log-uniformly. ``t1_weighted``: share of T1-like draws.
    Maps are cropped to the head and kept as one byte a voxel. Raises Refusal where there are no maps, more than 256
    different labels, or numbers that are not whole.
    """

    def __init__(
        self,
        label_maps: Iterable[Real[np.ndarray, "i j k"]],
        *,
        zoom: tuple[float, float] = (0.9, 1.3),
        t1_weighted: float = 0.5,
        tissue: float = 0.95,
    ) -> None:
        if not 0 < zoom[0] <= zoom[1]:
            raise Refusal(f"A zoom goes from a smaller to a larger positive number, not from {zoom[0]} to {zoom[1]}.")
        self.zoom, self.t1_weighted, self.tissue = zoom, t1_weighted, tissue
        self.maps: list[UInt8[np.ndarray, "_ _ _"]] = []
        self.blocks: list[Integer[np.ndarray, "_ 3"]] = []
        known: dict[int, int] = {0: 0}
        for label_map in label_maps:
            codes, known = _compact(_head(label_map), known)
            self.maps.append(codes)
            self.blocks.append(_bright_blocks((codes > 0).astype(np.float32), 0.5))
        if not self.maps:
            raise Refusal("There is no label map to draw examples from; give at least one.")
        self.labels = np.array(list(known), dtype=np.int32)

    def cut(self, shape: Shape, rng: np.random.Generator) -> Region:
        subject = rng.integers(len(self.maps))
        step = float(np.exp(rng.uniform(*np.log(self.zoom))))
        size = [max(1, round(n * step)) for n in shape]
        wanted = (size[0], size[1], size[2])
        codes = self.maps[subject]
        start = _start(codes.shape, wanted, self.blocks[subject], self.tissue, rng)
        labels = self.labels[cut(codes, start, wanted)]
        return draw_contrast(labels, rng, shape=shape, t1_weighted=self.t1_weighted)


def in_units(normaliser: str) -> Normaliser:
    """From a brightness of 0 (air) to 1 into what networks see: −1 to 1 for "max", the same for others."""
    return NORMALISERS[normaliser](np.ones((1, 1, 1), dtype=np.float32))


def _in_larger_voxels(voxels: Float32[np.ndarray, "_ _ _"], size: float) -> Float32[np.ndarray, "_ _ _"]:
    if size == 1:
        return voxels
    shape = [max(1, round(n / size)) for n in voxels.shape]
    larger: Float32[np.ndarray, "_ _ _"] = resample(torch.from_numpy(voxels.copy()), shape, [size] * 3).numpy()
    return larger


def _bright_blocks(voxels: Float32[np.ndarray, "_ _ _"], threshold: float) -> Integer[np.ndarray, "_ 3"]:
    """First voxels of the blocks whose mean exceeds the threshold."""
    starts = [np.arange(0, n, BLOCK) for n in voxels.shape]
    total: np.ndarray = voxels
    for axis in range(3):
        total = np.add.reduceat(total, starts[axis], axis=axis)
    counts = [np.diff([*s, n]) for s, n in zip(starts, voxels.shape, strict=True)]
    mean = total / (counts[0][:, None, None] * counts[1][:, None] * counts[2])
    return np.argwhere(mean > threshold).astype(np.int32) * BLOCK


def _start(
    size: Sequence[int], shape: Shape, blocks: Integer[np.ndarray, "_ 3"], tissue: float, rng: np.random.Generator
) -> tuple[int, ...]:
    """A region's first voxel, mostly so that a voxel of a bright block is its centre."""
    centred, jitter, block = rng.random() < tissue, rng.integers(0, BLOCK, 3), rng.random()
    centre = (blocks[int(block * len(blocks))] + jitter).tolist() if centred and len(blocks) else None
    return start_at(size, shape, centre, rng)


def _head(label_map: Real[np.ndarray, "_ _ _"], margin: int = 8) -> Real[np.ndarray, "_ _ _"]:
    """The part of the map that is not background, and a little air."""
    inside = [np.flatnonzero((label_map != 0).any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    if inside[0].size == 0:
        raise Refusal("A label map holds background only; leave it out.")
    box = tuple(slice(max(0, int(i[0]) - margin), int(i[-1]) + 1 + margin) for i in inside)
    return label_map[box]


def _compact(
    labels: Real[np.ndarray, "_ _ _"], known: dict[int, int]
) -> tuple[UInt8[np.ndarray, "_ _ _"], dict[int, int]]:
    """Number the labels in order of appearance, in one byte; ``known`` maps label -> number so far."""
    values, inverse = np.unique(labels, return_inverse=True)
    if (values != np.round(values)).any() or values.min() < 0 or values.max() > 30000:
        raise Refusal("A label map holds whole numbers between 0 and 30000, this one does not; is it an image?")
    known = dict(known)
    table = np.array([known.setdefault(int(value), len(known)) for value in values])
    if len(known) > 256:
        raise Refusal(f"Label maps may hold 256 different labels together, these have {len(known)}; merge some.")
    return table.astype(np.uint8)[inverse.reshape(labels.shape)], known
