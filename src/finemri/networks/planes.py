"""The bricks of the 2D networks: paddings that keep the size, and pairs of convolutions."""

import math

from torch import nn
from torch.nn import functional

from finemri.shapes import MadeMaps, Maps


class Same(nn.Module):
    """TensorFlow's SAME: pad with zeros so that a stride s makes ⌈n/s⌉ of n, the odd row behind.

    PyTorch's symmetric padding samples even sizes half a step away from it.
    """

    def __init__(self, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Maps) -> MadeMaps:
        pads: list[int] = []
        for n in (x.shape[-1], x.shape[-2]):
            total = max((math.ceil(n / self.stride) - 1) * self.stride + self.kernel - n, 0)
            pads += [total // 2, total - total // 2]
        y: MadeMaps = functional.pad(x, pads)
        return y


def same(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, bias: bool = True) -> nn.Sequential:
    """A convolution that makes ⌈n/stride⌉ of n, zeros around."""
    return nn.Sequential(Same(kernel, stride), nn.Conv2d(inputs, outputs, kernel, stride, bias=bias))


def reflected(inputs: int, outputs: int, kernel: int, stride: int = 1, bias: bool = False) -> nn.Sequential:
    """A convolution over the mirrored image: n/stride of n, rounded down; an even kernel sees one more behind."""
    total = kernel - stride
    pads = (total // 2, total - total // 2) * 2
    return nn.Sequential(nn.ReflectionPad2d(pads), nn.Conv2d(inputs, outputs, kernel, stride, bias=bias))


def pair(inputs: int, outputs: int, kernel: int, slope: float = 0.1) -> nn.Sequential:
    """Twice: mirror, convolve, batch norm, leaky ReLU."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [reflected(channels, outputs, kernel), nn.BatchNorm2d(outputs), nn.LeakyReLU(slope)]
    return nn.Sequential(*layers)


def padded_to(x: Maps, multiple: int) -> MadeMaps:
    """Mirror the far edges until ``multiple`` divides both sizes."""
    i, j = x.shape[-2:]
    y: MadeMaps = functional.pad(x, (0, -j % multiple, 0, -i % multiple), mode="reflect")
    return y
