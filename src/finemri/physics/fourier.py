"""Image <-> k-space: centred, orthonormal, complex. The one convention of the house."""

import torch
from jaxtyping import Complex
from torch import Tensor

Planes = Complex[Tensor, "*batch i j"]


def to_kspace(image: Planes) -> Planes:
    """k = F x: F orthonormal over the last two axes, DC at n // 2 in both domains; Fᴴ F = 1."""
    kspace: Planes = torch.fft.fft2(torch.fft.ifftshift(image, dim=(-2, -1)), norm="ortho")
    centred: Planes = torch.fft.fftshift(kspace, dim=(-2, -1))
    return centred


def to_image(kspace: Planes) -> Planes:
    """x = Fᴴ k, the inverse of ``to_kspace``."""
    image: Planes = torch.fft.ifft2(torch.fft.ifftshift(kspace, dim=(-2, -1)), norm="ortho")
    centred: Planes = torch.fft.fftshift(image, dim=(-2, -1))
    return centred
