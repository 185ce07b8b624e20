"""Losses that compare voxel with voxel."""

from typing import Literal

from torch import Tensor
from torch.nn import functional

from finemri.shapes import Image

Reduction = Literal["mean", "sum"]


def mean_squared(made: Image, true: Image, reduction: Reduction = "mean") -> Tensor:
    """(1/n) Σ (x̂ − x)²; ``"sum"`` is the published code of Sanchez & Vilaplana, which forgets the 1/n."""
    return functional.mse_loss(made.float(), true.float(), reduction=reduction)


def mean_absolute(made: Image, true: Image, reduction: Reduction = "mean") -> Tensor:
    """(1/n) Σ |x̂ − x|."""
    return functional.l1_loss(made.float(), true.float(), reduction=reduction)
