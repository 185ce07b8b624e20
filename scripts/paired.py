"""What the reproductions of papers 001 and 003 share: people, their second scan, pairs, trainings, the exam, tables."""

import argparse
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finemri.cohorts.described import write_pairs
from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.pairing import open_pair
from finemri.cohorts.rescan import PRESETS
from finemri.cohorts.split import Split, split
from finemri.measures.tidy import Row, read_rows
from finemri.pair import Pairing, pair
from finemri.recipes import Recipe, describe
from finemri.refusal import Refusal
from finemri.rescan import rescan
from finemri.train import train
from finemri.training.weights import load_weights
from finemri.volumes.files import open_volume

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
Numbers = Mapping[str, Mapping[str, float]]
"""Measure -> person -> number."""


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """What both scripts take."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder that holds hippocampus and weights")
    parser.add_argument("--images", type=Path, default=Path("docs/images"))
    parser.add_argument("--people", type=int, default=80, help="the first so many of the cohort")
    parser.add_argument("--rounds", type=int, default=300, help="of each stage")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", metavar="SYSTEM")
    return parser


def prepared(fine: Path, into: Path, preset: str, settings: Pairing, people: int) -> Path:
    """The first so many scanned again and paired, as `finemri rescan` and `finemri pair` do it: the cohort's folder."""
    few, coarse, cohort = into / "fine", into / "coarse", into / "pairs"
    few.mkdir(exist_ok=True)
    chosen = find_cohort(fine).subjects[:people]
    entries = [{"name": person.name, "images": [str(path.resolve()) for path in person.images]} for person in chosen]
    (few / "cohort.json").write_text(json.dumps({"subjects": entries}))
    if not (coarse / "poses.json").is_file():
        rescan(few, coarse, PRESETS[preset])
    try:
        pair(coarse, few, into=cohort, settings=settings)
    except Refusal as some:  # whoever could not be paired is left out, and named
        print(some)
    return cohort


def dealt(cohort: Path, into: Path, parts: Sequence[float]) -> tuple[Path, Path]:
    """Folders that name who is learnt from and who is examined; by person, drawn once."""
    everybody = find_cohort(cohort)
    path = into / "split.json"
    if not path.is_file():
        split(everybody, parts).save(path)
    learners, _, exam = Split.load(path).of(everybody)
    folders = []
    for name, part in (("learners", learners), ("exam-people", exam)):
        folder = into / name
        folder.mkdir(exist_ok=True)
        write_pairs(part.subjects, folder)
        folders.append(folder)
    return folders[0], folders[1]


def learnt(recipe: Recipe, learners: Path, folder: Path, seed: int) -> Path:
    """The last stage's weights, trained here or before."""
    wanted = json.loads(json.dumps(describe("", recipe)["settings"]))
    for done in folder.glob("*.safetensors"):
        header = load_weights(done)[1]
        if header.get("settings") == wanted and header.get("seed") == seed and _is_last(done, recipe):
            return done
    print(folder.name, flush=True)
    return train(recipe, cohorts=[learners], into=folder, held_out=0.0, seed=seed, device="cpu", threads=1)


def _is_last(path: Path, recipe: Recipe) -> bool:
    last = {"adversarial_rounds": "adversarial", "srresnet_rounds": "srresnet"}
    stages = [stage for rounds, stage in last.items() if getattr(recipe, rounds, 0)]
    return not stages or path.stem == stages[0]


@dataclass(frozen=True)
class Exam:
    """Numbers of the exam: run -> measure -> person -> value; a run is a training's name, or a baseline's."""

    values: Mapping[str, Numbers]

    @classmethod
    def read(cls, table: Path, names: Mapping[str, str], mask: str = "head") -> "Exam":
        """``names``: as the CSV has a method -> run."""
        values: dict[str, dict[str, dict[str, float]]] = {}
        for row in _in(read_rows(table), mask):
            run = names.get(row.method, row.method)
            values.setdefault(run, {}).setdefault(row.measure, {})[row.subject] = row.value
        return cls(values)

    def mean(self, run: str, measure: str) -> float:
        """Over people."""
        return statistics.fmean(self.values[run][measure].values())

    def seeds(self, system: str) -> list[str]:
        """The runs of a system."""
        return sorted(run for run in self.values if run == system or run.rpartition("-seed")[0] == system)

    def spread(self, system: str, measure: str, digits: int) -> str:
        """Mean over seeds, and from lowest to highest where there are several."""
        numbers = [self.mean(run, measure) for run in self.seeds(system)]
        text = f"{statistics.fmean(numbers):.{digits}f}"
        return text if len(numbers) == 1 else f"{text} ({min(numbers):.{digits}f}–{max(numbers):.{digits}f})"

    def difference(self, one: str, other: str, measure: str) -> tuple[list[float], float]:
        """One − other, person by person, means over seeds; and p by Wilcoxon's signed ranks, two-sided."""
        from scipy.stats import wilcoxon

        people = sorted(self.values[self.seeds(one)[0]][measure])
        gains = [self._of(one, measure, person) - self._of(other, measure, person) for person in people]
        return gains, float(wilcoxon(gains).pvalue) if any(gains) else 1.0

    def _of(self, system: str, measure: str, person: str) -> float:
        return statistics.fmean(self.values[run][measure][person] for run in self.seeds(system))


