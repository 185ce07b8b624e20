"""RecNet: a short cascade of convolutions, each followed by what was measured (Schlemper et al., 2018)."""

from torch import nn

from finemri.networks.channels import to_channels, to_complex, zero_filled
from finemri.physics.consistency import keep_measured
from finemri.refusal import Refusal
from finemri.shapes import ComplexImages, MadeMaps, Maps, Measured, Where


class Block(nn.Module):
    """3×3 convolutions 2 → 32 → 32 → 2, leaky ReLU (0.01) between them, zeros around."""

    def __init__(self, features: int, layers: int) -> None:
        super().__init__()
        widths = [2, *[features] * (layers - 1), 2]
        parts: list[nn.Module] = []
        for depth in range(layers):
            convolution = nn.Conv2d(widths[depth], widths[depth + 1], 3, padding=1)
            if depth == 0:
                nn.init.xavier_uniform_(convolution.weight)
            else:
                nn.init.kaiming_normal_(convolution.weight, a=0.01)
            assert convolution.bias is not None
            nn.init.zeros_(convolution.bias)
            parts += [convolution, nn.LeakyReLU(0.01)]
        self.convolutions = nn.Sequential(*parts[:-1])

    def forward(self, x: Maps) -> MadeMaps:
        y: MadeMaps = self.convolutions(x)
        return y


class RecNet(nn.Module):
    """x_0 = x̃, x_{n+1} = Σ_c S̄_c Fᴴ{ m k + (1 − m) F S_c b_n(x_n) }: three blocks, measured samples after each.

    k-space (b, coil, i, j) -> image (b, i, j), of any size; 31,302 parameters. ``residual=True`` adds x_n to b_n(x_n),
    as Schlemper et al. do and Seitzer et al. (2018) do not. Raises Refusal for fewer than one block or two layers.
    """

    def __init__(self, blocks: int = 3, features: int = 32, layers: int = 3, residual: bool = False) -> None:
        super().__init__()
        if blocks < 1 or layers < 2:
            raise Refusal(f"A cascade has a block of two layers or more, not {blocks} of {layers}.")
        self.residual = residual
        self.blocks = nn.ModuleList(Block(features, layers) for _ in range(blocks))

    def forward(self, kspace: Measured, mask: Where, sensitivities: Measured) -> ComplexImages:
        image = zero_filled(kspace, mask, sensitivities)
        for block in self.blocks:
            made = to_complex(block(to_channels(image)))
            image = keep_measured(image + made if self.residual else made, kspace, mask, sensitivities)
        return image
