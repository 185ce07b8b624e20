"""Where a person lies in a second session, and the grid on which they are scanned there."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy import ndimage
from scipy.spatial.transform import Rotation

from finemri.refusal import Refusal
from finemri.shapes import Affine, FineVoxels
from finemri.volumes.grid import scaled_affine
from finemri.volumes.volume import Volume

MARGIN = 3
"""Coarse voxels beyond the field of view that the scanner's blur still draws from."""
LEAST = 4
"""Coarse voxels along each axis that are worth calling a scan."""

Three = Float64[np.ndarray, "3"]


@dataclass(frozen=True, eq=False)
class Session:
    """A coarse grid in the second session's own world, and what ties it to the first."""

    shape: tuple[int, int, int]
    affine: Affine
    """Coarse voxel -> world of the second session, RAS mm."""
    pose: Affine
    """World of the second session -> world of the first, RAS mm: x = pose · y is where the tissue at y lay."""
    factor: tuple[int, int, int]
    """Working voxels per coarse voxel: as many as make them at least as fine as the fine scan's."""
    valid: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    """First and stop of the coarse voxels, along each axis, that lie wholly in the fine scan's field of view."""

    def watch(self, fine: Volume) -> FineVoxels:
        """The person in the new pose, on the working grid with its margin: one cubic spline, mirrored beyond the edges.

        Working voxel w of an axis lies at coarse (w + ½)/r − ½ − MARGIN.
        """
        working = scaled_affine(self.affine, self.factor)
        working[:3, 3] -= working[:3, :3] @ (MARGIN * np.array(self.factor))
        there = np.linalg.inv(fine.affine) @ self.pose @ working
        shape = tuple((n + 2 * MARGIN) * r for n, r in zip(self.shape, self.factor, strict=True))
        seen: FineVoxels = ndimage.affine_transform(
            fine.voxels, there[:3, :3], there[:3, 3], shape, np.float32, order=3, mode="reflect"
        )
        return seen


def plan_session(
    fine: Volume, spacing: Sequence[float], *, turn: Three, shift: Three, slack: Three, whole: bool
) -> Session:
    """Lay a grid of this ``spacing`` (mm, along the fine scan's axes) over a person who lies differently now.

    The person was turned by ``turn`` (degrees about x, y, z) about the middle of the fine scan, then moved by ``shift``
    (mm): y = R⁻¹(x − c) + c + t, so pose = T(c) R T(−c − t). The field of view follows the person, as it is planned on
    a localiser. It is the largest box whose faces stay in the fine scan's field of view, in whole voxels; ``slack``
    (−½..½ an axis) says where in the box. ``whole``: as large as the fine scan's, whatever of it was never seen.
    Raises Refusal where fewer than four voxels are left along an axis.
    """
    rotation = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    sizes = np.array(fine.shape) * fine.spacing
    middle = fine.affine[:3, :3] @ ((np.array(fine.shape) - 1) / 2) + fine.affine[:3, 3]
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, middle - rotation @ (middle + shift)
    left, _, right = np.linalg.svd(fine.affine[:3, :3] / fine.spacing)
    axes = left @ right  # the same directions, perpendicular even where the fine grid is sheared
    reach = np.abs(np.linalg.inv(fine.affine[:3, :3]) @ rotation @ axes)  # fine voxels per mm of half a side
    inside = 2 * np.linalg.solve(reach, np.array(fine.shape) / 2)
    side = sizes if whole else inside
    count = np.floor(side / spacing + 1e-6).astype(int)
    if inside.min() <= 0 or count.min() < LEAST:
        raise Refusal(
            f"A scan of {' × '.join(f'{mm:.0f}' for mm in sizes)} mm is too small to be scanned again in voxels of "
            f"{' × '.join(f'{mm:.1f}' for mm in spacing)} mm in this pose; choose thinner slices or a smaller rotation."
        )
    off = slack * np.maximum(side - count * spacing, 0)
    affine = np.eye(4)
    affine[:3, :3] = axes * spacing
    affine[:3, 3] = middle + shift + axes @ (off - (count - 1) / 2 * spacing)
    first = np.ceil((count - (inside + 2 * off) / spacing) / 2 - 1e-6).clip(min=0)
    stop = np.floor((count + (inside - 2 * off) / spacing) / 2 + 1e-6).clip(max=count)
    i, j, k = (int(n) for n in count)
    a, b, c = ((int(start), int(end)) for start, end in zip(first, stop, strict=True))
    p, q, r = (math.ceil(mm / own - 1e-6) for mm, own in zip(spacing, fine.spacing, strict=True))
    return Session((i, j, k), affine, pose, (p, q, r), (a, b, c))
