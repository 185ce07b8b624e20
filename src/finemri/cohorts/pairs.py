"""Examples from people who were scanned twice: the coarse and the fine image of one place.

Example n is a pure function of (seed, n), so a resumed training continues at n.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32, Shaped
from torch import Tensor

from finemri.cohorts.cohort import Cohort
from finemri.cohorts.examples import Mixture
from finemri.cohorts.planes import Size
from finemri.cohorts.regions import in_units
from finemri.cohorts.twice import Spacing, Twice, read_twice
from finemri.refusal import Refusal

Channels = Float32[Tensor, "_ _ _"]
Patch = Float32[Tensor, "1 _ _ _"]
Row = tuple[tuple[int, int], ...]
TRIES = 64
"""Voxels that are looked at for one of tissue."""


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


class _Place(NamedTuple):
    """A slice of the coarse scan, the matching one of the fine scan, and the last that has a match."""

    scans: Twice
    axis: int
    coarse: int
    fine: int
    last: int


class PairedSlices:
    """Slices of pairs: ``{"coarse": (1 + 2·neighbours_in, i, j), "fine": (1 + 2·neighbours_out, i, j)}``, float32.

    ``patch`` is cut at the same place from both, mostly (``centred``) about a voxel of tissue; None: whole slices, as
    the files have them. Beyond its edges a slice is mirrored. ``axes``: across which axes of the file slices lie, drawn
    first; others than (2,) for pairs on one grid alone. ``tissue``: slices of which a smaller share shows something are
    left out. Each scan is normalised as a whole, coarse and fine by its own brightness; ``jitter`` is the deviation of
    the log of a gain that both get, ``flips`` mirrors both.

    ``neighbours_in``: coarse slices before and after come along as channels, edges repeated. ``neighbours_out`` = N:
    the target is fine slices f − N … f + N about the match f; at the first slices the window begins with slice 0, and
    at the last match it ends there (Narcomey & Gu, 2019). ``scrambled``: their slip, a stack (channel, i, j) read as
    (i, j, channel).

    ``per_person``: examples come from so many slices, or patches, of each person, drawn once by the seed.
    ``unpaired``: the fine slice is another person's. ``shuffled=False``: slices in the order of the files, again and
    again. Raises Refusal for settings that make no sense and for people without a pair or tissue.
    """

    def __init__(
        self,
        cohort: Cohort,
        *,
        seed: int,
        patch: Size | None = None,
        axes: Sequence[int] = (2,),
        normaliser: str = "percentile",
        neighbours_in: int = 0,
        neighbours_out: int = 0,
        scrambled: bool = False,
        per_person: int | None = None,
        unpaired: bool = False,
        shuffled: bool = True,
        flips: bool = True,
        jitter: float = 0.0,
        tissue: float = 0.05,
        centred: float = 0.95,
    ) -> None:
        if not axes or not set(axes) <= {0, 1, 2}:
            raise Refusal(f"Slices lie across axes 0, 1 and 2 of a file, not {tuple(axes)}.")
        if min(neighbours_in, neighbours_out) < 0 or (per_person is not None and per_person < 1) or jitter < 0:
            raise Refusal("neighbours_in, neighbours_out and jitter are at least 0, per_person at least 1.")
        if not shuffled and (patch is not None or unpaired or per_person is not None):
            raise Refusal("Slices in the order of the files are whole, paired and all of them: leave the others out.")
        _check_patch(patch)
        self.people = read_twice(cohort, normaliser)
        self.seed, self.patch, self.units = seed, patch, in_units(normaliser)
        self.neighbours_in, self.neighbours_out, self.scrambled = neighbours_in, neighbours_out, scrambled
        self.per_person, self.unpaired, self.shuffled = per_person, unpaired, shuffled
        self.flips, self.jitter, self.centred = flips, jitter, centred
        self.rows = [_rows(name, scans, axes, tissue, 2 * neighbours_out + 1) for name, scans in self.people.items()]
        self.row = [] if shuffled else list(self.every())
        if unpaired and len(self.rows) < 2:
            raise Refusal("Unpaired slices are of different people, and here is one; give a cohort of at least two.")

    @property
    def grid(self) -> Spacing:
        return _median(scans.grid for of in self.people.values() for scans in of)

    @property
    def sizes(self) -> frozenset[tuple[int, ...]]:
        if self.patch is not None:
            return frozenset({self.patch})
        return frozenset(_across(scans.fine.shape, axis) for rows in self.rows for scans, axis, _, _ in rows)

    def __getitem__(self, n: int) -> dict[str, Channels]:
        rng = np.random.default_rng([self.seed, n])
        if not self.shuffled:
            place = self.row[n % len(self.row)]
            return self._finished(self._coarse(place, None), self._fine(place, None), rng)
        person = int(rng.integers(len(self.rows)))
        place, start = self._draw(person, rng)
        coarse = self._coarse(place, start)
        if self.unpaired:
            other = int(person + 1 + rng.integers(len(self.rows) - 1)) % len(self.rows)
            place, start = self._draw(other, rng)
        return self._finished(coarse, self._fine(place, start), rng)

    def every(self) -> Iterator[_Place]:
        """Each slice of each person once, in order."""
        for rows in self.rows:
            for scans, axis, matches, last in rows:
                yield from (_Place(scans, axis, coarse, fine, last) for coarse, fine in matches)

    def _draw(self, person: int, rng: np.random.Generator) -> tuple[_Place, tuple[int, ...] | None]:
        """A slice of a person, and where a patch begins."""
        if self.per_person is not None:  # a patch of the pool is what its number draws
            rng = np.random.default_rng([self.seed, person, int(rng.integers(self.per_person)), 2])
        rows = self.rows[person]
        axes = sorted({axis for _, axis, _, _ in rows})
        axis = axes[rng.integers(len(axes))]
        rows = [row for row in rows if row[1] == axis]
        scans, _, matches, last = rows[rng.integers(len(rows))]
        coarse, fine = matches[rng.integers(len(matches))]
        place = _Place(scans, axis, coarse, fine, last)
        if self.patch is None:
            return place, None
        return place, _start(_plane(scans.fine, axis, fine), self.patch, scans.bright, self.centred, rng)

    def _coarse(self, place: _Place, start: Sequence[int] | None) -> Channels:
        near = range(place.coarse - self.neighbours_in, place.coarse + self.neighbours_in + 1)
        numbers = np.clip(near, 0, place.scans.coarse.shape[place.axis] - 1).tolist()
        return self._stacked(place.scans.coarse, place.axis, numbers, start)

    def _fine(self, place: _Place, start: Sequence[int] | None) -> Channels:
        width = 2 * self.neighbours_out + 1
        first = place.last - width + 1 if place.fine == place.last else place.fine - self.neighbours_out
        first = int(np.clip(first, 0, place.scans.fine.shape[place.axis] - width))
        fine = self._stacked(place.scans.fine, place.axis, range(first, first + width), start)
        if not self.scrambled:
            return fine
        channels, i, j = fine.shape
        return fine.reshape(i, j, channels).permute(2, 0, 1)

    def _stacked(
        self, voxels: Shaped[np.ndarray, "_ _ _"], axis: int, numbers: Sequence[int], start: Sequence[int] | None
    ) -> Channels:
        planes = [_plane(voxels, axis, int(number)) for number in numbers]
        if start is not None and self.patch is not None:
            planes = [cut(plane, start, self.patch) for plane in planes]
        return torch.from_numpy(np.stack(planes).astype(np.float32))

    def _finished(self, coarse: Channels, fine: Channels, rng: np.random.Generator) -> dict[str, Channels]:
        return _varied(coarse, fine, self.units.offset / self.units.scale, self.jitter, self.flips, rng)


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
        _check_patch(patch)
        self.people = read_twice(cohort, normaliser)
        self.seed, self.patch, self.units = seed, patch, in_units(normaliser)
        self.per_person, self.unpaired, self.flips, self.jitter = per_person, unpaired, flips, jitter
        self.centred = centred
        _one_grid(self.people, "Patches of volumes")
        if unpaired and len(self.people) < 2:
            raise Refusal("Unpaired patches are of different people, and here is one; give a cohort of at least two.")

    @property
    def grid(self) -> Spacing:
        return _median(scans.grid for of in self.people.values() for scans in of)

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
        return _varied(coarse, self._cut(scans.fine, start), air, self.jitter, self.flips, rng)

    def _draw(self, person: int, rng: np.random.Generator) -> tuple[Twice, tuple[int, ...]]:
        if self.per_person is not None:
            rng = np.random.default_rng([self.seed, person, int(rng.integers(self.per_person)), 2])
        of = list(self.people.values())[person]
        scans = of[rng.integers(len(of))]
        return scans, _start(scans.fine, self.patch, scans.bright, self.centred, rng)

    def _cut(self, voxels: Shaped[np.ndarray, "_ _ _"], start: Sequence[int]) -> Patch:
        return torch.from_numpy(cut(voxels, start, self.patch).astype(np.float32))[None]


class PairedMixture(Mixture):
    """Pairs of several cohorts, drawn in shares."""

    examples: list[Paired]  # type: ignore[assignment]

    @property
    def grid(self) -> Spacing:
        """Millimetres between voxels: the median of the cohorts'."""
        return _median(kind.grid for kind in self.examples)

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


