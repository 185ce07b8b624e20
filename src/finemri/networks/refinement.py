"""A second stage that sharpens the image of a frozen reconstructor (Seitzer et al., 2018)."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from finemri.networks.planes import padded_to, pair, reflected
from finemri.refusal import Refusal
from finemri.shapes import ComplexImages, MadeMaps, Maps, Measured, Where

Taught = Literal["refinement", "reconstructor", "both"]


class RefinementUNet(nn.Module):
    """V: 32-64-128 maps down by max pooling, 64-32 up by nearest neighbour; 4×4 convolutions over mirrored edges.

    (b, 2, i, j) -> (b, 1, i, j), from 9×9 on, any size: edges are mirrored to a multiple of 4 and cut off again.
    920,033 parameters. Starts orthogonal (gain √2). Raises Refusal for a smaller image.
    """

    def __init__(self, features: int = 32) -> None:
        super().__init__()
        f = features
        self.down = nn.ModuleList([pair(2, f, 4), pair(f, 2 * f, 4), pair(2 * f, 4 * f, 4)])
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ModuleList([_doubling(4 * f, 2 * f), _doubling(2 * f, f)])
        self.joined = nn.ModuleList([pair(4 * f, 2 * f, 4), pair(2 * f, f, 4)])
        self.head = nn.Conv2d(f, 1, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.orthogonal_(module.weight, gain=math.sqrt(2))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Maps) -> MadeMaps:
        i, j = x.shape[-2:]
        if min(i, j) < 9:
            raise Refusal(f"The refinement looks at images of 9×9 and more, not {i}×{j}; give larger ones.")
        fine = self.down[0](padded_to(x, 4))
        middle = self.down[1](self.pool(fine))
        y = self.up[0](self.down[2](self.pool(middle)))
        y = self.up[1](self.joined[0](torch.cat([middle, y], 1)))
        y = self.head(self.joined[1](torch.cat([fine, y], 1)))
        return y[..., :i, :j]  # type: ignore[no-any-return]


class Refiner(nn.Module):
    """Re y = Re x + λ V(x) (max Re x − min Re x) / 2, Im y = Im x, where x = R(k) comes from a reconstructor.

    In the unit in which Re x spans −1…1, image by image, that is y_s = x_s + λ V. k-space (b, coil, i, j) -> image
    (b, i, j). V sees x as it is, as in the authors' code, or with ``scaled_input`` as the paper says: Re x_s beside
    Im x of the same slope. ``magnitude`` is for images that are not real by construction: |x| takes the place of Re x,
    and the phase of x is put back. ``gate`` is where λ starts: at 0 the refiner is R, and λ, or a penalty on
    ``correction``, is the first to move. ``teach`` says who learns: "refinement" (V and λ; R stays as it is),
    "reconstructor" (R alone, V is not asked) or "both".
    """

    def __init__(
        self,
        reconstructor: nn.Module,
        gate: float = 0.0,
        scaled_input: bool = False,
        features: int = 32,
        magnitude: bool = False,
    ) -> None:
        super().__init__()
        self.reconstructor = reconstructor
        self.unet = RefinementUNet(features)
        self.gate = nn.Parameter(torch.tensor(float(gate)))
        self.scaled_input, self.magnitude = scaled_input, magnitude
        self.correction: Tensor | None = None
        """V(x) of the last pass, before λ: (b, 1, i, j), with its graph."""
        self.teach("refinement")

    def teach(self, who: Taught) -> "Refiner":
        """Only these weights learn from now on."""
        self.taught = who
        self.reconstructor.requires_grad_(who != "refinement")
        self.unet.requires_grad_(who != "reconstructor")
        self.gate.requires_grad_(who != "reconstructor")
        return self.train(self.training)

    def train(self, mode: bool = True) -> "Refiner":
        """All that learns."""
        super().train(mode)
        if self.taught == "refinement":
            self.reconstructor.eval()
        return self

    def forward(self, kspace: Measured, mask: Where, sensitivities: Measured) -> ComplexImages:
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.taught != "refinement"):
            image: ComplexImages = self.reconstructor(kspace, mask, sensitivities)
        if self.taught == "reconstructor":
            return image
        turn = torch.sgn(image) if self.magnitude else None
        real, imaginary = (image.real, image.imag) if turn is None else (image.abs(), torch.zeros_like(image.real))
        low, high = real.amin((1, 2), keepdim=True), real.amax((1, 2), keepdim=True)
        half = (high - low) / 2
        seen = torch.stack([real, imaginary], dim=1)
        if self.scaled_input:
            slope = 1 / half.clamp(min=torch.finfo(half.dtype).tiny)
            seen = torch.stack([(real - low) * slope - 1, imaginary * slope], dim=1)
        self.correction = self.unet(seen)
        refined = torch.complex(real + self.gate * half * self.correction[:, 0].float(), imaginary)
        return refined if turn is None else refined * turn

    def __getstate__(self) -> dict[str, object]:
        """A copy or a file of the refiner goes without the graph of its last pass, which cannot be copied."""
        return {**self.__dict__, "correction": None}


def _doubling(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="nearest"),
        reflected(inputs, outputs, 4),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(0.1),
    )
