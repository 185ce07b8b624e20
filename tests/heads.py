"""Heads of nobody."""

import numpy as np
from scipy import ndimage


def textured_head(shape: tuple[int, int, int], radii: tuple[float, float, float], seed: int) -> np.ndarray:
    """A textured ellipsoid in air, a few hundred bright."""
    rng = np.random.default_rng(seed)
    at = np.indices(shape).transpose(1, 2, 3, 0)
    inside = ((((at - np.array(shape) / 2) / radii) ** 2).sum(-1) <= 1).astype(np.float32)
    texture = 1 + 3 * ndimage.gaussian_filter(rng.normal(size=shape), 1.5)
    image: np.ndarray = ndimage.gaussian_filter(inside * texture, 0.7) * 100
    return image.clip(0).astype(np.float32)
