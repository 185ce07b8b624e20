"""DAGAN (Yang et al., 2018): a deep U-Net that corrects the zero-filled magnitude, and the critic it shares with
the SRGAN of TensorLayer."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from finemri.networks.blocks import initialise
from finemri.networks.channels import zero_filled
from finemri.networks.planes import Same, same
from finemri.refusal import Refusal
from finemri.shapes import ComplexImages, Maps, Measured, Scores, Where

Head = Literal["dense", "pool"]
DOWN = (64, 128, 256, 512, 512, 512, 512, 512)
UP = (64, 64, 128, 256, 1024, 1024, 1024, 512)
"""Maps of the transposed convolution that comes back to each level, the finest first."""


class DAGANGenerator(nn.Module):
    """y = clip(x + tanh U(x), −1, 1), where −1…1 is the magnitude of the zero-filled image from 0 to ``ceiling``.

    k-space (b, coil, i, j) -> image (b, i, j), complex of phase zero: DAGAN knows no phase. ``refine=False`` gives
    tanh U(x) alone. Each of ``levels`` halves the image: eight for more than 128, fewer for less (``levels_for``).
    98,587,393 parameters at eight. Odd sizes round up on the way down and are cut on the way up. Raises Refusal for
    levels outside 2..8, or more than the image has.
    """

    def __init__(self, levels: int = 8, refine: bool = True, ceiling: float = 1.0) -> None:
        super().__init__()
        if not 2 <= levels <= len(DOWN):
            raise Refusal(f"DAGAN has 2 to {len(DOWN)} levels, not {levels}.")
        if not ceiling > 0:
            raise Refusal(f"The brightest magnitude lies above 0, not at {ceiling}.")
        self.refine, self.ceiling = refine, ceiling
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for level, (inputs, outputs) in enumerate(zip((1, *DOWN), DOWN[:levels], strict=False)):
            bare = level in (0, levels - 1)
            norm = nn.Identity() if bare else nn.BatchNorm2d(outputs)
            down.append(nn.Sequential(same(inputs, outputs, 4, 2), norm, nn.LeakyReLU(0.2)))
        for level in reversed(range(levels)):
            inputs = DOWN[level] if level == levels - 1 else UP[level + 1] + DOWN[level]
            rise = nn.ConvTranspose2d(inputs, UP[level], 4, stride=2, padding=1)
            up.append(nn.Sequential(rise, nn.BatchNorm2d(UP[level]), nn.ReLU()))
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)
        self.tail = nn.Conv2d(UP[0], 1, 1)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.trunc_normal_(module.weight, std=0.01, a=-0.02, b=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1.0, 0.02)

    def forward(self, kspace: Measured, mask: Where, sensitivities: Measured) -> ComplexImages:
        x = 2 * zero_filled(kspace, mask, sensitivities).abs().unsqueeze(1) / self.ceiling - 1
        if len(self.down) > levels_for(x.shape[2], x.shape[3]):
            raise Refusal(
                f"An image of {x.shape[2]}×{x.shape[3]} cannot be halved {len(self.down)} times; "
                f"give DAGAN {levels_for(x.shape[2], x.shape[3])} levels."
            )
        skipped: list[Tensor] = [x]
        for down in self.down:
            skipped.append(down(skipped[-1]))
        y = skipped.pop()
        for up in self.up:
            skip = skipped.pop()
            y = up(y)[..., : skip.shape[-2], : skip.shape[-1]]
            y = torch.cat([y, skip], 1) if skipped else y
        y = torch.tanh(self.tail(y)).float()
        y = torch.clamp(x + y, -1, 1) if self.refine else y
        magnitude = (y.squeeze(1) + 1) / 2 * self.ceiling
        return torch.complex(magnitude, torch.zeros_like(magnitude))


def levels_for(i: int, j: int) -> int:
    """How often DAGAN can halve an image: until a side is one, eight times at most."""
    return min(len(DOWN), math.ceil(math.log2(min(i, j))))


class DAGANCritic(nn.Module):
    """4×4 convolutions with stride 2, 64-128-256-512-1024-2048 maps, then 1×1 to 512 with a residual block beside it,
    then one logit (b,).

    (b, inputs, i, j), in −1…1. ``head="dense"`` is the paper's: a weight for every place, which fixes the ``size`` of
    the image (512×512: 48,166,209 parameters; 48,168,257 of three slices). ``head="pool"`` averages over all places
    first: any size. Narcomey & Gu (2019) use the same one. Batch norm wants more than one place or more than one image:
    train on images above 64×64, or on several at a time.
    """

    def __init__(
        self,
        size: tuple[int, int] = (512, 512),
        head: Head = "pool",
        inputs: int = 1,
        features: int = 64,
    ) -> None:
        super().__init__()
        if head not in ("dense", "pool"):
            raise Refusal(f"A critic's head is 'dense' or 'pool', not {head!r}.")
        f = features
        self.size = tuple(math.ceil(n / 64) for n in size) if head == "dense" else None
        layers: list[nn.Module] = [same(inputs, f, 4, 2), nn.LeakyReLU(0.2)]
        for depth in range(5):
            layers += [_layer(f * 2**depth, f * 2 ** (depth + 1), 4, 2), nn.LeakyReLU(0.2)]
        layers += [_layer(32 * f, 16 * f, 1), nn.LeakyReLU(0.2), _layer(16 * f, 8 * f, 1)]
        self.convolutions = nn.Sequential(*layers)
        self.residual = nn.Sequential(
            _layer(8 * f, 2 * f, 1),
            nn.LeakyReLU(0.2),
            _layer(2 * f, 2 * f, 3),
            nn.LeakyReLU(0.2),
            _layer(2 * f, 8 * f, 3),
        )
        places = 1 if self.size is None else math.prod(self.size)
        self.head = nn.Linear(8 * f * places, 1)
        initialise(self, gain_deviation=0.02)

    def forward(self, image: Maps) -> Scores:
        x = self.convolutions(image)
        x = nn.functional.leaky_relu(x + self.residual(x), 0.2)
        if self.size is None:
            x = x.mean(dim=(2, 3))
        elif x.shape[2:] != self.size:
            i, j = (64 * n for n in self.size)
            raise Refusal(f"This critic was built for images of {i}×{j}; give such, or build it with head='pool'.")
        score: Scores = self.head(x.flatten(1)).squeeze(1)
        return score


def _layer(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        Same(kernel, stride), nn.Conv2d(inputs, outputs, kernel, stride, bias=False), nn.BatchNorm2d(outputs)
    )
