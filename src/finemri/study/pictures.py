"""What readers see: voxels on one scale of brightness for all methods of a case, and nothing else.

A picture is its pixels alone, uncompressed: of all methods of a case it has the same length, so neither its size nor
the time it takes tells which method made it. Slices are 16-bit rows from the top, volumes NIfTI with a new header.
"""

from dataclasses import dataclass
from typing import Literal

import nibabel as nib
import numpy as np
from jaxtyping import Float32, UInt16
from scipy import ndimage

Plane = Literal["axial", "coronal", "sagittal"]
Grey = UInt16[np.ndarray, "..."]
Voxels = Float32[np.ndarray, "..."]
WHITE = 50_000
"""What the brightest tissue becomes; what is brighter still goes on to 65,535, and no further."""
ACROSS = {"sagittal": 0, "coronal": 1, "axial": 2}
"""Axis of a volume whose axes run right, front and up."""


@dataclass(frozen=True, eq=False)
class Picture:
    """Grey values, rows from the top (slice), or axes right, front, up (volume); millimetres of a pixel along each."""

    grey: Grey
    spacing: tuple[float, ...]

    @property
    def content(self) -> bytes:
        """As it is sent."""
        if self.grey.ndim == 2:
            return self.grey.astype("<u2").tobytes()
        affine = np.diag([*self.spacing, 1.0])
        affine[:3, 3] = -0.5 * np.array(self.spacing) * (np.array(self.grey.shape) - 1)
        image = nib.Nifti1Image(self.grey, affine)
        image.header.set_xyzt_units("mm")
        return bytes(image.to_bytes())


def plane_of(
    voxels: Voxels, spacing: tuple[float, float, float], plane: Plane, n: int
) -> tuple[Voxels, tuple[float, ...]]:
    """Slice n as radiologists look at it: up is up or front, the patient's right on the left; sagittal: front left."""
    across = ACROSS[plane]
    slice_ = np.take(voxels, n, axis=across)[::-1, ::-1].T
    width, height = (spacing[axis] for axis in range(3) if axis != across)
    return np.ascontiguousarray(slice_), (height, width)


def grey(voxels: Voxels, white: float) -> Grey:
    """0 … white -> 0 … 50,000, the same line for all methods: nothing is rescaled to its own maximum."""
    shown: Grey = np.clip(np.rint(np.nan_to_num(voxels) * (WHITE / white)), 0, 65_535).astype(np.uint16)
    return shown


def spoil(voxels: Voxels, white: float, seed: int) -> Voxels:
    """For catch trials: blurred, with a ghost half a field away, and noise of a fifth of white (|x + n|, Rician)."""
    rng = np.random.default_rng(seed)
    sides = sorted(range(voxels.ndim), key=lambda axis: -voxels.shape[axis])[:2]
    blurred = ndimage.gaussian_filter(
        voxels, [0.015 * n if axis in sides else 0.0 for axis, n in enumerate(voxels.shape)]
    )
    ghost = np.roll(blurred, voxels.shape[sides[0]] // 2, axis=sides[0])
    real, imaginary = rng.normal(0, 0.2 * white, (2, *voxels.shape))
    spoilt: Voxels = np.hypot(0.7 * blurred + 0.3 * ghost + real, imaginary).astype(np.float32)
    return spoilt