def _in(rows: Iterable[Row], mask: str) -> Iterable[Row]:
    return (row for row in rows if row.contract.mask == mask)


def csv_names(weights: Mapping[str, Path]) -> dict[str, str]:
    """As `finemri evaluate` calls the weights -> run."""
    import hashlib

    from finemri.evaluate.scans import label_of

    names = {}
    for run, path in weights.items():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        names[label_of(str(path), str(load_weights(path)[1]["recipe"]), digest)] = run
    return names


def ordering(exam: Exam, one: str, other: str, measure: str, digits: int = 2, sign: float = 1.0) -> str:
    """A row's cells: the verdict on "one is better than other", and the evidence."""
    if not exam.seeds(one) or not exam.seeds(other):
        return "*not testable* here | not run"
    gains, p = exam.difference(one, other, measure)
    mean = statistics.fmean(gains)
    verdict = "reproduced" if sign * mean > 0 and p < 0.05 else "not reproduced"
    ahead = sum(sign * gain > 0 for gain in gains)
    return f"*{verdict}* | {mean:+.{digits}f}, {ahead} of {len(gains)} people, p = {p:.2g}"


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """And show them."""
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def curves(folders: Mapping[str, Path], key: str, path: Path, title: str) -> None:
    """A loss over the rounds, smoothed, one line a run."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    for run, folder in folders.items():
        entries = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
        told = [(entry["round"], entry[key]) for entry in entries if key in entry]
        if len(told) > 1:
            rounds, values = np.array(told).T
            width = max(1, len(values) // 20)
            smooth = np.convolve(values, np.ones(width) / width, "valid")
            axes.plot(rounds[width - 1 :], smooth, label=run, linewidth=1)
    axes.set(xlabel="round", ylabel=title, yscale="log")
    axes.legend(fontsize=6, ncols=3)
    figure.savefig(path, dpi=110)


def one_slice(folder: Path, names: Mapping[str, str], exam: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The middle slice of the first person of the exam, by every run of ``names`` (as the CSV has them -> run)."""
    first = find_cohort(exam).subjects[0]
    person, truth = first.name, open_pair(first.pairs[0]).fine.voxels
    middle = truth.shape[2] // 2
    images = {"truth": truth[:, :, middle]}
    for label, run in names.items():
        image = open_volume(folder / f"{person}_{label}.nii.gz").voxels[:, :, middle]
        images[run.rpartition("-seed")[0].removeprefix("field-") or run] = image
    return images, truth[:, :, middle]


def gallery(images: Mapping[str, np.ndarray], truth: np.ndarray, path: Path, columns: int = 6) -> None:
    """Slices side by side, and below each its difference from the truth, ±20 % of the brightest."""
    from matplotlib.figure import Figure

    peak = float(truth.max())
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(1.5 * columns, 3.6 * rows), layout="constrained")
    axes = figure.subplots(2 * rows, columns)
    for place in axes.flat:
        place.axis("off")
    for number, (name, image) in enumerate(images.items()):
        row, column = divmod(number, columns)
        axes[2 * row, column].imshow(np.rot90(image), cmap="gray", vmin=0, vmax=peak)
        axes[2 * row, column].set_title(name, fontsize=7)
        difference = np.rot90(image - truth)
        axes[2 * row + 1, column].imshow(difference, cmap="RdBu_r", vmin=-0.2 * peak, vmax=0.2 * peak)
    figure.savefig(path, dpi=110)
