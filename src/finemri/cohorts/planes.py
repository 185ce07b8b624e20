"""Slices on another matrix: cropped, padded or with less of their k-space, but never interpolated."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Float32, Shaped

from finemri.physics.fourier import to_image, to_kspace
from finemri.refusal import Refusal
from finemri.shapes import Magnitude

Size = tuple[int, int]
Plane = Shaped[np.ndarray, "_ _"]


def checked_matrix(matrix: Size | None) -> Size | None:
    """A matrix that an image can have, or Refusal."""
    if matrix is not None and min(matrix) < 1:
        raise Refusal(f"A matrix has at least one pixel along both axes, not {matrix[0]}×{matrix[1]}.")
    return matrix


def centred(plane: Plane, matrix: Size | None) -> Plane:
    """Crop or pad with zeros to a matrix; pixel n // 2 stays pixel n // 2. None: as it is."""
    if matrix is None or plane.shape == matrix:
        return np.array(plane, order="C")
    return window(plane, [n // 2 - m // 2 for n, m in zip(plane.shape, matrix, strict=True)], matrix)


def truncated(image: Magnitude, factor: float) -> Float32[np.ndarray, "ci cj"]:
    """x′ = |Fᴴ C F x|·√(n′/n): the central 1/factor of k-space along both axes; factor 1 changes nothing."""
    i, j = size_truncated((image.shape[0], image.shape[1]), factor)
    if (i, j) == image.shape:
        return image
    kspace = to_kspace(torch.from_numpy(image.astype(np.complex64))).numpy()
    coarse = to_image(torch.from_numpy(centred(kspace, (i, j)))).abs().numpy()
    return np.asarray(coarse * np.float32(np.sqrt(coarse.size / image.size)))


def size_truncated(matrix: Size, factor: float) -> Size:
    """The matrix that is left of this one."""
    return max(1, round(matrix[0] / factor)), max(1, round(matrix[1] / factor))


def labels_truncated(labels: Plane, matrix: Size) -> Plane:
    """The labels nearest to the pixels of an image that was ``truncated`` to this matrix."""
    i, j = (
        np.rint((np.arange(m) - m // 2) * (n / m) + n // 2).astype(np.int64).clip(0, n - 1)
        for n, m in zip(labels.shape, matrix, strict=True)
    )
    return np.asarray(labels[np.ix_(i, j)])


def labels_resized(labels: Plane, matrix: Size) -> Plane:
    """The labels in which the middles of larger or smaller pixels lie, over the same field of view."""
    i, j = ((2 * np.arange(m) + 1) * n // (2 * m) for n, m in zip(labels.shape, matrix, strict=True))
    return np.asarray(labels[np.ix_(i, j)])


def window(array: Shaped[np.ndarray, "..."], starts: Iterable[int], shape: Sequence[int]) -> Shaped[np.ndarray, "..."]:
    """Copy what lies inside a window; zeros where it reaches beyond the array."""
    copy = np.zeros(shape, dtype=array.dtype)
    source, target = [], []
    for start, n, m in zip(starts, array.shape, shape, strict=True):
        low = min(max(0, start), n)
        high = max(low, min(n, start + m))
        source.append(slice(low, high))
        target.append(slice(low - start, high - start))
    copy[tuple(target)] = array[tuple(source)]
    return copy
