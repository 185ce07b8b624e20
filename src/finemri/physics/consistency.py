"""Keep what was measured: the sampled k-space of one coil or many stays what the scanner said."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from finemri.physics.fourier import to_image, to_kspace
from finemri.shapes import ComplexImages, Measured, Where


class SenseOperator:
    """A x = m · F (S x): image (b, i, j) -> k-space (b, coil, i, j); Aᴴ k = Σ_c S̄_c Fᴴ (m k)_c.

    Aᴴ A commutes with the shifts that centre the image, and those of k-space are folded into the mask once, so that it
    costs two bare transforms and three multiplications. Pruessmann et al. (1999).
    """

    def __init__(self, mask: Where, sensitivities: Measured) -> None:
        self.mask, self.sensitivities = mask, sensitivities
        self._mask = torch.fft.ifftshift(mask, dim=(-2, -1)).to(sensitivities.real.dtype)

    def forward(self, image: ComplexImages) -> Measured:
        """A x."""
        return to_kspace(self.sensitivities * image.unsqueeze(1)) * self.mask

    def adjoint(self, kspace: Measured) -> ComplexImages:
        """Aᴴ k."""
        return combine(to_image(kspace * self.mask), self.sensitivities)

    def normal(self, image: ComplexImages) -> ComplexImages:
        """Aᴴ A x."""
        coils = torch.fft.fft2(self.sensitivities * image.unsqueeze(1))
        coils = torch.fft.ifft2(coils * self._mask)
        return combine(coils, self.sensitivities)

    def solve(
        self, right: ComplexImages, start: ComplexImages, steps: int, damping: float | Tensor = 0.0
    ) -> ComplexImages:
        """(Aᴴ A + μ) x = right by ``steps`` of conjugate gradients from ``start``, each slice with steps of its own.

        With right = Aᴴ k and few steps that is SENSE, the fewer the steps the smoother (Pruessmann et al., 2001). A
        slice that is solved stays as it is. Differentiable.
        """
        x, residual = start, right - self.normal(start) - damping * start
        direction, power = residual, _power(residual)
        least = SOLVED**2 * _power(right)
        for _ in range(steps):
            image = self.normal(direction) + damping * direction
            length = (direction.conj() * image).real.sum((1, 2), keepdim=True)
            rate = torch.where(power > least, power / length.clamp(min=_TINY), 0)  # rounding errors are no direction
            x, residual = x + rate * direction, residual - rate * image
            left = _power(residual)
            direction, power = residual + left / power.clamp(min=_TINY) * direction, left
        return x


_TINY = 1e-20
BANDS = (0.2, 0.5, 0.7, 0.85, 0.95)
SOLVED = 1e-5
"""A residual this small, relative to the right side, is as good as single precision gets."""


def _power(image: ComplexImages) -> Tensor:
    """Σ |x|² of each slice: (b, 1, 1)."""
    return image.abs().square().sum((1, 2), keepdim=True)


def combine(images: Measured, sensitivities: Measured) -> ComplexImages:
    """x = Σ_c S̄_c x_c: coil images (b, coil, i, j) -> image (b, i, j); the best estimate where Σ |S|² = 1."""
    image: ComplexImages = torch.linalg.vecdot(sensitivities, images, dim=1)
    return image


def spectrum(kspace: Measured, mask: Where, bands: Sequence[float] = BANDS) -> Float[Tensor, "batch band"]:
    """ln of the median |k| of the measured samples in rings about DC: where it stops falling, noise begins.

    A ring holds those between two of the quantiles ``bands`` of the distance from DC.
    """
    i, j = (torch.arange(n, device=kspace.device) - n // 2 for n in kspace.shape[-2:])
    radius = torch.hypot(i[:, None] / i.numel(), j[None, :] / j.numel())
    levels = []
    for samples, measured in zip(kspace, mask[:, 0], strict=True):
        order = samples[:, measured].abs()[:, radius[measured].argsort()]
        edges = [round(share * order.shape[1]) for share in (*bands, 1.0)]
        rings = pairwise(edges)
        levels.append(torch.stack([order[:, a : max(b, a + 1)].median() for a, b in rings]))
    return torch.log(torch.stack(levels) + 1e-6)


def keep_measured(
    image: ComplexImages,
    kspace: Measured,
    mask: Where,
    sensitivities: Measured,
    noise_weight: float | Tensor | None = None,
) -> ComplexImages:
    """x' = Σ_c S̄_c Fᴴ { m (k + ν F S_c x) / (1 + ν) + (1 − m) F S_c x }: measured samples win.

    ``noise_weight`` ν = 0 or None is hard replacement (of one coil: the measured samples stay untouched); ν > 0 trusts
    the image more the noisier the samples are (Schlemper et al., 2018). Where sensitivities are zero in all coils, the
    image keeps what it had.
    """
    coils = to_kspace(sensitivities * image.unsqueeze(1))
    measured = kspace if noise_weight is None else (kspace + noise_weight * coils) / (1 + noise_weight)
    kept = combine(to_image(torch.where(mask, measured, coils)), sensitivities)
    if sensitivities.shape[1] == 1:
        return kept
    blind = sensitivities.abs().square().sum(1) == 0
    return torch.where(blind, image, kept)
