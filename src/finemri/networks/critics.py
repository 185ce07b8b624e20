"""Critics of volumes: what tells a measured image from a made one."""

import math
from typing import Literal

from torch import nn

from finemri.networks.blocks import conv, initialise, initialise_bare, norm
from finemri.refusal import Refusal
from finemri.shapes import Batch, Scores

Head = Literal["dense", "pool"]


class VolumeCritic(nn.Module):
    """Eight 3×3×3 convolutions, every second one with stride 2, 32 → 256 maps, then a score (b,): a logit, no sigmoid.

    ``head="dense"`` is the paper's: flatten, 1024, 1; it fixes the patch size (128×128×92 in the paper) and holds
    100 M of its parameters. ``head="pool"`` averages over all places first: any size, 3.5 M parameters.
    Batch normalisation after every convolution but the first; none with ``normalise=False``, which the gradient penalty
    needs. Real and made batches pass separately, each normalised by its own statistics, so that a pooled critic with
    batch normalisation is blind to what differs on average: pool without it. Sanchez & Vilaplana (2018), figure 1.
    """

    def __init__(
        self,
        patch: tuple[int, int, int] = (128, 128, 92),
        head: Head = "pool",
        features: int = 32,
        normalise: bool = True,
    ) -> None:
        super().__init__()
        if head not in ("dense", "pool"):
            raise Refusal(f"A critic's head is 'dense' or 'pool', not {head!r}.")
        layers: list[nn.Module] = []
        inputs, outputs = 1, features
        for depth in range(8):
            layers.append(conv(inputs, outputs, stride=1 + depth % 2))
            layers.append(norm("batch" if normalise and depth > 0 else "none", outputs))
            layers.append(nn.LeakyReLU(0.3))
            inputs, outputs = outputs, outputs * (1 + depth % 2)
        self.convolutions = nn.Sequential(*layers)
        if normalise:
            initialise(self)
        else:
            initialise_bare(self, 0.3)
        self.head = (
            nn.Sequential(nn.Flatten()) if head == "dense" else nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten())
        )
        places = math.prod(math.ceil(n / 16) for n in patch) if head == "dense" else 1
        dense = (
            [nn.Linear(inputs * places, 1024), nn.LeakyReLU(0.3), nn.Linear(1024, 1)]
            if head == "dense"
            else [nn.Linear(inputs, 1)]
        )
        for layer in dense:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.1 if head == "dense" else 0.02, a=-2.0, b=2.0)
                nn.init.zeros_(layer.bias)
        self.head.extend(dense)

    def forward(self, image: Batch) -> Scores:
        score: Scores = self.head(self.convolutions(image)).squeeze(1)
        return score
