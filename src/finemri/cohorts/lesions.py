"""Lesions drawn into fine regions, so that a network learns to keep what no anatomy explains."""

import math

import numpy as np
import torch

from finemri.cohorts.regions import Region

TISSUE = 0.1
"""A lesion's centre is brighter than that."""
CONTRAST = (0.05, 0.5)
"""Lowest and highest, of the brightest tissue."""
RADIUS = (1.0, 6.0)
"""Shortest and longest half axis of an ellipsoid, in fine voxels, before its three are made to differ."""
EDGE = (0.25, 1.5)
"""Sharpest and softest edge, in fine voxels."""
APART = 25_000
"""Fine voxels in which one lesion is drawn, in the mean."""


def with_lesions(region: Region, rng: np.random.Generator) -> Region:
    """x + Σ c_n σ(4 (1 − |R_n (r − r_n)|) ρ_n / e_n), not below 0: turned ellipsoids, bright and dark, σ logistic.

    R_n turns and divides by the half axes, whose geometric mean is ρ_n; e_n is the edge's width. A centre in air is
    left out, so that some regions get none.
    """
    made = region.clone()
    shape = np.array(region.shape)
    for _ in range(rng.poisson(region.numel() / APART)):
        centre = rng.uniform(0, shape - 1)
        radii, edge = _between(RADIUS, rng) * np.exp(0.3 * rng.normal(size=3)), _between(EDGE, rng)
        contrast = float(rng.choice((-1, 1)) * _between(CONTRAST, rng))
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0] / radii[:, None]
        if region[tuple(centre.astype(int))] < TISSUE:
            continue
        reach = math.ceil(radii.max() + 4 * edge)
        first, last = np.maximum(centre.astype(int) - reach, 0), np.minimum(centre.astype(int) + reach + 1, shape)
        box = tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
        away = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(first, last, strict=True)), indexing="ij"), -1)
        depth = (1 - np.linalg.norm((away - centre) @ turn.T, axis=-1)) * radii.prod() ** (1 / 3)
        made[box] += contrast * torch.sigmoid(torch.from_numpy(depth / edge * 4).float())
    return made.clamp_(min=0)


def _between(span: tuple[float, float], rng: np.random.Generator) -> float:
    """Log-uniform."""
    return float(np.exp(rng.uniform(*np.log(span))))
