"""Scans of thick slices: how one was taken, and how it lies on a fine grid."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from finemri.physics.resampling import resample
from finemri.physics.slices import Profile, Slices, along
from finemri.refusal import Refusal
from finemri.shapes import Coarse, Image
from finemri.volumes.grid import millimetres, over_same_field, spline_matrix
from finemri.volumes.volume import Volume

THICK = 1.3
"""A scan is one of thick slices where they lie so many times as far apart as its pixels, at least."""
THINNEST = 1.0
"""A slice on a grid of voxels larger than itself is seen as thick as those."""


@dataclass(frozen=True)
class Acquisition:
    """Slices ``thickness`` millimetres thick, stacked along one voxel axis; how far apart, the affine tells.

    Without a thickness they are taken as thick as they are far apart. Raises Refusal for an axis or a thickness that is
    none.
    """

    axis: int
    thickness: float | None = None
    profile: Profile = "gaussian"

    def __post_init__(self) -> None:
        if self.axis not in (0, 1, 2):
            raise Refusal(f"The slice axis is 0, 1 or 2, not {self.axis}.")
        if self.thickness is not None and not 0 < self.thickness < math.inf:
            raise Refusal(f"A slice is thicker than 0 mm, not {self.thickness:g}; leave it out if it is unknown.")

    def slices(self, scan: Volume, finer: int) -> Slices:
        """The same in voxels of a grid that has ``finer`` of them along the slice axis, stacked along the last."""
        own = scan.spacing[self.axis]
        per_mm = finer / (scan.shape[self.axis] * own)
        thickness = max(THINNEST, (self.thickness or own) * per_mm)
        return Slices(2, finer / scan.shape[self.axis], thickness, self.profile)


def is_thick(spacing: Sequence[float], times: float = THICK) -> bool:
    """Whether voxels of so many millimetres are slices: along one axis so many times as long as along both others."""
    widest, next_to_it = sorted(spacing, reverse=True)[:2]
    return widest >= times * next_to_it


def slice_axis(scan: Volume) -> int:
    """The axis of the widest spacing. Raises Refusal for a scan that has none, isotropic as it is or nearly so."""
    if not is_thick(scan.spacing):
        raise Refusal(
            f"This scan's voxels are {millimetres(scan.spacing)}, about as long along two axes or all, so that no axis "
            "is across thick slices; name the axis, or make the scan finer with --scale."
        )
    return scan.spacing.index(max(scan.spacing))


def fine_shape(scan: Volume, acquisition: Acquisition, target: Sequence[float | None]) -> tuple[int, int, int]:
    """Voxels of a grid over the same field of view, as near to ``target`` millimetres as whole voxels come.

    None leaves an axis as it is. Raises Refusal for one slice, for a spacing that is none, and where the slices already
    lie as close as is asked for.
    """
    if len(target) != 3 or not all(mm is None or 0 < mm < math.inf for mm in target):
        raise Refusal(f"A grid has three spacings above 0 mm, or None for an axis that stays, not {tuple(target)}.")
    wanted = [own if mm is None else mm for mm, own in zip(target, scan.spacing, strict=True)]
    i, j, k = (max(1, round(n * own / mm)) for n, own, mm in zip(scan.shape, scan.spacing, wanted, strict=True))
    along_slices, count = (i, j, k)[acquisition.axis], scan.shape[acquisition.axis]
    if count < 2:
        raise Refusal(
            "This scan is a single slice, and nothing tells what lies beside it; give a stack of slices, or "
            "make all axes finer with --scale 2."
        )
    if along_slices <= count:
        raise Refusal(
            f"This scan's slices lie {scan.spacing[acquisition.axis]:.3g} mm apart, which a grid of "
            f"{millimetres(wanted)} does not better; ask for a finer spacing along axis {'ijk'[acquisition.axis]}."
        )
    return i, j, k


def lay(image: Image, shape: Sequence[int]) -> Coarse:
    """On a grid of ``shape`` over the same field of view: the cubic spline (as volumes.grid.lay_on_grid) along axes
    that become finer, a Lanczos filter against aliasing along those that become coarser."""
    for axis, (own, wanted) in enumerate(zip(image.shape[-3:], shape, strict=True)):
        if wanted > own:
            image = along(torch.tensor(spline_matrix(own, wanted)), image, axis)
        elif wanted < own:
            size, step = list(image.shape[-3:]), [1.0, 1.0, 1.0]
            size[axis], step[axis] = wanted, own / wanted
            image = resample(image, size, step)
    return image


def lay_scan(scan: Volume, shape: Sequence[int]) -> Volume:
    """The same of a whole scan, with its affine; itself where it has that shape."""
    if tuple(shape) == scan.shape:
        return scan
    return over_same_field(scan, lay(torch.from_numpy(np.array(scan.voxels, order="C")), shape).numpy())
