"""The bricks of the 2D networks: paddings that keep the size, convolutions in pairs and in rows, what bounds an
image."""

import math
from itertools import pairwise
from typing import Literal

from torch import nn
from torch.nn import functional

from finemri.networks.blocks import initialise
from finemri.refusal import Refusal
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


Output = Literal["none", "relu", "tanh", "sigmoid"]


def bound(output: Output) -> nn.Module:
    """What stands behind the last convolution: nothing, ReLU (0…), tanh (−1…1) or sigmoid (0…1)."""
    bounds: dict[str, type[nn.Module]] = {
        "none": nn.Identity,
        "relu": nn.ReLU,
        "tanh": nn.Tanh,
        "sigmoid": nn.Sigmoid,
    }
    if output not in bounds:
        raise Refusal(f"An image is bounded by one of {', '.join(bounds)}, not by {output!r}.")
    return bounds[output]()


class Chain(nn.Module):
    """Convolutions in a row, zeros around, ReLU between them: (b, maps₀, i, j) -> (b, mapsₙ, i, j) of any size.

    ``normalised`` says behind which convolutions a batch norm stands; None: behind all but the last. ``affine=False``
    is a batch norm without gains, and convolutions without biases but for the last. Raises Refusal for an even kernel.
    """

    def __init__(
        self,
        maps: tuple[int, ...],
        kernels: tuple[int, ...],
        normalised: tuple[bool, ...] | None = None,
        output: Output = "none",
        affine: bool = True,
    ) -> None:
        super().__init__()
        if any(kernel % 2 == 0 for kernel in kernels):
            raise Refusal(f"Kernels of {', '.join(map(str, kernels))} do not all have a middle; give odd ones.")
        last = len(kernels) - 1
        normalised = normalised or (*[True] * last, False)
        layers: list[nn.Module] = []
        for depth, (inputs, outputs) in enumerate(pairwise(maps)):
            kernel = kernels[depth]
            layers.append(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=affine or depth == last))
            if normalised[depth]:
                layers.append(nn.BatchNorm2d(outputs, affine=affine))
            layers.append(nn.ReLU() if depth < last else bound(output))
        self.layers = nn.Sequential(*layers)
        self.radius = sum(kernel // 2 for kernel in kernels)
        """How far an output pixel looks."""
        initialise(self, gain_deviation=0.02)

    def forward(self, x: Maps) -> MadeMaps:
        y: MadeMaps = self.layers(x)
        return y


class Residual(nn.Module):
    """x + net(x), so that the network makes only what is missing; of several slices, the middle one is what is
    added to."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Maps) -> MadeMaps:
        y: MadeMaps = self.network(x)
        middle = x.shape[1] // 2
        return y + (x if x.shape[1] == y.shape[1] else x[:, middle : middle + 1])
