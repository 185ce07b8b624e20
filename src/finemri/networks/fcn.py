"""The fully convolutional networks of Ravikumar et al. (2021), 7T to 9.4T, solved from their parameter counts."""

from torch import nn
from torch.nn import functional

from finemri.networks.blocks import initialise
from finemri.networks.planes import Chain, Output, bound
from finemri.shapes import MadeMaps, Maps


class FCN1(Chain):
    """Four convolutions, 32-64-128-1 maps: (b, 1, i, j) -> (b, 1, i, j) of any size. 308,545 parameters.

    ``kernels`` (9, 7, 5, 1) and (7, 7, 5, 3) have the published count alike, for 81·32 + 128 = 49·32 + 9·128. The text
    puts batch norm and ReLU behind each of the four, the count leaves the last without batch norm; ``output="relu"``
    is the rest of it. Raises Refusal for an even kernel.
    """

    def __init__(self, kernels: tuple[int, int, int, int] = (9, 7, 5, 1), output: Output = "none") -> None:
        super().__init__((1, 32, 64, 128, 1), kernels, output=output)


class FCN2(nn.Module):
    """Three convolutions, each halved by its largest; three 4×4 transposed ones back: 32-64-64-64-32-1 maps.

    (b, 1, i, j) -> (b, 1, i, j); sizes that 8 does not divide are padded with their edges and cut again. 155,681
    parameters: the one layout with that count whose widths are powers of two, likely but not certain.
    """

    def __init__(self, output: Output = "none") -> None:
        super().__init__()
        down = [
            layer
            for inputs, outputs, kernel in ((1, 32, 5), (32, 64, 3), (64, 64, 3))
            for layer in (*_known(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), outputs), nn.MaxPool2d(2))
        ]
        up = [layer for inputs, outputs in ((64, 64), (64, 32)) for layer in _known(_rise(inputs, outputs), outputs)]
        self.layers = nn.Sequential(*down, *up, _rise(32, 1), bound(output))
        self.step = 8
        """Tiles that start at multiples of this see the same poolings as the whole."""
        self.radius = 22
        """How far an output pixel looks."""
        initialise(self, gain_deviation=0.02)

    def forward(self, x: Maps) -> MadeMaps:
        i, j = x.shape[-2:]
        padded = functional.pad(x, (0, -j % self.step, 0, -i % self.step), mode="replicate")
        y: MadeMaps = self.layers(padded)[..., :i, :j]
        return y


def _rise(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)


def _known(convolution: nn.Module, outputs: int) -> list[nn.Module]:
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]
