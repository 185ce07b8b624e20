"""Compressed sensing: the image whose wavelets, or edges, are few and that agrees with the samples; solved by sigpy."""

from dataclasses import dataclass
from types import ModuleType
from typing import Literal

import numpy as np

from finemri.baselines.reconstruction import ZeroFilled
from finemri.physics.coils import known_sensitivities
from finemri.physics.kspace import KSpace
from finemri.refusal import Refusal
from finemri.shapes import Slice

_DUAL = 0.05
"""Dual step σ of the primal-dual method: a hundred iterations come closer to the end than with sigpy's 1."""


@dataclass(frozen=True)
class CompressedSensing:
    """argmin_x ½ ‖m F S x − k‖² + λ ‖Ψ x‖₁: Ψ Daubechies-4 wavelets, or differences along i and j.

    A Reconstructor. Brightness is first divided by the zero-filled image's largest magnitude and given back at the
    end, so that λ means the same in every unit. Wavelets: FISTA (Beck & Teboulle, 2009); differences: the primal-dual
    hybrid gradient method (Chambolle & Pock, 2011). Lustig et al. (2007); Block et al. (2007). Raises Refusal for
    settings that make no sense, where sigpy is missing, and for several coils without sensitivities.
    """

    sparse: Literal["wavelets", "differences"]
    """Ψ."""
    weight: float
    """λ, for an image whose zero-filled version has the largest magnitude 1."""
    iterations: int = 100

    def __post_init__(self) -> None:
        if self.weight < 0 or self.iterations < 1:
            raise Refusal(
                f"Compressed sensing takes λ of at least 0 and 1 iteration or more, not {self.weight:g}, "
                f"{self.iterations}."
            )

    @property
    def needs_sensitivities(self) -> bool:
        return True

    def __call__(self, kspace: KSpace) -> Slice:
        mri = _sigpy()
        maps = known_sensitivities(kspace)
        scale = np.abs(ZeroFilled()(kspace.with_sensitivities(maps))).max()
        samples, mask = kspace.samples / scale, kspace.mask[None].astype(np.float32)
        given = {"weights": mask, "max_iter": self.iterations, "show_pbar": False}
        # sigpy would find the largest steps by random vectors; the norms are known, and results then repeat.
        norm = float((np.abs(maps) ** 2).sum(axis=0).max())
        if self.sparse == "wavelets":
            solver = mri.L1WaveletRecon(samples, maps, self.weight, alpha=1 / norm, **given)
        else:
            solver = mri.TotalVariationRecon(
                samples, maps, self.weight, tau=1 / (norm + 8) / _DUAL, sigma=_DUAL, **given
            )
        image: Slice = (solver.run() * scale).astype(np.complex64)
        return image


def _sigpy() -> ModuleType:
    try:
        import sigpy.mri.app
    except ImportError as error:
        raise Refusal("Compressed sensing needs sigpy: pip install 'finemri[classical]'.") from error
    module: ModuleType = sigpy.mri.app
    return module
