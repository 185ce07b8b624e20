r"""Lei & Mardani (2019) again, small: every system and ablation of docs/papers/000.md on slices of the hippocampus.

    python scripts/paper_000.py --data ../shared/data --into runs/paper-000

Killed at any moment, the same command goes on where it was. It leaves runs.csv (one number a run, measure and exam),
tables.md (the same for the page), curves.csv (quality while training), compared.csv (the paper's orderings, person by
person) and the page's figures.
"""

import argparse
import gc
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from paper_000_figures import draw_budget, draw_curves, draw_images
from paper_000_numbers import compare, gather, seeds_of, tabulate, watch
from paper_000_systems import BATCH, MATRIX, SCANNING, Run, runs

from finemri.cohorts.cohort import Cohort, Subject
from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.split import Split, split
from finemri.evaluate import evaluate_reconstruction
from finemri.evaluate.scans import label_of
from finemri.evaluate.slices import Scanner, open_slices
from finemri.evaluate.trial import Study, Trial
from finemri.measures.tidy import write_text
from finemri.shelf import find_reconstructor
from finemri.train import train
from finemri.training.loop import TrainingDiverged
from finemri.volumes.files import open_volume, save_volume
from finemri.volumes.volume import Volume

LEARNING, WATCHED, EXAMINED = 17, 4, 20
"""People: as many as in the paper to learn from, some to watch while training, and more than its 2 for the exam."""
SLICES = 4
"""Of each person in the exam, evenly spread."""
ANCHORS = ("zero-filled", "l1-wavelet")


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
