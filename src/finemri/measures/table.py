"""The papers' table, written down: for the screen, as Markdown, as CSV."""

import math
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

from rich.box import SIMPLE
from rich.table import Table

from finemri.measures import MEASURES
from finemri.measures.summary import Summary, summarise
from finemri.measures.tidy import read_rows, write_table, write_text

BASELINE = "spline"
PRINTED = ("psnr", "ssim", "hfen", "gradient-energy")
"""What the screen shows; the files hold every measure."""
HEADINGS = ("method", "people", "mean", "std", "min", "max", f"over {BASELINE}", "its std", "its min", "its max")
NOTE = "std: the sample standard deviation (n - 1) over people, each of them one number."


def write_tables(measures: Path) -> list[Table]:
    """Read the tidy CSV, and nothing else; write table.csv and table.md beside it; return what the screen shows."""
    summaries = summarise(read_rows(measures), BASELINE)
    names = [field.name for field in fields(Summary)]
    write_table(measures.with_name("table.csv"), [names, *map(astuple, summaries)])
    groups = _grouped(summaries)
    write_text(measures.with_name("table.md"), _markdown(groups))
    return [_screen(t, g) for t, g in groups.items() if g[0].mask == "head" and g[0].measure in PRINTED]


def _grouped(summaries: Sequence[Summary]) -> dict[str, list[Summary]]:
    groups: dict[str, list[Summary]] = {}
    for s in summaries:
        where = "inside the head" if s.mask == "head" else "full field"
        groups.setdefault(f"{MEASURES[s.measure].title}, {s.degradation} ×{s.scale}, {where}", []).append(s)
    return groups


def _cells(s: Summary) -> list[str]:
    digits = 2 if s.measure == "psnr" else 4

    def number(value: float, sign: str = "") -> str:
        return "–" if math.isnan(value) else f"{value:{sign}.{digits}f}"

    cells = [s.method, str(s.people), *map(number, (s.mean, s.std, s.min, s.max))]
    if s.method == BASELINE:
        return [*cells, "–", "–", "–", "–"]
    return [*cells, number(s.gain, "+"), number(s.gain_std), number(s.gain_min, "+"), number(s.gain_max, "+")]


def _screen(title: str, group: Sequence[Summary]) -> Table:
    """Narrow enough for 80 columns."""
    table = Table(title=title, title_justify="left", box=SIMPLE)
    for heading in ("method", "mean ± std", "min to max", f"over {BASELINE} ± std", "people"):
        table.add_column(heading, justify="left" if heading == "method" else "right", overflow="fold")
    for s in group:
        method, people, mean, std, least, most, gain, gain_std, *_ = _cells(s)
        table.add_row(
            method, f"{mean} ± {std}", f"{least} to {most}", f"{gain} ± {gain_std}" if gain != "–" else "", people
        )
    return table


def _markdown(groups: dict[str, list[Summary]]) -> str:
    lines = [NOTE, ""]
    for title, group in groups.items():
        lines += [f"## {title}", "", f"| {' | '.join(HEADINGS)} |", f"|---|{'---:|' * (len(HEADINGS) - 1)}"]
        lines += [f"| {' | '.join(_cells(s))} |" for s in group]
        lines.append("")
    return "\n".join(lines)
