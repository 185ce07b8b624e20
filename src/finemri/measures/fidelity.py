"""Fidelity: how near an image x is to the truth y.

Both have one shape (i, j, k) and the same unit; a ``mask`` of that shape says which voxels count, None means all. Sums
are float64 and run slab by slab, so a large scan needs little memory. The range of the data never comes from the image
that is judged. Every measure raises Refusal for shapes that differ, an empty mask, values that are not finite, and a
reference that makes the number undefined.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Float64
from scipy import ndimage

from finemri.refusal import Refusal

Scan = Float[np.ndarray, "_ _ _"]
Inside = Bool[np.ndarray, "_ _ _"]
Slab = Float64[np.ndarray, "_ _ _"]
Window = Literal["gaussian", "uniform"]

SLAB = 2**22
"""Voxels in a slab: 32 MiB of float64 for each array that a measure needs."""
REACH = 7
"""Voxels: half the widest window, that of HFEN."""


def reference_range(reference: Scan) -> float:
    """L = max y − min y over the full field: the peak of PSNR and the range of SSIM unless another is given."""
    return float(reference.max()) - float(reference.min())


def psnr(image: Scan, reference: Scan, mask: Inside | None = None, *, peak: float | None = None) -> float:
    """10 log₁₀(L² / mean (x − y)²) in dB; infinite where both are the same. Higher is better."""
    L = range_of(reference, peak)
    error = count = 0.0
    for x, y, inside, own in slabs_of(image, reference, mask):
        error += float(((x - y)[own][inside] ** 2).sum())
        count += int(inside.sum())
    return math.inf if error == 0 else 10 * math.log10(L**2 * count / error)


def mse(image: Scan, reference: Scan, mask: Inside | None = None) -> float:
    """mean (x − y)², in the square of the images' unit: 0 is best, and it says nothing without that unit."""
    error = count = 0.0
    for x, y, inside, own in slabs_of(image, reference, mask):
        error += float(((x - y)[own][inside] ** 2).sum())
        count += int(inside.sum())
    return error / count


def psnr_peak255(image: Scan, reference: Scan, mask: Inside | None = None, *, axis: int) -> float:
    """Mean over the slices across ``axis`` of 20 log₁₀(255 / √MSE) in dB, of images of unit scale.

    A peak of 255 on data whose brightest voxel is about 1: 48.13 dB above a peak of 1, and not to be compared with any
    other. Slices without a voxel of the mask do not count.
    """
    check_pair(image, reference, mask)
    planes = range(reference.shape[axis])
    found = []
    for n in planes:
        inside = None if mask is None else mask.take([n], axis=axis)
        if inside is None or inside.any():
            error = mse(image.take([n], axis=axis), reference.take([n], axis=axis), inside)
            found.append(math.inf if error == 0 else 20 * math.log10(255 / math.sqrt(error)))
    return math.fsum(found) / len(found)


def nmse(image: Scan, reference: Scan, mask: Inside | None = None) -> float:
    """Σ (x − y)² / Σ y²: 0 is best, no unit (as fastMRI has it: Zbontar et al., 2018)."""
    error = power = 0.0
    for x, y, inside, own in slabs_of(image, reference, mask):
        error += float(((x - y)[own][inside] ** 2).sum())
        power += float((y[own][inside] ** 2).sum())
    return _ratio(error, power, "0")


def snr(image: Scan, reference: Scan, mask: Inside | None = None) -> float:
    """20 log₁₀(‖y‖₂ / ‖x − y‖₂) in dB, that is −10 log₁₀ NMSE; infinite where both are the same. Higher is better."""
    error = nmse(image, reference, mask)
    return math.inf if error == 0 else -10 * math.log10(error)


