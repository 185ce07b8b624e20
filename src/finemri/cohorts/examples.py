"""Examples: pairs of a coarse and a fine patch.

Example n is a pure function of (seed, n), so a resumed training continues at n.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypedDict, Unpack, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32, Real
from torch import Tensor

from finemri.cohorts.regions import LabelRegions, Region, Regions, VolumeRegions, in_units
from finemri.physics.degradation import Degradation, KSpaceTruncation, add_gaussian_noise, add_rician_noise
from finemri.refusal import Refusal
from finemri.volumes.intensity import NORMALISERS, Normaliser

Patch = Float32[Tensor, "1 _ _ _"]


@runtime_checkable
class Examples(Protocol):
    """An endless row of examples."""

    def __getitem__(self, n: int) -> Mapping[str, Tensor]:
        """Example n, always the same."""


class Settings(TypedDict, total=False):
    """The settings that every kind of patches shares; see Patches."""

    weights: Sequence[float | int] | None
    noise: tuple[float, float]
    normaliser: str
    contrast_jitter: bool
    guard: int


@dataclass(frozen=True)
class Patches:
    """y = A x + n on a region x cut at random: ``{"coarse": (1, i, j, k), "fine": (1, s₁i, s₂j, s₃k)}``, float32.

    The region is turned and mirrored at random (48 symmetries of the cube), degraded, and then stripped of a guard, so
    that no network learns how a region ends. Raises Refusal for settings that make no sense.
    """

    regions: Regions
    """Where fine regions come from."""
    degradations: Sequence[Degradation]
    """One is drawn for each example. All have the same scale. Truncation gets mirrored edges, fit for a crop."""
    patch: int | tuple[int, int, int]
    """Size in coarse voxels."""
    seed: int
    weights: Sequence[float | int] | None = None
    """How often each degradation is drawn, relative to the others; None: equally often."""
    noise: tuple[float, float] = (0.0, 0.0)
    """Lowest and highest σ of the noise of the coarse image, in the normaliser's units.
    Half of the examples have none, a quarter each Gaussian and Rician noise."""
    normaliser: str = "percentile"
    """In which units patches come: a key of NORMALISERS."""
    contrast_jitter: bool = True
    """Random brightness and gamma; one example in twenty is inverted. Not for images that were never normalised."""
    guard: int = 4
    """Coarse voxels that are cut off at every side after the degradation."""

    def __post_init__(self) -> None:
        scales = {d.scale for d in self.degradations}
        if len(scales) != 1:
            raise Refusal(f"The degradations of one training have one scale, these have {sorted(scales)}.")
        if min(self.size) < 1 or self.guard < 0:
            raise Refusal(
                f"A patch has at least one voxel and a guard at least none, not {self.patch} and {self.guard}."
            )
        if not 0 <= self.noise[0] <= self.noise[1]:
            raise Refusal(
                f"Noise goes from a lower to a higher σ, both at least 0, not from {self.noise[0]} to {self.noise[1]}."
            )
        if self.weights is not None and (
            len(self.weights) != len(self.degradations) or min(self.weights) < 0 or sum(self.weights) <= 0
        ):
            raise Refusal(
                f"{len(self.degradations)} degradations need as many weights, none negative, not {self.weights}."
            )
        if self.normaliser not in NORMALISERS:
            raise Refusal(f"There is no normaliser {self.normaliser}; choose one of {', '.join(NORMALISERS)}.")
        if self.normaliser == "none" and self.contrast_jitter and isinstance(self.regions, VolumeRegions):
            raise Refusal(
                "Contrast cannot be jittered in a file's own units; choose a normaliser, or contrast_jitter=False."
            )
        if self.seed < 0:
            raise Refusal(f"A seed is a whole number of at least 0, not {self.seed}.")

    @property
    def scale(self) -> tuple[int, int, int]:
        """Fine voxels per coarse voxel."""
        return self.degradations[0].scale

    @property
    def size(self) -> tuple[int, int, int]:
        """Coarse voxels of a patch."""
        return (self.patch,) * 3 if isinstance(self.patch, int) else self.patch

    def __getitem__(self, n: int) -> dict[str, Patch]:
        rng = np.random.default_rng([self.seed, n])
        fine = self._region(rng)
        if self.contrast_jitter:
            fine = jitter(fine, rng)
        units = in_units(self.normaliser)
        fine = (fine - units.offset) / units.scale
        coarse = self._degradation(rng)(fine)
        coarse = noisy(coarse, self.noise, units, rng)
        return {"coarse": self._trim(coarse, (1, 1, 1)), "fine": self._trim(fine, self.scale)}

    def _region(self, rng: np.random.Generator) -> Region:
        """A fine region with its guard, in one of 48 orientations."""
        shape = [s * (p + 2 * self.guard) for s, p in zip(self.scale, self.size, strict=True)]
        order, flips = rng.permutation(3), np.flatnonzero(rng.integers(0, 2, 3))
        i, j, k = (shape[axis] for axis in np.argsort(order))
        region = self.regions.cut((i, j, k), rng)
        return region.permute(*order.tolist()).flip(flips.tolist())

    def _degradation(self, rng: np.random.Generator) -> Degradation:
        weights = None if self.weights is None else np.asarray(self.weights) / np.sum(self.weights)
        chosen = self.degradations[rng.choice(len(self.degradations), p=weights)]
        return replace(chosen, boundary="mirror") if isinstance(chosen, KSpaceTruncation) else chosen

    def _trim(self, image: Region, scale: tuple[int, int, int]) -> Patch:
        i, j, k = (slice(s * self.guard, s * (self.guard + p)) for s, p in zip(scale, self.size, strict=True))
        return image[i, j, k].unsqueeze(0).contiguous()


class VolumePatches(Patches):
    """Patches of real volumes: arrays (i, j, k) in any unit, each normalised as a whole. ``zoom``: VolumeRegions."""

    def __init__(
        self,
        volumes: Iterable[Real[np.ndarray, "i j k"]],
        *,
        degradations: Sequence[Degradation],
        patch: int | tuple[int, int, int],
        seed: int,
        scale: int | tuple[int, int, int] | None = None,
        zoom: tuple[float, float] = (1.0, 1.0),
        **settings: Unpack[Settings],
    ) -> None:
        _agree(scale, degradations)
        regions = VolumeRegions(volumes, zoom=zoom, normaliser=settings.get("normaliser", "percentile"))
        super().__init__(regions, degradations, patch, seed, **settings)


class SyntheticPatches(Patches):
    """Patches of images drawn from label maps (i, j, k), FreeSurfer's numbers: every example has its own contrast."""

    def __init__(
        self,
        label_maps: Iterable[Real[np.ndarray, "i j k"]],
        *,
        degradations: Sequence[Degradation],
        patch: int | tuple[int, int, int],
        seed: int,
        scale: int | tuple[int, int, int] | None = None,
        zoom: tuple[float, float] = (0.9, 1.3),
        t1_weighted: float = 0.5,
        **settings: Unpack[Settings],
    ) -> None:
        _agree(scale, degradations)
        regions = LabelRegions(label_maps, zoom=zoom, t1_weighted=t1_weighted)
        settings.setdefault("contrast_jitter", False)  # drawn contrasts are different enough
        super().__init__(regions, degradations, patch, seed, **settings)


