"""Cost beside quality: seconds, memory and parameters of each method, next to what it gains."""

import math
import statistics
from collections.abc import Mapping, Sequence

from finemri.measures.costs import Cost, read_costs
from finemri.report.charts import Series, chart
from finemri.report.found import Job
from finemri.report.markup import cell, esc, note, number, table
from finemri.report.tables import Group
from finemri.report.words import digits_of

Spent = Mapping[str, Sequence[Cost]]
"""Method -> a cost for each scan."""


def cost_of(job: Job, groups: Sequence[Group], n: int) -> str:
    """A table and a chart; "" where nobody took the time. ``groups``: the first with gains is drawn."""
    costs = [cost for cost in read_costs(job.folder / "cost.csv") if math.isfinite(cost.seconds) and cost.seconds >= 0]
    spent = {m: own for m in job.methods if (own := [cost for cost in costs if cost.method == m])}
    if not spent:
        return ""
    group = next((g for g in groups if g.gains), None)
    told = job.settings.get("parameters")
    parameters = told if isinstance(told, dict) else {}
    rows = []
    for method, own in spent.items():
        seconds, peaks = [c.seconds for c in own], [c.peak_bytes for c in own if c.peak_bytes]
        learnt = parameters.get(method)
        rows.append([
            esc(method),
            cell(f'<data value="{learnt}">{learnt:,}</data>' if isinstance(learnt, int) else "–", kind="n"),
            cell(number(statistics.median(seconds), 2), kind="n"),
            cell(number(max(seconds), 2), kind="n"),
            cell(f'<data value="{max(peaks)}">{max(peaks) / 2**30:.2f} GiB</data>' if peaks else "–", kind="n"),
            cell(esc(", ".join(sorted({c.device for c in own})))),
            cell(str(len(own)), kind="n"),
            *_gain(group, method),
        ])  # fmt: skip
    columns: tuple[str, ...] = ("method", "parameters", "seconds a scan, median", "most seconds", "peak memory")
    columns += ("device", "scans", f"gain over {job.baseline}", "95 % interval")
    about = note(
        "Seconds are of enhancing or reconstructing alone, reading and measuring left out. Memory is the most that the "
        "whole process held meanwhile. Both are of the machine that evaluated, and of how busy it was."
    )
    caption = "What each method costs" + (f", and what it gains in {group.title}" if group else "")
    return table(caption, columns, [(None, rows)]) + about + (_chart(job, group, spent, n) if group else "")


def _gain(group: Group | None, method: str) -> list[str]:
    gain = group.gains.get(method) if group else None
    if group is None or gain is None:
        return [cell("–", kind="n")] * 2
    digits = digits_of(group.key[3])
    interval = f"{number(gain.low, digits)} to {number(gain.high, digits)}"
    return [cell(number(gain.mean, digits, "+"), kind="n"), cell(interval, kind="n")]


def _chart(job: Job, group: Group, spent: Spent, n: int) -> str:
    """Seconds against gain, with its interval; the baseline at 0."""
    series, told = [], []
    for method, own in spent.items():
        median = statistics.median(cost.seconds for cost in own)
        gain = group.gains.get(method)
        if median <= 0 or (gain is None and method != job.baseline):
            continue
        if gain is None:
            series.append(Series(f"{method} (the baseline)", dots=[(median, 0.0)]))
        else:
            series.append(Series(method, dots=[(median, gain.mean)], spans=[(median, gain.low, gain.high)]))
            told.append(f"{method}: {median:.3g} s, gain {gain.mean:.3g} ({gain.low:.3g} to {gain.high:.3g})")
    if not told:
        return ""
    head = f"Seconds a scan (median) against gain over {job.baseline} in {group.title}, with 95 % intervals"
    labels = ("seconds a scan, logarithmic", f"gain over {job.baseline}")
    return chart(f"cost-{n}", head, labels, series, "; ".join(told) + ".", log=True, lines=[0.0])
