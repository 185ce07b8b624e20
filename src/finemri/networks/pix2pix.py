"""pix2pix (Isola et al., 2017) at the size of Ravikumar et al. (2021): a U-Net of one patch, and a critic of places."""

import math

import torch
from torch import Tensor, nn

from finemri.networks.blocks import initialise, initialise_bare
from finemri.networks.planes import bound
from finemri.refusal import Refusal
from finemri.shapes import MadeMaps, Maps, Scores


class Pix2PixUNet(nn.Module):
    """4×4 convolutions that halve a patch until one pixel is left, 16-32-64-128-128-128 maps, and transposed ones back,
    each reading its level's maps besides: (b, 1, patch, patch) -> (b, 1, patch, patch).

    1,829,025 parameters for 64×64, one level less for 32×32. ``tanh`` bounds the image to −1…1, as the published
    library does. ``dropout`` (its default: none) drops maps of the levels between the innermost and 64 maps, of which
    32×32 has none. Raises Refusal for other patches, and for images of another size.
    """

    def __init__(self, patch: int = 64, dropout: float = 0.0, tanh: bool = True, features: int = 16) -> None:
        super().__init__()
        if patch not in (32, 64):
            raise Refusal(f"This U-Net is made for patches of 64×64 or 32×32, not {patch}×{patch}.")
        if dropout and patch == 32:
            raise Refusal("The U-Net of 32×32 has no level that drops maps; set dropout to 0 or patch to 64.")
        self.patch = patch
        levels = int(math.log2(patch))
        maps = [1, *(features * min(2**level, 8) for level in range(levels))]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level in range(levels):
            outermost, innermost = level == 0, level == levels - 1
            outer, inner = maps[level], maps[level + 1]
            halve: list[nn.Module] = [nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=False)]
            if not outermost:
                halve.insert(0, nn.LeakyReLU(0.2))
            if not (outermost or innermost):
                halve.append(nn.BatchNorm2d(inner))
            read = inner if innermost else 2 * inner
            double: list[nn.Module] = [
                nn.ReLU(),
                nn.ConvTranspose2d(read, outer, 4, stride=2, padding=1, bias=outermost),
                bound("tanh" if tanh else "none") if outermost else nn.BatchNorm2d(outer),
            ]
            if not innermost and outer == inner:
                double.append(nn.Dropout(dropout))
            self.down.append(nn.Sequential(*halve))
            self.up.append(nn.Sequential(*double))
        initialise(self, gain_deviation=0.02)

    def forward(self, x: Maps) -> MadeMaps:
        i, j = x.shape[-2:]
        if (i, j) != (self.patch, self.patch):
            raise Refusal(f"This U-Net takes patches of {self.patch}×{self.patch}, not {i}×{j}; cut the image.")
        # The library's in-place leaky ReLU changes the maps that are read besides; the ReLU that follows makes the
        # same of both, so nothing of that is seen here.
        kept: list[Tensor] = []
        y: Tensor = x
        for halve in self.down:
            y = halve(y)
            kept.append(y)
        y = self.up[-1](kept.pop())
        for double in reversed(self.up[:-1]):
            y = double(torch.cat([kept.pop(), y], dim=1))
        return y


class PatchCritic(nn.Module):
    """Five 4×4 convolutions, 16-32-64-128-1 maps, the first three with stride 2: one logit for every place.

    (b, inputs, i, j) -> (b, i/8 − 2, j/8 − 2), rounded down: 6×6 logits of 64×64. 174,801 parameters; 2,763,585 with
    64 ``features``, the library's. Batch norm behind the middle three; none with ``normalise=False``, which the
    gradient penalty needs. ``inputs=2`` is shown the coarse patch besides: the conditional critic of Isola et al.
    Raises Refusal for an image of less than 24×24.
    """

    def __init__(self, inputs: int = 1, features: int = 16, normalise: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for depth, maps in enumerate((features, 2 * features, 4 * features, 8 * features)):
            normed = normalise and depth > 0
            stride = 2 if depth < 3 else 1
            layers.append(nn.Conv2d(inputs, maps, 4, stride=stride, padding=1, bias=not normed))
            if normed:
                layers.append(nn.BatchNorm2d(maps))
            layers.append(nn.LeakyReLU(0.2))
            inputs = maps
        self.layers = nn.Sequential(*layers, nn.Conv2d(inputs, 1, 4, padding=1))
        initialise(self, gain_deviation=0.02)
        if not normalise:
            initialise_bare(self, 0.2)

    def forward(self, image: Maps) -> Scores:
        i, j = image.shape[-2:]
        if min(i, j) < 24:
            raise Refusal(f"This critic judges images of 24×24 and more, not {i}×{j}.")
        score: Scores = self.layers(image).squeeze(1)
        return score
