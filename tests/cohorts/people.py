"""People who never lived: heads of noise, and maps of what is in them."""

from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray


def _radius(shape: tuple[int, int, int], seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    i, j, k = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    a, b, c = rng.uniform(0.9, 1.1, 3)
    return np.asarray(np.sqrt((a * i) ** 2 + (b * j) ** 2 + (c * k) ** 2))


def label_map(shape: tuple[int, int, int] = (26, 22, 18), seed: int = 0) -> NDArray[np.int32]:
    """Fluid within white within grey matter within fat."""
    radius = _radius(shape, seed)
    return np.select([radius < 0.3, radius < 0.5, radius < 0.7, radius < 0.8], [4, 2, 3, 508], 0).astype(np.int32)


def brain(shape: tuple[int, int, int] = (26, 22, 18), seed: int = 0) -> NDArray[np.float32]:
    """A bright ball with texture in dark air, where the map of the same seed has labels."""
    rng = np.random.default_rng(seed)
    tissue = _radius(shape, seed) < 0.8
    return (tissue * rng.uniform(0.6, 1.0, shape) + 0.02 * rng.uniform(0, 1, shape)).astype(np.float32)


def save(path: Path, voxels: NDArray[np.float32]) -> Path:
    """As NIfTI with 1 mm voxels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), path)
    return path


def noisy(folder: Path, count: int) -> Path:
    """So many people of three slices, no two of one size."""
    for n in range(count):
        voxels = np.random.default_rng(n).uniform(50, 200, (18 + n, 25 - n, 3)).astype(np.float32)
        save(folder / f"p{n}.nii", voxels)
    return folder
