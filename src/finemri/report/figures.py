"""Figures of people as inline SVG: gains, and sizes that agree or do not."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from finemri.report.axes import FOOT, LEFT, MARGIN, RIGHT, WIDTH, Scale, across, figure, level, upwards
from finemri.report.markup import esc
from finemri.report.words import printed

LANE = 48


@dataclass(frozen=True)
class Lane:
    """One method: every person's gain, their mean and its interval."""

    name: str
    values: Sequence[float]
    mean: float
    low: float
    high: float


def dot_plot(
    name: str,
    title: str,
    axis: str,
    lanes: Sequence[Lane],
    bounds: Sequence[float] = (),
    *,
    ends: tuple[float, float] | None = None,
) -> str:
    """A dot a person, a diamond for the mean, a bar for its interval if it has one; lines at 0 and at ``bounds``.

    ``ends``: of a scale that has some, such as 1 and 4; the axis spans it, and 0 has no line.
    """
    told = (*(ends or (0.0,)), *bounds, *(value for lane in lanes for value in (*lane.values, lane.low, lane.high)))
    spread = [value for value in told if math.isfinite(value)]
    scale = Scale.over(spread, LEFT, WIDTH - RIGHT)
    height = LANE * len(lanes) + FOOT
    bottom = height - FOOT + 4
    parts = [across(scale, axis, bottom, height)]
    if ends is None:
        parts.append(f'<line class="zero" x1="{scale(0):.1f}" x2="{scale(0):.1f}" y1="4" y2="{bottom}"/>')
    parts += [f'<line class="limit" x1="{scale(b):.1f}" x2="{scale(b):.1f}" y1="4" y2="{bottom}"/>' for b in bounds]
    for n, lane in enumerate(lanes):
        y = LANE * n + 32
        parts.append(f'<text x="{LEFT}" y="{y - 13}">{esc(lane.name)}</text>')
        for k, value in enumerate(lane.values):
            if math.isfinite(value):
                parts.append(f'<circle cx="{scale(value):.1f}" cy="{y + (k % 5 - 2) * 2}" r="2.6"/>')
        x = scale(lane.mean)
        if math.isfinite(lane.low + lane.high):
            place = f'x1="{scale(lane.low):.1f}" x2="{scale(lane.high):.1f}"'
            parts.append(f'<line class="bar" {place} y1="{y}" y2="{y}"/>')
        if math.isfinite(x):
            parts.append(f'<path class="mean" d="M{x - 6:.1f} {y}L{x:.1f} {y - 6}L{x + 6:.1f} {y}L{x:.1f} {y + 6}Z"/>')
    return figure(name, title, f"{axis}. {'; '.join(map(_in_words, lanes))}.", height, parts)


def _in_words(lane: Lane) -> str:
    known = math.isfinite(lane.low + lane.high)
    interval = f", interval {printed(lane.low, 3)} to {printed(lane.high, 3)}" if known else ""
    return f"{lane.name}: mean {printed(lane.mean, 3)}{interval}"


def bland_altman(name: str, title: str, unit: str, points: Mapping[str, tuple[float, float]]) -> str:
    """Person -> (true, found): found − true over their mean, with the bias and the limits bias ± 1.96 SD (1986)."""
    means = [(a + b) / 2 for a, b in points.values()]
    differences = [b - a for a, b in points.values()]
    bias, low, high = limits_of(differences)
    along = Scale.over(means, MARGIN, WIDTH - RIGHT)
    height = 260
    up = Scale.over([*differences, low, high, 0.0], height - FOOT, 10)
    parts = [across(along, f"mean of true and found / {unit}", height - FOOT + 4, height)]
    parts.append(upwards(up))
    parts += [level(value, up, kind) for value, kind in ((bias, "bar"), (low, "limit"), (high, "limit"), (0.0, "zero"))]
    for mean, difference in zip(means, differences, strict=True):
        parts.append(f'<circle cx="{along(mean):.1f}" cy="{up(difference):.1f}" r="3"/>')
    told = (
        f"Found − true, {unit}: bias {printed(bias, 3)}, limits of agreement {printed(low, 3)} to {printed(high, 3)}."
    )
    return figure(name, title, told, height, parts)


def limits_of(differences: Sequence[float]) -> tuple[float, float, float]:
    """Bias d̄ and the 95 % limits of agreement d̄ ± 1.96 s, s with n − 1 (Bland & Altman, 1986)."""
    mean = math.fsum(differences) / len(differences)
    spread = math.sqrt(math.fsum((d - mean) ** 2 for d in differences) / max(1, len(differences) - 1))
    return mean, mean - 1.96 * spread, mean + 1.96 * spread