def cut(voxels: Shaped[np.ndarray, "..."], start: Sequence[int], shape: Sequence[int]) -> Shaped[np.ndarray, "..."]:
    """Copy a region; beyond the edges the image is mirrored, as often as it takes."""
    numbers = []
    for first, length, size in zip(start, shape, voxels.shape, strict=True):
        index = np.arange(first, first + length) % (2 * size)
        numbers.append(np.where(index < size, index, 2 * size - 1 - index))
    return voxels[np.ix_(*numbers)]


def _rows(
    name: str, people: tuple[Twice, ...], axes: Sequence[int], tissue: float, width: int
) -> list[tuple[Twice, int, Row, int]]:
    """(scans, axis, matches that show enough, last match) of a person."""
    if tuple(axes) != (2,):
        _one_grid({name: people}, "Slices across other axes than the third")
    rows = []
    for scans in people:
        for axis in axes:
            matches = scans.along(axis)
            if scans.fine.shape[axis] < width:
                raise Refusal(f"A fine scan of {name} has fewer than {width} slices; ask for fewer neighbours.")
            across = tuple(a for a in range(3) if a != axis)
            shown = (scans.fine > scans.bright).mean(axis=across)
            kept = tuple((coarse, fine) for coarse, fine in matches if shown[fine] >= tissue)
            if kept:
                rows.append((scans, axis, kept, matches[-1][1]))
    if not rows:
        raise Refusal(f"No slice of {name} shows enough; leave this person out, or ask for less tissue.")
    return rows


