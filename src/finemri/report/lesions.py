"""Lesions that were put into the truth: what each method kept of them, and what it made up."""

import math
from collections.abc import Sequence

from finemri.measures import OF_LESIONS
from finemri.report.found import Job
from finemri.report.markup import cell, esc, note, number, table

READ = """Balls of known size, a fifth of the brightest tissue brighter or darker, put into the truth one at a time.
Contrast recovered: 1 kept, 0 gone, above 1 exaggerated. Dice: of the shape at half its height. Changed elsewhere: the
largest change two coarse voxels away or more, as a share of the contrast. Made up: the strongest place in the error
without any lesion that passes for one; 1 is as strong as the real one. Means over people, and the worst of them."""


def lesions_of(job: Job) -> str:
    """A table of every size and sign; "" where none was tried."""
    values: dict[str, dict[str, dict[str, list[float]]]] = {}
    for row in job.rows:
        kind, _, which = row.measure.partition("-")
        if kind in OF_LESIONS and which:
            values.setdefault(which, {}).setdefault(row.method, {}).setdefault(kind, []).append(row.value)
    bodies = []
    for which, methods in sorted(values.items(), key=lambda each: _order(each[0])):
        sign, _, size = which.partition("-")
        rows = [
            [esc(method), *(_cell(kind, kinds.get(kind, ())) for kind in OF_LESIONS)]
            for method, kinds in methods.items()
        ]
        bodies.append((f"{esc(sign)}, {esc(size.removesuffix('mm'))} mm", rows))
    return (
        table("Lesions kept and made up", ("method", *OF_LESIONS.values()), bodies) + note(" ".join(READ.split()))
        if bodies
        else ""
    )


def _cell(kind: str, values: Sequence[float]) -> str:
    """Mean, and the worst of any person."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return cell("–", kind="n")
    worst = {"recovery": max(known, key=lambda v: abs(v - 1)), "lesiondice": min(known)}.get(kind, max(known))
    return cell(f"{number(math.fsum(known) / len(known), 2)} <small>({number(worst, 2)})</small>", kind="n")


def _order(which: str) -> tuple[float, str]:
    sign, _, size = which.partition("-")
    try:
        return float(size.removesuffix("mm")), sign
    except ValueError:
        return math.inf, which
