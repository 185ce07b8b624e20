"""DCSRN in 2D: a small densely connected network (Chen et al., 2018; as Ravikumar et al., 2021, count it)."""

import torch
from torch import nn

from finemri.networks.blocks import initialise
from finemri.networks.planes import Output, bound
from finemri.shapes import MadeMaps, Maps


class DCSRN2D(nn.Module):
    """A 3×3 convolution to 24 maps, four units N-ELU-C that read all maps before them, N and a convolution of all 120.

    (b, 1, i, j) -> (b, 1, i, j) of any size. 53,977 parameters, whether or not an ELU stands before the last
    convolution (``last_elu``), which no count can tell.
    """

    def __init__(self, features: int = 24, units: int = 4, last_elu: bool = False, output: Output = "none") -> None:
        super().__init__()
        self.head = nn.Conv2d(1, features, 3, padding=1)
        self.units = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(known), nn.ELU(), nn.Conv2d(known, features, 3, padding=1))
            for known in (features * n for n in range(1, units + 1))
        )
        known = features * (units + 1)
        self.tail = nn.Sequential(
            nn.BatchNorm2d(known),
            nn.ELU() if last_elu else nn.Identity(),
            nn.Conv2d(known, 1, 3, padding=1),
            bound(output),
        )
        self.radius = 2 + units
        """How far an output pixel looks."""
        initialise(self, gain_deviation=0.02)

    def forward(self, x: Maps) -> MadeMaps:
        known = self.head(x)
        for unit in self.units:
            known = torch.cat([known, unit(known)], dim=1)
        y: MadeMaps = self.tail(known)
        return y
