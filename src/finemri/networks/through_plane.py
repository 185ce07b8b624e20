"""A small 2D network that cuts thick slices into thin ones: planes across the slices go in, finer planes come out."""

import math

import torch
from einops import rearrange
from torch import nn
from torch.nn import functional

from finemri.refusal import Refusal
from finemri.shapes import MadeMaps, Maps
from finemri.volumes.grid import spline_matrix

TAPS = 7
"""Slices that the linear path looks at: a cubic spline gives the next less than a hundredth."""


class SliceFilters(nn.Module):
    """A linear way to the thin slices: one filter of 7 taps for each of the r phases, starting as the cubic spline.

    In float32 whatever the rest runs in; beyond the ends the outermost slice stands in, so a constant stays constant.
    (b, 1, i, n) -> (b, 1, i, r·n).
    """

    def __init__(self, phases: int) -> None:
        super().__init__()
        reach = 2 * TAPS
        among = spline_matrix(2 * reach + 1, (2 * reach + 1) * phases)[reach * phases : (reach + 1) * phases]
        line = torch.tensor(among[:, reach - TAPS // 2 : reach + TAPS // 2 + 1])
        self.filters = nn.Parameter((line / line.sum(1, keepdim=True))[:, None, None])

    def forward(self, x: Maps) -> MadeMaps:
        with torch.autocast(x.device.type, enabled=False):
            padded = functional.pad(x.float(), (TAPS // 2, TAPS // 2, 0, 0), mode="replicate")
            return interleave(functional.conv2d(padded, self.filters.float()))


class PlaneBlock(nn.Module):
    """x + C(φ(C(x))): two 3×3 convolutions, a leaky ReLU between them, no normalisation (Lim et al., EDSR, 2017)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(features, features, 3, padding=1) for _ in range(2))
        nn.init.kaiming_normal_(self.first.weight, a=0.1)
        nn.init.normal_(self.second.weight, 0.0, 0.1 * math.sqrt(2 / (9 * features)))

    def forward(self, x: Maps) -> MadeMaps:
        y: MadeMaps = x + self.second(functional.leaky_relu(self.first(x), 0.1))
        return y


class ThroughPlane(nn.Module):
    """y = filters(x) + interleave(C(trunk(x))): (b, 1, i, n) -> (b, 1, i, r·n), the slice axis last.

    The trunk works on the thick slices, so that it costs the same however thin the new ones are, and the same weights
    serve every factor: r sub-slices are made of each slice, and the caller reads them at the spacing it wants.
    Raises Refusal for fewer than 2 sub-slices.
    """

    def __init__(self, phases: int = 8, features: int = 32, blocks: int = 8) -> None:
        super().__init__()
        if phases < 2:
            raise Refusal(f"A thick slice is cut into at least 2, not {phases}.")
        self.interpolate = SliceFilters(phases)
        self.head = nn.Conv2d(1, features, 3, padding=1)
        self.blocks = nn.Sequential(*(PlaneBlock(features) for _ in range(blocks)))
        self.tail = nn.Conv2d(features, phases, 3, padding=1)
        nn.init.normal_(self.tail.weight, 0.0, 1e-3)
        assert self.tail.bias is not None
        nn.init.zeros_(self.tail.bias)

    def forward(self, x: Maps) -> MadeMaps:
        trunk = self.head(x)
        trunk = functional.leaky_relu(trunk + self.blocks(trunk), 0.1)
        y: MadeMaps = self.interpolate(x) + interleave(self.tail(trunk)).float()
        return y


def interleave(x: Maps) -> MadeMaps:
    """Sub-pixel shuffle along the last axis: (b, r, i, n) -> (b, 1, i, n·r)."""
    return rearrange(x, "b r i n -> b 1 i (n r)")
