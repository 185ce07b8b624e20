"""Grids: what scaling does to an affine and to voxels. Cell-centred, as everywhere in finemri."""

import functools
import math
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

from finemri.refusal import Refusal
from finemri.shapes import Affine, FineVoxels, Voxels
from finemri.volumes.volume import Volume

MIRRORED = 12
"""SciPy's spline coefficients are wrong by up to 6e-4 on axes shorter than ten voxels or so: those are mirrored."""
NOTHING = 1e-8
"""A weight of a spline that may be left out."""
SAME = 1e-3
"""Spacings that differ by no more of themselves are one: affines are often stored in single precision."""
SLAB = 2**25
"""Bytes of a slab of ``spline_slabs`` where nobody says otherwise."""

Matrix = Float32[np.ndarray, "finer size"]


def scaled_affine(affine: Affine, scale: Sequence[float]) -> Affine:
    """A′ = A · S with S = diag(1/s), translation (1/s − 1)/2: fine voxel i of a grid s times finer lies at coarse (i
    + ½)/s − ½.

    Both grids cover the same field of view, so a landmark keeps its place in millimetres.
    """
    inverse = 1 / np.asarray(scale, dtype=np.float64)
    scaling = np.diag([*inverse, 1.0])
    scaling[:3, 3] = (inverse - 1) / 2
    return affine @ scaling


def spline_resize(voxels: Voxels, scale: Sequence[int], order: int = 3) -> FineVoxels:
    """Interpolate with a B-spline of the given order at (i + ½)/s − ½, mirrored beyond the edges (i, j, k) -> (si,
    sj, sk)."""
    pad = [MIRRORED if order > 1 and n < MIRRORED else 0 for n in voxels.shape]
    mirrored = np.pad(voxels, [(p, p) for p in pad], mode="symmetric") if any(pad) else voxels
    fine = ndimage.zoom(mirrored, tuple(scale), order=order, mode="reflect", grid_mode=True)
    own = tuple(slice(p * s, (p + n) * s) for p, n, s in zip(pad, voxels.shape, scale, strict=True))
    return np.ascontiguousarray(fine[own], dtype=np.float32)


def spline_slabs(voxels: Voxels, shape: Sequence[int], *, depth: int | None = None) -> Iterator[FineVoxels]:
    """Slabs along k, ``depth`` slices each, of the cubic spline on a finer grid over the same field of view.

    (i, j, k) -> shape, (Wᵢ ⊗ Wⱼ ⊗ Wₖ) x: as ``spline_resize``, for any shape, slab by slab, and faster on large scans.
    """
    along_i, along_j, along_k = (spline_matrix(n, m) for n, m in zip(voxels.shape, shape, strict=True))
    step = depth or max(1, SLAB // (4 * shape[0] * shape[1]))
    for start in range(0, shape[2], step):
        rows = along_k[start : start + step]
        near = np.flatnonzero((np.abs(rows) > NOTHING).any(axis=0))
        first, last = int(near[0]), int(near[-1]) + 1
        turned = np.ascontiguousarray(voxels[:, :, first:last].T)  # k, j, i: as files lie in memory
        slab = rows[:, first:last] @ turned.reshape(last - first, -1)
        slab = slab.reshape(len(rows), *turned.shape[1:])
        slab = slab @ along_i.T if shape[0] != voxels.shape[0] else slab
        slab = along_j @ slab if shape[1] != voxels.shape[1] else slab
        yield slab.T


@functools.lru_cache(maxsize=8)
def spline_matrix(size: int, finer: int) -> Matrix:
    """W with y = W x: what each voxel of an axis gives to each of ``finer`` ones over the same field of view.

    y(p) = Σ_j c_j β³((p + ½) n/n′ − ½ − j), mirrored beyond the edges.
    """
    if size == finer:
        return np.eye(size, dtype=np.float32)
    copies = math.ceil(MIRRORED / size) if size < MIRRORED else 0
    columns = []
    for unit in np.eye(size):
        mirrored = np.pad(unit, copies * size, mode="symmetric")
        fine = ndimage.zoom(mirrored, finer / size, order=3, mode="reflect", grid_mode=True)
        columns.append(fine[copies * finer : (copies + 1) * finer])
    matrix = np.stack(columns, axis=1).astype(np.float32)
    matrix.flags.writeable = False
    return matrix


def lay_on_grid(volume: Volume, spacing: Sequence[float | None]) -> Volume:
    """The cubic spline through a scan on a grid of ``spacing`` millimetres along i, j, k; None leaves an axis as it is.

    Both grids cover exactly the same field of view, so that ``n′ = round(n · own / wanted)`` voxels along an axis are
    apart by what is nearest to the wanted spacing. Raises Refusal for a spacing that is none, and where the grid would
    be coarser than the scan: that takes a filter against aliasing, and never happens by accident.
    """
    shape = grid_shape(volume, spacing)
    if shape == volume.shape:
        return volume
    voxels, done = np.empty(shape, np.float32, order="F"), 0
    for slab in spline_slabs(volume.voxels, shape):
        voxels[:, :, done : done + slab.shape[2]] = slab
        done += slab.shape[2]
    return over_same_field(volume, voxels)


def over_same_field(volume: Volume, voxels: FineVoxels) -> Volume:
    """Other voxels, however many, over the field of view of ``volume``."""
    scale = [m / n for m, n in zip(voxels.shape, volume.shape, strict=True)]
    return Volume(voxels, scaled_affine(volume.affine, scale), volume.source)


def grid_shape(volume: Volume, spacing: Sequence[float | None]) -> tuple[int, int, int]:
    """The shape that ``lay_on_grid`` comes to; raises Refusal as it does."""
    if len(spacing) != 3 or not all(mm is None or (math.isfinite(mm) and mm > 0) for mm in spacing):
        raise Refusal(f"A grid has three spacings above 0 mm, or None for an axis that stays, not {tuple(spacing)}.")
    wanted = [own if mm is None else mm for mm, own in zip(spacing, volume.spacing, strict=True)]
    for mm, own in zip(wanted, volume.spacing, strict=True):
        if mm > own * (1 + SAME):
            raise Refusal(
                f"This scan's voxels are {millimetres(volume.spacing)}, and a grid of {millimetres(wanted)} would be "
                "coarser, which loses detail; ask for one that is at least as fine."
            )
    i, j, k = (max(n, round(n * o / mm)) for n, o, mm in zip(volume.shape, volume.spacing, wanted, strict=True))
    return i, j, k


def millimetres(spacing: Sequence[float | None]) -> str:
    """As a person writes a grid: 0.7 × 0.7 × 5 mm; an axis that does not matter is a *."""
    return f"{' × '.join('*' if mm is None else f'{mm:.3g}' for mm in spacing)} mm"


def crop_to_multiple(volume: Volume, scale: Sequence[int]) -> Volume:
    """Drop the last few voxels of each axis so that ``scale`` divides its length; the origin stays."""
    stop = [n - n % s for n, s in zip(volume.shape, scale, strict=True)]
    return Volume(volume.voxels[: stop[0], : stop[1], : stop[2]], volume.affine, volume.source)
