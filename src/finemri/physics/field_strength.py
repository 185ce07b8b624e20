"""What another scanner does to brightness: a flatter contrast, and coils that hear one side louder."""

from collections.abc import Sequence

import numpy as np

from finemri.shapes import FineVoxels, Voxels

STEEP = 3.0
"""How soon the flattened curve leaves air: tanh(3) is one but for half a percent."""


def flatten_contrast(voxels: Voxels, *, gamma: float = 1.0, contrast: float = 1.0) -> Voxels:
    """x′ = p h(v^γ), v = x / p, h(u) = c u + (1 − c) m tanh(3u/m) / tanh 3: monotone, and air stays 0.

    p is the 99.9th percentile of ``voxels`` and m the median of what is brighter than a tenth of it, after γ: there the
    differences between tissues shrink to ``contrast`` c (in 0..1) of what they were, while m itself stays. Negative
    voxels become 0. A stand-in for the shorter and more similar T1 at a lower field, no model of relaxation.
    """
    v: Voxels = np.clip(voxels, 0, None)
    p = float(np.percentile(v, 99.9)) or float(v.max())
    if p <= 0 or (gamma, contrast) == (1.0, 1.0):
        return v
    u = (v / np.float32(p)) ** np.float32(gamma)
    m = np.float32(np.median(u[v > 0.1 * p]))
    curve = (1 - contrast) / np.tanh(STEEP) * m
    flat: Voxels = p * (contrast * u + curve * np.tanh(STEEP * u / m))
    return flat.astype(np.float32)


def bias_field(
    shape: Sequence[int],
    spacing: Sequence[float],
    deviation: float,
    rng: np.random.Generator,
    *,
    length: float = 80.0,
    waves: int = 64,
) -> FineVoxels:
    """B = exp(b f), f = √(2/n) Σₙ cos(kₙ·x + φₙ), kₙ ~ N(0, ℓ⁻²) a direction: f has unit deviation over many draws.

    ``deviation`` is b; ``length`` ℓ, in mm, is about the distance over which f changes, whatever the size of the voxels
    (``spacing``, mm). A small crop sees a small part of a head's field: little more than a slope.
    """
    k = rng.normal(0, 1 / length, (waves, 3))
    phase = np.exp(1j * rng.uniform(0, 2 * np.pi, waves))
    i, j, l = (
        np.exp(1j * np.outer(k[:, axis], mm * (np.arange(n) - (n - 1) / 2)))
        for axis, (n, mm) in enumerate(zip(shape, spacing, strict=True))
    )
    field = np.empty(tuple(shape), np.float32)
    for row in range(shape[0]):  # a row at a time: complex waves of a whole head would not fit
        field[row] = np.real((phase * i[:, row] * j.T) @ l)
    biased: FineVoxels = np.exp(deviation * np.sqrt(2 / waves) * field).astype(np.float32)
    return biased
