"""Spectra: at which fineness of detail an image is as strong as the truth, and where it is the same.

x and y are (i, j, k), or (1, i, j) for a slice. Each is taken less its mean and tapered by sin² along every axis, so
that opposite faces do not meet in a step. Shell s of n holds the frequencies |f| nearest to s / 2n cycles a voxel, n
half the shortest axis; what lies in the corners beyond Nyquist is left out. Voxels are taken as they are: of a scan
with thick slices, a shell is an ellipsoid. All numbers are float64. Every function raises Refusal for shapes that
differ, for values that are not finite, for axes of fewer than 8 voxels and for a reference without contrast.
"""

import numpy as np
from jaxtyping import Float64
from scipy import fft

from finemri.measures.fidelity import Inside, Scan, check_pair
from finemri.refusal import Refusal

Curve = Float64[np.ndarray, "_"]
FEWEST = 8
"""Voxels along an axis that a spectrum takes."""


def radial_power(image: Scan) -> tuple[Curve, Curve]:
    """P(s) = mean over shell s of |F x|² -> (frequencies in cycles a voxel, power), from s = 1 on."""
    found, counts, _ = _shells(image, image)
    return _frequencies(counts), found[0][1:] / counts[1:]


def shell_correlation(image: Scan, reference: Scan) -> tuple[Curve, Curve]:
    """C(s) = Re Σ X Y* / √(Σ |X|² Σ |Y|²) over shell s -> (frequencies in cycles a voxel, C), from s = 1 on.

    Fourier shell correlation (Harauz & van Heel, 1986); of a slice Fourier ring correlation (Saxton & Baumeister,
    1982). 1: the same detail; 0: none in common, as where one of them has no power at all.
    """
    (own, true, both), counts, floor = _shells(image, reference)
    scale = np.sqrt(own * true)
    together = np.divide(both, scale, out=np.zeros_like(both), where=np.minimum(own, true) > floor)
    return _frequencies(counts), together[1:]


def spectral_distance(image: Scan, reference: Scan, mask: Inside | None = None) -> float:
    """√ mean_s (10 log₁₀ P_x(s) / P_y(s))² in dB: 0 is best (log-spectral distance: Gray & Markel, 1976).

    How far the strength of detail lies from the truth's, whatever its place. Infinite where the image has a shell
    without power. Raises Refusal for a mask too: its own edges would be the finest detail.
    """
    _refuse_mask(mask)
    (own, true, _), _, floor = _shells(image, reference)
    if (true[1:] <= floor).any():
        raise Refusal("The reference has no detail at all at some fineness, so nothing can be related to it.")
    if (own[1:] <= floor).any():
        return float("inf")
    return float(np.sqrt(np.mean((10 * np.log10(own[1:] / true[1:])) ** 2)))


def mean_shell_correlation(image: Scan, reference: Scan, mask: Inside | None = None) -> float:
    """Mean over the shells of C(s): 1 is best, no unit. Raises Refusal for a mask too."""
    _refuse_mask(mask)
    return float(shell_correlation(image, reference)[1].mean())


def shell_resolution(image: Scan, reference: Scan, mask: Inside | None = None, *, threshold: float = 0.5) -> float:
    """Where C first falls below ``threshold``, as a share of Nyquist, linear between shells; 1, the best, if nowhere.

    C ½ is the usual bound between what is seen and what is not (Böttcher et al., 1997). Raises Refusal for a mask too.
    """
    _refuse_mask(mask)
    frequency, correlation = shell_correlation(image, reference)
    below = np.flatnonzero(correlation < threshold)
    if not below.size:
        return 1.0
    f, c = np.concatenate([[0.0], frequency]), np.concatenate([[1.0], correlation])
    n = int(below[0])
    return float(2 * (f[n] + (f[n + 1] - f[n]) * (c[n] - threshold) / (c[n] - c[n + 1])))


def taper(size: int) -> Curve:
    """sin² (π (n + ½) / N): 1 in the middle of N voxels, near 0 at both ends."""
    weights: Curve = np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2
    return weights


def _shells(x: Scan, y: Scan) -> tuple[tuple[Curve, Curve, Curve], Curve, float]:
    """Σ |X|², Σ |Y|² and Re Σ X Y* over each shell, how many frequencies it has, and what is but rounding."""
    check_pair(x, y, None)
    sides = [size for size in y.shape if size > 1]
    if not sides or min(sides) < FEWEST:
        raise Refusal(f"A spectrum takes {FEWEST} voxels along each axis, not {y.shape}; choose a larger image.")
    X = _transformed(x)
    Y = X if x is y else _transformed(y)
    count = min(sides) // 2
    frequencies = [np.fft.fftfreq(size) for size in y.shape[:-1]] + [np.fft.rfftfreq(y.shape[-1])]
    squared = sum(np.expand_dims(f**2, [b for b in range(3) if b != a]) for a, f in enumerate(frequencies))
    shell = np.minimum(np.rint(2 * count * np.sqrt(squared)), count + 1).astype(np.int32).ravel()
    twice = np.full(X.shape, 2.0)  # the real transform leaves out the mirror of what lies between 0 and Nyquist
    twice[..., 0] = 1
    if y.shape[-1] % 2 == 0:
        twice[..., -1] = 1
    weights = (np.abs(X) ** 2, np.abs(Y) ** 2, (X * Y.conj()).real)
    own, true, both = (np.bincount(shell, (twice * w).ravel(), count + 2)[: count + 1] for w in weights)
    if true[1:].sum() <= 1e-20 * float(np.square(y, dtype=np.float64).sum()) * y.size:
        raise Refusal("The reference has no contrast, so its spectrum is empty and nothing can be related to it.")
    return (own, true, both), np.bincount(shell, twice.ravel(), count + 2)[: count + 1], 1e-24 * float(true.sum())


def _transformed(voxels: Scan) -> np.ndarray:
    tapered = voxels.astype(np.float64) - voxels.mean(dtype=np.float64)
    for axis, size in enumerate(voxels.shape):
        if size > 1:
            tapered *= np.expand_dims(taper(size), [a for a in range(3) if a != axis])
    transformed: np.ndarray = fft.rfftn(tapered)
    return transformed


def _frequencies(counts: Curve) -> Curve:
    count = len(counts) - 1
    return np.arange(1, count + 1) / (2 * count)


def _refuse_mask(mask: Inside | None) -> None:
    if mask is not None:
        raise Refusal("A spectrum is of the whole image, as the edges of a mask would count as detail; leave it out.")
