"""Ensembles: the same scan enhanced in many ways, their mean and how far they disagree. Each is an Enhancer itself."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np

from finemri.refusal import Refusal
from finemri.shapes import FineVoxels, Voxels
from finemri.volumes.enhancer import Enhancer
from finemri.volumes.intensity import Normaliser

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Turned:
    """T⁻¹ f(T y): a scan is mirrored and its axes are swapped, enhanced, and put back."""

    enhancer: Enhancer
    mirrored: tuple[bool, bool, bool] = (False, False, False)
    """Which axes of the scan run backwards."""
    order: Triple = (0, 1, 2)
    """The enhancer's axis n is the scan's axis ``order[n]``."""

    def __post_init__(self) -> None:
        if sorted(self.order) != [0, 1, 2]:
            raise Refusal(f"Axes are swapped by naming 0, 1 and 2 once each, not {self.order}.")

    @property
    def scale(self) -> Triple:
        return self._back(self.enhancer.scale)

    @property
    def tile(self) -> Triple:
        return self._back(self.enhancer.tile)

    @property
    def margin(self) -> Triple:
        return self._back(self.enhancer.margin)

    @property
    def bytes_per_voxel(self) -> float:
        return self.enhancer.bytes_per_voxel + 4  # a copy of the scan, as it lies in memory

    @property
    def normaliser(self) -> str:
        return self.enhancer.normaliser

    def __call__(self, image: Voxels) -> FineVoxels:
        steps = tuple(slice(None, None, -1 if backwards else 1) for backwards in self.mirrored)
        fine = self.enhancer(np.ascontiguousarray(image[steps].transpose(self.order)))
        turned: FineVoxels = fine.transpose(self._back((0, 1, 2)))[steps]
        return turned

    def _back(self, triple: Triple) -> Triple:
        i, j, k = (triple[self.order.index(axis)] for axis in range(3))
        return i, j, k


def turnings(enhancer: Enhancer, *, swap: bool = False) -> tuple[Turned, ...]:
    """The 8 ways to mirror the axes; with ``swap`` all 48 ways to lay a cube. Untouched first.

    Raises Refusal for a swap where the enhancer's axes are not alike: slices, or another scale along one of them.
    """
    if swap and not len(set(enhancer.scale)) == len(set(enhancer.tile)) == 1:
        raise Refusal("This method treats the axes differently, so they cannot be swapped; use flips alone.")
    orders = list(permutations((0, 1, 2))) if swap else [(0, 1, 2)]
    flips = list(product((False, True), repeat=3))
    return tuple(Turned(enhancer, (a, b, c), (i, j, k)) for i, j, k in orders for a, b, c in flips)


@dataclass(frozen=True)
class Ensemble:
    """mean f_m(y) over the members: flips of one enhancer (``turnings``), or trainings from several seeds.

    Raises Refusal for fewer than two members, and where they make other grids or want other brightness.
    """

    members: Sequence[Enhancer]

    def __post_init__(self) -> None:
        if len(self.members) < 2:
            raise Refusal("An ensemble has at least two members; name another one.")
        if len({(member.scale, member.normaliser) for member in self.members}) > 1:
            raise Refusal("The members of an ensemble make one grid and want one brightness; choose others.")

    @property
    def scale(self) -> Triple:
        return self.members[0].scale

    @property
    def tile(self) -> Triple:
        """The smallest that anybody likes along each axis."""
        i, j, k = (min(sizes) for sizes in zip(*(member.tile for member in self.members), strict=True))
        return i, j, k

    @property
    def margin(self) -> Triple:
        i, j, k = (max(sizes) for sizes in zip(*(member.margin for member in self.members), strict=True))
        return i, j, k

    @property
    def bytes_per_voxel(self) -> float:
        """Beside a member at work: the mean, the sum of squares, and a difference."""
        return max(member.bytes_per_voxel for member in self.members) + 3 * 4 * math.prod(self.scale)

    @property
    def normaliser(self) -> str:
        return self.members[0].normaliser

    def __call__(self, image: Voxels) -> FineVoxels:
        return self.mean_and_deviation(image)[0]

    def mean_and_deviation(self, image: Voxels) -> tuple[FineVoxels, FineVoxels]:
        """Mean and sample standard deviation, √(Σ (f_m − f̄)² / (M − 1)), by Welford's sums: one member at a time."""
        mean = np.array(self.members[0](image), np.float32)
        squares = np.zeros_like(mean)
        for count, member in enumerate(self.members[1:], start=2):
            fine = member(image)
            change = fine - mean
            mean += change / count
            squares += change * (fine - mean)
        return mean, np.sqrt(squares / (len(self.members) - 1))


@dataclass(frozen=True)
class Disagreement:
    """The standard deviation over an ensemble, voxel by voxel: an Enhancer, so it is made in tiles like any image.

    ``units``: what the members' brightness is measured in, over the whole scan. A deviation has no offset to undo, so
    brightness is applied and undone here; the map is in the unit of the scan.
    """

    ensemble: Ensemble
    units: Normaliser
    normaliser: str = "none"

    @property
    def scale(self) -> Triple:
        return self.ensemble.scale

    @property
    def tile(self) -> Triple:
        return self.ensemble.tile

    @property
    def margin(self) -> Triple:
        return self.ensemble.margin

    @property
    def bytes_per_voxel(self) -> float:
        return self.ensemble.bytes_per_voxel

    def __call__(self, image: Voxels) -> FineVoxels:
        deviation = self.ensemble.mean_and_deviation(self.units.apply(image))[1]
        deviation *= np.float32(abs(self.units.scale))
        return deviation
