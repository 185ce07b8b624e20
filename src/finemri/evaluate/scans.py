"""Over what an evaluation runs: every scan by a name, every method by a name, and a bar that tells how far it is."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from finemri.cohorts.cohort import Cohort, Subject
from finemri.cohorts.layouts import PICTURES, find_cohort
from finemri.refusal import Refusal


def scans_of(cohort: Path | Sequence[Path]) -> dict[str, Subject]:
    """Name -> one image, with its label map if there is one for each; a person's second scan is called person#2.

    A person's pictures are the slices of one scan. Raises Refusal where nobody has an image.
    """
    folders = [cohort] if isinstance(cohort, Path) else cohort
    people = Cohort(tuple(subject for folder in folders for subject in find_cohort(folder).subjects))
    scans = {}
    for person in people.subjects:
        if person.images and all(path.name.lower().endswith(PICTURES) for path in person.images):
            scans[person.name] = Subject(person.name, person.images)
            continue
        each = len(person.labels) == len(person.images)
        for n, path in enumerate(person.images):
            name = person.name if n == 0 else f"{person.name}#{n + 1}"
            scans[name] = Subject(name, (path,), person.labels[n : n + 1] if each else ())
    if not scans:
        raise Refusal("The cohort holds label maps and no scans, so there is no truth; give a folder of scans.")
    return scans


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
