"""What losses and critics see of an image: complex ones as real, real ones brought to a range."""

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


def unit(image: Maps) -> Maps:
    """−1…1 -> 0…1: (x + 1)/2."""
    return (image + 1) / 2


def standardised(image: Maps, floor: float = 1e-2) -> Maps:
    """(x − μ)/max(σ, floor), mean and deviation of each image of the batch.

    The floor keeps a patch of empty background, where σ is 0, from calling for an endless change.
    """
    image = image.float()
    variance = image.var(dim=(1, 2, 3), keepdim=True, correction=0)
    return (image - image.mean(dim=(1, 2, 3), keepdim=True)) / variance.clamp(min=floor**2).sqrt()
