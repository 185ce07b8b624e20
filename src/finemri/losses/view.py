"""Complex images as real ones: what losses and critics see of them."""

import torch
from torch import Tensor

from finemri.shapes import ComplexImages, Image, Maps


def real_imaginary(image: ComplexImages) -> Maps:
    """x -> (Re x, Im x): (batch, 2, i, j)."""
    return torch.stack((image.real, image.imag), dim=1)


def magnitude(image: ComplexImages) -> Maps:
    """x -> |x|: (batch, 1, i, j). At x = 0 the gradient is 0."""
    return image.abs()[:, None]


def components(image: Image | ComplexImages) -> Tensor:
    """A real image as it is, in float32; of a complex one, real and imaginary parts along a last axis of two."""
    return torch.view_as_real(image.resolve_conj()) if image.is_complex() else image.float()
