r"""Lei & Mardani (2019) again, small: every system and ablation of docs/papers/000.md on slices of the hippocampus.

    python scripts/paper_000.py --data ../shared/data --into runs/paper-000

Killed at any moment, the same command goes on where it was. It leaves runs.csv (one number a run, measure and exam),
tables.md (the same for the page), curves.csv (quality while training), compared.csv (the paper's orderings, person by
person) and the page's figures.
"""

import argparse
import gc
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch
from paper_000_figures import draw_budget, draw_curves, draw_images

from finemri.cohorts.cohort import Cohort, Subject
from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.split import Split, split
from finemri.evaluate import evaluate_reconstruction
from finemri.evaluate.scans import label_of
from finemri.evaluate.slices import Scanner, open_slices
from finemri.evaluate.trial import Study, Trial
from finemri.losses.fidelity import mean_absolute
from finemri.measures.tidy import read_rows, write_table, write_text
from finemri.networks.channels import zero_filled
from finemri.recipes import RECIPES, KSpaceGAN, Scanning
from finemri.shelf import find_reconstructor
from finemri.train import train
from finemri.training.loop import TrainingDiverged
from finemri.volumes.files import open_volume, save_volume
from finemri.volumes.volume import Volume

LEARNING, WATCHED, EXAMINED = 17, 4, 20
"""People: as many as in the paper to learn from, some to watch while training, and more than its 2 for the exam."""
SLICES = 4
"""Of each person in the exam, evenly spread."""
MATRIX = (24, 32)
SCANNING = Scanning(accelerations=(3.0,), one_mask=True, turn=False, axis="2", matrices=(MATRIX,), zoom=(5.0, 5.0))
"""Slices as fine as they are (zoom is capped at that), cut to the matrix near their middle, as in the exam."""
BATCH = 4
ANCHORS = ("zero-filled", "l1-wavelet")
MEASURES = ("snr", "psnr", "ssim-slices", "hfen")


@dataclass(frozen=True)
class Run:
    """One system, as often as there are seeds."""

    recipe: KSpaceGAN
    seeds: tuple[int, ...] = (0,)
    heads: bool = False
    """The true images are of whole heads, not of the hippocampus."""
    late: bool = False
    """Less urgent than a second seed of the others."""

    @property
    def acceleration(self) -> float:
        """All samples over those measured."""
        return self.recipe.scanning.accelerations[0]


