"""A head of a few ellipses, and what coils measure of it."""

import numpy as np
import torch

from finemri.physics.fourier import to_kspace
from finemri.physics.kspace import KSpace
from finemri.shapes import Sensitivities, Slice


def head(shape: tuple[int, int]) -> Slice:
    """Skull, brain, two ventricles and a lesion, brightness up to 1, smooth phase; air around it."""
    y, x = (np.linspace(-1, 1, n) for n in shape)
    y, x = y[:, None], x[None, :]
    image = np.zeros(shape)
    for at, size, level in (
        ((0, 0), (0.8, 0.7), 1.0),
        ((0, 0), (0.7, 0.6), 0.6),
        ((0, 0.2), (0.3, 0.12), 0.2),
        ((0, -0.2), (0.3, 0.12), 0.2),
        ((0.4, 0.1), (0.12, 0.15), 0.9),
    ):
        image[((y - at[0]) / size[0]) ** 2 + ((x - at[1]) / size[1]) ** 2 < 1] = level
    turned: Slice = (image * np.exp(1j * (0.5 + 0.8 * y - 0.4 * x * y))).astype(np.complex64)
    return turned


def measured(image: Slice, maps: Sensitivities, noise: float = 0.0) -> KSpace:
    """All samples, white noise of that standard deviation added; the sensitivities are kept for those who ask."""
    samples = to_kspace(torch.from_numpy(maps * image)).numpy()
    rng = np.random.default_rng(0)
    samples = samples + noise * (rng.normal(size=maps.shape) + 1j * rng.normal(size=maps.shape))
    return KSpace.of(samples.astype(np.complex64), sensitivities=maps)
