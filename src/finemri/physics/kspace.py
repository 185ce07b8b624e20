"""KSpace: what a scanner measured of one slice, and where; frozen."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Complex64

from finemri.refusal import Refusal
from finemri.shapes import Samples

GivenMask = Bool[np.ndarray, "mi mj"]
GivenMaps = Complex64[np.ndarray, "map si sj"]
"""Axis names of their own: whether they fit the samples is checked with a sentence."""


@dataclass(frozen=True, eq=False)
class KSpace:
    """y = m · (F S x + n): samples (coil, i, j), centred, zero where the mask (i, j) says that nothing was measured.

    Raises Refusal for samples that are not finite or all zero, for a mask or sensitivities that do not fit them, and
    for a mask that leaves out the centre of k-space, without which no image has a brightness.
    """

    samples: Samples
    mask: GivenMask
    sensitivities: GivenMaps | None = None
    """One complex map a coil, Σ |S|² = 1 inside the body; none: not known (yet)."""

    def __post_init__(self) -> None:
        i, j = self.shape
        if not np.isfinite(self.samples).all():
            raise Refusal("The k-space holds samples that are not finite (NaN or Inf); export it again.")
        if not self.samples.any():
            raise Refusal("The k-space is zero everywhere, so there is nothing to reconstruct; export it again.")
        if self.mask.shape != (i, j):
            raise Refusal(
                f"The mask is {_by(self.mask.shape)} and the k-space {_by((i, j))}; give the mask of this k-space."
            )
        if not self.mask[max(i // 2 - 1, 0) : i // 2 + 2, max(j // 2 - 1, 0) : j // 2 + 2].any():
            raise Refusal(
                "The mask leaves out the centre of k-space; is it stored with the centre in the corner? "
                "Shift it (numpy.fft.fftshift), with the k-space."
            )
        if self.sensitivities is not None and self.sensitivities.shape != self.samples.shape:
            raise Refusal(
                f"The sensitivities are {_by(self.sensitivities.shape)} and the k-space {_by(self.samples.shape)} "
                "(coil, i, j); give those of these coils."
            )

    @classmethod
    def of(cls, samples: Samples, mask: GivenMask | None = None, sensitivities: GivenMaps | None = None) -> "KSpace":
        """With a mask, samples outside it become zero; without one, samples that are zero in all coils count as
        unmeasured."""
        if not np.isfinite(samples).all():
            raise Refusal("The k-space holds samples that are not finite (NaN or Inf); export it again.")
        if mask is None:
            mask = (samples != 0).any(axis=0)
        elif mask.shape != samples.shape[1:]:
            raise Refusal(
                f"The mask is {_by(mask.shape)} and the k-space {_by(samples.shape[1:])}; "
                "give the mask of this k-space."
            )
        return cls(np.where(mask, samples, np.complex64(0)), mask, sensitivities)

    @property
    def shape(self) -> tuple[int, int]:
        """Matrix size."""
        return self.samples.shape[1], self.samples.shape[2]

    @property
    def coils(self) -> int:
        """How many receive coils."""
        return int(self.samples.shape[0])

    @property
    def acceleration(self) -> float:
        """All samples over those measured."""
        return float(self.mask.size / self.mask.sum())

    def undersampled(self, mask: GivenMask) -> "KSpace":
        """As if only ``mask`` had been measured, of what was. Raises Refusal where nothing is left."""
        fits = mask.shape == self.mask.shape
        return KSpace.of(self.samples, self.mask & mask if fits else mask, self.sensitivities)

    def with_sensitivities(self, sensitivities: GivenMaps) -> "KSpace":
        """The same samples, seen by coils that are known."""
        return KSpace(self.samples, self.mask, sensitivities)


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(str(n) for n in shape)
