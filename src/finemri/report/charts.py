"""Charts as inline SVG: curves, and points with intervals; each method has a colour, a dash and a number."""

from collections.abc import Sequence
from dataclasses import dataclass

from finemri.report.axes import FOOT, MARGIN, RIGHT, WIDTH, Axis, Log, Scale, across, figure, level, upwards
from finemri.report.markup import esc

PLOT, LINE = 240, 18
"""Heights of what is drawn, and of a line of the legend, in pixels."""
KINDS = 6
"""Colours, and dashes; a seventh method begins again, and its number tells it."""


@dataclass(frozen=True)
class Series:
    """One method."""

    name: str
    curve: Sequence[tuple[float, float]] = ()
    dots: Sequence[tuple[float, float]] = ()
    spans: Sequence[tuple[float, float, float]] = ()
    """Intervals: where, from, to."""


def chart(
    name: str,
    title: str,
    labels: tuple[str, str],
    series: Sequence[Series],
    told: str,
    *,
    log: bool = False,
    lines: Sequence[float] = (),
    ticks: Sequence[float] = (),
    first: int = 1,
) -> str:
    """Series over an axis, which ``log`` makes logarithmic; ``labels``: along it, and up. ``told``: all of it in words.

    ``lines``: levels to compare with, drawn from left to right. ``ticks``: the only ones along, where numbers are few.
    ``first``: the number of the first series, so that a method looks the same in two charts.
    """
    points = [point for each in series for point in (*each.curve, *each.dots)]
    heights = [y for _, y in points] + [y for each in series for span in each.spans for y in span[1:]] + [*lines]
    top = 26 + LINE * len(series)
    bottom, height = top + PLOT, top + PLOT + FOOT - 4
    start, end = MARGIN + 6, WIDTH - RIGHT - 6
    along: Axis = (Log if log else Scale).over([x for x, _ in points], start, end)
    along = _Few(along, list(ticks)) if ticks else along
    up = Scale.over(heights, bottom, top + 6)
    parts = [across(along, labels[0], bottom, height, top), upwards(up)]
    parts += [f'<text x="4" y="{top - 8}">{esc(labels[1])}</text>', *(level(value, up, "zero") for value in lines)]
    for n, each in enumerate(series):
        kind, y = f"s{(n + first - 1) % KINDS}", 12 + LINE * n
        called = f"{n + first} {each.name}" if len(series) > 1 else each.name
        parts.append(f'<line class="{kind}" x1="{MARGIN}" x2="{MARGIN + 34}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{MARGIN + 42}" y="{y + 4}">{esc(called)}</text>')
        if len(each.curve) > 1:
            path = "L".join(f"{along(x):.1f} {up(v):.1f}" for x, v in each.curve)
            parts.append(f'<path class="curve {kind}" d="M{path}"/>')
        for x, low, high in each.spans:
            place = f"{along(x):.1f}"
            ends = f'x1="{place}" x2="{place}" y1="{up(low):.1f}" y2="{up(high):.1f}"'
            parts.append(f'<line class="{kind} span" {ends}/>')
        for x, v in each.dots:
            parts.append(f'<circle class="{kind}" cx="{along(x):.1f}" cy="{up(v):.1f}" r="4"/>')
        if each.dots and not each.curve:
            x, v = each.dots[-1]
            parts.append(f'<text x="{along(x) + 8:.1f}" y="{up(v) - 6:.1f}">{n + first}</text>')
    return figure(name, title, told, height, parts)


@dataclass(frozen=True)
class _Few:
    """An axis with ticks that somebody chose."""

    axis: Axis
    ticks: list[float]

    def __call__(self, value: float) -> float:
        return self.axis(value)

    def label(self, tick: float) -> str:
        return f"{tick:g}"
