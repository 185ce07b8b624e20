"""Signature: what a scan is like in some twenty numbers, none of which knows its brightness, its place or its turn.

A portrait names six features that a person understands; a signature is finer, and for a distance to others.
"""

import math
from functools import reduce
from itertools import pairwise

import numpy as np
from jaxtyping import Float32, Shaped
from scipy import ndimage

from finemri.volumes.portrait import FOREGROUND, measure_portrait
from finemri.volumes.volume import Volume

Signature = dict[str, float]
Box = Float32[np.ndarray, "_ _ _"]
Some = Shaped[np.ndarray, " some"]

LARGEST = 128
"""Voxels of each axis that are looked at, around the middle: it bounds time and memory."""
SPECTRUM = 96
"""Voxels of each axis, around the middle, whose spectrum is looked at."""
BANDS = (0.25, 0.5, 0.75, 1.0)
"""Upper ends, as parts of Nyquist, of the shells of the spectrum."""
FAINT = 1e-3
"""What is added before a logarithm: a share or a slope below it is as good as none."""
LEVELS = (10, 25, 50, 75, 90)
"""Percentiles of the brightness."""
STEEP = (50, 90, 99)
"""Percentiles of the slopes."""

TOLERANCES: dict[str, float] = {
    "finest spacing": 0.1,
    "coarsest spacing": 0.1,
    "noise": 0.1,
    "negative": 0.2,
    **{f"brightness {q} %": 0.02 for q in LEVELS},
    **{f"slope {q} %": 0.05 for q in STEEP},
    "sharpness": 0.05,
    "direction": 0.05,
    "edge brightness": 0.05,
    "detail skewness": 0.1,
    **{f"spectrum {band:g}": 0.1 for band in BANDS[1:]},
}
"""Name -> the smallest standard deviation that it is taken to have: so little is no difference between scans, even
where all of a cohort are equal to the last bit, as spacings are."""


def measure_signature(volume: Volume) -> Signature:
    """Features by the names of ``TOLERANCES``. Multiplying the brightness, mirroring and swapping axes change none.

    ``finest spacing``, ``coarsest spacing``: log of mm. ``noise``, ``negative``, ``sharpness``: logs of the portrait's.
    ``brightness q %``: percentiles of the head, relative to p, the 99.9th percentile of |x|. ``slope q %``: logs of
    percentiles of |∇x| / p in the head. ``direction``: log of the largest over the smallest rms slope along an axis.
    ``edge brightness``: correlation of x and |∇x| in the head, ``detail skewness``: skewness there of x less the mean
    of its neighbours; both change their sign with the contrast. ``spectrum f``: log of the mean power in the shell that
    ends at f of Nyquist, over that of the first shell.
    """
    portrait = measure_portrait(volume)
    x = np.asarray(volume.voxels[tuple(_middle(n, LARGEST) for n in volume.shape)])
    x = x / (np.float32(np.percentile(np.abs(x), 99.9)) or np.float32(1))
    head = x > FOREGROUND
    if not head.any():
        head[:] = True  # nothing is brighter than the rest
    inside: Some = x[head]
    squares = [np.square(np.gradient(x, axis=axis)[head]) for axis in range(3) if x.shape[axis] > 1]
    slopes: Some = np.sqrt(reduce(np.add, squares, np.zeros_like(inside)))
    detail: Some = (x - ndimage.uniform_filter(x, 3))[head]
    along = [_mean(square) for square in squares]
    return {
        "finest spacing": math.log(portrait["finest_spacing"]),
        "coarsest spacing": math.log(portrait["coarsest_spacing"]),
        **{name: math.log(portrait[name] + FAINT) for name in ("noise", "negative")},
        **{f"brightness {q} %": float(np.percentile(inside, q)) for q in LEVELS},
        **{f"slope {q} %": math.log(float(np.percentile(slopes, q)) + FAINT) for q in STEEP},
        "sharpness": math.log(portrait["sharpness"] + FAINT),
        "direction": math.log((max(along) + FAINT**2) / (min(along) + FAINT**2)) / 2 if along else 0.0,
        "edge brightness": _mean(_standard(inside) * _standard(slopes)),
        "detail skewness": _mean(_standard(detail) ** 3),
        **_spectrum(x),
    }


def _spectrum(x: Box) -> Signature:
    """The middle of the scan through a Hann window, without its mean."""
    box = x[tuple(_middle(n, SPECTRUM) for n in x.shape)]
    window = reduce(np.multiply, np.ix_(*(np.hanning(n + 2)[1:-1] for n in box.shape)))
    power = np.abs(np.fft.fftn((box - np.average(box, weights=window)) * window)) ** 2
    radius = 2 * np.sqrt(reduce(np.add, (f**2 for f in np.ix_(*map(np.fft.fftfreq, box.shape)))))
    edges = (0.0, *BANDS)
    shells = [power[(low < radius) & (radius <= high)] for low, high in pairwise(edges)]
    levels = [float(shell.mean()) if shell.size else 0.0 for shell in shells]
    least = 1e-9 * (sum(levels) or 1.0)
    pairs = zip(BANDS[1:], levels[1:], strict=True)
    return {f"spectrum {band:g}": math.log((level + least) / (levels[0] + least)) for band, level in pairs}


def _standard(some: Some) -> Some:
    """Without mean, of unit deviation; all zero where there is none."""
    standard: Some = (some - some.mean(dtype=np.float64)) / (some.std(dtype=np.float64) or 1.0)
    return standard


def _mean(some: Some) -> float:
    return float(some.mean(dtype=np.float64))


def _middle(size: int, most: int) -> slice:
    return slice(max(0, (size - most) // 2), (size + most) // 2)
