"""Losses that compare what another network sees."""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional

from finemri.losses.view import magnitude, standardised


@runtime_checkable
class Layered(Protocol):
    """A network that tells what several of its layers see."""

    def maps(self, image: Tensor) -> Sequence[Tensor]: ...

    def eval(self) -> object: ...

    def requires_grad_(self, requires_grad: bool) -> object: ...


class Perceptual:
    """mean (φ(x̂) − φ(x))², φ the maps of a network that does not learn (Johnson et al., 2016).

    Args:
        features: φ: (batch, channel, i, j) to maps. Frozen here, and put into eval mode.
        seen: what φ is shown of an image.
        size: the image is first brought to this size, linearly (a network trained at one size); None leaves it.
    """

    def __init__(
        self,
        features: nn.Module,
        seen: Callable[[Tensor], Tensor] = magnitude,
        size: tuple[int, int] | None = None,
    ) -> None:
        self.features = features.eval().requires_grad_(requires_grad=False)
        self.seen = seen
        self.size = size

    def __call__(self, made: Tensor, true: Tensor) -> Tensor:
        with torch.no_grad():
            expected = self._maps(true)
        return functional.mse_loss(self._maps(made).float(), expected.float())

    def _maps(self, image: Tensor) -> Tensor:
        shown = self.seen(image)
        if self.size is not None:
            shown = functional.interpolate(shown, self.size, mode="bilinear", align_corners=False)
        maps: Tensor = self.features(shown)
        return maps


class LayeredPerceptual:
    """Σ_l mean |φ_l(z(x̂)) − φ_l(z(x))|, z: each image to mean 0 and deviation 1 (Ravikumar et al., 2021).

    Theirs are relu1_2, relu2_2, relu3_3 and relu4_3 of VGG16, of one grey channel taken for three colours.

    Args:
        features: φ_1 … φ_n by ``maps``, such as VGGFeatures of several layers. Frozen here, and put into eval mode.
        seen: z.
    """

    def __init__(self, features: Layered, seen: Callable[[Tensor], Tensor] = standardised) -> None:
        features.eval()
        features.requires_grad_(requires_grad=False)
        self.features = features
        self.seen = seen

    def __call__(self, made: Tensor, true: Tensor) -> Tensor:
        with torch.no_grad():
            expected = self.features.maps(self.seen(true))
        found = self.features.maps(self.seen(made))
        parts = [functional.l1_loss(a.float(), b.float()) for a, b in zip(found, expected, strict=True)]
        return torch.stack(parts).sum()
