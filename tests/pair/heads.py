"""Scans of one analytic head: every voxel's true value is known at every place."""

from pathlib import Path

import numpy as np
import pydicom
from scipy.spatial.transform import Rotation

from finemri.pair import Pairing
from finemri.shapes import Affine
from finemri.volumes.volume import Volume

NO_MOVE = Pairing(registration="none")


def head(places: np.ndarray, seed: int = 0) -> np.ndarray:
    """Brightness at RAS mm: an ellipsoid of tissue with smooth waves in it, in air."""
    x, y, z = places[..., 0], places[..., 1], places[..., 2]
    edge = 1 / (1 + np.exp(4 * (np.sqrt((x / 18) ** 2 + (y / 22) ** 2 + (z / 17) ** 2) - 1) * 6))
    waves = np.sin(x / 4 + seed) + np.sin(y / 5 + 1) + np.cos(z / 5 + 2)
    made: np.ndarray = 100 * edge * (4 + waves)
    return made


def grid(shape: tuple[int, int, int], affine: Affine) -> np.ndarray:
    places: np.ndarray = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    return places


def scan(
    spacing: tuple[float, float, float],
    shape: tuple[int, int, int],
    *,
    at: tuple[float, float, float] = (0.0, 0.0, 0.0),
    turn: tuple[float, float, float] = (0.0, 0.0, 0.0),
    seed: int = 0,
) -> Volume:
    """A scan of the head, its middle at a place and turned by degrees about x, y, z."""
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", turn, degrees=True).as_matrix() * spacing
    affine[:3, 3] = np.array(at) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Volume(head(grid(shape, affine), seed).astype(np.float32), affine)


def thick(at: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Volume:
    return scan((1.0, 1.0, 4.0), (48, 56, 11), at=at)


def thin(turn: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Volume:
    return scan((1.0, 1.0, 1.0), (48, 56, 44), turn=turn)


def off(made: Volume) -> float:
    """How far the voxels are from the head at the places that the affine tells, as a share of its brightness."""
    return float(np.abs(made.voxels - head(grid(made.shape, made.affine))).max()) / 700


def retold(folder: Path, **tags: str | None) -> None:
    """Set tags of every slice, or take them away."""
    for path in folder.iterdir():
        slice_ = pydicom.dcmread(path)
        for tag, value in tags.items():
            setattr(slice_, tag, value) if value is not None else delattr(slice_, tag)
        slice_.save_as(path)
