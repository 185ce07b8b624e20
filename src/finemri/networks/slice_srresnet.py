"""The 2D generator of Narcomey & Gu (2019): SRResNet without its upsampling, thick slices to thin ones."""

from torch import nn

from finemri.networks.blocks import initialise
from finemri.networks.planes import Output, bound
from finemri.refusal import Refusal
from finemri.shapes import MadeMaps, Maps


class SliceBlock(nn.Module):
    """x + N(C(ρ(N(C(x))))): 3×3 convolutions without bias, nothing behind the sum."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            _conv(features), nn.BatchNorm2d(features), nn.ReLU(), _conv(features), nn.BatchNorm2d(features)
        )

    def forward(self, x: Maps) -> MadeMaps:
        y: MadeMaps = x + self.inner(x)
        return y


class SliceSRResNet(nn.Module):
    """y = T(h + N(C(B₁₆(… B₁(h))))), h = ρ(H(x)): (b, inputs, i, j) -> (b, outputs, i, j) of any size.

    1,221,953 parameters; 1,223,107 where the slice comes with its neighbours (``outputs=3``), the paper's Model 2.
    ``inputs=3`` shows it the neighbours of the thick slice, which the paper did not try. The published code ends
    without a bound; the one it was taken from with a 1×1 kernel and tanh. Raises Refusal for an even number of slices.
    """

    def __init__(
        self, inputs: int = 1, outputs: int = 1, features: int = 64, blocks: int = 16, output: Output = "none"
    ) -> None:
        super().__init__()
        if inputs % 2 == 0 or outputs % 2 == 0:
            raise Refusal(f"A slice with its neighbours is an odd number of slices, not {inputs} in, {outputs} out.")
        self.head = nn.Sequential(nn.Conv2d(inputs, features, 3, padding=1), nn.ReLU())
        self.blocks = nn.Sequential(*(SliceBlock(features) for _ in range(blocks)))
        self.middle = nn.Sequential(_conv(features), nn.BatchNorm2d(features))
        self.tail = nn.Sequential(nn.Conv2d(features, outputs, 3, padding=1), bound(output))
        self.radius = 3 + 2 * blocks
        """How far an output pixel looks."""
        initialise(self, gain_deviation=0.02)

    def forward(self, x: Maps) -> MadeMaps:
        h = self.head(x)
        y: MadeMaps = self.tail(h + self.middle(self.blocks(h)))
        return y


def _conv(features: int) -> nn.Conv2d:
    return nn.Conv2d(features, features, 3, padding=1, bias=False)
