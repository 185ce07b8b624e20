"""Losses that compare voxel with voxel; of complex images, real with real and imaginary with imaginary part."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from finemri.losses.view import components
from finemri.shapes import ComplexImages, Image

Reduction = Literal["mean", "sum"]


def mean_squared(made: Image | ComplexImages, true: Image | ComplexImages, reduction: Reduction = "mean") -> Tensor:
    """(1/n) Σ (x̂ − x)²; ``"sum"`` is the published code of Sanchez & Vilaplana, which forgets the 1/n.

    A complex voxel counts as two numbers: half the mean of |x̂ − x|².
    """
    return functional.mse_loss(components(made), components(true), reduction=reduction)


def mean_absolute(made: Image | ComplexImages, true: Image | ComplexImages, reduction: Reduction = "mean") -> Tensor:
    """(1/n) Σ |x̂ − x|; of complex images (1/2n) Σ |Re(x̂ − x)| + |Im(x̂ − x)|."""
    return functional.l1_loss(components(made), components(true), reduction=reduction)


def log_squared(made: Image | ComplexImages, true: Image | ComplexImages, floor: float = 1e-8) -> Tensor:
    """½ ln(mean |x̂ − x|² + floor), averaged over the batch, its first axis: each image counts by its PSNR.

    Easy images matter as much as hard ones; a tenth less is 0.87 dB more.
    """
    squared = (components(made) - components(true)).square().flatten(1).mean(1)
    return 0.5 * torch.log(squared + floor).mean()
