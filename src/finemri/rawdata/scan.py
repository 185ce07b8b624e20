"""RawScan: the k-space of a whole scan as a file holds it, slice by slice, and what has to be said about it; frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Complex64

from finemri.physics.kspace import KSpace
from finemri.refusal import Refusal
from finemri.shapes import Sampled

Stack = Complex64[np.ndarray, "slice coil i j"]
Maps = Complex64[np.ndarray, "sets maps mi mj"]
"""Sensitivities of one slice or of all; that they fit is for RawScan to say, in a sentence."""
Lines = Bool[np.ndarray, "rows columns"]
"""A mask of which the same is true."""


@dataclass(frozen=True)
class Source:
    """The files a scan was read from. Nothing here names a patient but the paths, which never leave the machine."""

    format: str
    """fastmri, ismrmrd, bart, arrays or pictures."""
    paths: tuple[Path, ...]
    sha256: str
    """Digest of the files' bytes, in the order of ``paths``."""


@dataclass(frozen=True, eq=False)
class RawScan:
    """y[slice, coil, i, j]: centred k-space, DC at n // 2, zero where nothing was measured.

    Raises Refusal for samples that are not finite or all zero, and for a mask or sensitivities that do not fit them.
    """

    samples: Stack
    mask: Lines | None = None
    """Which samples were measured, the same in all slices; None: those of a slice that are not zero in every coil."""
    sensitivities: Maps | None = None
    """One complex map a coil, for every slice or one for all."""
    spacing: tuple[float, float, float] | None = None
    """Millimetres between pixels along i, j and between slices, of the image of the whole matrix; None: unknown."""
    shown: tuple[int, int] | None = None
    """Matrix that the scanner would show of it: the middle of the image, without readout oversampling."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Title -> value: what the file says and how its axes were understood; no patient data."""
    flags: tuple[str, ...] = ()
    """What every number made of it has to carry: implicit data crimes, doubts."""
    source: Source | None = None

    def __post_init__(self) -> None:
        slices, _, i, j = self.samples.shape
        if 0 in self.samples.shape:
            raise Refusal(f"The k-space is empty ({_by(self.samples.shape)}); export it again.")
        some = False
        for n in range(slices):  # one at a time: a mask of everything would double a large scan
            if not np.isfinite(self.samples[n]).all():
                raise Refusal(
                    f"The k-space holds samples that are not finite (NaN or Inf, slice {n}); export it again."
                )
            some = some or bool(self.samples[n].any())
        if not some:
            raise Refusal("The k-space is zero everywhere, so there is nothing to reconstruct; export it again.")
        if self.mask is not None and self.mask.shape != (i, j):
            raise Refusal(
                f"The mask is {_by(self.mask.shape)} and the k-space {_by((i, j))}; give the mask of this k-space."
            )
        if self.sensitivities is not None:
            if self.sensitivities.shape[1:] != self.samples.shape[1:]:
                raise Refusal(
                    f"The sensitivities are {_by(self.sensitivities.shape[1:])} and the k-space "
                    f"{_by(self.samples.shape[1:])} (coil, i, j); give those of these coils."
                )
            if not np.isfinite(self.sensitivities).all():
                raise Refusal("The sensitivities are not finite (NaN or Inf); estimate them again.")
            if self.sensitivities.shape[0] not in (1, slices):
                raise Refusal(
                    f"There are sensitivities of {self.sensitivities.shape[0]} slices and k-space of {slices}; "
                    "give one set for all, or one a slice."
                )

    def __len__(self) -> int:
        return int(self.samples.shape[0])

    @property
    def shape(self) -> tuple[int, int]:
        """Matrix size of a slice."""
        return self.samples.shape[2], self.samples.shape[3]

    @property
    def coils(self) -> int:
        """How many receive coils."""
        return int(self.samples.shape[1])

    @property
    def sampled(self) -> Sampled:
        """Which samples were measured in any slice."""
        if self.mask is not None:
            return self.mask
        found = np.zeros(self.shape, dtype=bool)
        for samples in self.samples:
            found |= (samples != 0).any(axis=0)
        return found

    def slice(self, n: int) -> KSpace:
        """One slice. Raises Refusal where there is no such slice, it is empty, or its mask leaves out the centre."""
        if not 0 <= n < len(self):
            raise Refusal(f"There is no slice {n}; the scan has slices 0 to {len(self) - 1}.")
        maps = self.sensitivities
        own = None if maps is None else maps[n if len(maps) > 1 else 0]
        return KSpace.of(self.samples[n], self.mask, own)

    def with_mask(self, mask: Lines) -> "RawScan":
        """Only what ``mask`` says was measured."""
        return replace(self, mask=mask)

    def with_sensitivities(self, sensitivities: Maps) -> "RawScan":
        """Seen by coils that are known."""
        return replace(self, sensitivities=sensitivities)


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(str(n) for n in shape)
