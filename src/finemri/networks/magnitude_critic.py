"""The critic of magnitude images by Seitzer et al. (2018): one logit for every neighbourhood."""

from itertools import pairwise

from torch import Tensor, nn

from finemri.networks.blocks import initialise
from finemri.networks.planes import reflected
from finemri.refusal import Refusal
from finemri.shapes import Maps, Scores


class MagnitudeCritic(nn.Module):
    """4×4 convolutions over mirrored edges, 64-128-256-512-1024 maps with stride 2, 1024 with stride 1, then one logit
    a place, without padding.

    (b, 1, i, j) -> (b, i/32 − 3, j/32 − 3), rounded down: 13×13 logits of 512×512. 27,941,697 parameters. Whole maps
    are dropped after the last three activations in training. Fewer ``maps`` halve less often, for images under 128.
    Raises Refusal for an image that leaves the last convolution less than 4×4.
    """

    def __init__(
        self, channels: int = 1, maps: tuple[int, ...] = (64, 128, 256, 512, 1024, 1024), dropout: float = 0.5
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for depth, (inputs, outputs) in enumerate(pairwise((channels, *maps))):
            last = depth == len(maps) - 1
            parts: list[nn.Module] = [reflected(inputs, outputs, 4, stride=1 if last else 2, bias=depth == 0)]
            if depth:
                parts.append(nn.BatchNorm2d(outputs))
            parts.append(nn.LeakyReLU(0.2))
            if depth >= len(maps) - 3:
                parts.append(nn.Dropout2d(dropout))
            layers.append(nn.Sequential(*parts))
        self.layers = nn.ModuleList(layers)
        self.tail = nn.Conv2d(maps[-1], 1, 4)
        self.smallest = 4 * 2 ** (len(maps) - 1)
        """The smallest side of an image that it can judge."""
        initialise(self, gain_deviation=0.02)

    def maps(self, image: Maps) -> list[Tensor]:
        """What each layer makes of the image, after activation and dropout (as published); last, the logits
        (b, 1, mi, mj)."""
        i, j = image.shape[-2:]
        if min(i, j) < self.smallest:
            raise Refusal(
                f"This critic halves images until {i}×{j} has no place left; "
                f"give images of {self.smallest}×{self.smallest} and more, or a critic of fewer maps."
            )
        seen: list[Tensor] = []
        x: Tensor = image
        for layer in (*self.layers, self.tail):
            x = layer(x)
            seen.append(x)
        return seen

    def forward(self, image: Maps) -> Scores:
        return self.maps(image)[-1].squeeze(1)
