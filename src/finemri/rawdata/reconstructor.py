"""Reconstructor: whatever turns k-space into an image. Zero-filling, a dictionary and a GAN all fit, so nobody can tell
them apart."""

from typing import Protocol, runtime_checkable

from finemri.physics.kspace import KSpace
from finemri.shapes import Slice


@runtime_checkable
class Reconstructor(Protocol):
    """k-space of one slice -> its complex image, in the unit of the samples."""

    @property
    def needs_sensitivities(self) -> bool:
        """Whether the k-space of several coils has to come with their sensitivities."""

    def __call__(self, kspace: KSpace) -> Slice:
        """Samples (coil, i, j) -> image (i, j)."""
