"""The phase of a complex image, smooth as field and coils leave it; and how bright coils make what is near them."""

import numpy as np
import torch

from finemri.physics.consistency import combine
from finemri.physics.fourier import to_image
from finemri.shapes import ComplexImages, Magnitude, Measured


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


def coarse_phase(kspace: Measured, sensitivities: Measured) -> ComplexImages:
    """e^{iφ}, φ the phase of Σ_c S̄_c Fᴴ(w k)_c, w a Hann window on the central quarter of k-space along both axes.

    Coil images are smooth, so φ is; maps times e^{iφ} see an image that is nearly real and positive, whatever phase
    they came with. ESPIRiT's is arbitrary, and may turn around points within the head.
    """
    i, j = kspace.shape[-2:]
    window = _hann(i)[:, None] * _hann(j)[None, :]
    coarse = combine(to_image(kspace * window.to(kspace.device)), sensitivities)
    return torch.polar(torch.ones_like(coarse.real), coarse.angle())


def _hann(n: int) -> torch.Tensor:
    """A Hann window of n // 4 samples, at least 12, about the centre n // 2; zero elsewhere."""
    width = min(max(n // 4, 12), n)
    window = torch.zeros(n)
    first = n // 2 - width // 2
    window[first : first + width] = torch.hann_window(width + 2, periodic=False)[1:-1]
    return window


def receive_field(shape: tuple[int, int], rng: np.random.Generator) -> Magnitude:
    """exp(a r² + b·x): brighter towards the coils, r² = 1 at the middle of an edge; a ~ U(0, 1.2), b ~ N(0, 0.25²)."""
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    y, x = y[:, None], x[None, :]
    tilt = rng.normal(0, 0.25, 2)
    field: Magnitude = np.exp(rng.uniform(0, 1.2) * (y**2 + x**2) + tilt[0] * y + tilt[1] * x).astype(np.float32)
    return field
