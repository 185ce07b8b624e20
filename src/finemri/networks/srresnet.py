"""The 3D SRGAN generator, and the lean residual network that finemri ships."""

import math

import torch
from torch import nn
from torch.nn import functional

from finemri.networks.blocks import (
    UPSAMPLERS,
    Norm,
    PhaseFilters,
    ResidualBlock,
    conv,
    initialise,
    norm,
    shuffle,
    start_small,
)
from finemri.refusal import Refusal
from finemri.shapes import Batch, Made


class SRResNet3D(nn.Module):
    """The generator of Sanchez & Vilaplana (2018): six residual blocks on the coarse grid, then log₂ r doublings.

    (b, 1, i, j, k) -> (b, 1, ri, rj, rk). ``tanh`` bounds the output as the published code does for resize-conv alone.
    Parameters at ×2: 529,377 (resize-conv), 417,209 (sub-pixel), 805,793 (sub-pixel-nn);
    at ×4: 750,689, 431,097, 1,690,593.
    """

    def __init__(
        self,
        scale: int = 2,
        upsampler: str = "resize-conv",
        features: int = 32,
        blocks: int = 6,
        normalisation: Norm = "batch",
        tanh: bool = False,
    ) -> None:
        super().__init__()
        check_scale(scale)
        if upsampler not in UPSAMPLERS:
            raise Refusal(f"There is no upsampler {upsampler!r}; choose one of {', '.join(UPSAMPLERS)}.")
        self.scale, self.tanh = scale, tanh
        self.head = nn.Sequential(conv(1, features), norm(normalisation, features), nn.LeakyReLU(0.25))
        self.blocks = nn.Sequential(*(ResidualBlock(features, normalisation) for _ in range(blocks)))
        self.post = nn.Sequential(conv(features, features), norm(normalisation, features))
        doublings: list[nn.Module] = []
        for _ in range(int(math.log2(scale))):
            doubling = UPSAMPLERS[upsampler](features)
            doublings.append(doubling)
            features = doubling.features
        self.up = nn.Sequential(*doublings)
        self.tail = conv(features, 1)
        initialise(self)
        self.radius = 4 + 2 * blocks + (scale > 2)
        """How far an output voxel looks, in coarse voxels (rounded up)."""

    def forward(self, x: Batch) -> Made:
        x = self.head(x)
        x = self.up(x + self.post(self.blocks(x)))
        return torch.tanh(self.tail(x)) if self.tanh else self.tail(x)


class ResidualSR3D(nn.Module):
    """A correction to linear interpolation: y = phase filters(x) + shuffle(C(trunk(x))), trunk on the coarse grid only.

    No normalisation layers (they blur, and tie a tile to its statistics), every convolution on the coarse grid: the
    cost is that of the trunk, whatever the scale. (b, 1, i, j, k) -> (b, 1, ri, rj, rk). After EDSR (Lim et al., 2017)
    and WDSR (Yu et al., 2018).
    """

    def __init__(self, scale: int = 2, features: int = 48, blocks: int = 8) -> None:
        super().__init__()
        check_scale(scale)
        self.scale = scale
        self.interpolate = PhaseFilters(scale)
        self.head = conv(1, features)
        self.blocks = nn.Sequential(*(ResidualBlock(features, "none", slope=0.1) for _ in range(blocks)))
        self.tail = conv(features, scale**3)
        start_small(self.blocks, self.tail)
        self.radius = 2 + 2 * blocks
        """How far an output voxel looks, in coarse voxels."""

    def forward(self, x: Batch) -> Made:
        trunk = self.head(x)
        trunk = functional.leaky_relu(trunk + self.blocks(trunk), 0.1)
        y: Made = self.interpolate(x) + shuffle(self.tail(trunk), self.scale).float()
        return y


def check_scale(scale: int) -> None:
    """Refuse what the doublings cannot reach. At 1 there are none: coarse and fine lie on one grid."""
    if scale not in (1, 2, 4):
        raise Refusal(f"These networks make images 1, 2 or 4 times finer, not {scale} times.")
