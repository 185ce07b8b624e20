"""Label maps: whole numbers, one a voxel, and where they lie."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt16
from scipy import ndimage

from finemri.refusal import Refusal
from finemri.shapes import Affine
from finemri.volumes.files import open_volume
from finemri.volumes.volume import Volume

LARGEST = 30_000

LabelMap = UInt16[np.ndarray, "i j k"]
OtherGrid = UInt16[np.ndarray, "ni nj nk"]


def open_labels(path: Path) -> tuple[LabelMap, Affine]:
    """A label map, with its affine. Raises Refusal for what holds anything but whole numbers from 0 to 30000."""
    volume = open_volume(path)
    return whole_numbers(volume, path.name), volume.affine


def whole_numbers(volume: Volume, name: str) -> LabelMap:
    """Voxels as labels; raises Refusal as ``open_labels``, ``name`` being what the sentence calls it."""
    values = volume.voxels
    labels = values.astype(np.uint16) if values.min() >= 0 and values.max() <= LARGEST else None
    if labels is None or (labels != values).any():
        raise Refusal(f"{name} does not hold whole numbers between 0 and {LARGEST}; is it an image?")
    return labels


def nearest_labels(labels: LabelMap, affine: Affine, shape: tuple[int, int, int], to: Affine) -> OtherGrid:
    """Labels at the voxels of another grid, each that of the nearest voxel; 0 beyond the map."""
    between = np.linalg.inv(affine) @ to
    if labels.shape == shape and np.allclose(between, np.eye(4), atol=1e-4):
        return labels
    matrix, offset = between[:3, :3], between[:3, 3]
    found: OtherGrid = ndimage.affine_transform(labels, matrix, offset, shape, order=0, mode="grid-constant")
    return found
