"""Slices of pairs: the coarse and the fine image of one place, of people who were scanned twice.

Example n is a pure function of (seed, n), so a resumed training continues at n.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Shaped
from torch import Tensor

from finemri.cohorts.cohort import Cohort
from finemri.cohorts.cutting import check_patch, cut, start_on_tissue, varied
from finemri.cohorts.planes import Size
from finemri.cohorts.regions import in_units
from finemri.cohorts.twice import Spacing, Twice, check_one_grid, grid_of, read_twice
from finemri.refusal import Refusal

Channels = Float32[Tensor, "_ _ _"]
Row = tuple[tuple[int, int], ...]


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
        check_patch(patch)
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
        return grid_of(self.people)

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
        return place, start_on_tissue(_plane(scans.fine, axis, fine), self.patch, scans.bright, self.centred, rng)

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
        return varied(coarse, fine, self.units.offset / self.units.scale, self.jitter, self.flips, rng)


def _rows(
    name: str, people: tuple[Twice, ...], axes: Sequence[int], tissue: float, width: int
) -> list[tuple[Twice, int, Row, int]]:
    """(scans, axis, matches that show enough, last match) of a person."""
    if tuple(axes) != (2,):
        check_one_grid({name: people}, "Slices across other axes than the third")
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


def _plane(voxels: Shaped[np.ndarray, "_ _ _"], axis: int, number: int) -> Shaped[np.ndarray, "_ _"]:
    plane: Shaped[np.ndarray, "_ _"] = np.take(voxels, number, axis=axis)
    return plane


def _across(shape: Sequence[int], axis: int) -> tuple[int, ...]:
    return tuple(n for a, n in enumerate(shape) if a != axis)
