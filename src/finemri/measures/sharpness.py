"""Sharpness: how steep an image is just where the truth has its edges."""

import math

import numpy as np
from jaxtyping import Float64
from scipy import ndimage

from finemri.measures.fidelity import Inside, Scan, Slab, check_pair, slabs_of
from finemri.refusal import Refusal

STEEPEST = 0.05
"""Share of the voxels that are edges: those where the truth is steepest."""
REACH = 5.0
"""Voxels that a profile goes to either side of an edge."""
STEP = 0.25
"""Voxels between two points of a profile."""
MOST = 5000
"""Edges that are looked at, evenly spread; a median of more is no surer."""

Gradient = Float64[np.ndarray, "3 _ _ _"]


def edge_sharpness(image: Scan, reference: Scan, mask: Inside | None = None) -> float:
    """Σ_E ∇x · n / Σ_E |∇y|, n = ∇y / |∇y|, E the 5 % of voxels where |∇y| is largest: 1 is best, below is blurred.

    The gradient across the truth's edges, after the acutance of Higgins & Jones (1952). Central differences; no unit.
    As it is taken along n, noise does not pass for sharpness, nor do edges that the truth has not. Raises Refusal as
    every measure of fidelity.
    """
    steep = np.concatenate(
        [
            np.linalg.norm(_gradient(y)[:, own][:, inside], axis=0).astype(np.float32)
            for _, y, inside, own in slabs_of(image, reference, mask, 1)
        ]
    )
    least = _least(steep)
    along = total = 0.0
    for x, y, inside, own in slabs_of(image, reference, mask, 1):
        slope = _gradient(y)[:, own][:, inside]
        length = np.linalg.norm(slope, axis=0)
        edge = length.astype(np.float32) >= least
        total += float(length[edge].sum())
        along += float(((_gradient(x)[:, own][:, inside] * slope).sum(axis=0)[edge] / length[edge]).sum())
    return along / total


def rise_distance(
    image: Scan, reference: Scan, mask: Inside | None = None, *, spacing: tuple[float, float, float] = (1, 1, 1)
) -> float:
    """Median over the truth's edges of the distance in which the image rises from 10 % to 90 % of the step, in mm.

    The profile runs along the truth's gradient, 5 voxels to either side, by cubic splines; the step is what rises
    without a break through the edge (as ISO 12233 and Ahmad et al., 2015, have the distance, Marziliano et al., 2002,
    its ends). An edge blurred by a Gaussian of σ rises in 2.56 σ. Where nothing rises, the whole profile counts.
    ``spacing``: of the voxels, in mm; without it the distance is in voxels. Raises Refusal as ``edge_sharpness``.
    """
    check_pair(image, reference, mask)
    mm = np.array(spacing, np.float64).reshape(3, 1)
    slope = _gradient(reference.astype(np.float64)).reshape(3, -1) / mm
    length = np.linalg.norm(slope, axis=0)
    inside = np.ones(reference.size, bool) if mask is None else mask.ravel()
    edges = np.flatnonzero(inside & (length >= _least(length[inside])))
    edges = edges[:: max(1, -(-len(edges) // MOST))]
    place = np.array(np.unravel_index(edges, reference.shape), np.float64)
    finest = min(s for s, size in zip(spacing, reference.shape, strict=True) if size > 1)
    t = np.arange(-REACH, REACH + STEP / 2, STEP) * finest
    points = place[..., None] + (slope[:, edges] / length[edges] / mm)[..., None] * t
    profiles = ndimage.map_coordinates(image.astype(np.float64), points, order=3, mode="nearest")
    return float(np.median([_rise(profile, t) for profile in profiles]))


def rise_ratio(image: Scan, reference: Scan, mask: Inside | None = None) -> float:
    """The rise distance in the image over that in the truth itself: 1 is best, above is blurred, below is oversharp."""
    return rise_distance(image, reference, mask) / rise_distance(reference, reference, mask)


def _gradient(voxels: Slab) -> Gradient:
    """Central differences; 0 along an axis of one voxel."""
    return np.stack(
        [np.gradient(voxels, axis=a) if n > 1 else np.zeros_like(voxels) for a, n in enumerate(voxels.shape)]
    )


def _least(steep: np.ndarray) -> float:
    """How steep an edge is at least."""
    rank = math.ceil((1 - STEEPEST) * (len(steep) - 1))
    least = float(np.partition(steep, rank)[rank])
    largest = float(steep.max())
    if largest <= 0:
        raise Refusal("The reference is flat wherever it is measured, so it has no edge to be as sharp as.")
    return least if least > 0 else float(steep[steep > 0].min())


def _rise(profile: Float64[np.ndarray, " point"], t: Float64[np.ndarray, " point"]) -> float:
    middle, falls = len(t) // 2, np.diff(profile) <= 0
    right, left = np.flatnonzero(falls[middle:]), np.flatnonzero(falls[:middle])
    stop = middle + (int(right[0]) if right.size else len(falls) - middle)
    start = int(left[-1]) + 1 if left.size else 0
    if start == stop:
        return float(t[-1] - t[0])
    low, high = profile[start], profile[stop]
    ten, ninety = np.interp([0.1, 0.9], (profile[start : stop + 1] - low) / (high - low), t[start : stop + 1])
    return float(ninety - ten)
