"""Losses that compare whole images, in image space and in k-space."""

import torch
from torch import Tensor
from torch.nn import functional

from finemri.losses.view import components
from finemri.shapes import ComplexImages, Maps


def relative_error(made: Maps | ComplexImages, true: Maps | ComplexImages) -> Tensor:
    """Mean over images of ‖x̂ − x‖₂ / ‖x‖₂ (DAGAN's "NMSE" has the root; Yang et al., 2018)."""
    error = torch.linalg.vector_norm((components(made) - components(true)).flatten(1), dim=1)
    length = torch.linalg.vector_norm(components(true).flatten(1), dim=1)
    return torch.mean(error / length.clamp(min=torch.finfo(torch.float32).tiny))


def spectral_magnitude(made: Maps | ComplexImages, true: Maps | ComplexImages) -> Tensor:
    """mean (|F x̂| − |F x|)², F without a factor in front, over the last two axes (Yang et al., 2018).

    The mean over n places is n times what an orthonormal F would give: a weight holds for one size of image.
    """
    return functional.mse_loss(_spectrum(made), _spectrum(true))


def _spectrum(image: Tensor) -> Tensor:
    return torch.abs(torch.fft.fft2(image if image.is_complex() else image.float()))
