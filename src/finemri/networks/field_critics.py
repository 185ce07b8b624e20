"""Critics of whole patches for Ravikumar et al. (2021), whose own figures are lost: proposals that fit its text."""

from itertools import pairwise
from typing import Literal

from torch import nn

from finemri.networks.blocks import initialise, initialise_bare
from finemri.refusal import Refusal
from finemri.shapes import Maps, Scores

Kind = Literal["b", "d", "f"]

MAPS: dict[Kind, tuple[int, ...]] = {"b": (8, 16, 32, 64), "d": (16, 32, 64, 128), "f": (32, 64, 128, 256)}


class FieldCritic(nn.Module):
    """Four convolutions, each to half the size, and one logit of all that is left: (b, inputs, patch, patch) -> (b,).

    - ``"b"``, the smallest: 3×3 with stride 2, 8-16-32-64 maps, 25,633 parameters of a 64×64 patch;
    - ``"d"``, of DCGAN2 and the U-Net: 4×4 with stride 2, 16-32-64-128 maps, 175,025;
    - ``"f"``, of more maps: 3×3 and the largest of 2×2, 32-64-128-256 maps, 392,833.

    Batch norm behind all convolutions but the first; none with ``normalise=False``, which the gradient penalty needs.
    Raises Refusal for another kind, a patch that 16 does not divide, and images of another size.
    """

    def __init__(self, kind: Kind = "b", inputs: int = 1, patch: int = 64, normalise: bool = True) -> None:
        super().__init__()
        if kind not in MAPS:
            raise Refusal(f"The critics of whole patches are 'b', 'd' and 'f', not {kind!r}.")
        if patch < 16 or patch % 16:
            raise Refusal(
                f"This critic halves a patch four times, which {patch}×{patch} does not allow; give 64 or 32."
            )
        self.patch = patch
        kernel = 4 if kind == "d" else 3
        stride = 1 if kind == "f" else 2
        layers: list[nn.Module] = []
        for depth, (before, after) in enumerate(pairwise((inputs, *MAPS[kind]))):
            layers.append(nn.Conv2d(before, after, kernel, stride=stride, padding=1))
            if normalise and depth > 0:
                layers.append(nn.BatchNorm2d(after))
            layers.append(nn.LeakyReLU(0.2))
            if kind == "f":
                layers.append(nn.MaxPool2d(2))
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(MAPS[kind][-1] * (patch // 16) ** 2, 1)
        initialise(self, gain_deviation=0.02)
        if not normalise:
            initialise_bare(self.layers, 0.2)

    def forward(self, image: Maps) -> Scores:
        i, j = image.shape[-2:]
        if (i, j) != (self.patch, self.patch):
            raise Refusal(f"This critic was built for patches of {self.patch}×{self.patch}, not {i}×{j}.")
        score: Scores = self.head(self.layers(image).flatten(1)).squeeze(1)
        return score
