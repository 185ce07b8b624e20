"""Segmentation as judge: what somebody who knows nothing of the methods finds in the images that they made."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape

from finemri.evaluate.judges import Judge, Network, Outside
from finemri.evaluate.running import device_of, refuse
from finemri.evaluate.scans import EVERYBODY, People, progress_bar
from finemri.landing import alone_in
from finemri.measures import BROKEN
from finemri.measures.contract import Contract
from finemri.measures.ledger import Ledger
from finemri.measures.segmentation import Labels, dice
from finemri.measures.statistics import TRUTH
from finemri.measures.structures import Judgement, judge_structures
from finemri.measures.table import write_gains, write_tables
from finemri.measures.tidy import Row
from finemri.provenance import digest
from finemri.refusal import Refusal
from finemri.shelf import find_judge
from finemri.volumes.files import open_volume, save_volume
from finemri.volumes.labels import open_labels
from finemri.volumes.volume import Volume

THEIRS = "the cohort's label map"
OWN = "what is found in the true image"
FOLDER = "segmentations"

Trial = tuple[str, str]
"""Subject, method."""


def evaluate_structures(
    into: Path,
    segmenter: Path,
    *,
    cohort: Path | Sequence[Path] = (),
    people: People = EVERYBODY,
    device: str = "auto",
) -> Path:
    """``into/images`` -> ``into/segmentations``, and rows of volumes, Dice, SIS and surface distances in measures.csv.

    Every saved image of a volume, and its truth, is segmented by ``segmenter``: weights as ``find_judge`` takes them;
    or, where it is a folder, an outside program did so and left its label maps there, {subject}_{method}.nii.gz, of the
    truth and of every method. What is found is held against the label maps of the ``cohort``; of whom it has none,
    against what is found in the true image, and then there is no SIS. Neither methods nor scans are needed.

    An image that holds what is no number was not kept, and nothing is found in it.

    Run again, it judges what is new. Says of whom no SIS can be told. Returns the path of the CSV. Raises Refusal where
    images or maps are missing, and where another segmenter judged these images before; and at the end, where labels do
    not fit and some scans could not be judged.
    """
    judge: Judge = Outside(segmenter) if segmenter.is_dir() else Network(find_judge(segmenter, device_of(device)))
    if not (into / "measures.csv").is_file():
        raise Refusal(f"There is no measures.csv in {into}; run finemri evaluate first, with --save-images.")
    with alone_in(into):
        ledger = Ledger(into, {})
        done = {(row.subject, row.method) for row in ledger.rows if row.measure.startswith("volume-")}
        lost = {(row.subject, row.method) for row in ledger.rows if row.measure == BROKEN}
        trials = {
            (row.subject, row.method): row for row in ledger.rows if row.method != TRUTH and row.measure != BROKEN
        }
        missing = {trial: row for trial, row in trials.items() if trial not in done}
        for trial in [(subject, name) for subject, method in missing for name in (TRUTH, method)]:
            if trial not in lost:  # before anything takes hours
                image_of(into, *trial), judge.file(*trial)
        if done and ledger.settings.get("segmenter") != judge.digest:
            raise Refusal(f"Another segmenter judged the images of {into} before; judge them in another folder.")
        ledger.put("segmenter", judge.digest)
        failed = _judge(judge, missing, done, lost, label_maps(cohort, people), ledger)
        if ledger.rows:
            _tell(ledger.path)
    refuse(failed, len({subject for subject, _ in trials}))
    return ledger.path


def _judge(
    judge: Judge,
    missing: Mapping[Trial, Row],
    done: Collection[Trial],
    lost: Collection[Trial],
    maps: Mapping[str, Path],
    ledger: Ledger,
) -> list[str]:
    """Scan by scan; returns why some could not be judged."""
    subjects: dict[str, list[Row]] = {}
    for (subject, _), row in missing.items():
        subjects.setdefault(subject, []).append(row)
    failed = []
    with progress_bar() as progress:
        task = progress.add_task("", total=len(missing))
        for subject, rows in subjects.items():
            try:
                progress.update(task, description=f"{subject} {TRUTH}")
                _agree(ledger, subject, maps.get(subject))
                case = Case.of(ledger.path.parent, subject, judge, maps.get(subject), rows[0].contract.crop)
                for remark in case.remarks():
                    progress.console.print(f"[yellow]{escape(remark)}[/yellow]", soft_wrap=True)
                for row in [*([] if (subject, TRUTH) in done else [replace(rows[0], method=TRUTH)]), *rows]:
                    progress.update(task, description=f"{subject} {row.method}")
                    is_lost = (subject, row.method) in lost
                    if not is_lost and (file := judge.file(subject, row.method)) is not None:
                        ledger.agree("segmented", f"{subject}_{row.method}", digest([file]))
                    numbers = list(case.judge(row.method, lost=is_lost))
                    ledger.add([replace(row, measure=name, value=v, contract=c) for name, v, c in numbers])
                    progress.advance(task, row.method != TRUTH)
            except Refusal as reason:  # the next scan may be sound
                failed.append(f"{subject}: {reason}")
                progress.console.print(f"finemri: {escape(failed[-1])}", soft_wrap=True)
    return failed


def _agree(ledger: Ledger, subject: str, label_map: Path | None) -> None:
    """Put down what a subject is held against, and the segmenter too. Raises Refusal where it was another before."""
    reference = OWN if label_map is None else digest([label_map])
    if ledger.settings.setdefault("references", {}).get(subject, reference) != reference:
        raise Refusal(
            f"The structures of {subject} were held against another label map, or none, before; give the same cohort, "
            "or judge in another folder."
        )
    ledger.agree("references", subject, reference)


def _tell(measures: Path) -> None:
    """Write the tables again, and print what is of structures."""
    console = Console()
    for table in write_tables(measures, printed=()):
        console.print(table)
    write_gains(measures)
    console.print(
        f"Label maps: {measures.with_name(FOLDER)}. Every structure: {measures.with_name('table.md')}", soft_wrap=True
    )


@dataclass(frozen=True, eq=False)
class Case:
    """One scan: what its images are held against."""

    into: Path
    subject: str
    segmenter: Judge
    truth: Volume
    found_in_truth: Labels
    theirs: Labels | None
    crop: str

    @classmethod
    def of(cls, into: Path, subject: str, judge: Judge, label_map: Path | None, crop: str) -> "Case":
        """Read the truth, and let the judge look at it."""
        truth = open_volume(image_of(into, subject, TRUTH))
        theirs = None if label_map is None else judge.in_own_words(_on_grid(label_map, truth))
        return cls(into, subject, judge, truth, judge.find(subject, TRUTH, truth), theirs, crop)

    def judge(self, name: str, *, lost: bool = False) -> Iterator[tuple[str, float, Contract]]:
        """Segment an image, keep what was found, and measure it. Of the truth that has no other map, volumes alone.
        Where the image is ``lost``, nothing is found."""
        found = np.zeros_like(self.found_in_truth) if lost else self._found(name)
        kept = self.into / FOLDER
        kept.mkdir(exist_ok=True)
        made = self.truth.with_voxels(found.astype(np.float32))
        save_volume(made, kept / f"{self.subject}_{name}.nii.gz", force=True)
        of, whose = (self.found_in_truth, OWN) if self.theirs is None else (self.theirs, THEIRS)
        judge = self.segmenter
        judgement = Judgement(judge.name, judge.grid, whose, judge.names, self.crop)
        ceiling = None if self.theirs is None or name == TRUTH else self.found_in_truth
        for measure, value, contract in judge_structures(found, of, ceiling, self.truth.affine, judgement):
            if name != TRUTH or self.theirs is not None or measure.startswith("volume-"):
                yield measure, value, contract

    def remarks(self) -> list[str]:
        """Where there is no SIS, and why."""
        if not self.found_in_truth.any():
            return [f"The segmenter finds nothing in the true image of {self.subject}: it judges nobody there."]
        if self.theirs is None:
            return [f"There is no label map of {self.subject}: Dice is against {OWN}, and there is no SIS."]
        return [
            f"The segmenter finds label {label} nowhere right in the true image of {self.subject}: no SIS of it."
            for label in map(int, np.unique(self.theirs))
            if label > 0 and dice(self.found_in_truth, self.theirs, label) == 0
        ]

    def _found(self, name: str) -> Labels:
        if name == TRUTH:
            return self.found_in_truth
        image = open_volume(image_of(self.into, self.subject, name))
        if image.shape != self.truth.shape:
            raise Refusal(
                f"The images of {self.subject} lie on two grids, {image.shape} and {self.truth.shape}, as matched "
                "slices do, and structures are judged in volumes; leave --segmenter out."
            )
        return self.segmenter.find(self.subject, name, image)


def image_of(into: Path, subject: str, name: str) -> Path:
    """A saved image. Raises Refusal where it was not saved, or is no volume."""
    path = into / "images" / f"{subject}_{name}.nii.gz"
    if not path.is_file():
        what = f"the true image of {subject}" if name == TRUTH else f"the image of {subject} by {name}"
        raise Refusal(
            f"{into} does not hold {what} as a volume; run finemri evaluate --degradation, or of pairs, again with "
            "--save-images and --force."
        )
    return path


def label_maps(cohort: Path | Sequence[Path], people: People) -> Mapping[str, Path]:
    """Name of a scan or pair -> its label map, of those that have one each."""
    found: dict[str, Path] = {}
    for person in people.of(cohort).subjects if cohort else ():
        if len(person.labels) == max(len(person.images), len(person.pairs)):
            for n, path in enumerate(person.labels):
                found[person.name if n == 0 else f"{person.name}#{n + 1}"] = path
    return found


def _on_grid(label_map: Path, truth: Volume) -> Labels:
    """The part of a label map that counts: of the scan, the last few voxels may have been cut off."""
    labels, affine = open_labels(label_map)
    if not np.allclose(affine, truth.affine, atol=1e-3) or any(
        n < m for n, m in zip(labels.shape, truth.shape, strict=True)
    ):
        raise Refusal(f"The label map {label_map.name} is not on the grid of its image; resample it.")
    i, j, k = truth.shape
    return labels[:i, :j, :k]
