"""The phase of a complex image: smooth, as field and coils leave it."""

import numpy as np

from finemri.shapes import Magnitude


def smooth_phase(shape: tuple[int, int], rng: np.random.Generator, order: int = 3) -> Magnitude:
    """φ(x) in radians: a random polynomial of ``order`` in both axes and a few random waves, up to several turns.

    Coefficients fall with their degree, so that k-space is blurred around its centre, as in real scans, not scattered.
    """
    y, x = (np.linspace(-1, 1, n) for n in shape)
    y, x = y[:, None], x[None, :]
    phase = np.full(shape, rng.uniform(-np.pi, np.pi))
    for p in range(order + 1):
        for q in range(order + 1 - p):
            if p + q > 0:
                phase += rng.normal(0, 1.2 / (p + q)) * y**p * x**q
    for _ in range(3):
        u, v = rng.uniform(-2.5, 2.5, 2)
        phase += rng.normal(0, 0.25) * np.cos(np.pi * (u * y + v * x) + rng.uniform(0, 2 * np.pi))
    return phase.astype(np.float32)
