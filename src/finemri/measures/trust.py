"""Trust: what an image owes to the measurement, and what to its maker. No truth is needed.

With y = A x what was measured, an image falls into three parts: x̂ = A⁺y + A⁺(A x̂ − y) + (I − A⁺A) x̂. The first was
measured, the second contradicts it, and of the third, orthogonal to both, the measurement says nothing: it was made up,
well or badly (Bhadra et al., On hallucinations in tomographic image reconstruction, 2021).
"""

import math
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Complex, Float, Float32
from torch import Tensor

from finemri.refusal import Refusal
from finemri.shapes import FineVoxels, Voxels

Signal = Float[Tensor, "..."] | Complex[Tensor, "..."]
"""An image, or what was measured of it: real or complex."""
Projector = Float32[np.ndarray, "n n"]

UNSEEN = 1e-6
"""Singular values below this part of the largest count as zero: what is so faint was not measured."""
PIECE = 2**23
"""Voxels that are worked on at a time."""


@runtime_checkable
class Separable(Protocol):
    """A degradation that is one matrix an axis: all those of finemri.physics.degradation."""

    def matrices(self, shape: tuple[int, int, int]) -> Sequence[Tensor | None]:
        """Coarse by fine, for each axis; None leaves an axis alone."""


def residual(image: Signal, measured: Signal, forward: Callable[[Tensor], Tensor]) -> Tensor:
    """A x̂ − y, on the grid of y and in its unit: what the image says against the measurement.

    ``forward`` is A: a degradation, or SenseOperator.forward with the samples that were measured. Raises Refusal where
    A x̂ and y have different shapes.
    """
    again = forward(image)
    if again.shape != measured.shape:
        raise Refusal(f"Measured again, the image is {tuple(again.shape)} and the measurement {tuple(measured.shape)}.")
    return again - measured


def inconsistency(image: Signal, measured: Signal, forward: Callable[[Tensor], Tensor]) -> float:
    """‖A x̂ − y‖ / ‖y‖: 0 where the image says all that was measured. Raises Refusal as ``residual`` and for y = 0."""
    return norm_ratio(residual(image, measured, forward), measured)


def norm_ratio(part: Signal, whole: Signal) -> float:
    """‖part‖ / ‖whole‖. Raises Refusal for a whole that is zero everywhere."""
    size = _square(whole)
    if size == 0:
        raise Refusal("The measurement is zero everywhere, so nothing can be said of an image's consistency with it.")
    return math.sqrt(_square(part) / size)


def null_space(image: FineVoxels, degradation: Separable) -> FineVoxels:
    """(I − A⁺A) x̂, (i, j, k) -> (i, j, k): the part that A does not see, in the image's unit.

    Exact: A = A₁ ⊗ A₂ ⊗ A₃, so A⁺A = P₁ ⊗ P₂ ⊗ P₃, each the projector onto the rows of a small matrix. Memory: the
    result and a few slices.
    """
    i, j, k = image.shape
    across, along, through = (None if m is None else _projector(m) for m in degradation.matrices((i, j, k)))
    seen = np.empty_like(image)
    step = max(1, PIECE // (j * k))
    for start in range(0, i, step):
        piece = np.ascontiguousarray(image[start : start + step])
        piece = piece if along is None else along @ piece
        seen[start : start + step] = piece if through is None else piece @ through
    step = max(1, PIECE // (i * k))
    for start in range(0, j if across is not None else 0, step):
        piece = seen[:, start : start + step].reshape(i, -1)
        seen[:, start : start + step] = (across @ piece).reshape(i, -1, k)
    np.subtract(image, seen, out=seen)
    return seen


def null_space_energy(image: FineVoxels, degradation: Separable) -> float:
    """‖(I − A⁺A) x̂‖² / ‖x̂‖²: how much of the image was made up. 0: nothing; the truth itself is above 0.

    Raises Refusal for an image that is zero everywhere.
    """
    return energy_share(null_space(image, degradation), image)


def energy_share(part: FineVoxels, image: FineVoxels) -> float:
    """‖part‖² / ‖image‖², summed in float64. Raises Refusal for an image that is zero everywhere."""
    whole = _energy(image)
    if whole == 0:
        raise Refusal("The image is zero everywhere, so no part of it has a share.")
    return _energy(part) / whole


def seen_part(image: Signal, normal: Callable[[Tensor], Tensor], *, steps: int = 50, tolerance: float = 1e-5) -> Tensor:
    """A⁺A x by conjugate gradients on AᴴA z = AᴴA x from z = 0, so that z never leaves the rows of A.

    For an operator without matrices: ``normal`` is AᴴA, SenseOperator.normal for one. Ends where the residual is below
    ``tolerance`` of the right side; what ``steps`` do not reach is so faint that it counts as not measured.
    """
    z, residual = torch.zeros_like(image), normal(image)
    direction, power = residual, _square(residual)
    least = tolerance**2 * power
    for _ in range(steps):
        if power <= least:
            break
        turned = normal(direction)
        rate = power / float(torch.real(torch.vdot(direction.flatten(), turned.flatten())))
        z, residual = z + rate * direction, residual - rate * turned
        left = _square(residual)
        direction, power = residual + left / power * direction, left
    return z


def null_space_energy_by_steps(image: Signal, normal: Callable[[Tensor], Tensor], *, steps: int = 50) -> float:
    """‖(I − A⁺A) x̂‖² / ‖x̂‖² of any linear measurement; see ``seen_part``. Raises Refusal for a zero image."""
    whole = _square(image)
    if whole == 0:
        raise Refusal("The image is zero everywhere, so no part of it has a share.")
    return _square(image - seen_part(image, normal, steps=steps)) / whole


def amplification(enhance: Callable[[Voxels], FineVoxels], voxels: Voxels, sigma: float, *, seed: int = 0) -> float:
    """rms(f(y + n) − f(y)) / rms(n), n ~ N(0, σ²): below 1 noise is damped, above it is amplified.

    σ in the unit of ``voxels``. One draw of ``seed``; a scan has so many voxels that another tells the same. Raises
    Refusal for a σ that is not above 0.
    """
    noise = perturbation(voxels.shape, sigma, seed)
    change = enhance(voxels + noise) - enhance(voxels)
    return rms(change) / rms(noise)


def perturbation(shape: tuple[int, ...], sigma: float, seed: int = 0) -> Voxels:
    """n ~ N(0, σ²). Raises Refusal for a σ that is not above 0."""
    if not sigma > 0:
        raise Refusal(f"A perturbation has a σ above 0, not {sigma}; give one in the unit of the image.")
    noise: Voxels = np.float32(sigma) * np.random.default_rng(seed).standard_normal(shape, np.float32)
    return noise


def rms(image: FineVoxels) -> float:
    """√ mean x²."""
    return float(np.sqrt(_energy(image) / image.size))


def _projector(matrix: Tensor) -> Projector:
    """V Vᵀ of the right singular vectors that are seen."""
    _, strength, rows = torch.linalg.svd(matrix.double(), full_matrices=False)
    rows = rows[strength > UNSEEN * strength.max()]
    projector: Projector = (rows.T @ rows).float().numpy()
    return projector


def _energy(image: FineVoxels) -> float:
    return sum(float(np.square(part, dtype=np.float64).sum()) for part in image)


def _square(signal: Tensor) -> float:
    return float(signal.abs().square().sum(dtype=torch.float64))
