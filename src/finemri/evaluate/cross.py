"""Every method under every kernel: what learnt on one way of making scans coarse, judged on the others."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from rich.console import Console

from finemri.evaluate.coarse import Kind
from finemri.evaluate.enhancing import evaluate, methods_of
from finemri.evaluate.guards import learnt_kernels
from finemri.evaluate.running import Unfinished
from finemri.measures.statistics import FEWEST, bootstrap_interval, gains_by_person
from finemri.measures.table import BASELINE
from finemri.measures.tidy import read_rows, write_table, write_text
from finemri.refusal import Refusal

KERNELS: tuple[Kind, ...] = get_args(Kind)
CROSSED = ("psnr", "ssim", "hfen")
"""Measures of the matrix, inside the head."""
COLUMNS = ("method", "learnt", "judged", "measure", "mean", "low", "high", "people")


@dataclass(frozen=True)
class Crossed:
    """One cell: the mean gain of a method over the baseline under one kernel."""

    method: str
    learnt: str
    """Kernels of its training: "blur and kspace"; "nothing" of what learnt nothing."""
    judged: str
    measure: str
    mean: float
    low: float | None
    """Of the 95 % bootstrap interval over people; None of fewer than five, and where a gain is not finite."""
    high: float | None
    people: int


def evaluate_crossed(
    cohort: Path | Sequence[Path],
    methods: Sequence[str],
    *,
    into: Path,
    kernels: Sequence[Kind] = KERNELS,
    scale: int = 2,
    device: str = "auto",
    **settings: Any,
) -> Path:
    """Judge every method under each kernel, in ``into/KERNEL``; then ``into/cross.csv`` and ``cross.md``, made from
    those folders' measures.csv alone. Returns the path of cross.csv.

    Rows are methods with the kernels that they learnt on, columns the kernels that they were judged on; a cell is the
    mean over people of value − value of spline, which is added where nobody named it. ``settings`` as of ``evaluate``.
    A scan that cannot be judged is refused at the end, once all others have been judged under every kernel.
    """
    names = list(methods) if BASELINE in methods else [BASELINE, *methods]
    shelf, _ = methods_of(names, scale, device)
    if set(shelf) == {BASELINE}:
        raise Refusal(f"Kernels are crossed for methods that are held against {BASELINE}; name another one.")
    learnt = {label: " and ".join(learnt_kernels(method.header)) or "nothing" for label, method in shelf.items()}
    cells, failed = list[Crossed](), list[Unfinished]()
    for kernel in kernels:
        path = into / kernel / "measures.csv"
        try:
            evaluate(cohort, names, degradation=kernel, scale=scale, into=path.parent, device=device, **settings)
        except Unfinished as reason:
            failed.append(reason)
        cells += [cell for label in shelf if label != BASELINE for cell in _cells(path, label, learnt[label], kernel)]
    path = into / "cross.csv"
    write_table(path, [COLUMNS, *([getattr(cell, column) for column in COLUMNS] for cell in cells)])
    text = _markdown(cells, kernels)
    write_text(path.with_suffix(".md"), text)
    Console().print(text, markup=False, soft_wrap=True)
    if failed:
        raise failed[0]
    return path


def _cells(measures: Path, label: str, learnt: str, kernel: str) -> list[Crossed]:
    rows = [row for row in read_rows(measures) if row.contract.mask == "head" and row.measure in CROSSED]
    found = []
    for measure in CROSSED:
        people = gains_by_person([row for row in rows if row.measure == measure], label, BASELINE)
        if people:
            sound = len(people) >= FEWEST and all(map(math.isfinite, people.values()))
            low, high = bootstrap_interval(people) if sound else (None, None)
            found.append(
                Crossed(label, learnt, kernel, measure, sum(people.values()) / len(people), low, high, len(people))
            )
    return found


def _markdown(cells: Sequence[Crossed], kernels: Sequence[str]) -> str:
    people = max((cell.people for cell in cells), default=0)
    whose = f"Mean gain over {BASELINE} inside the head, same person, {people} people; 95 % bootstrap interval"
    lines = [f"{whose} over people. Bold: the kernel was learnt on, which is kinder than life."]
    for measure in CROSSED:
        own = {(c.method, c.judged): c for c in cells if c.measure == measure}
        lines += ["", f"## {measure}", "", f"| method | learnt on | {' | '.join(f'judged on {k}' for k in kernels)} |"]
        lines.append(f"|---|---|{'---:|' * len(kernels)}")
        for method, learnt in dict.fromkeys((c.method, c.learnt) for c in cells):
            told = [_told(own.get((method, kernel)), learnt) for kernel in kernels]
            lines.append(f"| {method} | {learnt} | {' | '.join(told)} |")
    return "\n".join([*lines, ""])


def _told(cell: Crossed | None, learnt: str) -> str:
    if cell is None:
        return "–"
    digits = 2 if cell.measure == "psnr" else 4
    mean = f"{cell.mean:+.{digits}f}"
    mean = f"**{mean}**" if cell.judged in learnt.split(" and ") else mean
    return mean if cell.low is None else f"{mean} [{cell.low:.{digits}f}, {cell.high:.{digits}f}]"
