"""Saved images, judged again: by other people's conventions, without any model. Nothing is read but one folder."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.box import SIMPLE
from rich.table import Table

from finemri.measures import BROKEN
from finemri.measures.conventions import CONVENTIONS
from finemri.measures.saved import TRUTH, find_image, open_case, open_truth
from finemri.measures.tidy import Row, read_rows, write_rows, write_text
from finemri.refusal import Refusal

NOT_JUDGED = ("–", "NaN")
"""In a table: the convention has no such number; an image of this method could not be judged."""


def conventions_of(names: Sequence[str]) -> tuple[str, ...]:
    """Names of CONVENTIONS; "all" for every one. Raises Refusal for any other."""
    unknown = [name for name in names if name not in (*CONVENTIONS, "all")]
    if unknown or not names:
        raise Refusal(f"There is no convention {', '.join(unknown)}; choose of {', '.join(CONVENTIONS)}, or all.")
    return tuple(CONVENTIONS) if "all" in names else tuple(dict.fromkeys(names))


def recompute(directory: Path, conventions: Sequence[str], *, remark: Callable[[str], None] = lambda _: None) -> Path:
    """``directory/images`` and who made them -> ``directory/conventions.csv``, tidy, and conventions.md beside it.

    ``directory`` is one that evaluate wrote with saved images. A measure is called as its convention, "fastmri:psnr".
    Rows of conventions that are not asked for stay. What cannot be judged, for it holds NaN or its truth is constant,
    has a row of NaN for every number and is told to ``remark``. Returns the path of the CSV.

    Raises Refusal where there are no images, an image or a truth is missing, shapes differ, or a convention is unknown.
    """
    names = conventions_of(conventions)
    target, images = directory / "conventions.csv", directory / "images"
    measured = [row for row in read_rows(directory / "measures.csv") if row.method != TRUTH]
    trials = {(row.subject, row.method): row for row in measured if row.measure != BROKEN}  # whose crop is its own
    lost = {(row.subject, row.method) for row in measured if row.measure == BROKEN}
    if not images.is_dir():
        raise Refusal(f"{directory} has no images to judge; run finemri evaluate with --save-images, and --force.")
    rows = [row for row in read_rows(target) if row.measure.partition(":")[0] not in names] if target.exists() else []
    subjects = list(dict.fromkeys(subject for subject, _ in trials))
    failed: dict[str, set[tuple[str, str]]] = {}
    for subject, method in trials:  # before anything is judged
        find_image(images, subject, TRUTH)
        if (subject, method) not in lost:  # of a volume that holds NaN no image is kept
            find_image(images, subject, method)
    of, truth = "", None
    for (subject, method), trial in sorted(trials.items(), key=lambda item: subjects.index(item[0][0])):
        if truth is None or subject != of:
            of, truth = subject, open_truth(images, subject)
        case = open_case(images, subject, method, truth, trial.contract, lost=(subject, method) in lost)
        for name in names:
            for measure, value, contract, why in CONVENTIONS[name].judge(name, case):
                rows.append(Row(subject, method, trial.degradation, trial.scale, measure, value, contract))
                if why:
                    failed.setdefault(f"{subject} by {method}: {why}", set()).add((name, measure))
    write_rows(target, rows)
    for sentence, numbers in failed.items():
        which = "" if len(numbers) > 3 else f" ({', '.join(sorted(m for _, m in numbers))})"
        remark(f"{sentence} {len(numbers)} numbers are NaN{which}; nobody is left out of a mean, which is NaN too.")
    write_text(target.with_suffix(".md"), _markdown(target))
    return target


@dataclass(frozen=True)
class Line:
    """One method under one convention: means over people, each of whom is the mean of their scans."""

    setting: str
    method: str
    convention: str
    people: int
    values: dict[str, float]


def side_by_side(path: Path) -> list[Line]:
    """conventions.csv -> a line for each method and convention, in the order of CONVENTIONS."""
    found: dict[tuple[str, str, str], dict[str, dict[str, list[float]]]] = {}
    for row in read_rows(path):
        convention, _, measure = row.measure.partition(":")
        line = found.setdefault((f"{row.degradation} ×{row.scale}", row.method, convention), {})
        line.setdefault(measure, {}).setdefault(row.person, []).append(row.value)
    order = {key: n for n, key in enumerate(dict.fromkeys((setting, method) for setting, method, _ in found))}
    lines = [
        Line(
            *key,
            max(map(len, numbers.values())),
            {m: _mean([_mean(v) for v in p.values()]) for m, p in numbers.items()},
        )
        for key, numbers in found.items()
    ]
    return sorted(lines, key=lambda line: (order[line.setting, line.method], [*CONVENTIONS].index(line.convention)))


def table_of(path: Path) -> Table:
    """PSNR, SSIM, NMSE and MSE side by side, for the screen."""
    columns = ("psnr", "ssim", "nmse", "mse")
    table = Table(title="The same images by other conventions", title_justify="left", box=SIMPLE)
    for heading in ("method", "convention", "PSNR / dB", "SSIM", "NMSE", "MSE", "people"):
        table.add_column(heading, justify="left" if heading in ("method", "convention") else "right", overflow="fold")
    for line in side_by_side(path):
        cells = [_cell(column, line.values.get(column)) for column in columns]
        table.add_row(line.method, line.convention, *cells, str(line.people))
    return table


def _markdown(path: Path) -> str:
    lines = ["The same saved images, judged by each convention; means over people. Contracts: conventions.csv.", ""]
    for name, convention in CONVENTIONS.items():
        lines.append(f"- {name}: {convention.source}.")
    lines += ["", "| setting | method | convention | numbers | people |", "|---|---|---|---|---:|"]
    for line in side_by_side(path):
        numbers = ", ".join(f"{measure} {_cell(measure, value)}" for measure, value in line.values.items())
        lines.append(f"| {line.setting} | {line.method} | {line.convention} | {numbers} | {line.people} |")
    return "\n".join([*lines, ""])


def _cell(measure: str, value: float | None) -> str:
    if value is None or math.isnan(value):
        return NOT_JUDGED[value is not None]
    if measure.startswith(("psnr", "snr", "spectral")):
        return f"{value:.2f}"
    return f"{value:.3g}" if measure.startswith("mse") else f"{value:.4f}"


def _mean(values: Sequence[float]) -> float:
    """NaN if any is: nobody is dropped."""
    return sum(values) / len(values)
