"""Gains person by person, and sizes of structures that agree with the true ones or do not."""

from collections.abc import Sequence

from finemri.measures import title_of
from finemri.measures.statistics import TRUTH
from finemri.report.figures import Lane, bland_altman, dot_plot, limits_of
from finemri.report.markup import cell, esc, number, table
from finemri.report.tables import Group
from finemri.report.words import digits_of

MANY = 6


def figures_of(groups: Sequence[Group], n: int) -> list[str]:
    """A dot plot for each measure that has gains."""
    figures = []
    for k, group in enumerate(groups):
        lanes = [
            Lane(method, list(group.cases[method].gains.values()), gain.mean, gain.low, gain.high)
            for method, gain in group.gains.items()
        ]
        if lanes:
            over = next(iter(group.gains.values())).baseline
            axis = f"gain over {over}" + (f" ({group.sense.partition(';')[0]})" if group.sense else "")
            figures.append(dot_plot(f"gains-{n}-{k}", group.title, axis, lanes))
    return figures


def agreement_of(groups: Sequence[Group], n: int) -> str:
    """Bland–Altman, where sizes were measured on the true images too."""
    figures, rows = [], []
    for k, group in enumerate(
        g for g in groups if g.key[3].startswith("volume-") and TRUTH in {r.method for r in g.rows}
    ):
        true = {row.subject: row.value for row in group.rows if row.method == TRUTH}
        for m, method in enumerate(group.cases):
            found = {row.subject: row.value for row in group.rows if row.method == method}
            points = {s: (true[s], found[s]) for s in sorted(found) if s in true and "#" not in s}
            if len(points) < 3:
                continue
            unit = next((row.contract.units for row in group.rows if row.contract.units), "as stored")
            title = f"{title_of(group.key[3])} by {method}: found − true, with bias and limits of agreement"
            figures.append(bland_altman(f"agreement-{n}-{k}-{m}", title, unit, points))
            digits = digits_of(group.key[3])
            limits = [cell(number(v, digits, "+"), kind="n") for v in limits_of([b - a for a, b in points.values()])]
            rows.append([esc(method), cell(esc(title_of(group.key[3]))), *limits, cell(str(len(points)), kind="n")])
    columns = ("method", "structure", "bias", "lower limit", "upper limit", "people")
    return table("Bias and 95 % limits of agreement", columns, [(None, rows)]) + _folded(figures) if rows else ""


def _folded(figures: Sequence[str]) -> str:
    """Where there are many, out of the way."""
    drawn = "".join(figures)
    return drawn if len(figures) <= MANY else f"<details><summary>{len(figures)} figures</summary>{drawn}</details>"
