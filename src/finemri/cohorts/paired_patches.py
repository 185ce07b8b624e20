"""Patches of pairs: the coarse and the fine image of one place, of people who were scanned twice.

Example n is a pure function of (seed, n), so a resumed training continues at n.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float32, Shaped
from torch import Tensor

from finemri.cohorts.cohort import Cohort
from finemri.cohorts.cutting import check_patch, cut, start_on_tissue, varied
from finemri.cohorts.regions import in_units
from finemri.cohorts.twice import Spacing, Twice, check_one_grid, grid_of, read_twice
from finemri.refusal import Refusal

Patch = Float32[Tensor, "1 _ _ _"]


class PairedPatches:
    """Patches of pairs on one grid: ``{"coarse": (1, i, j, k), "fine": (1, i, j, k)}``, float32.

    Settings as those of PairedSlices. Raises Refusal for pairs of slices, whose grids differ.
    """

    def __init__(
        self,
        cohort: Cohort,
        *,
        seed: int,
        patch: tuple[int, int, int],
        normaliser: str = "percentile",
        per_person: int | None = None,
        unpaired: bool = False,
        flips: bool = True,
        jitter: float = 0.0,
        centred: float = 0.95,
    ) -> None:
        if jitter < 0 or (per_person is not None and per_person < 1):
            raise Refusal("jitter is at least 0, per_person at least 1.")
        check_patch(patch)
        self.people = read_twice(cohort, normaliser)
        self.seed, self.patch, self.units = seed, patch, in_units(normaliser)
        self.per_person, self.unpaired, self.flips, self.jitter = per_person, unpaired, flips, jitter
        self.centred = centred
        check_one_grid(self.people, "Patches of volumes")
        if unpaired and len(self.people) < 2:
            raise Refusal("Unpaired patches are of different people, and here is one; give a cohort of at least two.")

    @property
    def grid(self) -> Spacing:
        return grid_of(self.people)

    @property
    def sizes(self) -> frozenset[tuple[int, ...]]:
        return frozenset({self.patch})

    def __getitem__(self, n: int) -> dict[str, Patch]:
        rng = np.random.default_rng([self.seed, n])
        person = int(rng.integers(len(self.people)))
        scans, start = self._draw(person, rng)
        coarse = self._cut(scans.coarse, start)
        if self.unpaired:
            other = int(person + 1 + rng.integers(len(self.people) - 1)) % len(self.people)
            scans, start = self._draw(other, rng)
        air = self.units.offset / self.units.scale
        return varied(coarse, self._cut(scans.fine, start), air, self.jitter, self.flips, rng)

    def _draw(self, person: int, rng: np.random.Generator) -> tuple[Twice, tuple[int, ...]]:
        if self.per_person is not None:
            rng = np.random.default_rng([self.seed, person, int(rng.integers(self.per_person)), 2])
        of = list(self.people.values())[person]
        scans = of[rng.integers(len(of))]
        return scans, start_on_tissue(scans.fine, self.patch, scans.bright, self.centred, rng)

    def _cut(self, voxels: Shaped[np.ndarray, "_ _ _"], start: Sequence[int]) -> Patch:
        return torch.from_numpy(cut(voxels, start, self.patch).astype(np.float32))[None]
