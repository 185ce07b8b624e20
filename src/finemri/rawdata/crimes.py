"""Implicit data crimes: k-space that was never measured as it stands in the file, so that numbers from it flatter.

Shimron et al., Implicit data crimes: machine learning bias arising from misuse of public data, PNAS 2022.
"""

import numpy as np
from jaxtyping import Float64

from finemri.shapes import Sampled, Samples

MAGNITUDE = "retrospective: made from a magnitude image (implicit data crime)"
IMAGE = "retrospective: made from a complex image"
PICTURE = "retrospective: made from a picture, PNG or JPEG (implicit data crime)"
ROUNDING = 1e-6
"""Root mean square of a line over the largest sample, below which it is rounding and no noise."""
SYMMETRY = 1e-5
"""1 − |⟨k(u), k̄(−u)⟩|/‖k‖² below which k-space is that of a real image, whatever its global phase."""


def detect(samples: Samples, mask: Sampled) -> tuple[str, ...]:
    """What the samples of one slice (coil, i, j) give away: zero-padding, or the symmetry of a magnitude image."""
    said = []
    if box := zero_padded(samples, mask):
        whole = "×".join(str(n) for n in mask.shape)
        said.append(f"zero-padded from {box[0]}×{box[1]} to {whole} (implicit data crime)")
    if symmetric(samples, mask):
        said.append(MAGNITUDE)
    return tuple(said)


def zero_padded(samples: Samples, mask: Sampled) -> tuple[int, int] | None:
    """Size of the inner rectangle where all around it is (nearly) zero on both sides alike; None: no such frame.

    A rectangle with holes is a mask, and one off the centre partial Fourier: neither is zero-padding.
    """
    strength = strength_of(samples)
    real = mask & (strength > 0)
    spans = []
    for axis in (1, 0):
        line = np.sqrt((strength**2).mean(axis=axis)) > ROUNDING
        places = np.flatnonzero(line)
        before, after = int(places[0]), int(line.size - 1 - places[-1])
        if abs(before - after) > 2:
            return None
        spans.append((int(places[0]), int(places[-1]) + 1))
    (i0, i1), (j0, j1) = spans
    i, j = mask.shape
    if (i1 - i0 > 0.95 * i and j1 - j0 > 0.95 * j) or real[i0:i1, j0:j1].mean() < 0.99:
        return None
    return i1 - i0, j1 - j0


def strength_of(samples: Samples) -> Float64[np.ndarray, "i j"]:
    """√Σ_c |k_c|² over its largest value: in float64, for squares of float32 overflow."""
    strength = np.sqrt((np.abs(samples.astype(np.complex128)) ** 2).sum(axis=0))
    return np.asarray(strength / (strength.max() or 1.0))


def symmetric(samples: Samples, mask: Sampled) -> bool:
    """Whether k(−u) = e^{iφ} k̄(u) in any coil, wherever both were measured."""
    i, j = mask.shape
    own = (slice(1 - i % 2, None), slice(1 - j % 2, None))  # of an even axis, sample 0 has no partner
    both = mask[own] & mask[own][::-1, ::-1]
    for coil in samples:
        k = np.where(both, coil[own], 0).astype(np.complex128)
        energy = float((np.abs(k) ** 2).sum())
        if energy > 0 and np.count_nonzero(k) >= 64 and 1 - abs((k * k[::-1, ::-1]).sum()) / energy < SYMMETRY:
            return True
    return False
