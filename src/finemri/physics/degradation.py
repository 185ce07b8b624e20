"""Low resolution, as a scanner makes it: blur and decimate, truncate k-space, take thick slices; and noise.

Every linear degradation here is separable, y = (A₁ ⊗ A₂ ⊗ A₃) x: one small matrix an axis. So the adjoint is the
transposes, no size is special, and training and test share it to the last bit.

One grid convention, cell-centred: coarse sample i sits at r·i + (r − 1)/2 of the fine grid, so that both grids cover
the same field of view. Axis lengths that r does not divide lose their last few voxels: crop first.
"""

import functools
import math
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from finemri.refusal import Refusal
from finemri.shapes import Coarse, Image

Boundary = Literal["periodic", "mirror"]


@runtime_checkable
class Degradation(Protocol):
    """A linear map from the fine grid to the coarse one."""

    @property
    def scale(self) -> tuple[int, int, int]:
        """Fine voxels per coarse voxel along each axis."""

    def __call__(self, image: Image) -> Coarse:
        """A x: fine to coarse."""

    def adjoint(self, coarse: Coarse, fine_shape: tuple[int, int, int]) -> Image:
        """Aᴴ y: coarse back to fine, with ⟨A x, y⟩ = ⟨x, Aᴴ y⟩."""


@dataclass(frozen=True)
class GaussianBlur:
    """Gaussian blur, then decimation: weights ∝ exp(−(j − p)² / 2σ²) around p = r·i + (r − 1)/2, normalised to one.

    σ in fine voxels; 1 for both factors in Sanchez & Vilaplana (2018). Beyond the edge the image is mirrored.
    """

    factor: int = 2
    sigma: float = 1.0

    def __post_init__(self) -> None:
        if self.factor < 1 or self.sigma <= 0:
            raise Refusal(f"A blur needs a factor of at least 1 and a σ above 0, not {self.factor} and {self.sigma}.")

    @property
    def scale(self) -> tuple[int, int, int]:
        return (self.factor,) * 3

    def matrices(self, shape: tuple[int, int, int]) -> list[Tensor]:
        return [_gaussian(n, self.factor, self.sigma) for n in shape]

    def __call__(self, image: Image) -> Coarse:
        return _apply(self.matrices(_space(image)), image)

    def adjoint(self, coarse: Coarse, fine_shape: tuple[int, int, int]) -> Image:
        return _apply([m.T for m in self.matrices(fine_shape)], coarse)


@dataclass(frozen=True)
class KSpaceTruncation:
    """Keep the central 1/r of k-space along every axis: what a scanner does when it measures fewer lines.

    y(p) = (1/N) Σ_{|k| ≤ N/2r} w_k X_k exp(2πi k p / N) at the cell centres p, with w = ½ at k = ±N/2r, so that real
    images stay real. The mean brightness is kept. ``boundary`` is "periodic" for a whole field of view, as the
    Fourier transform has it, or "mirror" for a crop, whose opposite edges are strangers.
    """

    factor: int = 2
    boundary: Boundary = "periodic"

    def __post_init__(self) -> None:
        if self.factor < 1:
            raise Refusal(f"Truncation needs a factor of at least 1, not {self.factor}.")

    @property
    def scale(self) -> tuple[int, int, int]:
        return (self.factor,) * 3

    def matrices(self, shape: tuple[int, int, int]) -> list[Tensor]:
        return [_dirichlet(n, self.factor, self.boundary) for n in shape]

    def __call__(self, image: Image) -> Coarse:
        return _apply(self.matrices(_space(image)), image)

    def adjoint(self, coarse: Coarse, fine_shape: tuple[int, int, int]) -> Image:
        return _apply([m.T for m in self.matrices(fine_shape)], coarse)


@dataclass(frozen=True)
class SliceProfile:
    """Thick slices along one axis: sample the convolution with a slice profile, every ``spacing`` voxels.

    ``thickness`` is the profile's width in fine voxels (full width at half maximum of the Gaussian), ``gap`` the
    unmeasured distance between slices: spacing = thickness + gap, in whole fine voxels. A negative gap overlaps.
    """

    axis: int = 2
    thickness: float = 3.0
    gap: float = 0.0
    profile: Literal["gaussian", "box"] = "gaussian"

    def __post_init__(self) -> None:
        if self.axis not in (0, 1, 2):
            raise Refusal(f"The slice axis is 0, 1 or 2, not {self.axis}.")
        if self.thickness <= 0 or self.spacing < 1 or abs(self.thickness + self.gap - self.spacing) > 1e-6:
            raise Refusal(
                f"Thickness + gap must be a whole number of fine voxels, at least 1, not {self.thickness} + {self.gap}."
            )

    @property
    def spacing(self) -> int:
        """From slice centre to slice centre, in fine voxels."""
        return round(self.thickness + self.gap)

    @property
    def scale(self) -> tuple[int, int, int]:
        i, j, k = (self.spacing if axis == self.axis else 1 for axis in range(3))
        return i, j, k

    def matrices(self, shape: tuple[int, int, int]) -> list[Tensor | None]:
        n, r = shape[self.axis], self.spacing
        if self.profile == "gaussian":
            slices = _gaussian(n, r, self.thickness / math.sqrt(8 * math.log(2)))
        else:
            slices = _box(n, r, self.thickness)
        return [slices if axis == self.axis else None for axis in range(3)]

    def __call__(self, image: Image) -> Coarse:
        return _apply(self.matrices(_space(image)), image)

    def adjoint(self, coarse: Coarse, fine_shape: tuple[int, int, int]) -> Image:
        return _apply([None if m is None else m.T for m in self.matrices(fine_shape)], coarse)


