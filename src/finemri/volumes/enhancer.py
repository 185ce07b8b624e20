"""Enhancer: whatever turns an image into a finer one. A spline, a forest and a GAN all fit, so nobody can tell them
apart."""

from typing import Protocol, runtime_checkable

from finemri.shapes import FineVoxels, Voxels


@runtime_checkable
class Enhancer(Protocol):
    """Image -> image. A 2D method is one whose tile is one voxel deep."""

    @property
    def scale(self) -> tuple[int, int, int]:
        """Output voxels per input voxel, along each axis."""

    @property
    def tile(self) -> tuple[int, int, int]:
        """The tile it likes best, in input voxels."""

    @property
    def margin(self) -> tuple[int, int, int]:
        """How far an output voxel looks, in input voxels: tiles that know this much more give the same as the whole."""

    @property
    def bytes_per_voxel(self) -> float:
        """Working memory per input voxel of a tile."""

    @property
    def normaliser(self) -> str:
        """The brightness it was made for: a key of NORMALISERS."""

    def __call__(self, image: Voxels) -> FineVoxels:
        """Normalised intensities in, normalised intensities out; any size (i, j, k) -> (s₁i, s₂j, s₃k)."""
