"""Where tiles lie: as few and as large as memory permits, and how each fades into the next."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from jaxtyping import Float32

from finemri.refusal import Refusal
from finemri.volumes.enhancer import Enhancer

RAMP = 2
"""How far tiles fade into each other, in input voxels on either side of a cut, where the layout is free to choose."""
SMALLEST = 8
"""Input voxels that a tile must hold beyond its overlap to be worth its margin."""

Triple = tuple[int, int, int]
Weights = Float32[np.ndarray, " voxels"]


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
        _check(memory, held + _working_bytes(chosen, layout.depth, shape, enhancer))
    return layout


def _largest(
    shape: Triple, flat: Sequence[bool], overlap: Sequence[int], enhancer: Enhancer, memory: int | None, held: int
) -> Triple:
    """Try every number of tiles on every axis; a tile is then as small as that number allows."""
    sizes = [_sizes(n, thin, o) for n, thin, o in zip(shape, flat, overlap, strict=True)]
    limit = max(math.prod(enhancer.tile), min(math.prod(t) for t in product(*(s[-1:] for s in sizes))))
    best: tuple[float, ...] | None = None
    least, chosen = math.inf, shape
    depths = {
        t: max(s.last - s.first for s in lay_spans(shape[2], t, overlap[2], enhancer.margin[2])) for t in sizes[2]
    }
    counts = [{t: len(lay_spans(n, t, o, 0)) for t in s} for n, s, o in zip(shape, sizes, overlap, strict=True)]
    for tile in product(*sizes):
        voxels = math.prod(tile)
        if voxels > limit:
            continue
        needed = held + _working_bytes(_triple(tile), depths[tile[2]], shape, enhancer)
        least = min(least, needed)
        tiles = math.prod(count[t] for count, t in zip(counts, tile, strict=True))
        order = (voxels * tiles, tiles, needed)
        if (memory is None or needed <= memory) and (best is None or order < best):
            best, chosen = order, _triple(tile)
    if best is None:
        assert memory is not None
        _check(memory, int(least))
    return chosen


def _sizes(length: int, thin: bool, overlap: int) -> list[int]:
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


def _working_bytes(tile: Triple, depth: int, shape: Triple, enhancer: Enhancer) -> int:
    """A tile at work, its normalised input, and the slab that it goes into; a tenth more for what allocators waste."""
    i, j, k = enhancer.scale
    slab = shape[0] * i * shape[1] * j * depth * k * 4
    return int(1.1 * math.prod(tile) * (enhancer.bytes_per_voxel + 8)) + slab


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
