"""A small U-Net for slices of any size: what regularises between two looks at the data."""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from finemri.shapes import MadeMaps, Maps


class UNet2D(nn.Module):
    """(b, inputs, i, j) -> (b, outputs, i, j): two residual 3×3 convolutions a scale, down and up again.

    No normalisation, so that brightness keeps its meaning from slice to slice and no statistics are kept; down by
    2×2 strided convolutions, up by nearest neighbour and addition of the encoder's maps. Sizes that do not divide are
    padded with their edges and cropped again. The last convolution starts at zero: the network starts as nothing.
    """

    def __init__(self, inputs: int, outputs: int, features: int = 24, depth: int = 4, growth: float = 1.25) -> None:
        super().__init__()
        widths = [round(features * growth**level / 8) * 8 for level in range(depth)]
        self.first = nn.Conv2d(inputs, widths[0], 3, padding=1)
        self.encode = nn.ModuleList(_Pair(width) for width in widths)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(widths))
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.decode = nn.ModuleList(_Pair(width) for width in widths[:-1])
        self.last = nn.Conv2d(widths[0], outputs, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, x: Maps) -> MadeMaps:
        i, j = x.shape[-2:]
        step = 2 ** len(self.down)
        x = functional.pad(x, (0, -j % step, 0, -i % step), mode="replicate")
        x = self.first(x)
        kept: list[Tensor] = []
        for encode, down in zip(self.encode, self.down, strict=False):
            x = encode(x)
            kept.append(x)
            x = down(x)
        x = self.encode[-1](x)
        for up, decode, skip in zip(reversed(self.up), reversed(self.decode), reversed(kept), strict=True):
            x = decode(skip + functional.interpolate(up(x), scale_factor=2, mode="nearest"))
        y: Tensor = self.last(x)
        return y[..., :i, :j]


class _Pair(nn.Module):
    """x + C(φ(C(φ(x))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Maps) -> MadeMaps:
        y: Tensor = x + self.second(functional.leaky_relu(self.first(functional.leaky_relu(x, 0.1)), 0.1))
        return y