class Mixture:
    """Example n is example n of one of several, drawn by (seed, n).

    Raises Refusal where weights and examples do not match.
    """

    def __init__(self, examples: Sequence[Examples], weights: Sequence[float | int], seed: int) -> None:
        if not examples or len(examples) != len(weights) or min(weights) < 0 or sum(weights) <= 0:
            raise Refusal(
                f"{len(examples)} kinds of examples need as many weights, none of them negative, not {list(weights)}."
            )
        self.examples, self.seed = list(examples), seed
        self.shares = np.asarray(weights, dtype=np.float64) / np.sum(weights)

    def __getitem__(self, n: int) -> Mapping[str, Tensor]:
        rng = np.random.default_rng(
            [self.seed, n, 1]
        )  # the 1: else the draw would be the first number of the example itself
        return self.examples[rng.choice(len(self.examples), p=self.shares)][n]


def _agree(scale: int | tuple[int, int, int] | None, degradations: Sequence[Degradation]) -> None:
    wanted = (scale,) * 3 if isinstance(scale, int) else scale
    for degradation in degradations:
        if wanted is not None and degradation.scale != wanted:
            raise Refusal(f"A training for scale {wanted} cannot use a degradation of scale {degradation.scale}.")


def noisy(coarse: Region, sigmas: tuple[float, float], units: Normaliser, rng: np.random.Generator) -> Region:
    """With σ drawn from ``sigmas``: half of the images as they are, a quarter each with Gaussian and Rician noise."""
    kind, sigma, seed = rng.random(), float(rng.uniform(*sigmas)), int(rng.integers(2**62))
    if kind < 0.5 or sigma == 0:
        return coarse
    generator, air = torch.Generator().manual_seed(seed), -units.offset / units.scale
    if kind < 0.75:
        return add_gaussian_noise(coarse, sigma, generator)
    return air + add_rician_noise(coarse - air, sigma, generator)  # a magnitude is counted from air


def jitter(image: Region, rng: np.random.Generator) -> Region:
    """Another brightness and gamma; rarely the negative."""
    gamma, gain, invert = float(np.exp(rng.normal(0, 0.2))), float(rng.uniform(0.8, 1.1)), rng.random() < 0.05
    image = image.clamp(min=0).pow(gamma) * gain
    return (1 - image).clamp(min=0) if invert else image
