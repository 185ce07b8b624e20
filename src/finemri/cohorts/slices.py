"""Slices of people: what learning and judging see where k-space is two-dimensional."""

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Int64, Integer, UInt16

from finemri.cohorts.cohort import Cohort, Subject
from finemri.cohorts.planes import (
    Size,
    centred,
    checked_matrix,
    labels_resized,
    labels_truncated,
    size_truncated,
    truncated,
    window,
)
from finemri.physics.contrast import draw_contrast
from finemri.refusal import Refusal
from finemri.shapes import Magnitude, Slice, Voxels
from finemri.volumes.files import open_volume
from finemri.volumes.intensity import by_percentile

Axis = Literal[0, 1, 2, "any"]
LabelledSlice = Int64[np.ndarray, "i j"]
Held = TypeVar("Held")
SLAB = 5
"""Slices that a contrast is drawn for, so that the middle one has neighbours to share voxels with."""


@dataclass(frozen=True, eq=False)
class SliceDraw:
    """One slice x of one person. |x| is in units of the 99.9th percentile of the whole scan, so it reaches about 1."""

    person: str
    image: Slice | Magnitude
    labels: LabelledSlice | None = None
    """What is where; none: not known, or not asked for."""


@runtime_checkable
class SliceSource(Protocol):
    """People, and slices of them."""

    @property
    def people(self) -> tuple[str, ...]:
        """Pseudonyms, in the cohort's order."""

    @property
    def matrices(self) -> frozenset[Size]:
        """The sizes (i, j) that slices come in."""

    def draw(self, rng: np.random.Generator) -> SliceDraw:
        """A slice of somebody, every person equally often; pure in the state of ``rng``."""

    def only(self, people: Iterable[str]) -> "SliceSource":
        """The same without anybody else. Raises Refusal for a name that nobody has, and where nobody is left."""

    def every(self) -> Iterator[SliceDraw]:
        """Each slice of each person once, in order."""


@dataclass(frozen=True, eq=False)
class _Scan:
    voxels: Voxels
    labels: Integer[np.ndarray, "i j k"] | None
    numbers: tuple[Integer[np.ndarray, " _"], ...]
    """Slices along i, j and k that show enough."""


