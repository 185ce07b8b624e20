"""Axes of figures: numbers -> places, with round ticks, and the SVG around them. No library, no colour of its own:
the page's style has it, so that text can be selected and the dark has its own ink."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from finemri.report.markup import esc
from finemri.report.words import printed

WIDTH, LEFT, RIGHT, FOOT = 640, 12, 12, 44
MARGIN = 60
"""Left of an axis that goes up: its numbers stand there."""


@runtime_checkable
class Axis(Protocol):
    """Numbers -> places."""

    @property
    def ticks(self) -> list[float]: ...

    def __call__(self, value: float) -> float: ...

    def label(self, tick: float) -> str: ...


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

    def label(self, tick: float) -> str:
        """As it stands beside the axis."""
        return printed(tick, self.decimals)


@dataclass(frozen=True)
class Log:
    """Positive numbers -> places, by their logarithms."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> "Log":
        """As wide as the values and a little more, at least a factor of four."""
        low, high = min(values), max(values)
        pad = max(1.15, 2 / math.sqrt(high / low))
        return cls(low / pad, high * pad, start, end)

    def __call__(self, value: float) -> float:
        return self.start + math.log(value / self.low) / math.log(self.high / self.low) * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """1, 2 and 5 of every power of ten; of more than three powers, these alone."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        steps = (1, 2, 5) if self.high / self.low < 1000 else (1,)
        return [step * 10.0**n for n in powers for step in steps if self.low <= step * 10.0**n <= self.high]

    def label(self, tick: float) -> str:
        """As it stands beside the axis."""
        return f"{tick:,.0f}" if tick >= 1 else f"{tick:.6f}".rstrip("0")


def across(axis: Axis, label: str, bottom: float, height: float, top: float = 4) -> str:
    """An axis along the foot, its ticks drawn from ``top`` to ``bottom``."""
    ticks = "".join(
        f'<line class="tick" x1="{axis(t):.1f}" x2="{axis(t):.1f}" y1="{top}" y2="{bottom}"/>'
        f'<text x="{axis(t):.1f}" y="{bottom + 15}" text-anchor="middle">{axis.label(t)}</text>'
        for t in axis.ticks
    )
    return f'{ticks}<text x="{WIDTH / 2}" y="{height - 6}" text-anchor="middle">{esc(label)}</text>'


def upwards(axis: Axis) -> str:
    """The numbers of an axis along the left."""
    return "".join(
        f'<text x="{MARGIN - 6}" y="{axis(tick) + 4:.1f}" text-anchor="end">{axis.label(tick)}</text>'
        for tick in axis.ticks
    )


def level(value: float, axis: Axis, kind: str) -> str:
    """A line from left to right."""
    return f'<line class="{kind}" x1="{MARGIN}" x2="{WIDTH - RIGHT}" y1="{axis(value):.1f}" y2="{axis(value):.1f}"/>'


def figure(name: str, title: str, told: str, height: float, parts: Sequence[str]) -> str:
    """What is drawn, with a title and with words for who does not see it. ``name`` is the page's own for it."""
    return (
        f'<figure class="plot"><svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{esc(title)}</title><desc id="{name}-d">{esc(told)}</desc>{"".join(parts)}</svg>'
        f"<figcaption>{esc(title)}</figcaption></figure>"
    )
