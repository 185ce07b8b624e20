"""SSIM at several scales: the structure of an image from its finest detail to its coarse layout."""

import math

import numpy as np
from jaxtyping import Float64
from scipy import ndimage

from finemri.measures.fidelity import Inside, Scan, check_pair, range_of
from finemri.refusal import Refusal

Fine = Float64[np.ndarray, "..."]
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""β of Wang et al. (2003), from the finest scale to the coarsest."""
WINDOW = 11
"""Voxels: a Gaussian of σ = 1.5, cut."""


def ms_ssim(
    image: Scan,
    reference: Scan,
    mask: Inside | None = None,
    *,
    peak: float | None = None,
    axis: int | None = None,
    scales: int | None = None,
) -> float:
    """l_M^β_M · Π_j cs_j^β_j, cs and l the means of SSIM's two factors at scale j, each half as fine as the one before.

    1 is best, no unit (Wang et al., 2003). In 3D, or the mean over the slices across ``axis``. ``scales``: M, up to 5;
    None: as many as the image has room for. The β of those that are used are made to sum to 1. A mean below 0 counts as
    0. ``peak``: L; None: max − min of the reference. Raises Refusal for a mask, as scales have none in common, for a
    side that is shorter than 11 voxels at the coarsest scale, and as every measure of fidelity.
    """
    if mask is not None:
        raise Refusal("MS-SSIM is of the whole image, as a mask has no meaning at its coarser scales; leave it out.")
    check_pair(image, reference, mask)
    L = range_of(reference, peak)
    if axis is None:
        return _product(image.astype(np.float64), reference.astype(np.float64), L, weights_of(reference.shape, scales))
    x, y = (np.moveaxis(voxels, axis, 0) for voxels in (image, reference))
    weights = weights_of(y.shape[1:], scales)
    return math.fsum(
        _product(p.astype(np.float64), q.astype(np.float64), L, weights) for p, q in zip(x, y, strict=True)
    ) / len(y)


def weights_of(shape: tuple[int, ...], scales: int | None = None) -> tuple[float, ...]:
    """β of the scales that an image of this shape has room for. Raises Refusal where there is none for as many."""
    room = sum(min(shape) // 2**j >= WINDOW for j in range(len(WEIGHTS)))
    wanted = room if scales is None else scales
    if not 0 < wanted <= room:
        raise Refusal(
            f"MS-SSIM of {wanted or 1} scales needs sides of {WINDOW * 2 ** max(wanted - 1, 0)} voxels and knows "
            f"{len(WEIGHTS)} scales, this image is {shape}; ask for fewer, or choose a larger image."
        )
    return tuple(weight / sum(WEIGHTS[:wanted]) for weight in WEIGHTS[:wanted])


def _product(x: Fine, y: Fine, L: float, weights: tuple[float, ...]) -> float:
    value = 1.0
    for n, beta in enumerate(weights):
        luminance, contrast = _factors(x, y, L)
        factor = float((luminance * contrast).mean() if n == len(weights) - 1 else contrast.mean())
        value *= max(factor, 0.0) ** beta
        x, y = _halved(x), _halved(y)
    return value


def _factors(x: Fine, y: Fine, L: float) -> tuple[Fine, Fine]:
    """(2 μ_x μ_y + c₁) / (μ_x² + μ_y² + c₁) and (2 σ_xy + c₂) / (σ_x² + σ_y² + c₂), where the window fits."""
    c1, c2 = (0.01 * L) ** 2, (0.03 * L) ** 2
    mx, my = _smooth(x), _smooth(y)
    product, power = _smooth(x * y) - mx * my, _smooth(x * x + y * y) - mx * mx - my * my
    return (2 * mx * my + c1) / (mx * mx + my * my + c1), (2 * product + c2) / (power + c2)


def _smooth(voxels: Fine) -> Fine:
    radius = WINDOW // 2
    smoothed: Fine = ndimage.gaussian_filter(voxels, 1.5, radius=radius)
    return smoothed[(slice(radius, -radius),) * voxels.ndim]


def _halved(voxels: Fine) -> Fine:
    """Means over two voxels an axis; what is left over at an odd end goes."""
    for axis, size in enumerate(voxels.shape):
        even = voxels.take(range(0, size - 1, 2), axis=axis)
        voxels = (even + voxels.take(range(1, size, 2), axis=axis)) / 2
    return voxels
