"""A complex image as two real maps, and back; and the image that every reconstructing network starts from."""

import torch

from finemri.physics.consistency import combine
from finemri.physics.fourier import to_image
from finemri.shapes import ComplexImages, Maps, Measured, Where


def to_channels(image: ComplexImages) -> Maps:
    """(b, i, j) complex -> (b, 2, i, j): real part, imaginary part."""
    return torch.stack([image.real, image.imag], dim=1)


def to_complex(maps: Maps) -> ComplexImages:
    """(b, 2, i, j) of any precision -> (b, i, j) complex64."""
    return torch.complex(maps[:, 0].float(), maps[:, 1].float())


def zero_filled(kspace: Measured, mask: Where, sensitivities: Measured) -> ComplexImages:
    """x̃ = Σ_c S̄_c Fᴴ (m k)_c: what was not measured counts as zero."""
    return combine(to_image(kspace * mask), sensitivities)
