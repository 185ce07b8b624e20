"""Slices of people: what learning and judging see where k-space is two-dimensional."""

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64, Integer

from finemri.cohorts.cohort import Cohort, Subject
from finemri.cohorts.planes import (
    Size,
    centred,
    checked_matrix,
    labels_truncated,
    size_truncated,
    truncated,
)
from finemri.cohorts.roll import Roll
from finemri.refusal import Refusal
from finemri.shapes import Magnitude, Slice, Voxels
from finemri.volumes.files import open_volume
from finemri.volumes.intensity import by_percentile
from finemri.volumes.labels import open_labels

Axis = Literal[0, 1, 2, "any"]
LabelledSlice = Int64[np.ndarray, "i j"]


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
        self.roll = Roll({s.name: _scans(s, self.axes, labels, tissue) for s in cohort.subjects})

    @property
    def people(self) -> tuple[str, ...]:
        return self.roll.people

    @property
    def matrices(self) -> frozenset[Size]:
        if self.matrix is not None:
            return frozenset({self.matrix})
        shapes = [
            (*scan.voxels.shape[:axis], *scan.voxels.shape[axis + 1 :])
            for _, scan in self.roll.every()
            for axis in self.axes
            if scan.numbers[axis].size
        ]
        return frozenset(size_truncated((i, j), self.truncate) for i, j in shapes)

    def only(self, people: Iterable[str]) -> "VolumeSlices":
        other = copy.copy(self)
        other.roll = self.roll.only(people)
        return other

    def draw(self, rng: np.random.Generator) -> SliceDraw:
        person, scan = self.roll.draw(rng)
        axes = [axis for axis in self.axes if scan.numbers[axis].size]
        axis = axes[rng.integers(len(axes))]
        return self._slice(person, scan, axis, int(rng.choice(scan.numbers[axis])))

    def every(self) -> Iterator[SliceDraw]:
        for person, scan in self.roll.every():
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


def checked_axes(axis: Axis) -> tuple[int, ...]:
    """The axes that slices may lie across. Raises Refusal for others than 0, 1, 2 and "any"."""
    if axis == "any":
        return (0, 1, 2)
    if axis not in (0, 1, 2):
        raise Refusal(f'Slices lie across axis 0, 1 or 2, or "any" of them, not {axis}.')
    return (axis,)


def _scans(subject: Subject, axes: tuple[int, ...], labels: bool, tissue: float) -> tuple[_Scan, ...]:
    """The volumes of a person that show something along one of the axes, in units of their brightness."""
    maps = _maps(subject) if labels else [None] * len(subject.images)
    scans = []
    for path, label_path in zip(subject.images, maps, strict=True):
        voxels = open_volume(path).voxels
        voxels = by_percentile(voxels).apply(voxels)
        where = None if label_path is None else open_labels(label_path)[0]
        if where is not None and where.shape != voxels.shape:
            raise Refusal(f"The label map {path.name} of {subject.name} is not on the grid of the image; resample it.")
        scan = _Scan(voxels, where, tuple(showing(voxels > 0.1, axis, tissue) for axis in range(3)))
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


def showing(shown: np.ndarray, axis: int, tissue: float) -> Integer[np.ndarray, " _"]:
    """Slices across an axis of which a share of at least ``tissue`` is shown."""
    across = (0, 1, 2)[:axis] + (0, 1, 2)[axis + 1 :]
    return np.flatnonzero(shown.mean(axis=across) >= tissue)
