"""One slice: k-space as a method wants it, and its image."""

import numpy as np

from finemri.physics.coils import compress, estimate_sensitivities
from finemri.physics.kspace import KSpace
from finemri.refusal import Refusal
from finemri.shapes import Slice
from finemri.shelf import ReconstructionMethod


def reconstruct_slice(kspace: KSpace, method: ReconstructionMethod, coils: int | None = None) -> Slice:
    """One slice, after compression and with sensitivities, where they are needed and not known."""
    kspace = compressed(kspace, coils)
    if method.reconstructor.needs_sensitivities:
        kspace = with_coils_known(kspace)
    image = method.reconstructor(kspace)
    if not np.isfinite(image).all():
        raise Refusal("The image holds pixels that are not finite (NaN or Inf); try another method.")
    return image


def compressed(kspace: KSpace, coils: int | None) -> KSpace:
    """Fewer coils, where fewer are asked for than there are."""
    return compress(kspace, coils) if coils is not None and coils < kspace.coils else kspace


def with_coils_known(kspace: KSpace) -> KSpace:
    """With the sensitivities of several coils, estimated where they did not come along."""
    if kspace.sensitivities is not None or kspace.coils == 1:
        return kspace
    return kspace.with_sensitivities(estimate_sensitivities(kspace))
