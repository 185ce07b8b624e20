"""Over what an evaluation runs: every scan by a name, every method by a name, and a bar that tells how far it is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from finemri.cohorts.cohort import Cohort, Pair, Subject
from finemri.cohorts.duplicates import refuse_alike
from finemri.cohorts.layouts import PICTURES, find_cohort
from finemri.cohorts.split import Split
from finemri.provenance import digest
from finemri.refusal import Refusal

Part = Literal["train", "validation", "test"]
COUNTED = re.compile(r"subject-\d+$")
"""A name that was counted: it is another person's when somebody is added to the folder."""


@dataclass(frozen=True)
class People:
    """Who is judged: everybody, or one part of the split of each cohort that a training wrote down."""

    splits: tuple[Path, ...] = ()
    """split-1.json …, in the order of the cohorts."""
    part: Part = "validation"

    @property
    def name(self) -> str | None:
        """What the results of one choice have in common."""
        return f"{self.part} of {digest(self.splits)[:16]}" if self.splits else None

    @property
    def asks_for_learnt(self) -> bool:
        """Whether those are judged whom a training learnt from, on purpose."""
        return bool(self.splits) and self.part == "train"

    def of(self, cohort: Path | Sequence[Path]) -> Cohort:
        """The people of all folders who are judged.

        Raises Refusal where splits and cohorts do not belong together, nobody is in the part, or a scan is also one
        that was learnt from, or nearly identical to one.
        """
        folders = [cohort] if isinstance(cohort, Path) else list(cohort)
        found = [find_cohort(folder.absolute()) for folder in folders]  # workers may stand elsewhere
        if not self.splits:
            return Cohort(tuple(subject for each in found for subject in each.subjects))
        if len(self.splits) != len(found):
            raise Refusal(f"{len(found)} cohorts have as many splits, in the same order, not {len(self.splits)}.")
        learnt: list[Subject] = []
        judged: list[Subject] = []
        for each, path in zip(found, self.splits, strict=True):
            if not path.is_file():
                raise Refusal(f"There is no split {path}; a training writes split-1.json into its folder.")
            dealt = Split.load(path)
            parts = dict(zip(("train", "validation", "test"), dealt.of(each), strict=True))
            unknown = set(each.names) - {name for of in parts.values() for name in of.names}
            if any(COUNTED.match(name) for name in unknown):
                raise Refusal(
                    f"The cohort of {path.name} has {len(unknown)} people more than were split, and its people are "
                    "counted, so that a name may be another person's now; give the cohort as it was."
                )
            learnt += parts["train"].subjects
            judged += parts[self.part].subjects
        if not judged:
            raise Refusal(
                f"The split keeps nobody for {self.part}: a training holds people out in cohorts of at least ten alone."
            )
        if self.part != "train":
            files = {file.resolve() for subject in learnt for file in subject.files}
            if any(file.resolve() in files for subject in judged for file in subject.files):
                raise Refusal(
                    "Somebody who is held out of one cohort was learnt from in another; leave one of them out."
                )
            refuse_alike(learnt, judged)
        return Cohort(tuple(judged))


EVERYBODY = People()


def scans_of(cohort: Path | Sequence[Path], people: People = EVERYBODY) -> dict[str, Subject]:
    """Name -> one image, with its label map if there is one for each; a person's second scan is called person#2.

    A person's pictures are the slices of one scan. Raises Refusal where nobody has an image, and as ``People.of``.
    """
    chosen = people.of(cohort)
    scans = {}
    for person in chosen.subjects:
        if person.images and all(path.name.lower().endswith(PICTURES) for path in person.images):
            scans[person.name] = Subject(person.name, person.images)
            continue
        each = len(person.labels) == len(person.images)
        for n, path in enumerate(person.images):
            name = person.name if n == 0 else f"{person.name}#{n + 1}"
            scans[name] = Subject(name, (path,), person.labels[n : n + 1] if each else ())
    if not scans and any(person.pairs for person in chosen.subjects):
        raise Refusal("These are pairs of a coarse and a fine scan, so there is nothing to spoil: name no degradation.")
    if not scans:
        raise Refusal("The cohort holds label maps and no scans, so there is no truth; give a folder of scans.")
    return scans


def pairs_of(cohort: Path | Sequence[Path], people: People = EVERYBODY) -> dict[str, Pair]:
    """Name -> one pair; a person's second is called person#2.

    Raises Refusal where nobody has a pair, where some are volumes and others matched slices, and as ``People.of``.
    """
    pairs = {
        person.name if n == 0 else f"{person.name}#{n + 1}": pair
        for person in people.of(cohort).subjects
        for n, pair in enumerate(person.pairs)
    }
    if not pairs:
        raise Refusal(
            "Say what to spoil, --degradation or --sampling: the cohort holds no pairs of a coarse and a fine scan, "
            "which need neither; finemri pair makes them."
        )
    if len({pair.matches is None for pair in pairs.values()}) > 1:
        raise Refusal(
            "Some pairs are volumes on one grid and others matched slices, whose numbers do not mix; judge them apart."
        )
    return pairs


def label_of(name: str, own: str, digest: str | None) -> str:
    """A name of the shelf as it is; a checkpoint by its recipe and digest, as a path may tell who was scanned."""
    return name if name == own or digest is None else f"{own}@{digest[:8]}"


def progress_bar() -> Progress:
    """On the error channel, where it mixes with nothing that is piped on."""
    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
        console=Console(stderr=True),
    )