def _one_grid(people: Mapping[str, tuple[Twice, ...]], what: str) -> None:
    for name, of in people.items():
        if any(scans.matches is not None for scans in of):
            raise Refusal(
                f"{what} need pairs on one grid, and those of {name} are matched slice by slice; "
                "pair them --by volumes."
            )


def _check_patch(patch: Sequence[int] | None) -> None:
    if patch is not None and min(patch) < 1:
        raise Refusal(f"A patch has at least one voxel along every axis, not {tuple(patch)}.")


def _start(
    fine: Shaped[np.ndarray, "..."], shape: Sequence[int], bright: float, centred: float, rng: np.random.Generator
) -> tuple[int, ...]:
    """A patch's first voxel: inside the image where it fits, else so that the image lies inside the patch."""
    wanted = rng.random() < centred
    tried = rng.integers(fine.shape, size=(TRIES, fine.ndim))
    anywhere = [int(rng.integers(min(0, n - m), max(0, n - m) + 1)) for n, m in zip(fine.shape, shape, strict=True)]
    hits = np.flatnonzero(fine[tuple(tried.T)] > bright)
    if not wanted or hits.size == 0:
        return tuple(anywhere)
    return tuple(
        int(np.clip(c - m // 2, 0, n - m)) if n >= m else a
        for c, n, m, a in zip(tried[hits[0]], fine.shape, shape, anywhere, strict=True)
    )


def _varied(
    coarse: Tensor, fine: Tensor, offset: float, jitter: float, flips: bool, rng: np.random.Generator
) -> dict[str, Tensor]:
    """Both brighter or darker, and both mirrored; ``offset`` is by how much air lies below 0."""
    gain = float(np.exp(jitter * rng.normal()))
    mirrored = (1 + np.flatnonzero(rng.integers(0, 2, fine.ndim - 1))).tolist() if flips else []
    made = {"coarse": coarse, "fine": fine}
    if jitter:
        made = {key: (image + offset) * gain - offset for key, image in made.items()}
    return {key: image.flip(mirrored).contiguous() for key, image in made.items()}


def _plane(voxels: Shaped[np.ndarray, "_ _ _"], axis: int, number: int) -> Shaped[np.ndarray, "_ _"]:
    plane: Shaped[np.ndarray, "_ _"] = np.take(voxels, number, axis=axis)
    return plane


def _across(shape: Sequence[int], axis: int) -> tuple[int, ...]:
    return tuple(n for a, n in enumerate(shape) if a != axis)


def _median(grids: Iterator[Spacing]) -> Spacing:
    along_i, along_j, along_k = zip(*grids, strict=True)
    k = None if None in along_k else float(np.median(along_k))
    return float(np.median(along_i)), float(np.median(along_j)), k
