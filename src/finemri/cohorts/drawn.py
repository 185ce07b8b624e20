"""Slices that nobody ever scanned: drawn from label maps, each with a contrast of its own."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer, UInt16

from finemri.cohorts.cohort import Cohort
from finemri.cohorts.planes import Size, checked_matrix, labels_resized, window
from finemri.cohorts.roll import Roll
from finemri.cohorts.slices import Axis, SliceDraw, checked_axes, showing
from finemri.physics.contrast import draw_contrast
from finemri.refusal import Refusal
from finemri.volumes.intensity import by_percentile
from finemri.volumes.labels import open_labels

SLAB = 5
"""Slices that a contrast is drawn for, so that the middle one has neighbours to share voxels with."""


class _Place(NamedTuple):
    """A map of a person, the first 0, and the slices across one of its axes that show enough."""

    labels: UInt16[np.ndarray, "i j k"]
    which: int
    axis: int
    numbers: Integer[np.ndarray, " _"]


class LabelSlices:
    """Slices of label maps (FreeSurfer's numbers), each draw with a contrast of its own (finemri.physics.contrast).

    ``matrix`` is (i, j) of a slice; ``zoom`` (lowest, highest): how many voxels of the map a pixel spans, drawn
    log-uniformly. A matrix that spans more than the head shows it near its centre, a smaller one any part of it.
    ``axis`` is the file's axis across the slices; ``t1_weighted`` the share of T1-like contrasts; ``tissue`` the share
    of a slice that is not background, within the box of the head, for the slice to be used; ``labels``: the map goes
    along. Raises Refusal for settings that make no sense and for maps that are none.
    """

    def __init__(
        self,
        cohort: Cohort,
        *,
        matrix: Size,
        axis: Axis = "any",
        zoom: tuple[float, float] = (0.8, 1.2),
        t1_weighted: float = 0.5,
        tissue: float = 0.2,
        labels: bool = False,
    ) -> None:
        if not 0 < zoom[0] <= zoom[1]:
            raise Refusal(f"A zoom goes from a smaller to a larger positive number, not from {zoom[0]} to {zoom[1]}.")
        self.axes, self.matrix = checked_axes(axis), matrix
        checked_matrix(matrix)
        self.zoom, self.t1_weighted, self.labels = zoom, t1_weighted, labels
        maps = {s.name: [_label_map(path) for path in s.labels] for s in cohort.subjects}
        self.roll = Roll({name: tuple(_places(of, self.axes, tissue)) for name, of in maps.items()})

    @property
    def people(self) -> tuple[str, ...]:
        return self.roll.people

    @property
    def matrices(self) -> frozenset[Size]:
        return frozenset({self.matrix})

    def only(self, people: Iterable[str]) -> "LabelSlices":
        other = copy.copy(self)
        other.roll = self.roll.only(people)
        return other

    def draw(self, rng: np.random.Generator) -> SliceDraw:
        person, place = self.roll.draw(rng)
        return self._slice(person, place, int(rng.choice(place.numbers)), rng)

    def every(self) -> Iterator[SliceDraw]:
        """Each slice once, its contrast drawn from person and place in the order."""
        for person, place in self.roll.every():
            for number in place.numbers.tolist():
                rng = np.random.default_rng([*person.encode(), place.which, place.axis, number])
                yield self._slice(person, place, number, rng)

    def _slice(self, person: str, place: _Place, number: int, rng: np.random.Generator) -> SliceDraw:
        step = float(np.exp(rng.uniform(*np.log(self.zoom))))
        slab = np.moveaxis(place.labels, place.axis, 2)
        i, j = (max(1, round(n * step)) for n in self.matrix)
        starts = [_start(n, m, rng) for n, m in zip(slab.shape, (i, j), strict=False)]
        numbers = window(slab, (*starts, number - SLAB // 2), (i, j, SLAB)).astype(np.int32)
        drawn = draw_contrast(numbers, rng, shape=(*self.matrix, SLAB), t1_weighted=self.t1_weighted).numpy()
        image = by_percentile(drawn).apply(drawn)[:, :, SLAB // 2]
        labels = None
        if self.labels:
            labels = labels_resized(numbers[:, :, SLAB // 2], self.matrix).astype(np.int64)
        return SliceDraw(person, np.ascontiguousarray(image), labels)


def _places(maps: Sequence[UInt16[np.ndarray, "_ _ _"]], axes: tuple[int, ...], tissue: float) -> Iterator[_Place]:
    for which, labels in enumerate(maps):
        for axis in axes:
            numbers = showing(labels > 0, axis, tissue)
            if numbers.size:
                yield _Place(labels, which, axis, numbers)


def _label_map(path: Path) -> UInt16[np.ndarray, "i j k"]:
    """The part of a map that is not background; beyond it is background anyway."""
    labels, _ = open_labels(path)
    inside = [np.flatnonzero((labels > 0).any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    if inside[0].size == 0:
        raise Refusal(f"The label map {path.name} holds background only; leave it out.")
    return np.ascontiguousarray(labels[tuple(slice(i[0], i[-1] + 1) for i in inside)])


def _start(size: int, wanted: int, rng: np.random.Generator) -> int:
    """Where a window begins: anywhere inside what is larger; else with all of it, within a tenth of the centre."""
    if wanted <= size:
        return int(rng.integers(size - wanted + 1))
    slack = (wanted - size) / 2
    return round(-slack + rng.uniform(-1, 1) * min(slack, 0.1 * wanted))