class VolumeSlices:
    """Slices of volumes (NIfTI, DICOM), as they are: cropped or padded about the centre, never interpolated.

    ``axis`` is the file's axis across the slices. ``matrix`` is (i, j) of a slice; None: as the file has it.
    ``truncate`` ≥ 1 keeps the central 1/truncate of k-space along both axes, before cropping: x′ = |Fᴴ C F x|, larger
    voxels of the same brightness. ``labels``: each image's label map goes along. ``tissue``: slices of which a smaller
    share is brighter than a tenth of the 99.9th percentile are left out. Raises Refusal for settings that make no
    sense, for people without an image, a wanted label map or tissue, and for label maps that do not fit their images.
    """

    def __init__(
        self,
        cohort: Cohort,
        *,
        axis: Axis = "any",
        matrix: Size | None = None,
        truncate: float = 1.0,
        labels: bool = False,
        tissue: float = 0.05,
    ) -> None:
        if not truncate >= 1:
            raise Refusal(f"Truncation keeps 1/{truncate:g} of k-space, which is more than there is; give at least 1.")
        self.axes, self.matrix, self.truncate = checked_axes(axis), checked_matrix(matrix), float(truncate)
        self.scans = {s.name: _scans(s, self.axes, labels, tissue) for s in cohort.subjects}
        checked_people(self.scans)

    @property
    def people(self) -> tuple[str, ...]:
        return tuple(self.scans)

    @property
    def matrices(self) -> frozenset[Size]:
        if self.matrix is not None:
            return frozenset({self.matrix})
        shapes = [
            (*scan.voxels.shape[:axis], *scan.voxels.shape[axis + 1 :])
            for scans in self.scans.values()
            for scan in scans
            for axis in self.axes
            if scan.numbers[axis].size
        ]
        return frozenset(size_truncated((i, j), self.truncate) for i, j in shapes)

    def only(self, people: Iterable[str]) -> "VolumeSlices":
        other = copy.copy(self)
        other.scans = restricted(self.scans, people)
        return other

    def draw(self, rng: np.random.Generator) -> SliceDraw:
        person = self.people[rng.integers(len(self.scans))]
        scan = self.scans[person][rng.integers(len(self.scans[person]))]
        axes = [axis for axis in self.axes if scan.numbers[axis].size]
        axis = axes[rng.integers(len(axes))]
        return self._slice(person, scan, axis, int(rng.choice(scan.numbers[axis])))

    def every(self) -> Iterator[SliceDraw]:
        for person, scans in self.scans.items():
            for scan in scans:
                for axis in self.axes:
                    for number in scan.numbers[axis]:
                        yield self._slice(person, scan, axis, int(number))

    def _slice(self, person: str, scan: _Scan, axis: int, number: int) -> SliceDraw:
        image = truncated(np.moveaxis(scan.voxels, axis, 0)[number], self.truncate)
        labels = None
        if scan.labels is not None:
            labels = np.moveaxis(scan.labels, axis, 0)[number]
            labels = centred(labels_truncated(labels, image.shape), self.matrix).astype(np.int64)
        return SliceDraw(person, centred(image, self.matrix), labels)


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
        self.maps = {s.name: tuple(_label_map(path) for path in s.labels) for s in cohort.subjects}
        self.numbers = {
            name: tuple(tuple(_showing(m > 0, axis, tissue) for axis in range(3)) for m in maps)
            for name, maps in self.maps.items()
        }
        self.places = {
            name: tuple((m, axis) for m in range(len(of)) for axis in self.axes if of[m][axis].size)
            for name, of in self.numbers.items()
        }
        checked_people(self.places)

    @property
    def people(self) -> tuple[str, ...]:
        return tuple(self.places)

    @property
    def matrices(self) -> frozenset[Size]:
        return frozenset({self.matrix})

    def only(self, people: Iterable[str]) -> "LabelSlices":
        other = copy.copy(self)
        other.places = restricted(self.places, people)
        return other

    def draw(self, rng: np.random.Generator) -> SliceDraw:
        person = self.people[rng.integers(len(self.places))]
        which, axis = self.places[person][rng.integers(len(self.places[person]))]
        return self._slice(person, which, axis, int(rng.choice(self.numbers[person][which][axis])), rng)

    def every(self) -> Iterator[SliceDraw]:
        """Each slice once, its contrast drawn from person and place in the order."""
        for person, places in self.places.items():
            for which, axis in places:
                for number in self.numbers[person][which][axis]:
                    rng = np.random.default_rng([*person.encode(), which, axis, int(number)])
                    yield self._slice(person, which, axis, int(number), rng)

    def _slice(self, person: str, which: int, axis: int, number: int, rng: np.random.Generator) -> SliceDraw:
        step = float(np.exp(rng.uniform(*np.log(self.zoom))))
        slab = np.moveaxis(self.maps[person][which], axis, 2)
        i, j = (max(1, round(n * step)) for n in self.matrix)
        starts = [_start(n, m, rng) for n, m in zip(slab.shape, (i, j), strict=False)]
        numbers = window(slab, (*starts, number - SLAB // 2), (i, j, SLAB)).astype(np.int32)
        drawn = draw_contrast(numbers, rng, shape=(*self.matrix, SLAB), t1_weighted=self.t1_weighted).numpy()
        image = by_percentile(drawn).apply(drawn)[:, :, SLAB // 2]
        labels = None
        if self.labels:
            labels = labels_resized(numbers[:, :, SLAB // 2], self.matrix).astype(np.int64)
        return SliceDraw(person, np.ascontiguousarray(image), labels)


def checked_axes(axis: Axis) -> tuple[int, ...]:
    """The axes that slices may lie across. Raises Refusal for others than 0, 1, 2 and "any"."""
    if axis == "any":
        return (0, 1, 2)
    if axis not in (0, 1, 2):
        raise Refusal(f'Slices lie across axis 0, 1 or 2, or "any" of them, not {axis}.')
    return (axis,)


def checked_people(held: Mapping[str, tuple[object, ...]]) -> None:
    """Somebody, and something of everybody; or Refusal."""
    if not held:
        raise Refusal("There is nobody to take slices of; give a cohort of at least one person.")
    for person, scans in held.items():
        if not scans:
            raise Refusal(f"There is no slice of {person} to be had; leave this person out, or ask for less tissue.")


def restricted(held: Mapping[str, Held], people: Iterable[str]) -> dict[str, Held]:
    """Those of these names, in the order held. Raises Refusal for an unknown name, and where nobody is left."""
    wanted = set(people)
    unknown = sorted(wanted - set(held))
    if unknown:
        raise Refusal(f"There are no slices of {unknown[0]}; choose people of this cohort.")
    if not wanted:
        raise Refusal("There is nobody to take slices of; choose at least one person.")
    return {name: of for name, of in held.items() if name in wanted}


def _scans(subject: Subject, axes: tuple[int, ...], labels: bool, tissue: float) -> tuple[_Scan, ...]:
    """The volumes of a person that show something along one of the axes, in units of their brightness."""
    maps = _maps(subject) if labels else [None] * len(subject.images)
    scans = []
    for path, label_path in zip(subject.images, maps, strict=True):
        voxels = open_volume(path).voxels
        voxels = by_percentile(voxels).apply(voxels)
        where = None if label_path is None else _read_labels(label_path)
        if where is not None and where.shape != voxels.shape:
            raise Refusal(f"The label map {path.name} of {subject.name} is not on the grid of the image; resample it.")
        scan = _Scan(voxels, where, tuple(_showing(voxels > 0.1, axis, tissue) for axis in range(3)))
        if any(scan.numbers[axis].size for axis in axes):
            scans.append(scan)
    return tuple(scans)


def _maps(subject: Subject) -> list[Path]:
    """The label map of each image: one each, or one for all contrasts of one visit."""
    if len(subject.labels) == len(subject.images):
        return list(subject.labels)
    if len(subject.labels) == 1:
        return list(subject.labels) * len(subject.images)
    raise Refusal(
        f"{subject.name} has {len(subject.images)} images and {len(subject.labels)} label maps; "
        "list one map an image in a cohort.json, or one for all."
    )


def _read_labels(path: Path) -> UInt16[np.ndarray, "i j k"]:
    values = open_volume(path).voxels
    labels = values.astype(np.uint16) if values.min() >= 0 and values.max() <= 30000 else None
    if labels is None or (labels != values).any():
        raise Refusal(f"{path.name} does not hold whole numbers between 0 and 30000; is it an image?")
    return labels


def _label_map(path: Path) -> UInt16[np.ndarray, "i j k"]:
    """The part of a map that is not background; beyond it is background anyway."""
    labels = _read_labels(path)
    inside = [np.flatnonzero((labels > 0).any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    if inside[0].size == 0:
        raise Refusal(f"The label map {path.name} holds background only; leave it out.")
    return np.ascontiguousarray(labels[tuple(slice(i[0], i[-1] + 1) for i in inside)])


def _showing(shown: np.ndarray, axis: int, tissue: float) -> Integer[np.ndarray, " _"]:
    """Slices across an axis of which a share of at least ``tissue`` is shown."""
    across = (0, 1, 2)[:axis] + (0, 1, 2)[axis + 1 :]
    return np.flatnonzero(shown.mean(axis=across) >= tissue)


def _start(size: int, wanted: int, rng: np.random.Generator) -> int:
    """Where a window begins: anywhere inside what is larger; else with all of it, within a tenth of the centre."""
    if wanted <= size:
        return int(rng.integers(size - wanted + 1))
    slack = (wanted - size) / 2
    return round(-slack + rng.uniform(-1, 1) * min(slack, 0.1 * wanted))
