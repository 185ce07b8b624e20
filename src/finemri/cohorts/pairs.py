"""Examples from people who were scanned twice, of several cohorts together."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from finemri.cohorts.cohort import Cohort
from finemri.cohorts.examples import Mixture
from finemri.cohorts.paired_patches import PairedPatches
from finemri.cohorts.paired_slices import PairedSlices
from finemri.cohorts.twice import Spacing, median_grid


@runtime_checkable
class Paired(Protocol):
    """Examples of pairs: an endless row, on a grid."""

    @property
    def grid(self) -> Spacing:
        """Millimetres between the voxels that a network learns on; see Twice.grid."""

    @property
    def sizes(self) -> frozenset[tuple[int, ...]]:
        """The sizes that examples come in."""

    def __getitem__(self, n: int) -> Mapping[str, Tensor]:
        """Example n, always the same."""


class PairedMixture(Mixture):
    """Pairs of several cohorts, drawn in shares."""

    examples: list[Paired]  # type: ignore[assignment]

    @property
    def grid(self) -> Spacing:
        """Millimetres between voxels: the median of the cohorts'."""
        return median_grid(kind.grid for kind in self.examples)

    @property
    def sizes(self) -> frozenset[tuple[int, ...]]:
        """The sizes that examples come in."""
        return frozenset().union(*(kind.sizes for kind in self.examples))


def slices_of_pairs(cohorts: Sequence[Cohort], shares: Sequence[float], seed: int, **settings: Any) -> PairedMixture:
    """PairedSlices of each cohort; cohort n is drawn ``shares[n]`` times as often."""
    kinds = [PairedSlices(cohort, seed=seed * 1000 + n, **settings) for n, cohort in enumerate(cohorts)]
    return PairedMixture(kinds, shares, seed)


def patches_of_pairs(cohorts: Sequence[Cohort], shares: Sequence[float], seed: int, **settings: Any) -> PairedMixture:
    """PairedPatches of each cohort; cohort n is drawn ``shares[n]`` times as often."""
    kinds = [PairedPatches(cohort, seed=seed * 1000 + n, **settings) for n, cohort in enumerate(cohorts)]
    return PairedMixture(kinds, shares, seed)
