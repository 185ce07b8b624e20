"""Kernels crossed: methods that learnt from some ways of making scans coarse, judged on each."""

import math
from pathlib import Path

from finemri.measures import title_of
from finemri.report.beside import not_ours, read_table
from finemri.report.found import Job
from finemri.report.markup import cell, esc, note, number, table
from finemri.report.words import digits_of

FILE = "cross.csv"
"""Which finemri evaluate --cross leaves above a folder for each kernel."""
COLUMNS = ("method", "learnt", "judged", "measure", "mean", "low", "high", "people")


def cross_of(job: Job) -> str:
    """What was learnt downwards, what was judged across, once: at the job of the first kernel; "" for others, and
    where nobody crossed kernels."""
    path, rows = _path(job), read_table(_path(job), COLUMNS)
    judged = list(dict.fromkeys(row["judged"] for row in rows))
    if not judged or job.folder.name != judged[0]:
        return ""
    bodies = []
    for measure in dict.fromkeys(row["measure"] for row in rows):
        own = [row for row in rows if row["measure"] == measure]
        lines = []
        for method, learnt in dict.fromkeys((row["method"], row["learnt"]) for row in own):
            found = {row["judged"]: row for row in own if (row["method"], row["learnt"]) == (method, learnt)}
            try:
                cells = [_cell(found.get(kernel), measure) for kernel in judged]
                people = sorted({int(row["people"]) for row in found.values()})
            except ValueError as trouble:
                raise not_ours(path) from trouble
            count = " to ".join(map(str, dict.fromkeys((people[0], people[-1]))))
            lines.append([esc(method), cell(esc(learnt)), *cells, cell(count, kind="n")])
        bodies.append((f"gain over {esc(job.baseline or 'the baseline')}: {esc(title_of(measure))}", lines))
    columns = ("method", "learnt on", *(f"judged on {kernel}" for kernel in judged), "people")
    about = note(
        "Mean gains over people, with 95 % intervals. Bold: judged on a kernel that it learnt on, which is kinder than "
        "life; how far a gain falls beside the bold is what a scanner of another kind may cost."
    )
    return table("Kernels of the training × kernel of the exam", columns, bodies) + about


def is_crossed(job: Job) -> bool:
    """Whether a job is one of several kernels that were judged by one command."""
    return any(row["judged"] == job.folder.name for row in read_table(_path(job), COLUMNS))


def _path(job: Job) -> Path:
    return job.folder.parent / FILE


def _cell(row: dict[str, str] | None, measure: str) -> str:
    if row is None:
        return cell("–", kind="n")
    digits = digits_of(measure)
    mean, low, high = (float(row[name] or math.nan) for name in ("mean", "low", "high"))
    sure = "" if math.isnan(low) else f"<br><small>{number(low, digits)} to {number(high, digits)}</small>"
    shown = number(mean, digits, "+")
    shown = f"<strong>{shown}</strong>" if row["judged"] in row["learnt"].split(" and ") else shown
    return cell(shown + sure, kind="n")
