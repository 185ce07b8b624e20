"""Zero-filling: what every reconstruction must beat."""

from dataclasses import dataclass

import torch

from finemri.physics.coils import combine, root_sum_of_squares
from finemri.physics.fourier import to_image
from finemri.physics.kspace import KSpace
from finemri.shapes import Slice


@dataclass(frozen=True)
class ZeroFilled:
    """x = Σ_c S̄_c Fᴴ k_c, what was not measured being zero; of coils that are not known, x = √Σ_c |Fᴴ k_c|².

    A Reconstructor: samples (coil, i, j) -> image (i, j), in their unit. Without sensitivities the phase is lost.
    """

    @property
    def needs_sensitivities(self) -> bool:
        return False

    def __call__(self, kspace: KSpace) -> Slice:
        images = to_image(torch.from_numpy(kspace.samples)).numpy()
        if kspace.sensitivities is not None:
            return combine(images, kspace.sensitivities)
        return images[0] if kspace.coils == 1 else root_sum_of_squares(images).astype("complex64")
