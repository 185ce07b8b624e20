"""Figures as inline SVG: no library, no colour that a reader of the page cannot change, text that can be selected."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from finemri.report.markup import esc
from finemri.report.words import printed

WIDTH, LANE, LEFT, RIGHT, FOOT = 640, 48, 12, 12, 44


@dataclass(frozen=True)
class Lane:
    """One method: every person's gain, their mean and its interval."""

    name: str
    values: Sequence[float]
    mean: float
    low: float
    high: float


def dot_plot(name: str, title: str, axis: str, lanes: Sequence[Lane]) -> str:
    """A dot a person, a diamond for the mean, a bar for its interval; a line at 0."""
    spread = [value for lane in lanes for value in (*lane.values, lane.low, lane.high, 0.0) if math.isfinite(value)]
    scale = Scale.over(spread, LEFT, WIDTH - RIGHT)
    height = LANE * len(lanes) + FOOT
    bottom = height - FOOT + 4
    parts = [_axis(scale, axis, bottom, height)]
    if scale.low <= 0 <= scale.high:
        parts.append(f'<line class="zero" x1="{scale(0):.1f}" x2="{scale(0):.1f}" y1="4" y2="{bottom}"/>')
    for n, lane in enumerate(lanes):
        y = LANE * n + 32
        parts.append(f'<text x="{LEFT}" y="{y - 13}">{esc(lane.name)}</text>')
        for k, value in enumerate(lane.values):
            if math.isfinite(value):
                parts.append(f'<circle cx="{scale(value):.1f}" cy="{y + (k % 5 - 2) * 2}" r="2.6"/>')
        x = scale(lane.mean)
        parts.append(f'<line class="bar" x1="{scale(lane.low):.1f}" x2="{scale(lane.high):.1f}" y1="{y}" y2="{y}"/>')
        parts.append(f'<path class="mean" d="M{x - 6:.1f} {y}L{x:.1f} {y - 6}L{x + 6:.1f} {y}L{x:.1f} {y + 6}Z"/>')
    told = "; ".join(
        f"{lane.name}: mean {printed(lane.mean, 3)}, interval {printed(lane.low, 3)} to {printed(lane.high, 3)}"
        for lane in lanes
    )
    return _figure(name, title, f"{axis}. {told}.", height, parts)


def bland_altman(name: str, title: str, unit: str, points: Mapping[str, tuple[float, float]]) -> str:
    """Person -> (true, found): found − true over their mean, with the bias and the limits bias ± 1.96 SD (1986)."""
    means = [(a + b) / 2 for a, b in points.values()]
    differences = [b - a for a, b in points.values()]
    bias, low, high = limits_of(differences)
    across = Scale.over(means, 60, WIDTH - RIGHT)
    height = 260
    up = Scale.over([*differences, low, high, 0.0], height - FOOT, 10)
    parts = [_axis(across, f"mean of true and found / {unit}", height - FOOT + 4, height)]
    parts += [
        f'<text x="54" y="{up(tick) + 4:.1f}" text-anchor="end">{printed(tick, up.decimals)}</text>'
        for tick in up.ticks
    ]
    for value, kind in ((bias, "bar"), (low, "limit"), (high, "limit"), (0.0, "zero")):
        parts.append(f'<line class="{kind}" x1="60" x2="{WIDTH - RIGHT}" y1="{up(value):.1f}" y2="{up(value):.1f}"/>')
    for mean, difference in zip(means, differences, strict=True):
        parts.append(f'<circle cx="{across(mean):.1f}" cy="{up(difference):.1f}" r="3"/>')
    told = (
        f"Found − true, {unit}: bias {printed(bias, 3)}, limits of agreement {printed(low, 3)} to {printed(high, 3)}."
    )
    return _figure(name, title, told, height, parts)


def limits_of(differences: Sequence[float]) -> tuple[float, float, float]:
    """Bias d̄ and the 95 % limits of agreement d̄ ± 1.96 s, s with n − 1 (Bland & Altman, 1986)."""
    mean = math.fsum(differences) / len(differences)
    spread = math.sqrt(math.fsum((d - mean) ** 2 for d in differences) / max(1, len(differences) - 1))
    return mean, mean - 1.96 * spread, mean + 1.96 * spread


@dataclass(frozen=True)
class Scale:
    """Numbers -> places, with round ticks."""

    low: float
    high: float
    start: float
    end: float
    step: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> "Scale":
        """As wide as the values, and a step more."""
        low, high = min(values), max(values)
        if high - low <= 1e-12 * max(1e-12, abs(high), abs(low)):
            low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
        rough = (high - low) / 6
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
        pad = 0.04 * (high - low)
        return cls(low - pad, high + pad, start, end, step)

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """Multiples of the step."""
        first, last = math.ceil(self.low / self.step), math.floor(self.high / self.step)
        return [n * self.step for n in range(first, last + 1)]

    @property
    def decimals(self) -> int:
        """As many as a step takes."""
        return max(0, -math.floor(math.log10(self.step) + 1e-9))


def _axis(scale: Scale, label: str, y: float, height: float) -> str:
    ticks = "".join(
        f'<line class="tick" x1="{scale(t):.1f}" x2="{scale(t):.1f}" y1="4" y2="{y}"/>'
        f'<text x="{scale(t):.1f}" y="{y + 15}" text-anchor="middle">{printed(t, scale.decimals)}</text>'
        for t in scale.ticks
    )
    return f'{ticks}<text x="{WIDTH / 2}" y="{height - 6}" text-anchor="middle">{esc(label)}</text>'


def _figure(name: str, title: str, told: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<figure class="plot"><svg viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{esc(title)}</title><desc id="{name}-d">{esc(told)}</desc>{"".join(parts)}</svg>'
        f"<figcaption>{esc(title)}</figcaption></figure>"
    )