def ssim(
    image: Scan,
    reference: Scan,
    mask: Inside | None = None,
    *,
    peak: float | None = None,
    window: Window = "gaussian",
    axis: int | None = None,
) -> float:
    """Mean of (2 μ_x μ_y + c₁)(2 σ_xy + c₂) / ((μ_x² + μ_y² + c₁)(σ_x² + σ_y² + c₂)); 1 is best (Wang et al., 2004).

    c₁ = (0.01 L)², c₂ = (0.03 L)². Moments over a window: "gaussian", σ = 1.5 cut at 11 voxels, as Wang has it; or
    "uniform", 7 voxels and sample covariance, as Sanchez & Vilaplana (2018) have it. In 3D, or slice by slice across
    ``axis``. The mean runs over the mask, without the border where the window would leave the image. Also raises
    Refusal for an axis shorter than the window.
    """
    L = range_of(reference, peak)
    smooth, radius, ndim = _WINDOWS[window], _RADIUS[window], 3 if axis is None else 2
    axes = (0, 1, 2)[3 - ndim :]
    if axis is not None:
        image, reference = np.moveaxis(image, axis, 0), np.moveaxis(reference, axis, 0)
        mask = None if mask is None else np.moveaxis(mask, axis, 0)
    if min(reference.shape[a] for a in axes) <= 2 * radius:
        raise Refusal(
            f"This SSIM needs {2 * radius + 1} voxels along each axis, not {reference.shape}; choose a larger image."
        )
    taps = (2 * radius + 1) ** ndim
    unbiased = taps / (taps - 1) if window == "uniform" else 1.0
    whole = np.zeros(reference.shape, dtype=bool)
    whole[tuple(slice(radius, -radius) if a in axes else slice(None) for a in range(3))] = True
    mask = whole if mask is None else whole & mask
    total = count = 0.0
    for x, y, inside, own in slabs_of(image, reference, mask, radius if axis is None else 0):
        total += float(_similarity(x, y, L, lambda z: smooth(z, axes), unbiased)[own][inside].sum())
        count += int(inside.sum())
    return total / count


def hfen(image: Scan, reference: Scan, mask: Inside | None = None) -> float:
    """‖h∗x − h∗y‖₂ / ‖h∗y‖₂, h the Laplacian of a Gaussian, 15³ voxels, σ = 1.5: 0 is best, no unit.

    High-frequency error norm (Ravishankar & Bresler, 2011), in 3D and relative to the truth. Mirrored beyond the edges.
    """
    error = power = rounding = 0.0
    for x, y, inside, own in slabs_of(image, reference, mask, REACH):
        error += float((_laplacian(x - y)[own][inside] ** 2).sum())
        power += float((_laplacian(y)[own][inside] ** 2).sum())
        rounding += 1e-24 * float((y[own][inside] ** 2).sum())
    return math.sqrt(_ratio(error, power, "flat", rounding))


def gradient_energy(image: Scan, reference: Scan, mask: Inside | None = None) -> float:
    """Σ |∇x|² / Σ |∇y|², forward differences between neighbours that both lie in the mask: 1 is best, below is blurred.

    No unit. It says how sharp an image is, not whether its edges are true: read it beside HFEN.
    """
    check_pair(image, reference, mask)
    return _ratio(_energy(image, mask), _energy(reference, mask), "flat")


def check_pair(image: Scan, reference: Scan, mask: Inside | None) -> None:
    """Raises Refusal for what every measure refuses."""
    if image.shape != reference.shape or (mask is not None and mask.shape != reference.shape):
        raise Refusal(f"Only images on one grid compare, not {image.shape} with {reference.shape}; resample one.")
    if mask is not None and not mask.any():
        raise Refusal("The mask is empty, or lies in the border that the window needs; there is nothing to measure.")
    for voxels, name in ((image, "image"), (reference, "reference")):
        if not all(np.isfinite(plane).all() for plane in voxels):  # plane by plane: a mask of everything would be large
            raise Refusal(f"The {name} holds voxels that are not finite (NaN or Inf), which no measure can judge.")


