"""The grid that whole-head segmenters learnt on: 256³ voxels of 1 mm, axes to the left, down and to the front."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from finemri.refusal import Refusal
from finemri.shapes import Affine, Voxels
from finemri.volumes.labels import LabelMap, OtherGrid, nearest_labels
from finemri.volumes.volume import Volume

SIZE = 256
LIA = np.array([[-1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""Columns: i runs to the left, j down (inferior), k to the front (anterior), in RAS millimetres."""
SMALLEST = 100.0
"""Millimetres along every axis of a scan that may show a whole head."""


@dataclass(frozen=True, eq=False)
class Conformed:
    """A scan on that grid about its own centre, as FreeSurfer's mri_convert --conform lays it; and the way back."""

    voxels: Voxels
    affine: Affine
    """Of this grid."""
    scan: Volume
    """As it came."""

    def back(self, labels: LabelMap) -> OtherGrid:
        """Labels on this grid -> on the scan's own, of the nearest voxel; 0 beyond this grid."""
        return nearest_labels(labels, self.affine, self.scan.shape, self.scan.affine)


def conform(scan: Volume) -> Conformed:
    """Linear interpolation at 1 mm; 0 beyond the scan. What is larger than 256 mm is cut, equally on both sides.

    Raises Refusal for a scan too small to show a head.
    """
    extent = [n * mm for n, mm in zip(scan.shape, scan.spacing, strict=True)]
    if min(extent) < SMALLEST:
        raise Refusal(
            f"This segmenter knows whole heads, and this scan shows {min(extent):.0f} mm along one axis; give whole "
            "heads, or another segmenter."
        )
    affine = np.eye(4)
    affine[:3, :3] = LIA
    centre = scan.affine[:3, :3] @ ((np.array(scan.shape) - 1) / 2) + scan.affine[:3, 3]
    affine[:3, 3] = centre - LIA @ np.full(3, (SIZE - 1) / 2)
    between = np.linalg.inv(scan.affine) @ affine
    if scan.shape == (SIZE,) * 3 and np.allclose(between, np.eye(4), atol=1e-4):
        return Conformed(scan.voxels, scan.affine, scan)
    matrix, offset = between[:3, :3], between[:3, 3]
    voxels = ndimage.affine_transform(scan.voxels, matrix, offset, (SIZE,) * 3, order=1, mode="grid-constant")
    return Conformed(voxels, affine, scan)
