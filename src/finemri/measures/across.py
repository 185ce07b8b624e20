"""Spectra across slices: along one axis alone, at which fineness an image is as strong as the truth, and the same.

x and y are (i, j, k), each less its mean, and tapered by sin² along the axis, so that its two ends do not meet in a
step. The other two axes are summed over; by Parseval, their voxels serve as well as their frequencies. Frequencies are
n / N cycles a voxel, N voxels along the axis, n = 1 … N/2. All numbers are float64.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from finemri.measures.fidelity import Scan, check_pair
from finemri.measures.spectrum import FEWEST, Curve, taper
from finemri.refusal import Refusal

CEILING = 0.5
"""Nyquist of the voxels, in cycles a voxel."""


@dataclass(frozen=True, eq=False)
class Band:
    """Frequencies from below one to another, cycles a voxel, over which means are taken."""

    above: float
    upto: float

    def holds(self, frequency: Curve) -> np.ndarray:
        """Which frequencies lie in it."""
        return (frequency > self.above + 1e-9) & (frequency <= self.upto + 1e-9)


@dataclass(frozen=True, eq=False)
class Across:
    """One curve a number, over ``frequency``."""

    frequency: Curve
    """In cycles a voxel, from the first above 0 to Nyquist."""
    power: Curve
    """P_x / P_y: 1 is best; below it detail is lost, above it there is too much."""
    correlation: Curve
    """C: 1 is best, 0 where the detail is none of the truth's."""

    def mean(self, band: Band) -> tuple[float, float] | None:
        """10 log₁₀ of the power ratio in dB, and C: means over a band's frequencies; None where it has none.

        −∞ dB where the image has no power at one of them.
        """
        inside = band.holds(self.frequency)
        if not inside.any():
            return None
        with np.errstate(divide="ignore"):
            return float(np.mean(10 * np.log10(self.power[inside]))), float(np.mean(self.correlation[inside]))


def bands(spacing: float) -> dict[str, Band]:
    """Of slices ``spacing`` voxels apart, whose Nyquist is f = 1/(2 spacing): what they sampled, "below" f; "once"
    to "twice" it, which a spline leaves out and a network has to know; and "above", up to the voxels' own.

    Raises Refusal for slices closer than voxels.
    """
    if not spacing >= 1:
        raise Refusal(f"Slices lie at least one voxel apart, not {spacing:g}; choose a finer grid.")
    own = CEILING / spacing
    twice = min(2 * own, CEILING)
    return {"below": Band(0.0, own), "twice": Band(own, twice), "above": Band(twice, CEILING)}


def across_slices(image: Scan, reference: Scan, axis: int) -> Across:
    """P_x(f) / P_y(f) and C(f) = Re Σ X Y* / √(P_x P_y), sums over all columns along ``axis``, P_x = Σ |X|².

    Fourier ring correlation (Saxton & Baumeister, 1982) with planes of frequency instead of rings: a plane holds all
    that is so fine along the axis, whatever its direction in plane. Raises Refusal for an axis that is none or has
    fewer than 8 voxels, shapes that differ, values that are not finite, and a reference without detail at a frequency.
    """
    check_pair(image, reference, None)
    if axis not in (0, 1, 2):
        raise Refusal(f"The slice axis is 0, 1 or 2, not {axis}.")
    size = reference.shape[axis]
    if size < FEWEST:
        raise Refusal(f"A spectrum takes {FEWEST} voxels along the axis, not {size}; choose a larger image.")
    own, true, both = np.zeros((3, size // 2 + 1))
    means = image.mean(dtype=np.float64), reference.mean(dtype=np.float64)
    weights = taper(size)
    for x, y in zip(*(np.moveaxis(each, axis, -1) for each in (image, reference)), strict=True):
        X, Y = (fft.rfft((a.astype(np.float64) - m) * weights) for a, m in zip((x, y), means, strict=True))
        own += (np.abs(X) ** 2).sum(0)
        true += (np.abs(Y) ** 2).sum(0)
        both += (X * Y.conj()).real.sum(0)
    own, true, both = own[1:], true[1:], both[1:]
    floor = 1e-24 * max(float(true.sum()), float(np.square(reference, dtype=np.float64).sum()))
    if (true <= floor).any():
        raise Refusal("The reference has no detail at all at some fineness along this axis; nothing relates to it.")
    together = np.divide(both, np.sqrt(own * true), out=np.zeros_like(both), where=own > floor)
    return Across(np.arange(1, size // 2 + 1) / size, own / true, together)
