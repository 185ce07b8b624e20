"""A 3D RRDB generator: residual in residual dense blocks (Wang et al., ESRGAN, 2018)."""

import torch
from torch import nn
from torch.nn import functional

from finemri.networks.blocks import PhaseFilters, conv, shuffle
from finemri.networks.srresnet import check_scale
from finemri.shapes import Batch, Made


class DenseBlock(nn.Module):
    """Five convolutions, each reading all before it; x + 0.2 · the last."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        widths = [features + n * growth for n in range(5)]
        self.convs = nn.ModuleList(conv(w, growth if n < 4 else features) for n, w in enumerate(widths))
        for layer in self.convs:
            assert isinstance(layer, nn.Conv3d)
            nn.init.kaiming_normal_(layer.weight, a=0.2)
            layer.weight.data.mul_(0.1)

    def forward(self, x: Batch) -> Made:
        known = x
        for layer in self.convs[:-1]:
            known = torch.cat([known, functional.leaky_relu(layer(known), 0.2)], dim=1)
        y: Made = x + 0.2 * self.convs[-1](known)
        return y


class RRDB(nn.Module):
    """Three dense blocks; x + 0.2 · (their result − x), as published."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.dense = nn.Sequential(*(DenseBlock(features, growth) for _ in range(3)))

    def forward(self, x: Batch) -> Made:
        y: Made = x + 0.2 * self.dense(x)
        return y


class RRDBNet3D(nn.Module):
    """RRDBs on the coarse grid, sub-pixel to the fine one, added to linear interpolation (b, 1, i, j, k) -> (b, 1,
    ri, rj, rk).

    On a public common protocol a plain 3D RRDB beats every other published network on four brain data sets.
    """

    def __init__(self, scale: int = 2, features: int = 32, growth: int = 16, blocks: int = 3) -> None:
        super().__init__()
        check_scale(scale)
        self.scale = scale
        self.interpolate = PhaseFilters(scale)
        self.head = conv(1, features)
        self.blocks = nn.Sequential(*(RRDB(features, growth) for _ in range(blocks)))
        self.post, self.tail = conv(features, features), conv(features, scale**3)
        nn.init.normal_(self.tail.weight, 0.0, 1e-3)
        self.radius = 3 + 15 * blocks
        """How far an output voxel looks, in coarse voxels."""

    def forward(self, x: Batch) -> Made:
        trunk = self.head(x)
        trunk = functional.leaky_relu(trunk + self.post(self.blocks(trunk)), 0.2)
        y: Made = self.interpolate(x) + shuffle(self.tail(trunk), self.scale).float()
        return y
