"""Where tiles lie: as few and as large as memory permits, and how each fades into the next."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float32, Int64

from finemri.refusal import Refusal
from finemri.volumes.enhancer import Enhancer

RAMP = 2
"""How far tiles fade into each other, in input voxels on either side of a cut, where the layout is free to choose."""
SMALLEST = 8
"""Input voxels that a tile must hold beyond its overlap to be worth its margin."""

Triple = tuple[int, int, int]
Weights = Float32[np.ndarray, " voxels"]
Counts = Int64[np.ndarray, "..."]


@dataclass(frozen=True)
class Span:
    """A tile along one axis, in input voxels: it reads start..stop, keeps first..last and fades over rise and fall."""

    start: int
    stop: int
    first: int
    last: int
    rise: int
    fall: int

    def weights(self, scale: int) -> Weights:
        """What each kept output voxel counts: 1, and on the ramps what its neighbour's weight lacks to 1."""
        weights = np.ones((self.last - self.first) * scale, np.float32)
        up, down = self.rise * scale, self.fall * scale
        weights[:up] = _ramp(up)
        weights[weights.size - down :] = 1 - _ramp(down)
        return weights


@dataclass(frozen=True)
class Layout:
    """All tiles of a volume: every combination of one span of each axis."""

    tile: Triple
    overlap: Triple
    axes: tuple[tuple[Span, ...], ...]

    @property
    def count(self) -> int:
        """Number of tiles."""
        return math.prod(len(spans) for spans in self.axes)

    @property
    def depth(self) -> int:
        """Input voxels along k of the thickest slab that is in the making."""
        return max(span.last - span.first for span in self.axes[2])


def lay_spans(length: int, tile: int, overlap: int, margin: int) -> tuple[Span, ...]:
    """Cut an axis into tiles of one size, evenly spread, that share at least ``overlap`` voxels with their neighbours.

    What two tiles share is cut in the middle. They fade over what is left of it when each has been kept ``margin``
    away from its own end, where it cannot know better; if nothing is left, over all of it.
    """
    tile = min(tile, length)
    count = 1 if tile == length else 1 + math.ceil((length - tile) / (tile - overlap))
    starts = [number * (length - tile) // max(1, count - 1) for number in range(count)]
    shared = [left + tile - right for left, right in pairwise(starts)]
    cuts = [0, *(right + both // 2 for right, both in zip(starts[1:], shared, strict=True)), length]
    halves = [0] * (count + 1)
    for number, both in enumerate(shared, start=1):
        free = both // 2 - margin if both >= 2 * margin else both // 2
        room = min(cuts[number] - cuts[number - 1], cuts[number + 1] - cuts[number]) // 2  # never three tiles at once
        halves[number] = min(free, room)
    return tuple(
        Span(start, start + tile, cuts[n] - halves[n], cuts[n + 1] + halves[n + 1], 2 * halves[n], 2 * halves[n + 1])
        for n, start in enumerate(starts)
    )


def lay_tiles(
    shape: Triple,
    enhancer: Enhancer,
    *,
    memory: int | None = None,
    held: int = 0,
    tile: Sequence[int] | None = None,
    overlap: Sequence[int] | None = None,
) -> Layout:
    """The layout that computes the fewest voxels, and of those the fewest tiles, within ``memory`` bytes.

    ``held`` bytes of the budget are in use already. Without a budget a tile is as large as the enhancer's natural
    tile, which bounds its number of voxels in any case; an axis on which the natural tile is 1 is cut in single voxels.
    ``tile`` and ``overlap`` (input voxels) are respected where given. Raises Refusal where the budget does not suffice,
    with the budget that does, and for a tile that is no larger than its overlap.
    """
    flat = [natural == 1 for natural in enhancer.tile]
    wanted = tuple(2 * (margin + RAMP) for margin in enhancer.margin) if overlap is None else tuple(overlap)
    overlap = tuple(0 if thin else o for thin, o in zip(flat, wanted, strict=True))
    if min(overlap) < 0:
        raise Refusal(f"An overlap is at least 0 voxels, not {min(overlap)}.")
    if tile is None:
        chosen = _largest(shape, flat, overlap, enhancer, memory, held)
    else:
        chosen = _triple(1 if thin else min(t, n) for thin, t, n in zip(flat, tile, shape, strict=True))
        for t, o, n in zip(chosen, overlap, shape, strict=True):
            if t < 1 or (t <= o and t < n):
                raise Refusal(f"A tile of {t} voxels that overlap by {o} gets nowhere; use a tile of at least {o + 1}.")
    axes = tuple(lay_spans(*numbers) for numbers in zip(shape, chosen, overlap, enhancer.margin, strict=True))
    layout = Layout(chosen, _triple(overlap), axes)
    if tile is not None and memory is not None:
        _check(memory, held + int(_working_bytes(np.array(math.prod(chosen)), np.array(layout.depth), shape, enhancer)))
    return layout


def _largest(
    shape: Triple, flat: Sequence[bool], overlap: Sequence[int], enhancer: Enhancer, memory: int | None, held: int
) -> Triple:
    """Weigh every number of tiles on every axis; a tile is then as small as that number allows."""
    lines = zip(shape, _triple(overlap), enhancer.margin, flat, strict=True)
    options = [[(t, lay_spans(n, t, o, m)) for t in _sizes(n, o, thin=thin)] for n, o, m, thin in lines]
    sizes = np.ix_(*([t for t, _ in axis] for axis in options))
    counts = np.ix_(*([len(spans) for _, spans in axis] for axis in options))
    depth = np.array([max(span.last - span.first for span in spans) for _, spans in options[2]])
    voxels, tiles = sizes[0] * sizes[1] * sizes[2], counts[0] * counts[1] * counts[2]
    needed = held + _working_bytes(voxels, depth, shape, enhancer)
    natural = voxels <= max(math.prod(enhancer.tile), voxels.min())
    fits = natural & (True if memory is None else needed <= memory)
    if memory is not None and not fits.any():
        _check(memory, int(needed[natural].min()))
    order = np.lexsort((needed[fits], tiles[fits], (voxels * tiles)[fits]))
    best = np.argwhere(fits)[order[0]]
    return _triple(axis[n][0] for axis, n in zip(options, best, strict=True))


def _sizes(length: int, overlap: int, *, thin: bool) -> list[int]:
    """Tile sizes worth trying, from the whole axis down."""
    if thin:
        return [1]
    sizes = [length]
    for count in range(2, length + 1):
        size = math.ceil((length + (count - 1) * overlap) / count)
        if size < overlap + SMALLEST:
            break
        if size < sizes[-1]:
            sizes.append(size)
    return sizes


def _working_bytes(voxels: Counts, depth: Counts, shape: Triple, enhancer: Enhancer) -> Counts:
    """A tile at work, its normalised input, and the slab that it goes into; a tenth more for what allocators waste."""
    i, j, k = enhancer.scale
    slab = 4 * shape[0] * i * shape[1] * j * depth * k
    return np.asarray(1.1 * voxels * (enhancer.bytes_per_voxel + 8) + slab, np.int64)


def _check(memory: int, needed: int) -> None:
    if needed > memory:
        raise Refusal(
            f"A memory budget of {memory / 2**20:.0f} MiB is too small for this volume; it takes at least --memory "
            f"{math.ceil(needed / 2**20)}MiB."
        )


def _ramp(length: int) -> Weights:
    return ((np.arange(length) + 0.5) / max(1, length)).astype(np.float32)


def _triple(numbers: Iterable[int]) -> Triple:
    i, j, k = numbers
    return i, j, k
