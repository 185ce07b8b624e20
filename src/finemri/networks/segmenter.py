"""The U-Net that says what an image shows, with which Seitzer et al. (2018) judge how interpretable it stayed."""

import torch
from torch import Tensor, nn

from finemri.networks.planes import padded_to, pair, reflected
from finemri.refusal import Refusal
from finemri.shapes import MadeMaps, Maps


class SegmenterUNet(nn.Module):
    """32-64-128-256-512 maps down by max pooling, 256-128-64-32 up by sub-pixel shuffle, two 3×3 convolutions a scale.

    (b, 1, i, j) -> logits (b, classes, i, j), from 17×17 on, any size: edges are mirrored to a multiple of 16 and cut
    off again. 13,334,498 parameters at two classes (the paper: 13.33 M). He-normal, gains U(0.98, 1.02). What comes up
    is normalised together with what it joins, before the convolutions. Raises Refusal for a smaller image.
    """

    def __init__(self, classes: int = 2, channels: int = 1, features: int = 32, scales: int = 5) -> None:
        super().__init__()
        if classes < 2 or scales < 2:
            raise Refusal(
                f"A segmenter tells two classes or more apart on two scales or more, not {classes}, {scales}."
            )
        widths = [features * 2**scale for scale in range(scales)]
        self.down = nn.ModuleList(pair(a, b, 3) for a, b in zip([channels, *widths], widths, strict=False))
        self.pool = nn.MaxPool2d(2)
        upwards = widths[-2::-1]
        self.up = nn.ModuleList(nn.Sequential(reflected(2 * w, 4 * w, 3), nn.PixelShuffle(2)) for w in upwards)
        self.joined = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(2 * w), nn.LeakyReLU(0.1), pair(2 * w, w, 3)) for w in upwards
        )
        self.head = nn.Conv2d(features, classes, 1)
        self.multiple = 2 ** (scales - 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0.1)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.98, 1.02)

    def forward(self, x: Maps) -> MadeMaps:
        i, j = x.shape[-2:]
        if min(i, j) <= self.multiple:
            n = self.multiple + 1
            raise Refusal(f"This segmenter looks at images of {n}×{n} and more, not {i}×{j}; give larger ones.")
        y: Tensor = padded_to(x, self.multiple)
        skipped: list[Tensor] = []
        for scale, down in enumerate(self.down):
            y = down(self.pool(y) if scale else y)
            skipped.append(y)
        for up, joined, skip in zip(self.up, self.joined, skipped[-2::-1], strict=True):
            y = joined(torch.cat([skip, up(y)], 1))
        made: MadeMaps = self.head(y)[..., :i, :j]
        return made
