"""Portrait: what an input is like, in a few numbers, so that one unlike the training's can be told."""

from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np
from jaxtyping import Float32, Shaped

from finemri.shapes import Mask
from finemri.volumes.volume import Volume

Portrait = dict[str, float]
Some = Shaped[np.ndarray, " some"]
Differences = Float32[np.ndarray, "di dj dk"]

LARGEST = 192
"""Voxels of each axis that are looked at, around the middle: enough to judge by, and it bounds time and memory."""
FOREGROUND = 0.1
"""The head is what is brighter than this part of the 99.9th percentile."""

FEATURES: dict[str, tuple[str, str, str]] = {
    "finest_spacing": ("The smallest side of its voxels, in mm,", ".3g", ""),
    "coarsest_spacing": ("The largest side of its voxels, in mm,", ".3g", "thick slices?"),
    "negative": ("The part of its voxels that are clearly below zero", ".1%", "not a magnitude image?"),
    "noise": ("Its noise, relative to its brightness,", ".1%", ""),
    "contrast": ("The ratio of bright to dark tissue", ".2f", "another contrast?"),
    "sharpness": ("The part of its variation that is fine detail", ".2f", "interpolated, blurred or over-sharpened?"),
}
"""Name -> what it is, how it is written, and what may be behind a strange one."""


def measure_portrait(volume: Volume) -> Portrait:
    """Features by name, none of which changes when brightness is multiplied.

    ``finest_spacing``, ``coarsest_spacing``: smallest and largest voxel side, mm.
    ``negative``: part of all voxels below −0.02 p, p the 99.9th percentile of |x|.
    ``noise``: σ / p of white noise, from the median absolute deviation of the third-order mixed second difference.
    ``contrast``: upper over lower quartile of the head.
    ``sharpness``: standard deviation of differences between neighbours, averaged over axes, over that of the head.
    """
    x = np.asarray(volume.voxels[tuple(slice(max(0, (n - LARGEST) // 2), (n + LARGEST) // 2) for n in volume.shape)])
    peak = float(np.percentile(np.abs(x), 99.9)) or 1.0
    head = x > FOREGROUND * peak
    inside = x[head]
    spread = float(inside.std()) if inside.size else 0.0
    lower, upper = np.percentile(inside, [25, 75]) if inside.size else (1.0, 1.0)
    return {
        "finest_spacing": min(volume.spacing),
        "coarsest_spacing": max(volume.spacing),
        "negative": float((x < -0.02 * peak).mean()),
        "noise": _noise(x, head) / peak,
        "contrast": float(upper / lower),
        "sharpness": _roughness(x, head) / spread if spread > 0 else 0.0,
    }


def strangeness(portrait: Portrait, ranges: Mapping[str, Sequence[float]]) -> list[str]:
    """A sentence for each feature outside its range [low, high]; a feature without a range is passed over."""
    sentences = []
    for feature, (what, form, guess) in FEATURES.items():
        if feature in ranges and not ranges[feature][0] <= portrait[feature] <= ranges[feature][1]:
            value, low, high = (format(number, form) for number in (portrait[feature], *ranges[feature]))
            sentences.append(f"{what} is {value}, where {low} to {high} was learnt{f': {guess}' if guess else '.'}")
    return sentences


def _noise(x: Differences, head: Mask) -> float:
    """σ ≈ 1.4826 · median |D x| / √6ᵃ, D second differences along the a axes with three voxels (Immerkær, 1996)."""
    axes = [axis for axis, n in enumerate(x.shape) if n >= 3]
    core = tuple(slice(1, -1) if axis in axes else slice(None) for axis in range(3))
    curvature = reduce(lambda d, axis: np.diff(d, 2, axis), axes, x)
    inside: Some = np.abs(curvature[head[core]])
    return 1.4826 * float(np.median(inside)) / 6 ** (len(axes) / 2) if inside.size else 0.0


def _roughness(x: Differences, head: Mask) -> float:
    """Root of the mean squared difference between neighbours that both lie in the head, all axes alike."""
    squares = []
    for axis in range(3):
        first = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
        second = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        steps: Some = (x[second] - x[first])[head[second] & head[first]]
        if steps.size:
            squares.append(float(np.mean(np.square(steps, dtype=np.float64))))
    return float(np.mean(squares)) ** 0.5 if squares else 0.0
