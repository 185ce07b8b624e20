"""A loss that compares what another network sees."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from finemri.losses.view import magnitude


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
