"""The verb sweep: the same training with the labels of fewer and fewer people, and what that costs."""

import csv
import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from finemri.cohorts.cohort import Cohort
from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.split import Split, split
from finemri.evaluate import evaluate_reconstruction
from finemri.evaluate.scans import label_of
from finemri.landing import landing_file
from finemri.recipes import Recipe
from finemri.recipes.scanning import Scanning
from finemri.refusal import Refusal
from finemri.shelf import find_reconstructor
from finemri.train import train

MEASURES = ("psnr", "ssim-slices", "snr")


def sweep(
    recipe: Recipe,
    cohort: Path,
    *,
    into: Path,
    budgets: Sequence[int] = (17, 6, 3),
    seeds: Sequence[int] = (0,),
    exam: int = 2,
    slices: int | None = None,
    precision: str = "bf16-mixed",
    device: str = "auto",
    threads: int | None = None,
    workers: int = 1,
) -> Path:
    """Train ``recipe`` with the labels of ``budgets`` people × ``seeds``, measure all on ``exam`` people, and draw it.

    Everybody outside the exam is measured; the budget says whose true images are known (nested: 3 ⊂ 6 ⊂ 17). Leaves
    ``split.json``, a folder a training, ``exam/measures.csv``, ``budget.csv`` and ``budget.png``, whose path it
    returns. Run again, it goes on where it stopped; budgets and seeds may be added. Raises Refusal for a recipe that
    does not know label budgets or has several patterns, accelerations or matrices, and for budgets beyond the cohort.
    """
    scanning = getattr(recipe, "scanning", None)
    if not isinstance(scanning, Scanning) or len(scanning.patterns) * len(scanning.accelerations) != 1:
        raise Refusal("A sweep needs a recipe that reconstructs, with one pattern and one acceleration.")
    if len(scanning.matrices) > 1:
        raise Refusal("A sweep judges all at one matrix; give the recipe one of its matrices, or none.")
    if importlib.util.find_spec("matplotlib") is None:
        raise Refusal("The figure of a sweep needs matplotlib, which is not installed: pip install 'finemri[demo]'.")
    everybody = find_cohort(cohort)
    into.mkdir(parents=True, exist_ok=True)
    dealt = _split(everybody, exam, into / "split.json")
    learners, examined, _ = dealt.of(everybody)
    if max(budgets) > len(learners):
        raise Refusal(f"A budget of {max(budgets)} people is more than the {len(learners)} who are not in the exam.")
    weights: dict[Path, tuple[int, int]] = {}
    for budget in budgets:
        for seed in seeds:
            path = train(
                replace(recipe, scanning=replace(scanning, labels=budget)),  # type: ignore[type-var]
                cohorts=[_described(learners, into / "learners")],
                into=into / f"{budget}-people-seed-{seed}",
                held_out=0,
                seed=seed,
                device=device,
                precision=precision,
                threads=threads,
                workers=workers,
            )
            weights[path] = (budget, seed)
    (sampling,) = scanning.samplings()
    table = evaluate_reconstruction(
        _described(examined, into / "exam-people"),
        ["zero-filled", *map(str, weights)],
        sampling=sampling,
        into=into / "exam",
        axis=0 if scanning.axis == "any" else int(scanning.axis),  # type: ignore[arg-type]
        matrix=scanning.matrices[0] if scanning.matrices else None,
        slices=slices,
        coils=scanning.coils[1],
        phase=scanning.phase,
        one_mask=scanning.one_mask,
        device=device,
        seed=seeds[0],
    )
    return draw_budget(table, {_label(path): trained for path, trained in weights.items()}, into)


def _split(cohort: Cohort, exam: int, path: Path) -> Split:
    """Who learns and who is examined: dealt once, kept by every resume."""
    if not path.is_file():
        if not 1 <= exam < len(cohort):
            raise Refusal(f"An exam of {exam} people does not fit a cohort of {len(cohort)}; choose fewer, at least 1.")
        split(cohort, (len(cohort) - exam, exam, 0)).save(path)
    return Split.load(path)


def _described(cohort: Cohort, folder: Path) -> Path:
    """A cohort.json of these people."""
    folder.mkdir(exist_ok=True)
    entries = [
        {
            "name": subject.name,
            "images": [str(path.resolve()) for path in subject.images],
            "labels": [str(path.resolve()) for path in subject.labels],
        }
        for subject in cohort.subjects
    ]
    with landing_file(folder / "cohort.json") as stream:
        stream.write(json.dumps({"subjects": entries}, indent=2).encode())
    return folder


def _label(weights: Path) -> str:
    """The name of these weights in the exam's table."""
    method = find_reconstructor(str(weights))
    return label_of(str(weights), method.name, method.digest)


def draw_budget(table: Path, trained: Mapping[str, tuple[int, int]], into: Path) -> Path:
    """``budget.csv`` and ``budget.png``: mean over people of each measure against the number of people with labels.

    ``trained``: budget and seed of the table's methods that are to be drawn, beside the zero-filled image.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    from finemri.measures.tidy import read_rows

    rows = [row for row in read_rows(table) if row.measure in MEASURES and row.contract.mask == "head"]
    figure, axes = plt.subplots(1, len(MEASURES), figsize=(4 * len(MEASURES), 3.4), layout="constrained")
    lines = [["labelled people", "seed", "measure", "mean over people"]]
    for axis, measure in zip(axes, MEASURES, strict=True):
        means = {
            method: sum(values) / len(values)
            for method in ("zero-filled", *trained)
            if (values := [row.value for row in rows if row.method == method and row.measure == measure])
        }
        points = [(*run, means[method]) for method, run in trained.items()]
        lines += [[str(budget), str(seed), measure, repr(value)] for budget, seed, value in points]
        axis.plot([b for b, _, _ in points], [v for _, _, v in points], "o", color="tab:blue", alpha=0.6)
        budgets = sorted({b for b, _, _ in points})
        centre = [sum(v for b, _, v in points if b == n) / sum(b == n for b, _, _ in points) for n in budgets]
        axis.plot(budgets, centre, color="tab:blue")
        axis.axhline(means["zero-filled"], color="grey", linestyle=":", label="zero-filled")
        axis.set(xlabel="people with labels", ylabel=measure, xticks=budgets)
    axes[0].legend(frameon=False)
    with landing_file(into / "budget.png") as stream:
        figure.savefig(stream, dpi=120, format="png")
    plt.close(figure)
    with (into / "budget.csv").open("w", newline="") as text:
        csv.writer(text).writerows(lines)
    return into / "budget.png"
