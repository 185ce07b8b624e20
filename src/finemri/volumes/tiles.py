"""Cut a volume into overlapping tiles, enhance each, blend them back: any size, any scale, within a memory budget.

Weights are built per axis and add up to one by construction, so nothing is divided by counts and nothing fades at
corners. Where the enhancer tells its margin truly, tiled equals whole. The output is made in slabs along k, and a slab
leaves as soon as it is complete: the output never stands in memory.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from finemri.shapes import FineVoxels, Voxels
from finemri.volumes.enhancer import Enhancer
from finemri.volumes.intensity import NORMALISERS, Normaliser
from finemri.volumes.layout import Layout, Span, lay_tiles

PIECE = 2**25
"""Bytes of a slab that are handed out at a time."""
RESERVE = 6 * PIECE
"""Bytes of the budget for handing out, and for what libraries load when they first run."""

Progress = Callable[[int, int], None]
Slab = Float32[np.ndarray, "bi bj bk"]


def enhance_voxels(
    enhancer: Enhancer,
    voxels: Voxels,
    *,
    memory: int | None = None,
    tile: Sequence[int] | None = None,
    overlap: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> FineVoxels:
    """The whole output at once, (i, j, k) -> (s₁i, s₂j, s₃k), in the units that went in; otherwise as enhance_slabs."""
    i, j, k = (n * s for n, s in zip(voxels.shape, enhancer.scale, strict=True))
    layout = plan(enhancer, voxels, memory=memory, tile=tile, overlap=overlap, held=4 * i * j * k)
    fine = np.empty((i, j, k), np.float32)
    done = 0
    for slab in _stream(enhancer, voxels, layout, progress):
        fine[:, :, done : done + slab.shape[2]] = slab
        done += slab.shape[2]
    return fine


def enhance_slabs(
    enhancer: Enhancer,
    voxels: Voxels,
    *,
    memory: int | None = None,
    tile: Sequence[int] | None = None,
    overlap: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> Iterator[FineVoxels]:
    """Consecutive slabs of the output along k, float32, in the units that went in.

    Brightness is normalised as the enhancer wants it, measured once over the whole volume. ``memory`` is the peak, in
    bytes, of the whole process; ``tile`` and ``overlap``, in input voxels, are chosen to suit it unless given.
    ``progress`` hears (tiles done, tiles in all). Raises Refusal, before anything is computed, where the budget does
    not suffice or the tile does not fit.
    """
    layout = plan(enhancer, voxels, memory=memory, tile=tile, overlap=overlap)
    return _stream(enhancer, voxels, layout, progress)


def plan(
    enhancer: Enhancer,
    voxels: Voxels,
    *,
    memory: int | None = None,
    tile: Sequence[int] | None = None,
    overlap: Sequence[int] | None = None,
    held: int = 0,
) -> Layout:
    """The tiles that enhance_slabs would use now. ``held``: bytes beyond what the process holds that are spoken for."""
    i, j, k = voxels.shape
    held += resident_bytes() + RESERVE
    return lay_tiles((i, j, k), enhancer, memory=memory, held=held, tile=tile, overlap=overlap)


def resident_bytes() -> int:
    """What this process holds in memory now, the input included."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    try:
        import resource
    except ImportError:
        return 2**30  # Windows has no standard call; a guess at Python, PyTorch and a scan
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS: the peak so far, in bytes


def _stream(enhancer: Enhancer, voxels: Voxels, layout: Layout, progress: Progress | None) -> Iterator[FineVoxels]:
    normaliser = NORMALISERS[enhancer.normaliser](voxels)
    scale = enhancer.scale
    height, width = voxels.shape[0] * scale[0], voxels.shape[1] * scale[1]
    slab = np.zeros((height, width, layout.depth * scale[2]), np.float32, order="F")  # as files have it: k slowest
    spans_i, spans_j, spans_k = layout.axes
    done = 0
    for span_k in spans_k:
        for span_i, span_j in product(spans_i, spans_j):
            spans = (span_i, span_j, span_k)
            piece = normaliser.apply(voxels[tuple(slice(s.start, s.stop) for s in spans)])
            fine = enhancer(np.ascontiguousarray(piece))
            if fine.shape != tuple(n * r for n, r in zip(piece.shape, scale, strict=True)):
                raise ValueError(f"a tile of {piece.shape} became {fine.shape} at a scale of {scale}")
            _add(slab, fine, spans, scale)
            del piece, fine
            done += 1
            if progress is not None:
                progress(done, layout.count)
        complete = (span_k.last - span_k.fall - span_k.first) * scale[2]
        yield from _hand_out(slab[:, :, :complete], normaliser)
        fading = span_k.fall * scale[2]
        slab[:, :, :fading] = slab[:, :, complete : complete + fading].copy()
        slab[:, :, fading:] = 0


def _add(slab: Slab, fine: FineVoxels, spans: tuple[Span, Span, Span], scale: tuple[int, int, int]) -> None:
    """Add what a tile keeps, weighted, to where it belongs. Along k the slab begins where the tile's kept part does."""
    kept = fine[
        tuple(slice((s.first - s.start) * r, (s.last - s.start) * r) for s, r in zip(spans, scale, strict=True))
    ]
    along_i, along_j, along_k = (span.weights(r) for span, r in zip(spans, scale, strict=True))
    i, j = spans[0].first * scale[0], spans[1].first * scale[1]
    target = slab[i : i + along_i.size, j : j + along_j.size, : along_k.size]
    for row in range(0, along_i.size, 16):  # a few rows at a time: temporaries stay small
        rows = slice(row, row + 16)
        target[rows] += kept[rows] * along_i[rows, None, None] * along_j[:, None] * along_k


def _hand_out(slab: Slab, normaliser: Normaliser) -> Iterator[FineVoxels]:
    """Copies in the file's units, a few slices at a time, for the slab is used again."""
    step = max(1, PIECE // (4 * slab.shape[0] * slab.shape[1]))
    for k in range(0, slab.shape[2], step):
        yield normaliser.undo(slab[:, :, k : k + step])
