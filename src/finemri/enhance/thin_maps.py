"""What the slices measured, held against the thin ones: put back, and drawn as maps."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from finemri.enhance.thin import DAMPING, Keeping, Taken
from finemri.measures.trust import energy_share, norm_ratio
from finemri.physics.slices import along, inverse
from finemri.recipes.restoring import Consistency, put_back
from finemri.volumes.files import sidecar_path
from finemri.volumes.grid import scaled_affine
from finemri.volumes.thick import lay
from finemri.volumes.volume import Volume

ROWS = 16
"""Rows of columns at a time."""
NAMES = ("residual", "nullspace")


@dataclass(frozen=True, eq=False)
class Sliced:
    """A scan y of thick slices and the matrix A that made it, on a grid as fine as the result in plane."""

    scan: Volume
    measured: Float32[Tensor, "_ _ _"]
    """y: (i, j, k), as many slices as the scan has along ``taken.acquisition.axis``."""
    taken: Taken

    @classmethod
    def of(cls, taken: Taken) -> "Sliced":
        """In plane laid as the result is."""
        axis, scan = taken.acquisition.axis, taken.scan
        flat = [scan.shape[n] if n == axis else size for n, size in enumerate(taken.shape)]
        measured = lay(torch.tensor(np.ascontiguousarray(scan.voxels)), flat)
        finer = [m / n for m, n in zip(flat, scan.shape, strict=True)]
        laid = Volume(measured.numpy(), scaled_affine(scan.affine, finer), scan.source)
        return cls(laid, measured, taken)

    @property
    def matrix(self) -> Tensor:
        """A: (slices, voxels along the slice axis)."""
        axis = self.taken.acquisition.axis
        slices = self.taken.acquisition.slices(self.taken.scan, self.taken.shape[axis])
        return slices.matrix(self.taken.shape[axis], self.taken.scan.shape[axis])

    def kept_by(self, fine: Volume, keeping: Keeping) -> Volume:
        """x + A⁺ (y − A x), damped as ``keeping`` says."""
        damping = DAMPING[keeping]
        if damping is None:
            return fine
        axis = self.taken.acquisition.axis
        slices = self.taken.acquisition.slices(self.taken.scan, self.taken.shape[axis])
        made = np.array(fine.voxels)
        columns, measured = torch.from_numpy(made).movedim(axis, -1), self.measured.movedim(axis, -1)
        for rows in self._rows(len(columns)):
            columns[rows] = put_back(columns[rows], measured[rows], slices, Consistency(damping))
        return fine.with_voxels(made)

    def residual(self, fine: Volume) -> Volume:
        """A x − y, on the grid of the slices."""
        axis = self.taken.acquisition.axis
        gap = along(self.matrix, torch.tensor(fine.voxels), axis) - self.measured
        return self.scan.with_voxels(gap.numpy())

    def invented(self, fine: Volume) -> Volume:
        """x − A⁺ A x: what the slices do not tell."""
        axis, a = self.taken.acquisition.axis, self.matrix
        made = np.array(fine.voxels)
        columns = torch.from_numpy(made).movedim(axis, -1)
        seen = (inverse(a) @ a).T.to(columns)
        for rows in self._rows(len(columns)):
            columns[rows] -= columns[rows] @ seen
        return fine.with_voxels(made)

    def told(self, residual: Volume) -> dict[str, object]:
        """The share of ‖y‖ that the slices of the result are off by."""
        return {"inconsistency": norm_ratio(torch.tensor(residual.voxels), self.measured)}

    @staticmethod
    def _rows(count: int) -> Iterator[slice]:
        return (slice(start, start + ROWS) for start in range(0, count, ROWS))


def map_paths(output: Path) -> dict[str, Path]:
    """Name of each map -> the NIfTI file beside the result."""
    stem = sidecar_path(output).name.removesuffix(".json")
    return {name: output.with_name(f"{stem}_{name}.nii.gz") for name in NAMES}


def share(invented: Volume, fine: Volume) -> float:
    """‖x − A⁺ A x‖² / ‖x‖²."""
    return energy_share(invented.voxels, fine.voxels)
