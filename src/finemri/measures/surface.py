"""How far apart the surfaces of two structures lie, in millimetres: what Dice does not see of a large structure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64
from scipy import ndimage

from finemri.measures.segmentation import Labels
from finemri.refusal import Refusal

Distances = Float64[np.ndarray, " _"]
Inside = Bool[np.ndarray, "..."]
NEIGHBOURS = ndimage.generate_binary_structure(3, 1)
"""Voxels that share a face."""


@dataclass(frozen=True)
class SurfaceDistances:
    """d(a, B) of every surface voxel a of A, d(b, A) of every one of B, in mm; none where a structure is missing."""

    there: Distances
    back: Distances

    @property
    def mean(self) -> float:
        """ASSD = (Σ_a d(a, B) + Σ_b d(b, A)) / (|∂A| + |∂B|): 0 is best; NaN where a structure is missing."""
        both = np.concatenate([self.there, self.back])
        return float(both.mean()) if both.size else math.nan

    @property
    def hausdorff95(self) -> float:
        """HD95 = max of both directions' 95th percentiles: 0 is best; NaN where a structure is missing.

        The largest distance of all belongs to one voxel, often noise (Huttenlocher et al., 1993).
        """
        if not self.there.size:
            return math.nan
        return float(max(np.percentile(self.there, 95), np.percentile(self.back, 95)))


def surface_distances(found: Labels, truth: Labels, label: int, spacing: Sequence[float]) -> SurfaceDistances:
    """Distances between the surfaces of what has ``label`` in two maps on one grid with voxels of ``spacing`` mm.

    ∂A are the voxels of A that share a face with one outside of A; the edge of the field of view counts as outside.
    Distances run between voxel centres. Raises Refusal for shapes that differ, and for a label that neither map has.
    """
    if found.shape != truth.shape:
        raise Refusal(f"Only label maps on one grid compare, not {found.shape} with {truth.shape}; resample one.")
    a, b = found == label, truth == label
    either = a | b
    if not either.any():
        raise Refusal(f"Neither map has the label {label}, so no surface is to be measured; choose another label.")
    if not (a.any() and b.any()):
        return SurfaceDistances(np.empty(0), np.empty(0))
    near = ndimage.find_objects(either.view(np.uint8))[0]  # all that is needed lies in this box
    a, b = _surface(a[near]), _surface(b[near])
    to_a, to_b = (ndimage.distance_transform_edt(~each, sampling=tuple(spacing)) for each in (a, b))
    return SurfaceDistances(to_b[a], to_a[b])


def _surface(inside: Inside) -> Inside:
    surface: Inside = inside & ~ndimage.binary_erosion(inside, NEIGHBOURS)
    return surface
