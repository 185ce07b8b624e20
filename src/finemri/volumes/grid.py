"""Grids: what scaling does to an affine and to voxels. Cell-centred, as everywhere in finemri."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from finemri.shapes import Affine, FineVoxels, Voxels
from finemri.volumes.volume import Volume

MIRRORED = 12
"""SciPy's spline coefficients are wrong by up to 6e-4 on axes shorter than ten voxels or so: those are mirrored."""


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


def crop_to_multiple(volume: Volume, scale: Sequence[int]) -> Volume:
    """Drop the last few voxels of each axis so that ``scale`` divides its length; the origin stays."""
    stop = [n - n % s for n, s in zip(volume.shape, scale, strict=True)]
    return Volume(volume.voxels[: stop[0], : stop[1], : stop[2]], volume.affine, volume.source)
