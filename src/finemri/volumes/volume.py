"""Volume: voxels that know where in the patient they lie."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from finemri.refusal import Refusal
from finemri.shapes import Affine, Voxels


@dataclass(frozen=True)
class Source:
    """The files a volume was read from. Nothing here names a patient but the paths, which never leave the machine."""

    format: str
    """"nifti" or "dicom"."""
    paths: tuple[Path, ...]
    """In slice order for DICOM, one file for NIfTI."""
    sha256: str
    """Digest of the files' bytes, in the order of ``paths``."""
    slice_thickness: float | None = None
    """Millimetres that one slice is thick, not how far slices lie apart, as the files tell; None where they do not."""


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels x[i, j, k] in the file's own axis order, and the affine that takes (i, j, k, 1) to RAS millimetres.

    Frozen: every operation returns a new one. Raises Refusal for voxels that are not finite or an affine that cannot be
    undone.
    """

    voxels: Voxels
    affine: Affine
    source: Source | None = None

    def __post_init__(self) -> None:
        if self.voxels.ndim != 3 or 0 in self.voxels.shape:
            raise Refusal(
                f"A volume has three axes with voxels in them, this one is {self.voxels.shape}; pick one 3D volume."
            )
        if not np.isfinite(self.affine).all() or abs(np.linalg.det(self.affine[:3, :3])) < 1e-12:
            raise Refusal(
                "The affine cannot be inverted, so positions in millimetres are unknown; repair the header first."
            )
        for start in range(0, self.voxels.shape[2], 64):  # in slabs: a mask of everything would double a large scan
            if not np.isfinite(self.voxels[:, :, start : start + 64]).all():
                raise Refusal(
                    "The image holds voxels that are not finite (NaN or Inf); replace them, with 0 for example."
                )
        voxels, affine = self.voxels.view(), self.affine.copy()
        voxels.flags.writeable = affine.flags.writeable = False
        object.__setattr__(self, "voxels", voxels)
        object.__setattr__(self, "affine", affine)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along i, j, k."""
        i, j, k = self.voxels.shape
        return i, j, k

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between voxel centres along i, j, k in millimetres."""
        i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(i), float(j), float(k)

    def with_voxels(self, voxels: Voxels) -> "Volume":
        """Other voxels on the same grid."""
        if voxels.shape != self.voxels.shape:
            raise Refusal(
                f"This grid has {self.voxels.shape} voxels, not {voxels.shape}: a new shape needs a new affine."
            )
        return replace(self, voxels=voxels)
