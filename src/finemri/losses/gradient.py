"""Losses that compare edges."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from finemri.losses.fidelity import Reduction
from finemri.refusal import Refusal
from finemri.shapes import Image, Maps

Border = Literal["zero", "none"]


def gradient_difference(made: Image, true: Image, reduction: Reduction = "mean") -> Tensor:
    """Σ_axes mean (|∂x| − |∂x̂|)², forward differences inside the image: no border term (Mathieu et al., 2016, α =
    2)."""
    total = torch.zeros((), device=made.device)
    for axis in (-3, -2, -1):
        squared = (true.float().diff(dim=axis).abs() - made.float().diff(dim=axis).abs()) ** 2
        total = total + (squared.mean() if reduction == "mean" else squared.sum())
    return total


def gradient_difference_published(made: Maps, true: Maps, pad: Border = "zero") -> Tensor:
    """(1/NCHW) Σ_axes Σ (|∂x| − |∂x̂|)² of slices (b, c, i, j), one zero before and one behind each row (Nie et al.,
    2018; Ravikumar et al., 2021).

    The zeros add a border term: (|x| − |x̂|)² of the outermost pixels, which cannot tell x from −x, so that patches of
    negative background may be stitched with visible edges. ``pad="none"`` has no such term, and divides alike.
    """
    if pad not in ("zero", "none"):
        raise Refusal(f"The border of the gradient loss is 'zero' or 'none', not {pad!r}.")
    width = 1 if pad == "zero" else 0
    total = torch.zeros((), device=made.device)
    for axis, pads in ((-2, (0, 0, width, width)), (-1, (width, width, 0, 0))):
        steps = [functional.pad(image.float(), pads).diff(dim=axis).abs() for image in (true, made)]
        total = total + (steps[0] - steps[1]).square().sum()
    return total / made.numel()
