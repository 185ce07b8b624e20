"""Who was scanned, and where the files of each person lie."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from finemri.refusal import Refusal

Thing = TypeVar("Thing", str, Path)


@dataclass(frozen=True)
class Pair:
    """One person scanned in two qualities, as ``finemri pair`` lays them down: NIfTI files, slices along k.

    Both have the same in-plane grid (i, j). ``finemri.cohorts.pairing.open_pair`` opens it.
    """

    coarse: Path
    """The quick scan: thick slices, or a low field."""
    fine: Path
    """The scan that it should have been."""
    matches: tuple[tuple[int, int], ...] | None = None
    """(slice of coarse, slice of fine) along k, rising; None: both lie on one grid, voxel by voxel."""


@dataclass(frozen=True)
class Subject:
    """One person: all the files of one person stand together, whatever the visit."""

    name: str
    """A pseudonym, made from the name of a file or folder or counted; never from a DICOM header."""
    images: tuple[Path, ...] = ()
    """Scans: NIfTI files, or folders of DICOM slices."""
    labels: tuple[Path, ...] = ()
    """Label maps."""
    pairs: tuple[Pair, ...] = ()
    """Pairs of a coarse and a fine scan."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file, each as often as it is listed; those of pairs once."""
        paired = dict.fromkeys(path for pair in self.pairs for path in (pair.coarse, pair.fine))
        return self.images + self.labels + tuple(paired)


@dataclass(frozen=True)
class Cohort:
    """People, each of them once. Raises Refusal for a name given twice and for a file that two people share."""

    subjects: tuple[Subject, ...]

    def __post_init__(self) -> None:
        twice = _repeated(subject.name for subject in self.subjects)
        if twice:
            raise Refusal(f"The subject {twice[0]} stands twice in this cohort; give every person one entry.")
        if _repeated(path.resolve() for subject in self.subjects for path in subject.files):
            raise Refusal(
                "A file stands twice in this cohort, so that a person could be on both sides of a split; list it once."
            )

    def __len__(self) -> int:
        return len(self.subjects)

    @property
    def names(self) -> tuple[str, ...]:
        """Pseudonyms, in the cohort's order."""
        return tuple(subject.name for subject in self.subjects)

    def only(self, names: Iterable[str]) -> "Cohort":
        """The people of these names, in the cohort's order. Raises Refusal for a name that nobody has."""
        wanted = set(names)
        unknown = sorted(wanted - set(self.names))
        if unknown:
            raise Refusal(
                f"The cohort has no subject {unknown[0]}; it has changed since these names were written down."
            )
        return Cohort(tuple(subject for subject in self.subjects if subject.name in wanted))


def _repeated(things: Iterable[Thing]) -> list[Thing]:
    return [thing for thing, count in Counter(things).items() if count > 1]
