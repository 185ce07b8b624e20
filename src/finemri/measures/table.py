"""The papers' table, written down: for the screen, as Markdown, as CSV."""

import math
import re
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

from rich.box import SIMPLE
from rich.table import Table

from finemri.measures import OF_LABELS, title_of
from finemri.measures.statistics import LEVEL, Gain, gains
from finemri.measures.summary import Summary, summarise
from finemri.measures.tidy import read_rows, write_table, write_text

BASELINE = "spline"
PRINTED = ("psnr", "ssim", "hfen", "gradient-energy")
"""What the screen shows; the files hold every measure."""
HEADINGS = ("method", "people", "mean", "std", "min", "max", "over {}", "its std", "its min", "its max")
NOTE = "std: the sample standard deviation (n - 1) over people, each of them one number."


def write_tables(measures: Path, baseline: str = BASELINE, printed: Sequence[str] = PRINTED) -> list[Table]:
    """Read the tidy CSV, and nothing else; write table.csv and table.md beside it; return what the screen shows:
    ``printed``, inside the head, and what belongs to labels, or the means over them. Gains are over ``baseline``."""
    summaries = summarise(read_rows(measures), baseline)
    names = [field.name for field in fields(Summary)]
    write_table(measures.with_name("table.csv"), [names, *map(astuple, summaries)])
    groups = _grouped(summaries)
    write_text(measures.with_name("table.md"), _markdown(groups, baseline))
    means = [f"{kind}-mean" for kind in OF_LABELS if any(s.measure == f"{kind}-mean" for s in summaries)]
    return [_screen(title, group, baseline) for title, group in groups.items() if _shown(group[0], printed, means)]


def write_gains(measures: Path, baseline: str = BASELINE) -> list[str]:
    """Read the tidy CSV, and nothing else; write gain.csv and gain.md beside it where at least five people were judged.

    Returns a line for each method: its gain in PSNR inside the head.
    """
    found = gains(read_rows(measures), baseline)
    if not found:
        for stale in ("gain.csv", "gain.md"):
            measures.with_name(stale).unlink(missing_ok=True)
        return []
    write_table(measures.with_name("gain.csv"), [[field.name for field in fields(Gain)], *map(astuple, found)])
    interval = f"a {LEVEL:.0%} bootstrap interval by person (BCa, seed fixed)"
    lines = [
        f"Mean over people of value - value of {baseline}, same person; {interval}; p: Wilcoxon's signed-rank test.",
        "",
        "| measure | setting | where | method | gain | interval | p | people |",
        "|---|---|---|---|---:|---:|---:|---:|",
    ]
    for g in found:
        mean, low, high = _three(g)
        cells = (title_of(g.measure), _setting(g), g.mask, g.method, mean, f"{low} to {high}", f"{g.p:.2g}", g.people)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    write_text(measures.with_name("gain.md"), "\n".join([*lines, ""]))
    return [_line(g) for g in found if g.measure == "psnr" and g.mask == "head"]


def _line(g: Gain) -> str:
    mean, low, high = _three(g)
    return f"{g.method}, {_setting(g)}: gain over {g.baseline}: {mean} dB [{low}, {high}], n = {g.people} people"


def _three(g: Gain) -> tuple[str, str, str]:
    digits = _digits(g.measure)
    return f"{g.mean:+.{digits}f}", f"{g.low:.{digits}f}", f"{g.high:.{digits}f}"


def _shown(s: Summary, printed: Sequence[str], means: Sequence[str]) -> bool:
    """Of labels the means over structures, where there are some."""
    if _of_label(s):
        return s.measure in means if means else True
    return s.mask == "head" and s.measure in printed


def _of_label(s: Summary) -> bool:
    return s.measure.partition("-")[0] in OF_LABELS


def _grouped(summaries: Sequence[Summary]) -> dict[str, list[Summary]]:
    groups: dict[str, list[Summary]] = {}
    for s in summaries:
        where = "" if _of_label(s) else ", inside the head" if s.mask == "head" else ", full field"
        groups.setdefault(f"{title_of(s.measure)}, {_setting(s)}{where}", []).append(s)
    return groups


def _setting(s: Summary | Gain) -> str:
    """What was done, and how much; the name of a sampling says its acceleration itself, and pairs have no scale."""
    return s.degradation if s.scale == 1 or re.search(r" [\d.]+x\b", s.degradation) else f"{s.degradation} ×{s.scale}"


def _digits(measure: str) -> int:
    return 2 if measure in ("psnr", "psnr_peak255", "snr") else 4


def _cells(s: Summary, baseline: str) -> list[str]:
    digits = _digits(s.measure)

    def number(value: float, sign: str = "") -> str:
        return "–" if math.isnan(value) else f"{value:{sign}.{digits}f}"

    cells = [s.method, str(s.people), *map(number, (s.mean, s.std, s.min, s.max))]
    if s.method == baseline:
        return [*cells, "–", "–", "–", "–"]
    return [*cells, number(s.gain, "+"), number(s.gain_std), number(s.gain_min, "+"), number(s.gain_max, "+")]


def _screen(title: str, group: Sequence[Summary], baseline: str) -> Table:
    """Narrow enough for 80 columns."""
    table = Table(title=title, title_justify="left", box=SIMPLE)
    for heading in ("method", "mean ± std", "min to max", f"over {baseline} ± std", "people"):
        table.add_column(heading, justify="left" if heading == "method" else "right", overflow="fold")
    for s in group:
        method, people, mean, std, least, most, gain, gain_std, *_ = _cells(s, baseline)
        table.add_row(
            method, f"{mean} ± {std}", f"{least} to {most}", f"{gain} ± {gain_std}" if gain != "–" else "", people
        )
    return table


def _markdown(groups: dict[str, list[Summary]], baseline: str) -> str:
    lines = [NOTE, ""]
    headings = " | ".join(HEADINGS).format(baseline)
    for title, group in groups.items():
        lines += [f"## {title}", "", f"| {headings} |", f"|---|{'---:|' * (len(HEADINGS) - 1)}"]
        lines += [f"| {' | '.join(_cells(s, baseline))} |" for s in group]
        lines.append("")
    return "\n".join(lines)
