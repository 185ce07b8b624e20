"""The bricks of the volume networks: convolutions, residual blocks and three (and one) ways up to the fine grid."""

import math
from collections.abc import Callable
from typing import Literal

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from finemri.shapes import Batch, Made

Norm = Literal["batch", "none"]


def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv3d:
    """A 3×3×3 convolution with bias that keeps the size (or divides it by the stride, rounding up)."""
    return nn.Conv3d(inputs, outputs, 3, stride=stride, padding=1)


def norm(kind: Norm, features: int) -> nn.Module:
    """Batch normalisation as TensorLayer's (decay 0.9, ε 1e-5), or nothing."""
    return nn.BatchNorm3d(features, eps=1e-5, momentum=0.1) if kind == "batch" else nn.Identity()


class ResidualBlock(nn.Module):
    """x + N(C(φ(N(C(x))))): convolution, normalisation, leaky ReLU, convolution, normalisation (Ledig et al., 2017)."""

    def __init__(self, features: int, normalisation: Norm = "batch", slope: float = 0.25) -> None:
        super().__init__()
        self.first, self.second = conv(features, features), conv(features, features)
        self.first_norm, self.second_norm = norm(normalisation, features), norm(normalisation, features)
        self.slope = slope

    def forward(self, x: Batch) -> Made:
        inner = functional.leaky_relu(self.first_norm(self.first(x)), self.slope)
        y: Made = x + self.second_norm(self.second(inner))
        return y


def shuffle(x: Batch, factor: int) -> Made:
    """Sub-pixel shuffle: (b, c·r³, i, j, k) -> (b, c, r·i, r·j, r·k) (Shi et al., 2016, in 3D)."""
    return rearrange(x, "b (c p q r) i j k -> b c (i p) (j q) (k r)", p=factor, q=factor, r=factor)


class ResizeConv(nn.Module):
    """Twice as fine by convolution, nearest neighbour, convolution: free of checkerboards, at the cost of fine-grid
    work."""

    def __init__(self, inputs: int, outputs: int = 64, slope: float = 0.25) -> None:
        super().__init__()
        self.before, self.after = conv(inputs, outputs), conv(outputs, outputs)
        self.features, self.slope = outputs, slope

    def forward(self, x: Batch) -> Made:
        x = functional.leaky_relu(self.before(x), self.slope)
        x = functional.interpolate(x, scale_factor=2, mode="nearest")
        return functional.leaky_relu(self.after(x), self.slope)


class SubPixel(nn.Module):
    """Twice as fine by convolution to 64 maps, activation, then shuffle into 8: fast, and the one that shows
    checkerboards."""

    def __init__(self, inputs: int, maps: int = 64, slope: float = 0.25) -> None:
        super().__init__()
        self.conv = conv(inputs, maps)
        self.features, self.slope = maps // 8, slope

    def forward(self, x: Batch) -> Made:
        return shuffle(functional.leaky_relu(self.conv(x), self.slope), 2)


class SubPixelNN(nn.Module):
    """Twice as fine by a 6×6×6 transposed convolution that starts as nearest neighbour (Aitken et al., 2017).

    The kernel is drawn as 3×3×3 and every weight repeated twice along each axis, so that all eight phases start
    alike and the checkerboard has to be learnt before it can be seen.
    """

    def __init__(self, inputs: int, outputs: int = 64, slope: float = 0.25, deviation: float = 0.02) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose3d(inputs, outputs, 6, stride=2, padding=2)
        self.features, self.slope, self.deviation = outputs, slope, deviation
        self.start_as_nearest()

    @torch.no_grad()
    def start_as_nearest(self) -> None:
        """Draw N(0, 0.02²) on 3×3×3 and repeat it into 6×6×6."""
        inputs, outputs = self.conv.weight.shape[:2]
        small = torch.randn(inputs, outputs, 3, 3, 3) * self.deviation
        self.conv.weight.copy_(functional.interpolate(small, scale_factor=2, mode="nearest"))

    def forward(self, x: Batch) -> Made:
        return functional.leaky_relu(self.conv(x), self.slope)


UPSAMPLERS: dict[str, Callable[[int], ResizeConv | SubPixel | SubPixelNN]] = {
    "resize-conv": ResizeConv,
    "sub-pixel": SubPixel,
    "sub-pixel-nn": SubPixelNN,
}


class PhaseFilters(nn.Module):
    """A linear way to the fine grid: one 5×5×5 filter for each of the r³ phases, starting as cubic convolution.

    In float32 whatever the rest runs in, so that a network that adds its correction to this loses no precision.
    Edges are replicated: a constant stays constant up to the corners. (b, 1, i, j, k) -> (b, 1, ri, rj, rk).
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor
        line = torch.stack([_keys(torch.arange(-2, 3) - ((p + 0.5) / factor - 0.5)) for p in range(factor)])
        cube = torch.einsum("pa,qb,rc->pqrabc", line, line, line)
        self.filters = nn.Parameter(cube.reshape(factor**3, 1, 5, 5, 5))

    def forward(self, x: Batch) -> Made:
        with torch.autocast(x.device.type, enabled=False):
            padded = functional.pad(x.float(), (2,) * 6, mode="replicate")
            return shuffle(functional.conv3d(padded, self.filters.float()), self.factor)


def _keys(distance: Tensor, a: float = -0.5) -> Tensor:
    """Keys' cubic convolution kernel (1981)."""
    d = distance.abs()
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    return torch.where(d <= 1, near, torch.where(d < 2, far, torch.zeros_like(d)))


def initialise(network: nn.Module, deviation: float = 0.02, gain_deviation: float = 0.002) -> None:
    """TensorLayer's start: convolutions N(0, 0.02²), batch-norm gains N(1, 0.002²), biases 0; in 2D and in 3D.

    The 2D papers (DCGAN, pix2pix, SRGAN) draw the gains from N(1, 0.02²).
    """
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.Linear)):
            nn.init.normal_(module.weight, 0.0, deviation)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)) and module.affine:
            nn.init.normal_(module.weight, 1.0, gain_deviation)
    for module in network.modules():
        if isinstance(module, SubPixelNN):
            module.start_as_nearest()


def initialise_bare(network: nn.Module, slope: float) -> None:
    """He's start, for critics without normalisation: nothing else keeps the size of the maps from layer to layer."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Conv3d)):
            nn.init.kaiming_normal_(module.weight, a=slope)


def start_small(blocks: nn.Sequential, tail: nn.Conv3d) -> None:
    """He's start for residual blocks without normalisation, their second convolution a tenth of it; a tail near 0."""
    for block in blocks:
        assert isinstance(block, ResidualBlock)
        nn.init.kaiming_normal_(block.first.weight, a=0.1)
        nn.init.normal_(block.second.weight, 0.0, 0.1 * math.sqrt(2 / (27 * block.second.in_channels)))
    nn.init.normal_(tail.weight, 0.0, 1e-3)
