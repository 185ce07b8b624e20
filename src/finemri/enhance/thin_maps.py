"""What the slices measured, held against the thin ones: put back, and drawn as maps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from finemri.enhance.thin import DAMPING, Keeping, Taken
from finemri.measures.trust import null_space
from finemri.physics.slices import Slices
from finemri.recipes.restoring import Consistency, Stack, put_back
from finemri.volumes.files import sidecar_path
from finemri.volumes.thick import lay_scan
from finemri.volumes.volume import Volume

ROWS = 16
"""Rows of columns at a time."""
NAMES = ("residual", "nullspace")


@dataclass(frozen=True, eq=False)
class Sliced:
    """What thick slices y = A x measured, on a grid as fine as the result in plane; Separable (measures.trust)."""

    scan: Volume
    """y."""
    slices: Slices
    axis: int
    """Along which they are stacked."""

    @classmethod
    def of(cls, taken: Taken) -> "Sliced":
        """In plane laid as the result is."""
        axis, scan = taken.acquisition.axis, taken.scan
        flat = [scan.shape[n] if n == axis else size for n, size in enumerate(taken.shape)]
        return cls(lay_scan(scan, flat), taken.acquisition.slices(scan, taken.shape[axis]), axis)

    def matrices(self, shape: tuple[int, int, int]) -> Sequence[Tensor | None]:
        """A: (slices, voxels) along the slice axis, nothing along the others."""
        a = self.slices.matrix(shape[self.axis], self.scan.shape[self.axis])
        return [a if n == self.axis else None for n in range(3)]

    def kept_by(self, fine: Volume, keeping: Keeping) -> Volume:
        """x + A⁺ (y − A x), damped as ``keeping`` says."""
        damping = DAMPING[keeping]
        if damping is None:
            return fine
        kept = Consistency(damping)
        return self._by_rows(lambda x, y: put_back(x, y, self.slices, kept), fine, fine)

    def residual(self, fine: Volume) -> Volume:
        """A x − y, on the grid of the slices."""
        a = self.slices.matrix(fine.shape[self.axis], self.scan.shape[self.axis]).T.float()
        return self._by_rows(lambda x, y: x @ a - y, fine, self.scan)

    def invented(self, fine: Volume) -> Volume:
        """|x − A⁺ A x|: what the slices do not tell."""
        unseen = null_space(fine.voxels, self)
        return fine.with_voxels(np.abs(unseen, out=unseen))

    def _by_rows(self, work: Callable[[Stack, Stack], Stack], fine: Volume, grid: Volume) -> Volume:
        """``work`` of x and y, slices along the last axis, on the grid of either: a few rows at a time, so that
        temporaries stay small."""
        made = np.empty_like(grid.voxels)
        x, y, to = (np.moveaxis(voxels, self.axis, -1) for voxels in (fine.voxels, self.scan.voxels, made))
        for start in range(0, len(x), ROWS):
            rows = slice(start, start + ROWS)
            to[rows] = work(*(torch.from_numpy(np.array(each[rows], order="C")) for each in (x, y))).numpy()
        return grid.with_voxels(made)


def map_paths(output: Path) -> dict[str, Path]:
    """Name of each map -> the NIfTI file beside the result."""
    stem = sidecar_path(output).name.removesuffix(".json")
    return {name: output.with_name(f"{stem}_{name}.nii.gz") for name in NAMES}
