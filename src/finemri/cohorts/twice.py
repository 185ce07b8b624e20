"""People who were scanned twice, in memory: a coarse and a fine scan, and which of their slices belong together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from finemri.cohorts.cohort import Cohort, Pair
from finemri.cohorts.pairing import read_pair
from finemri.refusal import Refusal
from finemri.shapes import Voxels
from finemri.volumes.intensity import NORMALISERS

Spacing = tuple[float, float, float | None]
TISSUE = 0.1
"""Share of the 99.9th percentile of a scan above which there is tissue."""


@dataclass(frozen=True, eq=False)
class Twice:
    """Both scans of a pair, normalised each as a whole, and kept in half precision if normalised at all."""

    coarse: Float[np.ndarray, "i j _"]
    fine: Float[np.ndarray, "i j _"]
    matches: tuple[tuple[int, int], ...] | None
    """(slice of coarse, slice of fine) along k; None: one grid."""
    bright: float
    """Fine voxels above this are tissue."""
    grid: Spacing
    """Millimetres between the voxels of what goes in and comes out: the fine scan's. None along k for pairs that are
    matched slice by slice: a network sees one at a time, however far apart they lie."""

    def along(self, axis: int) -> tuple[tuple[int, int], ...]:
        """Matching slices across an axis."""
        return self.matches or tuple((n, n) for n in range(self.fine.shape[axis]))


def read_twice(cohort: Cohort, normaliser: str) -> dict[str, tuple[Twice, ...]]:
    """Everybody's pairs, by name. Raises Refusal where nobody has one, and for pairs that do not fit together."""
    if normaliser not in NORMALISERS:
        raise Refusal(f"There is no normaliser {normaliser}; choose one of {', '.join(NORMALISERS)}.")
    people = {s.name: tuple(_read(pair, normaliser) for pair in s.pairs) for s in cohort.subjects if s.pairs}
    if not people:
        raise Refusal("This cohort has no pairs of a coarse and a fine scan; make one with finemri pair.")
    return people


def grid_of(people: Mapping[str, tuple[Twice, ...]]) -> Spacing:
    """The median of everybody's."""
    return median_grid(scans.grid for of in people.values() for scans in of)


def median_grid(grids: Iterable[Spacing]) -> Spacing:
    """Axis by axis; None along k if any is."""
    along_i, along_j, along_k = zip(*grids, strict=True)
    k = None if None in along_k else float(np.median(along_k))
    return float(np.median(along_i)), float(np.median(along_j)), k


def check_one_grid(people: Mapping[str, tuple[Twice, ...]], what: str) -> None:
    """Raises Refusal for pairs of slices, whose grids differ."""
    for name, of in people.items():
        if any(scans.matches is not None for scans in of):
            raise Refusal(
                f"{what} need pairs on one grid, and those of {name} are matched slice by slice; "
                "pair them --by volumes."
            )


def _read(pair: Pair, normaliser: str) -> Twice:
    coarse, fine = read_pair(pair)
    units = NORMALISERS[normaliser](fine.voxels)
    tissue = TISSUE * NORMALISERS["percentile"](fine.voxels).scale
    i, j, k = fine.spacing
    return Twice(
        _kept(coarse.voxels, normaliser),
        _kept(fine.voxels, normaliser),
        pair.matches,
        (tissue - units.offset) / units.scale,
        (i, j, k if pair.matches is None else None),
    )


def _kept(voxels: Voxels, normaliser: str) -> Float[np.ndarray, "i j k"]:
    normalised = NORMALISERS[normaliser](voxels).apply(voxels)
    return normalised.astype(np.float32 if normaliser == "none" else np.float16)
