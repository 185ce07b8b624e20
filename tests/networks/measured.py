"""A batch of made-up slices, measured by one coil or several through a mask."""

import numpy as np
import torch
from torch import Tensor, nn

from finemri.physics.coils import simulate_sensitivities
from finemri.physics.fourier import to_kspace


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def measure(shape: tuple[int, int], coils: int = 1, batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """k-space, mask, sensitivities: every third row and the middle were measured."""
    chance = torch.Generator().manual_seed(7)
    image = torch.randn(batch, *shape, generator=chance, dtype=torch.complex64)
    maps = torch.from_numpy(simulate_sensitivities(shape, coils, np.random.default_rng(3))).expand(batch, -1, -1, -1)
    mask = torch.zeros(batch, 1, *shape, dtype=torch.bool)
    mask[:, :, ::3] = True
    mask[:, :, shape[0] // 2 - 1 : shape[0] // 2 + 2] = True
    return to_kspace(maps * image.unsqueeze(1)) * mask, mask, maps
