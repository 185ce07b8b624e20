"""Sharpening as the last layer of a generator (model 6 of Ravikumar et al., 2021)."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from finemri.refusal import Refusal
from finemri.shapes import MadeMaps, Maps

Pad = Literal["zeros", "edge"]


class Sharpen(nn.Module):
    """s ∗ x, s fixed, Σ s = 1: 3×3 is δ − Laplacian, 5×5 is 2δ − binomial (unsharp mask). (b, c, i, j), any size.

    The paper prints both and does not say which one it used. ``pad="zeros"`` makes edges brighter, as a convolution
    with zeros around does; ``"edge"`` repeats the last row, and a constant stays one. Raises Refusal for another size.
    """

    kernel: Tensor

    def __init__(self, size: int = 3, pad: Pad = "zeros") -> None:
        super().__init__()
        if size not in (3, 5):
            raise Refusal(f"The sharpening kernels are 3×3 and 5×5, not {size}×{size}.")
        if pad not in ("zeros", "edge"):
            raise Refusal(f"Beyond the border there are 'zeros' or the 'edge' once more, not {pad!r}.")
        self.pad = pad
        if size == 3:
            kernel = torch.tensor([[0.0, -1.0, 0.0], [-1.0, 5.0, -1.0], [0.0, -1.0, 0.0]])
        else:
            line = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0])
            kernel = -torch.outer(line, line) / 256
            kernel[2, 2] += 2
        self.register_buffer("kernel", kernel[None, None], persistent=False)

    def forward(self, x: Maps) -> MadeMaps:
        reach = self.kernel.shape[-1] // 2
        padded = functional.pad(x, (reach,) * 4, mode="constant" if self.pad == "zeros" else "replicate")
        channels = x.shape[1]
        return functional.conv2d(padded, self.kernel.to(x.dtype).expand(channels, -1, -1, -1), groups=channels)
