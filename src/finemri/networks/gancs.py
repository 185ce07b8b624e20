"""The residual generator and the small critic of Lei & Mardani (2019), after GANCS (Mardani et al., 2019)."""

import math
from itertools import pairwise

from torch import Tensor, nn

from finemri.networks.channels import to_channels, to_complex, zero_filled
from finemri.networks.planes import same
from finemri.physics.consistency import keep_measured
from finemri.refusal import Refusal
from finemri.shapes import ComplexImages, MadeMaps, Maps, Measured, Scores, Where


class PreActivationBlock(nn.Module):
    """x + C(ρ(N(C(ρ(N(x)))))): batch norm and ReLU stand before each convolution, the identity is untouched."""

    def __init__(self, features: int, batch_statistics_at_test: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            layers.append(nn.BatchNorm2d(features, eps=1e-3, track_running_stats=not batch_statistics_at_test))
            layers.append(nn.ReLU())
            layers.append(same(features, features))
        self.inner = nn.Sequential(*layers)

    def forward(self, x: Maps) -> MadeMaps:
        y: MadeMaps = x + self.inner(x)
        return y


class GANCSGenerator(nn.Module):
    """x = Σ_c S̄_c Fᴴ{ m k + (1 − m) F S_c g(x̃) }, x̃ zero-filled, g: 1×1 to 64 maps, four residual blocks, three
    convolutions.

    k-space (b, coil, i, j) -> image (b, i, j), of any size. ``head=3`` is the paper's last two kernels (371,650
    parameters), ``head=1`` the public code's (337,858). ``consistency=False`` returns g(x̃) itself, an ablation of the
    paper. ``batch_statistics_at_test`` normalises by the batch at hand at all times, as the public code does by
    omission: an image then depends on its neighbours in the batch. Raises Refusal for another head.
    """

    def __init__(
        self,
        features: int = 64,
        blocks: int = 4,
        head: int = 3,
        consistency: bool = True,
        batch_statistics_at_test: bool = False,
    ) -> None:
        super().__init__()
        if head not in (1, 3):
            raise Refusal(f"The head's kernels are 3×3 (paper) or 1×1 (public code), not {head}×{head}.")
        self.consistency = consistency
        self.project = nn.Conv2d(2, features, 1)
        self.blocks = nn.Sequential(*(PreActivationBlock(features, batch_statistics_at_test) for _ in range(blocks)))
        self.post = nn.Sequential(same(features, features), nn.ReLU(), same(features, features, head), nn.ReLU())
        self.tail = same(features, 2, head)
        for part, factor in ((self.project, 1.0), (self.blocks, 1e-3), (self.post, 2.0), (self.tail, 1.0)):
            initialise(part, factor)

    def forward(self, kspace: Measured, mask: Where, sensitivities: Measured) -> ComplexImages:
        x = to_channels(zero_filled(kspace, mask, sensitivities))
        image = to_complex(self.tail(self.post(self.blocks(self.project(x)))))
        return keep_measured(image, kspace, mask, sensitivities) if self.consistency else image


class GANCSCritic(nn.Module):
    """Seven 3×3 convolutions, 4-8-16-32-32-32-32 maps, the first four with stride 2; the score (b,) is the mean of all
    that the last one says.

    (b, 2, i, j) of any size. 34,172 parameters, 33,924 with ``normalise=False``, which the gradient penalty needs.
    """

    def __init__(
        self, channels: int = 2, maps: tuple[int, ...] = (4, 8, 16, 32, 32, 32, 32), normalise: bool = True
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for depth, (inputs, outputs) in enumerate(pairwise((channels, *maps[:-1]))):
            layer = [same(inputs, outputs, stride=2 if depth < 4 else 1), nn.BatchNorm2d(outputs), nn.ReLU()]
            layers.append(nn.Sequential(*(part for part in layer if normalise or not isinstance(part, nn.BatchNorm2d))))
        self.layers = nn.ModuleList(layers)
        self.tail = same(maps[-2], maps[-1])
        initialise(self.layers, 2.0)
        initialise(self.tail, 1.0)

    def maps(self, image: Maps) -> list[Tensor]:
        """What each layer makes of the image, after its activation; the last convolution's as it is."""
        seen: list[Tensor] = []
        x: Tensor = image
        for layer in (*self.layers, self.tail):
            x = layer(x)
            seen.append(x)
        return seen

    def forward(self, image: Maps) -> Scores:
        score: Scores = self.maps(image)[-1].mean(dim=(1, 2, 3))
        return score


def initialise(network: nn.Module, factor: float) -> None:
    """Convolutions ~ N(0, f / (√(c_in c_out) k²)), cut at two deviations; biases 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            spread = math.sqrt(module.in_channels * module.out_channels) * math.prod(module.kernel_size)
            deviation = math.sqrt(factor / spread)
            nn.init.trunc_normal_(module.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
