"""Losses that compare edges."""

import torch
from torch import Tensor

from finemri.losses.fidelity import Reduction
from finemri.shapes import Image


def gradient_difference(made: Image, true: Image, reduction: Reduction = "mean") -> Tensor:
    """Σ_axes mean (|∂x| − |∂x̂|)², forward differences inside the image: no border term (Mathieu et al., 2016, α =
    2)."""
    total = torch.zeros((), device=made.device)
    for axis in (-3, -2, -1):
        squared = (true.float().diff(dim=axis).abs() - made.float().diff(dim=axis).abs()) ** 2
        total = total + (squared.mean() if reduction == "mean" else squared.sum())
    return total
