"""Where registration puts a point: x′ = M (x + d(x)), in RAS millimetres, from the fine scan's world to the coarse's.

Transforms are dictionaries that JSON can hold, in the order in which they were found:

    {"stage": "rigid" | "affine", "kept": true, "matrix": 4 rows of 4, "information": 1.2}
    {"stage": "deformable", "kept": true, "grid": 4 rows of 4, "shape": [7, 7, 7], "displacements": numbers, …}

Each matrix is the whole of the linear part so far, so the last that was kept is M. d is a cubic B-spline: its control
points lie at ``grid`` (index -> RAS mm), their displacements are ``shape`` × 3 numbers in mm, the last axis fastest.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64
from scipy import ndimage

from finemri.shapes import Affine

Points = Float64[np.ndarray, "point 3"]
Transform = dict[str, Any]


def carried(points: Points, transforms: Sequence[Transform]) -> Points:
    """Points of the fine world -> where the same tissue lies in the coarse scan's world."""
    matrix = linear(transforms)
    moved = points + displacements(points, transforms)
    return np.asarray(moved @ matrix[:3, :3].T + matrix[:3, 3])


def linear(transforms: Sequence[Transform]) -> Affine:
    """M: the last matrix that was kept; the identity where there is none."""
    kept = [t["matrix"] for t in transforms if t["kept"] and "matrix" in t]
    return np.asarray(kept[-1] if kept else np.eye(4), dtype=np.float64)


def displacements(points: Points, transforms: Sequence[Transform]) -> Points:
    """d(x), in mm; zero without a deformable stage."""
    moved = np.zeros_like(points)
    for transform in transforms:
        if transform["kept"] and "displacements" in transform:
            grid = np.asarray(transform["grid"], dtype=np.float64)
            control = np.asarray(transform["displacements"], dtype=np.float64).reshape(*transform["shape"], 3)
            at = np.linalg.solve(grid[:3, :3], (points - grid[:3, 3]).T)
            for axis in range(3):
                moved[:, axis] += ndimage.map_coordinates(
                    control[..., axis], at, order=3, mode="constant", prefilter=False
                )
    return moved