def add_gaussian_noise(image: Image, sigma: float, generator: torch.Generator | None = None) -> Image:
    """x + n, n ~ N(0, σ²): thermal noise of one real channel. σ in the image's own units."""
    return image + sigma * torch.randn(image.shape, generator=generator, dtype=image.dtype)


def add_rician_noise(image: Image, sigma: float, generator: torch.Generator | None = None) -> Image:
    """√((x + n₁)² + n₂²), n ~ N(0, σ²): noise of a magnitude image (Gudbjartsson & Patz, 1995). Never negative."""
    real = add_gaussian_noise(image, sigma, generator)
    imaginary = add_gaussian_noise(torch.zeros_like(image), sigma, generator)
    return torch.hypot(real, imaginary)


def _space(image: Image) -> tuple[int, int, int]:
    i, j, k = image.shape[-3:]
    return i, j, k


def _apply(matrices: list[Tensor] | list[Tensor | None], image: Tensor) -> Tensor:
    """Multiply axis −3, −2, −1 by its matrix; None leaves an axis alone."""
    for axis, matrix in enumerate(matrices, start=-3):
        if matrix is not None:
            image = torch.movedim(torch.movedim(image, axis, -1) @ matrix.T.to(image), -1, axis)
    return image.contiguous()


def _centres(size: int, factor: int) -> Tensor:
    if size < factor:
        raise Refusal(f"An axis of {size} voxels is too short to be made {factor} times coarser.")
    return factor * torch.arange(size // factor, dtype=torch.float64) + (factor - 1) / 2


def _fold(weights: Tensor, margin: int) -> Tensor:
    """Weights on an axis that was extended by ``margin`` on both sides -> weights with the ends mirrored in."""
    size = weights.shape[1] - 2 * margin
    source = torch.arange(-margin, size + margin) % (2 * size)
    source = torch.where(source < size, source, 2 * size - 1 - source)
    return torch.zeros(weights.shape[0], size, dtype=weights.dtype).index_add_(1, source, weights)


@functools.lru_cache(maxsize=64)
def _gaussian(size: int, factor: int, sigma: float) -> Tensor:
    margin = math.ceil(6 * sigma) + factor
    j = torch.arange(-margin, size + margin, dtype=torch.float64)
    weights = torch.exp(-((j[None] - _centres(size, factor)[:, None]) ** 2) / (2 * sigma**2))
    return _fold(weights / weights.sum(1, keepdim=True), margin)


@functools.lru_cache(maxsize=64)
def _box(size: int, factor: int, thickness: float) -> Tensor:
    margin = math.ceil(thickness) + factor
    j = torch.arange(-margin, size + margin, dtype=torch.float64)
    centres = _centres(size, factor)[:, None]
    inside = torch.minimum(j + 0.5, centres + thickness / 2) - torch.maximum(j - 0.5, centres - thickness / 2)
    return _fold(inside.clamp(min=0) / thickness, margin)


@functools.lru_cache(maxsize=64)
def _dirichlet(size: int, factor: int, boundary: Boundary) -> Tensor:
    period = size if boundary == "periodic" else 2 * size
    highest = period / (2 * factor)
    k = torch.arange(1, math.floor(highest) + 1, dtype=torch.float64)
    weight = torch.where(k == highest, 0.5, 1.0)
    at = 2 * math.pi / period * _centres(size, factor)[:, None] * k
    of = 2 * math.pi / period * torch.arange(period, dtype=torch.float64)[:, None] * k
    waves = (weight * torch.cos(at)) @ torch.cos(of).T + (weight * torch.sin(at)) @ torch.sin(of).T
    kernel = (1 + 2 * waves) / period
    return kernel if boundary == "periodic" else kernel[:, :size] + kernel[:, size:].flip(1)
