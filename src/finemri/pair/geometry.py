"""Two scans of one person onto one grid: axes that run alike, exactly; other grids by cubic splines.

All places are RAS millimetres, through the scans' own affines.
"""

import math

import nibabel as nib
import numpy as np
from scipy import ndimage

from finemri.cohorts.pairing import slice_normal
from finemri.refusal import Refusal
from finemri.shapes import Affine, Mask, Voxels
from finemri.volumes.grid import MIRRORED
from finemri.volumes.volume import Volume

STACKED = 1.1
"""How much longer voxels are across slices than along k, for the axis of the slices to be another one than k."""


def stacked(volume: Volume) -> Volume:
    """The same voxels with the thickest axis last, for slices lie along k. Cyclic, so that handedness stays."""
    thickest = int(np.argmax(volume.spacing))
    if volume.spacing[thickest] <= STACKED * volume.spacing[2]:
        return volume
    order = [(thickest + 1) % 3, (thickest + 2) % 3, thickest]
    return Volume(volume.voxels.transpose(order), volume.affine[:, [*order, 3]], volume.source)


def following(volume: Volume, like: Affine) -> Volume:
    """The same voxels, axes permuted and flipped so that they run as those of ``like`` do; nothing is interpolated."""
    own = np.eye(4)
    own[:3, :3] = np.linalg.inv(_units(like)) @ _units(volume.affine)
    turn = nib.orientations.io_orientation(own)
    voxels = nib.orientations.apply_orientation(volume.voxels, turn)
    return Volume(voxels, volume.affine @ nib.orientations.inv_ornt_aff(turn, volume.shape), volume.source)


def tilt(coarse: Affine, fine: Affine) -> float:
    """Degrees between the normals of the slices of two scans."""
    cosine = float(np.clip(slice_normal(coarse) @ slice_normal(fine), -1, 1))
    return math.degrees(math.acos(cosine))


def apart(coarse: Volume, fine: Volume) -> float:
    """Millimetres between two fields of view, 0 where they touch or overlap: boxes along the coarse scan's axes."""
    to_coarse = np.linalg.inv(coarse.affine) @ fine.affine
    ends = [(-0.5, n - 0.5) for n in fine.shape]
    corners = np.array([(i, j, k, 1.0) for i in ends[0] for j in ends[1] for k in ends[2]])
    seen = (corners @ to_coarse.T)[:, :3]
    gaps = np.maximum(np.maximum(seen.min(0) - np.array(coarse.shape) + 0.5, -0.5 - seen.max(0)), 0)
    return float(np.linalg.norm(gaps * coarse.spacing))


def resampled(volume: Volume, affine: Affine, shape: tuple[int, int, int]) -> Volume:
    """A cubic spline through the voxels, read on another grid; 0 beyond the field of view. No value is beyond those
    that were there."""
    there = np.linalg.inv(volume.affine) @ affine
    pad = [MIRRORED if n < MIRRORED else 0 for n in volume.shape]
    mirrored = np.pad(volume.voxels, [(p, p) for p in pad], mode="symmetric")
    made: Voxels = ndimage.affine_transform(
        mirrored, there[:3, :3], there[:3, 3] + pad, shape, np.float32, order=3, mode="reflect"
    )
    np.clip(made, volume.voxels.min(), volume.voxels.max(), out=made)
    made[~inside(volume, affine, shape)] = 0
    return Volume(made, affine)


def inside(volume: Volume, affine: Affine, shape: tuple[int, int, int]) -> Mask:
    """Which voxels of a grid lie in the field of view of a volume."""
    there = (np.linalg.inv(volume.affine) @ affine).astype(np.float32)
    i, j, k = np.ogrid[: shape[0], : shape[1], : shape[2]]
    found: Mask = np.ones(shape, bool)
    for axis, n in enumerate(volume.shape):
        a, b, c, offset = there[axis]
        at = a * i.astype(np.float32) + b * j.astype(np.float32) + c * k.astype(np.float32) + offset
        found &= (at > -0.501) & (at < n - 0.499)  # with room for rounding, on grids that end at one place
    return found


def resliced(fine: Volume, coarse: Volume) -> Volume:
    """The fine scan in slices parallel to the coarse ones, where the coarse scan looked; its own spacing stays."""
    units = _units(coarse.affine)
    units[:, 2] = slice_normal(coarse.affine)
    frame = np.eye(4)
    frame[:3, :3] = units * fine.spacing
    low, high = _extent(frame, fine)
    near, far = _extent(frame, coarse)
    start = np.floor(np.maximum(low, near - 2)).astype(int)
    shape = np.ceil(np.minimum(high, far + 2)).astype(int) - start + 1
    if shape.min() < 1:
        raise Refusal("The two scans have no place in common; check that they are of one session and one patient.")
    frame[:3, 3] = frame[:3, :3] @ start
    i, j, k = (int(n) for n in shape)
    return Volume(resampled(fine, frame, (i, j, k)).voxels, frame, fine.source)


def laid(coarse: Volume, fine: Volume) -> Volume:
    """The coarse slices on the fine scan's in-plane grid, each in its own plane: no slice is mixed with another.

    Pixel (i, j) of slice c is the coarse scan at the foot of the perpendicular from fine pixel (i, j) to slice c.
    """
    n, own = slice_normal(coarse.affine), coarse.affine
    flat = np.eye(3) - np.outer(n, n)
    affine = np.eye(4)
    affine[:3, :2] = flat @ fine.affine[:3, :2]
    affine[:3, 2] = n * (own[:3, 2] @ n)
    affine[:3, 3] = flat @ fine.affine[:3, 3] + n * (own[:3, 3] @ n)
    there = np.linalg.inv(own) @ affine
    shape = (fine.shape[0], fine.shape[1], coarse.shape[2])
    if shape == coarse.shape and np.allclose(there, np.eye(4), rtol=0, atol=1e-4):
        return Volume(coarse.voxels, affine, coarse.source)
    made = np.empty(shape, np.float32)
    for c in range(shape[2]):
        offset = there[:2, 2] * c + there[:2, 3]
        plane = coarse.voxels[:, :, c]
        made[:, :, c] = ndimage.affine_transform(
            plane, there[:2, :2], offset, shape[:2], np.float32, order=3, mode="reflect"
        )
    np.clip(made, coarse.voxels.min(), coarse.voxels.max(), out=made)
    made[~inside(coarse, affine, shape)] = 0
    return Volume(made, affine, coarse.source)


def _units(affine: Affine) -> np.ndarray:
    """Directions of the axes."""
    units: np.ndarray = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return units


def _extent(frame: Affine, volume: Volume) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest voxel centre of a volume along the axes of a frame."""
    ends = [(0, n - 1) for n in volume.shape]
    corners = np.array([(i, j, k, 1.0) for i in ends[0] for j in ends[1] for k in ends[2]])
    seen = (corners @ (np.linalg.inv(frame) @ volume.affine).T)[:, :3]
    return seen.min(0), seen.max(0)