def slabs_of(
    image: Scan, reference: Scan, mask: Inside | None, halo: int = 0
) -> Iterator[tuple[Slab, Slab, Inside, slice]]:
    """Slabs along the first axis with up to ``halo`` planes more on both sides; their mask, and which are their own.

    Only the box around the mask is read, and as much around it as any window needs.
    """
    check_pair(image, reference, mask)
    across = [_extent(mask, axis, size) for axis, size in enumerate(reference.shape)]
    box = tuple(slice(max(0, low - REACH), high + REACH) for low, high in across[1:])
    first, last = across[0]
    plane = math.prod(side.stop - side.start for side in box)
    depth = max(1, SLAB // plane)
    for start in range(first, last, depth):
        stop = min(start + depth, last)
        low, high = max(0, start - halo), min(len(reference), stop + halo)
        x, y = (voxels[(slice(low, high), *box)].astype(np.float64) for voxels in (image, reference))
        own = slice(start - low, stop - low)
        yield x, y, np.ones(x[own].shape, dtype=bool) if mask is None else mask[(slice(start, stop), *box)], own


def _extent(mask: Inside | None, axis: int, size: int) -> tuple[int, int]:
    """The first and one past the last index along an axis where the mask says yes."""
    if mask is None:
        return 0, size
    found = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
    return int(found[0]), int(found[-1]) + 1


def range_of(reference: Scan, peak: float | None) -> float:
    """L: the peak that was given, or that of the reference. Raises Refusal where it is no range."""
    L = reference_range(reference) if peak is None else peak
    if not (math.isfinite(L) and L > 0):
        raise Refusal(f"The range of the data must be a positive number, not {L}; is the reference constant?")
    return L


def _ratio(error: float, power: float, what: str, rounding: float = 0.0) -> float:
    if power <= rounding:
        raise Refusal(f"The reference is {what} wherever it is measured, so nothing can be related to it.")
    return error / power


def _similarity(x: Slab, y: Slab, L: float, smooth: Callable[[Slab], Slab], unbiased: float) -> Slab:
    c1, c2 = (0.01 * L) ** 2, (0.03 * L) ** 2
    mx, my = smooth(x), smooth(y)
    power = unbiased * (smooth(x * x + y * y) - mx * mx - my * my)  # σ_x² + σ_y²: only their sum is needed
    product = unbiased * (smooth(x * y) - mx * my)
    similarity: Slab = (2 * mx * my + c1) * (2 * product + c2) / ((mx * mx + my * my + c1) * (power + c2))
    return similarity


def _gaussian_window(voxels: Slab, axes: tuple[int, ...]) -> Slab:
    smoothed: Slab = ndimage.gaussian_filter(voxels, 1.5, radius=5, axes=axes)
    return smoothed


def _uniform_window(voxels: Slab, axes: tuple[int, ...]) -> Slab:
    smoothed: Slab = ndimage.uniform_filter(voxels, 7, axes=axes)
    return smoothed


_WINDOWS: dict[str, Any] = {"gaussian": _gaussian_window, "uniform": _uniform_window}
_RADIUS = {"gaussian": 5, "uniform": 3}


def _laplacian(voxels: Slab, sigma: float = 1.5) -> Slab:
    """h∗x with h = Σ_a (a²/σ⁴ − 1/σ²) g: one second derivative an axis, each made to ignore constants exactly."""
    at = np.arange(-REACH, REACH + 1, dtype=np.float64)
    g = np.exp(-(at**2) / (2 * sigma**2))
    g /= g.sum()
    second = (at**2 / sigma**4 - 1 / sigma**2) * g
    second -= second.sum() * g
    total: Slab = np.zeros_like(voxels)
    for curved in range(3):
        term = voxels
        for axis in range(3):
            term = ndimage.correlate1d(term, second if axis == curved else g, axis=axis, mode="reflect")
        total += term
    return total


def _energy(voxels: Scan, mask: Inside | None) -> float:
    energy = 0.0
    for axis in range(3):
        planes = np.moveaxis(voxels, axis, 0)
        inside = None if mask is None else np.moveaxis(mask, axis, 0)
        for n in range(len(planes) - 1):
            step = planes[n + 1].astype(np.float64) - planes[n]
            energy += float((step**2).sum() if inside is None else (step[inside[n] & inside[n + 1]] ** 2).sum())
    return energy
