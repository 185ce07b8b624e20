"""Figures: their numbers by hand, and axes with round ticks."""

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from finemri.report.axes import Log, Scale
from finemri.report.charts import Series, chart
from finemri.report.figures import limits_of
from tests.report.made import folder, page_of, row


def test_bland_and_altmans_limits_by_hand(tmp_path: Path) -> None:
    bias, low, high = limits_of([1.0, 2.0, 3.0])
    assert (bias, low, high) == pytest.approx((2, 2 - 1.96, 2 + 1.96))
    some = [replace(row(f"p{n}", m, 10.0 + n + (m == "other") * (1 + n % 2)), measure="volume-1")
            for n in range(6) for m in ("truth", "spline", "other")]  # fmt: skip
    page = page_of(folder(tmp_path, some))
    found = next(numbers for name, numbers in page.rows if name == "other" and len(numbers) == 3)
    assert found == pytest.approx([1.5, 1.5 - 1.96 * math.sqrt(0.3), 1.5 + 1.96 * math.sqrt(0.3)])


def test_ticks_are_round_and_inside() -> None:
    scale = Scale.over([0.0, 5.2], 0, 100)
    assert scale.ticks == [0, 1, 2, 3, 4, 5]
    assert Scale.over([2.0, 2.0], 0, 100).ticks, "one value has an axis too"
    assert Scale.over([0.1, 0.31], 0, 1).decimals == 2


def test_a_logarithmic_axis() -> None:
    axis = Log.over([0.05, 5.0], 0, 100)
    assert axis(0.5) == pytest.approx(50), "in the middle of 0.05 and 5, by ratios"
    assert axis.ticks == pytest.approx([0.05, 0.1, 0.2, 0.5, 1, 2, 5])
    assert [axis.label(tick) for tick in axis.ticks[:2]] == ["0.05", "0.1"]
    wide = Log.over([1e-3, 1e4], 0, 1)
    assert wide.ticks == pytest.approx([1e-3, 1e-2, 1e-1, 1, 10, 100, 1000, 10_000])
    assert Log.over([2.0, 2.0], 0, 1).ticks, "one value has an axis too"


def test_charts_tell_methods_apart_without_colour() -> None:
    series = [Series("a <b>", curve=[(0, 1), (1, 2)]), Series("c", dots=[(0.5, 1.5)], spans=[(0.5, 1, 2)])]
    drawn = chart("x", "title", ("along", "up"), series, "told", lines=[0.0])
    assert "1 a &lt;b&gt;" in drawn
    assert "2 c" in drawn
    assert drawn.count("<circle") == 1
    assert re.findall(r'class="(s\d(?: span)?)"', drawn) == ["s0", "s1", "s1 span", "s1"]
    moved = chart("x", "title", ("along", "up"), series, "told", first=2)
    assert 'class="curve s1"' in moved
