"""Examples of thick slices: a fine region, and what a clinical 2D scan of it gives when it is laid on the fine grid."""

import math
from dataclasses import dataclass
from typing import get_args

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from finemri.cohorts.examples import jitter, noisy
from finemri.cohorts.lesions import with_lesions
from finemri.cohorts.regions import Region, Regions
from finemri.physics.resampling import resample
from finemri.physics.slices import REACH, Profile, Slices, along
from finemri.refusal import Refusal
from finemri.volumes.intensity import Normaliser
from finemri.volumes.thick import lay

Stack = Float32[Tensor, "_ _ _"]

GUARD = 6
"""Fine voxels in plane that are cut off after the acquisition, so that no network learns how a region ends."""
ROOM = (1.5, 2.25)
"""A stack of slices is so many times as long as a patch: few patches hold its first slice or its last."""
GAPLESS = 0.4
"""Share of the stacks without gap or overlap: the most usual protocol."""
SPOILT = 0.35
"""Share of the scans that motion, and as many that brightness jumps, have spoilt."""


@dataclass(frozen=True)
class ThickPatches:
    """Patches of x and of the spline through y = A x + n, A thick slices along the last axis:

    ``{"coarse": (1 + 5, i, j, k), "fine": (1, i, j, k), "slices": (k, k)}``, float32. The first map of "coarse" is the
    scan as a Restorer lays it on the fine grid, the others what the network is told (Slices.told); "slices" is the
    matrix of the slices that lie wholly within the patch, its other rows 0. Lengths are in fine voxels. Regions are
    turned and mirrored at random. Raises Refusal for settings that make no sense.
    """

    regions: Regions
    """Where fine regions come from."""
    patch: tuple[int, int, int]
    """Size in fine voxels, slices along the last."""
    seed: int
    thickness: tuple[float, float] = (2.0, 7.0)
    """Thinnest and thickest slices."""
    gap: tuple[float, float] = (-0.2, 0.5)
    """Smallest and largest gap, as a share of the thickness."""
    in_plane: tuple[float, float] = (1.0, 1.6)
    """Smallest and largest measured voxels in plane; half of the scans have the smallest."""
    noise: float = 0.04
    """Highest σ of the noise of the slices, where the brightest tissue is 1; half of the scans have none."""
    motion: float = 0.2
    """Deviation of a shift in plane, between the interleaves of a scan and, a third of it, between slices."""
    jumps: float = 0.03
    """Deviation of the log brightness, between interleaves, and a third of it between slices."""
    lesions: float = 0.0
    """Share of the scans into which lesions are drawn."""
    contrast_jitter: bool = True
    """Random brightness and gamma; one example in twenty is inverted."""

    def __post_init__(self) -> None:
        spans = (self.thickness, self.in_plane, (1 + self.gap[0], 1 + self.gap[1]))
        if not all(0 < low <= high for low, high in spans) or min(self.patch) < 2:
            raise Refusal("thickness, gap and in_plane go from a lower to a higher number, and a patch has two voxels.")
        if min(self.noise, self.motion, self.jumps) < 0 or self.seed < 0 or not 0 <= self.lesions <= 1:
            raise Refusal("noise, motion, jumps and the seed are at least 0, and a share of lesions is 0 to 1.")

    def __getitem__(self, n: int) -> dict[str, Float32[Tensor, "..."]]:
        rng = np.random.default_rng([self.seed, n])
        slices, length = self._protocol(rng)
        guard = math.ceil(REACH[slices.profile] * slices.thickness)
        i, j, k = self.patch
        region = self._region((i + 2 * GUARD, j + 2 * GUARD, length + 2 * guard), rng)
        count = slices.count(length)
        stack = along(slices.matrix(length + 2 * guard, count, guard), region, 2)
        measured, q = self._spoilt(stack, rng)
        measured = noisy(measured, (0.0, self.noise), Normaliser(0.0, 1.0), rng)
        laid = lay(measured, (i + 2 * GUARD, j + 2 * GUARD, length))[GUARD:-GUARD, GUARD:-GUARD]
        fine = region[GUARD:-GUARD, GUARD:-GUARD, guard : guard + length]
        first = int(rng.integers(length - k + 1))
        told = slices.told(torch.arange(first, first + k, dtype=torch.float64), q).float()
        coarse = torch.cat((laid[None, ..., first : first + k], told[:, None, None].expand(-1, i, j, -1)))
        whole = slices.matrix(length, count)
        return {
            "coarse": coarse.contiguous(),
            "fine": fine[None, ..., first : first + k].contiguous(),
            "slices": within(whole, first, k),
        }

    def _protocol(self, rng: np.random.Generator) -> tuple[Slices, int]:
        """Slices, and the length of a stack of a whole number of them."""
        thickness = float(rng.uniform(*self.thickness))
        gap = 0.0 if rng.random() < GAPLESS else float(rng.uniform(*self.gap))
        profile: Profile = get_args(Profile)[rng.integers(2)]
        length = round(self.patch[2] * float(rng.uniform(*ROOM)))
        count = max(1, round(length / max(1.0, thickness * (1 + gap))))
        return Slices(2, length / count, thickness, profile), length

    def _region(self, shape: tuple[int, int, int], rng: np.random.Generator) -> Region:
        """In one of 48 orientations, with a contrast of its own."""
        order, flips = rng.permutation(3), np.flatnonzero(rng.integers(0, 2, 3))
        i, j, k = (shape[axis] for axis in np.argsort(order))
        region = self.regions.cut((i, j, k), rng).permute(*order.tolist()).flip(flips.tolist())
        region = jitter(region, rng) if self.contrast_jitter else region
        return with_lesions(region, rng) if rng.random() < self.lesions else region

    def _spoilt(self, stack: Stack, rng: np.random.Generator) -> tuple[Stack, float]:
        """In measured voxels, moved and brighter or darker slice by slice; and how large those voxels are."""
        i, j, n = stack.shape
        q = 1.0 if rng.random() < 0.5 else float(rng.uniform(*self.in_plane))
        shape = (max(2, round(i / q)), max(2, round(j / q)))
        step = (i / shape[0], j / shape[1])
        if rng.random() < SPOILT:
            gains = self.jumps * interleaved(n, 1, rng)[0]
            stack = stack * torch.from_numpy(np.exp(gains).astype(np.float32))
        if rng.random() < SPOILT:
            shifts = self.motion * interleaved(n, 2, rng)
            moved = [
                resample(stack[..., s : s + 1], (*shape, 1), (*step, 1), offset=(*shifts[:, s], 0)) for s in range(n)
            ]
            stack = torch.cat(moved, 2)
        elif shape != (i, j):
            stack = resample(stack, (*shape, n), (*step, 1))
        return stack, math.sqrt(step[0] * step[1])


def interleaved(count: int, numbers: int, rng: np.random.Generator) -> np.ndarray:
    """(numbers, count): normal numbers that differ between two or three interleaves, and a third as much within."""
    passes = int(rng.integers(2, 4))
    between, within_pass = rng.normal(size=(numbers, passes)), rng.normal(size=(numbers, count))
    together: np.ndarray = between[:, np.arange(count) % passes] + within_pass / 3
    return together


def within(matrix: Tensor, first: int, size: int) -> Float32[Tensor, "k k"]:
    """The rows of A that weigh nothing outside of ``size`` columns from ``first``, as the top of a square of zeros."""
    cut = matrix[:, first : first + size]
    inside = cut[(matrix.abs().sum(1) - cut.abs().sum(1)) < 1e-3].float()
    square = torch.zeros(size, size)
    square[: len(inside)] = inside[:size]
    return square
