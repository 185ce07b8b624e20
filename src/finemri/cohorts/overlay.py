"""A coarse scan under a transform, on the fine scan's grid; and how much the two then tell of each other."""

from typing import Any

import numpy as np

from finemri.cohorts.agreement import mutual_information
from finemri.cohorts.itk import as_itk, from_itk, itk, middle, shrunk
from finemri.cohorts.motion import Transform, linear
from finemri.cohorts.registration import as_bspline

LOOKED_AT = 2e5
"""Voxels, at most, of the grid on which information is measured."""


class Overlay:
    """Both scans, as images of SimpleITK."""

    def __init__(self, fine: Any, coarse: Any) -> None:
        self.fine, self.coarse = fine, coarse
        voxel = float(np.prod(fine.GetSpacing()))
        mm = (max(1.0, fine.GetNumberOfPixels() / LOOKED_AT) * voxel) ** (1 / 3)
        self._fine, self._coarse = shrunk(fine, mm), shrunk(coarse, mm)

    def information(self, transforms: list[Transform]) -> float:
        """Mutual information in nats, where the coarse scan looked."""
        return self.seen(transforms)[0]

    def seen(self, transforms: list[Transform]) -> tuple[float, float]:
        """The same, and the share of the fine grid that this is: little of it flatters, as few voxels always agree."""
        laid = from_itk(self.laid(self._coarse, self._fine, transforms, itk().sitkLinear, np.nan))
        seen = np.isfinite(laid)
        information = mutual_information(np.where(seen, laid, np.float32(0)), from_itk(self._fine), seen)
        return information, float(seen.mean())

    def laid(self, coarse: Any, grid: Any, transforms: list[Transform], interpolator: Any, outside: float) -> Any:
        """The coarse scan on a grid; ``outside`` where it did not look."""
        sitk = itk()
        whole = sitk.CompositeTransform(3)
        whole.AddTransform(as_itk(linear(transforms), middle(self.fine)))
        for transform in transforms:
            if transform["kept"] and "displacements" in transform:
                whole.AddTransform(as_bspline(transform))  # added last, applied first
        return sitk.Resample(coarse, grid, whole, interpolator, outside, sitk.sitkFloat32)
