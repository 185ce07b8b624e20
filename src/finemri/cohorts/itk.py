"""The border to SimpleITK: volumes as its images and back, transforms as matrices. Its world is LPS, ours is RAS."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from finemri.refusal import Refusal
from finemri.shapes import Affine, Voxels
from finemri.volumes.volume import Volume

LPS: Affine = np.diag([-1.0, -1.0, 1.0, 1.0])
"""RAS to LPS, and back."""


def itk() -> Any:
    """SimpleITK, where it is installed. Raises Refusal where it is not."""
    try:
        import SimpleITK
    except ImportError as missing:
        raise Refusal("Registration needs SimpleITK; run pip install 'finemri[registration]'.") from missing
    return SimpleITK


@contextmanager
def one_thread() -> Iterator[None]:
    """SimpleITK sums in one order, so that the same input gives the same output to the last bit."""
    threads = itk().ProcessObject
    before = threads.GetGlobalDefaultNumberOfThreads()
    threads.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        threads.SetGlobalDefaultNumberOfThreads(before)


def to_itk(volume: Volume) -> Any:
    """An image of the same voxels at the same places; directions may be oblique, left-handed or sheared."""
    affine = LPS @ volume.affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image = itk().GetImageFromArray(np.ascontiguousarray(volume.voxels.T))  # its arrays are k, j, i
    image.SetOrigin(affine[:3, 3].tolist())
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    return image


def from_itk(image: Any) -> Voxels:
    """Voxels (i, j, k)."""
    return np.ascontiguousarray(itk().GetArrayViewFromImage(image).T, dtype=np.float32)


def shrunk(image: Any, millimetres: float, least: int = 12) -> Any:
    """Means over blocks of about this edge, in whole voxels; an axis keeps at least ``least`` of them where it can."""
    steps = [
        max(1, min(round(millimetres / mm), n // least))
        for mm, n in zip(image.GetSpacing(), image.GetSize(), strict=True)
    ]
    return itk().BinShrink(image, steps) if max(steps) > 1 else image


def matrix_of(transform: Any) -> Affine:
    """A linear transform of LPS points as a matrix for RAS points: x′ = M x."""
    matrix, offset = np.eye(4), np.asarray(transform.TransformPoint((0.0, 0.0, 0.0)))
    matrix[:3, :3] = np.asarray(transform.GetMatrix()).reshape(3, 3)
    matrix[:3, 3] = offset
    ras: Affine = LPS @ matrix @ LPS
    return ras


def as_itk(matrix: Affine, centre: tuple[float, ...]) -> Any:
    """The same the other way: RAS matrix -> AffineTransform that turns about ``centre`` (LPS)."""
    lps, transform = LPS @ matrix @ LPS, itk().AffineTransform(3)
    middle = np.asarray(centre)
    transform.SetCenter(centre)
    transform.SetMatrix(lps[:3, :3].ravel().tolist())
    transform.SetTranslation((lps[:3, :3] @ middle + lps[:3, 3] - middle).tolist())
    return transform


def middle(image: Any) -> tuple[float, float, float]:
    """Centre of the field of view, LPS."""
    x, y, z = image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()])
    return x, y, z


def mirrored(image: Any, x: float) -> Any:
    """The same voxels, left for right: reflected in the sagittal plane at ``x``."""
    direction, origin = np.asarray(image.GetDirection()), image.GetOrigin()
    turned = itk().Image(image)
    turned.SetDirection((direction * np.repeat([-1, 1, 1], 3)).tolist())
    turned.SetOrigin((2 * x - origin[0], *origin[1:]))
    return turned