def runs(rounds: int, batch: int, rate: float) -> dict[str, Run]:
    """Name -> system, the most important first. Warm-ups are counted in, so that everybody has the same rounds."""
    own: dict[str, Any] = {"scanning": SCANNING, "batch": batch, "rate": rate}
    base = replace(known("kspace-lsgan-l1"), **own, adversarial_rounds=rounds)
    wgan = replace(known("kspace-wgan-gp"), **own, adversarial_rounds=rounds)

    def patch(warm: int = rounds // 4, **settings: Any) -> KSpaceGAN:
        return replace(
            known("kspace-lsgan-patch"), **{**own, "l1_rounds": warm, "adversarial_rounds": rounds - warm, **settings}
        )

    def scanned(**settings: Any) -> Scanning:
        return replace(SCANNING, **settings)

    few = {people: scanned(labels=people, unpaired=True) for people in (6, 3)}
    unpaired, three = scanned(unpaired=True), (0, 1, 2)
    by_acceleration = {
        f"{name}-R{r}": Run(replace(recipe, scanning=scanned(accelerations=(float(r),))), late=True)
        for r in (2, 5)
        for name, recipe in {"baseline": base, "wgan": wgan}.items()
    }
    return {
        "baseline": Run(base, three),
        "wgan": Run(wgan, three),
        "patch": Run(patch(), three),
        "patch-plain": Run(patch(critic_normalises=False), three),
        "wgan-6": Run(replace(wgan, scanning=few[6]), three),
        "wgan-3": Run(replace(wgan, scanning=few[3]), three),
        "patch-6": Run(patch(scanning=few[6])),
        "patch-3": Run(patch(scanning=few[3])),
        "patch-plain-6": Run(patch(critic_normalises=False, scanning=few[6]), three),
        "patch-plain-3": Run(patch(critic_normalises=False, scanning=few[3]), three),
        "l1-zero": Run(replace(base, l1=0.0)),
        "l1-init": Run(replace(base, l1=0.0, l1_rounds=rounds // 2, adversarial_rounds=rounds - rounds // 2)),
        "no-consistency": Run(replace(base, consistency=False)),
        "wgan-unpaired": Run(replace(wgan, scanning=unpaired)),
        "patch-unpaired": Run(patch(scanning=unpaired)),
        "patch-short": Run(patch(rounds // 40)),
        "patch-cold": Run(patch(0)),
        "patch-grid-1": Run(patch(grid=1)),
        "patch-grid-2": Run(patch(grid=2)),
        "patch-grid-8": Run(patch(grid=8)),
        "l1-only": Run(replace(base, l1_rounds=rounds, adversarial_rounds=0)),
        "wgan-patch": Run(replace(wgan, grid=4)),
        "matching": Run(patch(matching=1.0)),
        "wgan-heads": Run(replace(wgan, scanning=scanned(unpaired=True, labels=17, labels_from=2)), heads=True),
        "wgan-long": Run(replace(wgan, adversarial_rounds=5 * rounds), late=True),
        "baseline-long": Run(replace(base, adversarial_rounds=5 * rounds), late=True),
        "patch-plain-slow": Run(patch(critic_normalises=False, rate=rate / 5), late=True),
        **by_acceleration,
    }


def known(name: str) -> KSpaceGAN:
    """A recipe of the shelf."""
    recipe = RECIPES[name]
    assert isinstance(recipe, KSpaceGAN)
    return recipe


CLAIMS = (
    ("patch", "baseline"),
    ("wgan", "patch"),
    ("wgan", "baseline"),
    ("wgan", "wgan-6"),
    ("wgan-6", "wgan-3"),
    ("wgan-6", "patch-6"),
    ("wgan", "patch-plain"),
    ("wgan-6", "patch-plain-6"),
    ("wgan-3", "patch-plain-6"),
    ("patch-plain", "patch-plain-6"),
    ("patch-plain-6", "patch-plain-3"),
    ("wgan-3", "patch-6"),
    ("wgan-3", "baseline"),
    ("patch", "patch-6"),
    ("patch-6", "patch-3"),
    ("baseline", "l1-zero"),
    ("baseline", "no-consistency"),
    ("wgan", "wgan-unpaired"),
    ("patch", "patch-unpaired"),
    ("patch", "patch-short"),
    ("patch", "patch-cold"),
    ("patch", "patch-grid-1"),
    ("patch", "patch-grid-2"),
    ("patch", "patch-grid-8"),
    ("patch", "matching"),
    ("wgan", "wgan-patch"),
    ("wgan", "wgan-heads"),
    ("l1-only", "l1-init"),
    ("l1-only", "baseline"),
    ("baseline", "zero-filled"),
    ("baseline", "l1-wavelet"),
    ("wgan", "zero-filled"),
    ("wgan-3", "zero-filled"),
    ("wgan-heads", "zero-filled"),
    ("l1-zero", "zero-filled"),
    ("patch-plain", "patch"),
    ("patch-plain-slow", "patch-plain"),
    ("patch-plain", "baseline"),
    ("wgan-patch", "patch-plain"),
    ("wgan-long", "wgan"),
    ("wgan-long", "baseline-long"),
)
"""Whom the paper, or its list of experiments, compares with whom: the first is said to be better, or as good."""


def main() -> None:
    """Train, examine, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rounds", type=int, default=200, help="of the generator, warm-up included")
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--precision", default="bf16-mixed", choices=("bf16-mixed", "32-true"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=3, help="of those runs that have several, at most")
    parser.add_argument("--trained", action="store_true", help="examine what is trained so far, and train nothing")
    parser.add_argument("--only", nargs="*", help="names of runs; default: all")
    parser.add_argument("--images", type=Path, help="where the figures go; default: into")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    given.into.mkdir(parents=True, exist_ok=True)
    people = deal(given.data / "hippocampus", given.into / "people.json")
    wanted = {n: run for n, run in runs(given.rounds, given.batch, given.rate).items() if n in (given.only or (n,))}
    trained: dict[str, Path] = {}
    for name, seed in in_order(wanted, given.seeds):
        if weights := learn(name, wanted[name], seed, people, given):
            trained[f"{name} {seed}"] = weights
            gc.collect()
    labels = examine(wanted, trained, people[2], given.into)
    numbers = gather(labels, given.into)
    tabulate(wanted, numbers, given.into)
    compare(numbers, given.into)
    curves = watch(wanted, trained, people[1], given.into)
    folder = given.images or given.into
    snr = {run: [fmean(of.values()) for of in seeds_of(numbers, run, "snr")] for run, _, r, _ in numbers if r == 3}
    draw_budget(snr, folder / "paper-000-budget.png")
    draw_curves(curves, folder / "paper-000-curves.png")
    draw_images(portraits(trained, people[2]), folder / "paper-000-images.png")


def in_order(wanted: Mapping[str, Run], seeds: int) -> list[tuple[str, int]]:
    """Run and seed: the first seed of all, then the others, then what is less urgent."""
    each = [(name, seed) for name, run in wanted.items() for seed in run.seeds if seed < seeds]
    return sorted(each, key=lambda run: (wanted[run[0]].late, run[1] > 0))


def deal(data: Path, path: Path) -> tuple[Cohort, Cohort, Cohort]:
    """Who learns, who is watched and who is examined; dealt once."""
    everybody = find_cohort(data)
    if not path.is_file():
        split(everybody, (LEARNING, WATCHED, EXAMINED)).save(path)
    return Split.load(path).of(everybody)


def learn(name: str, run: Run, seed: int, people: Sequence[Cohort], given: argparse.Namespace) -> Path | None:
    """Train, or find what was trained; nothing where it diverged."""
    into: Path = given.into / "runs" / f"{name}-{seed}"
    into.mkdir(parents=True, exist_ok=True)
    stage = "adversarial" if run.recipe.adversarial_rounds else "l1"
    weights, failed = into / f"{stage}.safetensors", into / "diverged.txt"
    if weights.is_file() or failed.is_file():
        return weights if weights.is_file() else None
    if given.trained:
        return None
    learners, watched, _ = people
    cohorts = [describe(Cohort(learners.subjects + watched.subjects), given.into / "people")]
    Split(learners.names, watched.names).save(into / "split-1.json")
    if run.heads:
        cohorts.append(heads(given.data / "head_slabs", given.into / "heads"))
        Split(find_cohort(cohorts[1]).names).save(into / "split-2.json")
    total = run.recipe.l1_rounds + run.recipe.adversarial_rounds
    settings = {"precision": given.precision, "threads": given.threads, "checkpoint_every": max(total // 10, 1)}
    try:
        return train(run.recipe, cohorts=cohorts, into=into, seed=seed, device="cpu", workers=0, **settings)
    except TrainingDiverged as trouble:  # a result as well, and no reason to stop
        failed.write_text(f"{trouble}\n")
        return None


def describe(cohort: Cohort, folder: Path) -> Path:
    """A cohort.json of these people's images."""
    folder.mkdir(exist_ok=True)
    entries = [{"name": s.name, "images": [str(path.resolve()) for path in s.images]} for s in cohort.subjects]
    write_text(folder / "cohort.json", json.dumps({"subjects": entries}, indent=2))
    return folder


def heads(data: Path, folder: Path) -> Path:
    """The slabs of whole heads with their slices across the third axis, as those of the hippocampus are."""
    subjects = []
    for subject in find_cohort(data).subjects:
        path = folder / f"{subject.name}.nii"
        if not path.is_file():
            folder.mkdir(exist_ok=True)
            across = np.moveaxis(open_volume(subject.images[0]).voxels, 1, 2)
            save_volume(Volume(np.ascontiguousarray(across), np.eye(4)), path)
        subjects.append(Subject(subject.name, (path,)))
    return describe(Cohort(tuple(subjects)), folder)


def examine(wanted: Mapping[str, Run], trained: Mapping[str, Path], people: Cohort, into: Path) -> dict[str, str]:
    """An exam for each acceleration; returns the run, or the anchor, of every method of every table."""
    folder = describe(people, into / "exam-people")
    labels = {}
    for acceleration in sorted({run.acceleration for run in wanted.values()}):
        methods = {run: path for run, path in trained.items() if wanted[run.split()[0]].acceleration == acceleration}
        if not methods:
            continue
        (sampling,) = replace(SCANNING, accelerations=(acceleration,)).samplings()
        evaluate_reconstruction(
            folder,
            [*ANCHORS, *map(str, methods.values())],
            sampling=sampling,
            into=into / f"exam-{acceleration:g}",
            matrix=MATRIX,
            slices=SLICES,
            phase=True,
            one_mask=True,
            device="cpu",
        )
        for run, path in methods.items():
            method = find_reconstructor(str(path))
            labels[label_of(str(path), method.name, method.digest)] = run
    return labels


Numbers = dict[tuple[str, int, float, str], dict[str, float]]
"""Run, seed, acceleration, measure -> person -> number, over the full field."""


def gather(labels: Mapping[str, str], into: Path) -> Numbers:
    """All numbers, and runs.csv: one row a run, seed, acceleration and measure."""
    numbers: Numbers = {}
    for table in sorted(into.glob("exam-*/measures.csv")):
        acceleration = float(table.parent.name.removeprefix("exam-"))
        for row in read_rows(table):
            run, seed = labels.get(row.method, f"{row.method} 0").split()
            if row.contract.mask == "full" and row.measure in MEASURES and "@" not in run:
                numbers.setdefault((run, int(seed), acceleration, row.measure), {})[row.subject] = row.value
    rows = [
        [run, seed, f"{r:g}", measure, len(of), repr(fmean(of.values())), repr(stdev(of.values()))]
        for (run, seed, r, measure), of in numbers.items()
    ]
    write_table(into / "runs.csv", [["run", "seed", "R", "measure", "people", "mean", "sd over people"], *rows])
    return numbers


def tabulate(wanted: Mapping[str, Run], numbers: Numbers, into: Path) -> None:
    """tables.md: the page's table, one line a run: mean over people of the mean over seeds, and its span over seeds."""
    lines = ["| | R | rounds | seeds | SNR / dB | PSNR / dB | SSIM | HFEN |", "|" + "---|" * 8]
    for run, acceleration in dict.fromkeys((run, r) for run, _, r, _ in numbers):
        found = {measure: seeds_of(numbers, run, measure, acceleration) for measure in MEASURES}
        recipe = wanted[run].recipe if run in wanted else None
        rounds = f"{recipe.l1_rounds} + {recipe.adversarial_rounds}" if recipe else ""
        cells = [run, f"{acceleration:g}", rounds, str(len(found["snr"])) if recipe else ""]
        for measure, each in found.items():
            means = [fmean(of.values()) for of in each]
            digits = 2 if measure in ("snr", "psnr") else 3
            span = f" ({min(means):.{digits}f}…{max(means):.{digits}f})" if len(means) > 1 else ""
            cells.append(f"{fmean(means):.{digits}f}{span}")
        lines.append(f"| {' | '.join(cells)} |")
    write_text(into / "tables.md", "\n".join(lines) + "\n")


def compare(numbers: Numbers, into: Path) -> None:
    """compared.csv: the mean difference over people, each the mean over seeds; 95 % bootstrap; and seed by seed."""
    rows: list[list[object]] = [
        ["better", "than", "measure", "people", "seeds", "difference", "low", "high", "by seed"]
    ]
    rng = np.random.default_rng(0)
    for better, than in CLAIMS:
        for measure in MEASURES:
            one, other = (seeds_of(numbers, run, measure) for run in (better, than))
            if not one or not other:
                continue
            people = sorted(one[0])
            averaged = [np.mean([[of[p] for p in people] for of in each], axis=0) for each in (one, other)]
            difference = averaged[0] - averaged[1]
            drawn = difference[rng.integers(len(people), size=(2000, len(people)))].mean(axis=1)
            low, high = np.quantile(drawn, (0.025, 0.975))
            both = zip(one, other, strict=True) if len(one) == len(other) else ((a, other[0]) for a in one)
            by_seed = " ".join(f"{fmean(a[p] - b[p] for p in people):+.3f}" for a, b in both)
            numbers_of = (float(difference.mean()), float(low), float(high))
            rows.append([better, than, measure, len(people), f"{len(one)}/{len(other)}", *numbers_of, by_seed])
    write_table(into / "compared.csv", rows)


def seeds_of(numbers: Numbers, run: str, measure: str, acceleration: float = 3.0) -> list[dict[str, float]]:
    """Person -> number, of every seed of a run."""
    return [of for (r, _, a, m), of in sorted(numbers.items()) if (r, a, m) == (run, acceleration, measure)]


Curves = dict[str, list[tuple[int, float, float]]]


def watch(wanted: Mapping[str, Run], trained: Mapping[str, Path], people: Cohort, into: Path) -> Curves:
    """curves.csv: PSNR and L1 (complex) of the people who are watched, against rounds; round 0 is zero-filled."""
    curves: Curves = {}
    for run, path in trained.items():
        name, seed = run.split()
        lines = map(json.loads, (path.parent / "journal.jsonl").read_text().splitlines())
        curves[run] = [beginning(wanted[name].acceleration, int(seed), people), *points(lines)]
    rows = [[run, *point] for run, of in curves.items() for point in of]
    write_table(into / "curves.csv", [["run", "round", "psnr", "l1"], *rows])
    return curves


def beginning(acceleration: float, seed: int, people: Cohort) -> tuple[int, float, float]:
    """Round 0: the zero-filled images of the examples that the verb train validates with."""
    scanning = replace(SCANNING, accelerations=(acceleration,))
    source = scanning.examples([people], [1.0], batch=BATCH, seed=seed + 1)
    errors, distances = [], []
    for example in (source[n] for n in range(16)):
        made = zero_filled(*(example[key][None] for key in ("kspace", "mask", "sensitivities")))
        errors.append(-10 * math.log10(float((made - example["image"]).abs().square().mean())))
        distances.append(float(mean_absolute(made, example["image"][None])))
    return 0, fmean(errors), fmean(distances)


def points(lines: Iterator[Mapping[str, Any]]) -> Iterator[tuple[int, float, float]]:
    """Round, PSNR, L1."""
    for line in lines:
        if "validation.psnr" in line:
            yield int(line["round"]), line["validation.psnr"], line["validation.l1"]


PORTRAITS = ("baseline", "l1-init", "no-consistency", "patch", "patch-plain", "wgan", "wgan-3")


def portraits(trained: Mapping[str, Path], people: Cohort) -> dict[str, Any]:
    """Magnitudes of one slice of the exam's first person: the truth, and what the methods make of it."""
    (sampling,) = SCANNING.samplings()
    scanner = Scanner(2, MATRIX, phase=True)
    person = people.subjects[0]
    trial = Trial(Study(sampling, scanner, SLICES, one_mask=True), person.name, open_slices(person, scanner))
    view = trial.view(trial.numbers[SLICES // 2])
    made: dict[str, Any] = {"truth": view.truth}
    for name in (*ANCHORS, *(name for name in PORTRAITS if f"{name} 0" in trained)):
        method = find_reconstructor(str(trained.get(f"{name} 0", name))).reconstructor
        made[name] = np.abs(method(view.offered(method)))
    return made


if __name__ == "__main__":
    main()
