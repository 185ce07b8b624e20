"""Gains over people: intervals that cover what they should, and nobody counted twice."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from finemri.measures import IN_UNITS, contract_in_units, contract_of, title_of
from finemri.measures.contract import Contract, Region
from finemri.measures.fidelity import mse, psnr, psnr_peak255
from finemri.measures.statistics import bootstrap_interval, gains, gains_by_person, wilcoxon
from finemri.measures.table import write_gains, write_tables
from finemri.measures.tidy import Row, write_rows
from finemri.refusal import Refusal


def row(subject: str, method: str, value: float, *, mask: Region = "head", measure: str = "psnr") -> Row:
    contract = contract_of(measure, mask=mask, peak=255.0, crop="none")
    return Row(subject, method, "blur", 2, measure, value, contract)


def rows(gains: list[float], seed: int = 0) -> list[Row]:
    levels = np.random.default_rng(seed).normal(30, 3, len(gains))
    spline = [row(f"p{n}", "spline", float(level)) for n, level in enumerate(levels)]
    return spline + [row(f"p{n}", "mine", float(levels[n] + gain)) for n, gain in enumerate(gains)]


def test_a_gain_is_paired_by_person() -> None:
    found = gains(rows([1.0, 1.2, 0.9, 1.4, 1.1, 1.3]), "spline")
    assert len(found) == 1
    (g,) = found
    assert (g.method, g.baseline, g.people, g.measure, g.mask) == ("mine", "spline", 6, "psnr", "head")
    assert g.mean == pytest.approx(1.15)
    assert 0.9 < g.low < 1.05 < 1.2 < g.high < 1.4
    assert g.p == pytest.approx(2 / 2**6)
    assert g.sure


def test_the_interval_is_scipys_and_depends_on_no_order() -> None:
    values = list(np.random.default_rng(3).gamma(2, 1, 20))
    people = {f"p{n:02}": float(value) for n, value in enumerate(values)}
    low, high = bootstrap_interval(people)
    known = stats.bootstrap((values,), np.mean, n_resamples=9999, method="BCa", rng=np.random.default_rng(7))
    assert (low, high) == pytest.approx(tuple(known.confidence_interval), abs=0.05)
    assert bootstrap_interval(dict(reversed(list(people.items())))) == (low, high)


def test_the_interval_covers_the_truth_nineteen_times_in_twenty() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(100):
        low, high = bootstrap_interval({str(n): float(value) for n, value in enumerate(rng.normal(1, 1, 30))})
        inside += low <= 1 <= high
    assert 86 <= inside <= 100


def test_second_scans_are_averaged_and_never_count_as_people() -> None:
    many = rows([1.0, 1.0, 1.0, 1.0])
    many += [row(f"p0#{n}", "spline", 30.0) for n in range(2, 9)] + [row(f"p0#{n}", "mine", 33.0) for n in range(2, 9)]
    people = gains_by_person(many, "mine", "spline")
    assert people == {"p0": pytest.approx((1 + 7 * 3) / 8), "p1": 1.0, "p2": 1.0, "p3": 1.0}
    assert gains(many, "spline") == [], "four people, whatever their scans"


def test_a_scan_that_one_of_both_lacks_does_not_count() -> None:
    people = gains_by_person([*rows([1.0, 2.0]), row("p0#2", "mine", 99.0), row("p9", "mine", 99.0)], "mine", "spline")
    assert people == {"p0": pytest.approx(1), "p1": pytest.approx(2)}


def test_rows_that_would_count_a_person_twice_are_refused() -> None:
    some = rows([1.0, 2.0])
    with pytest.raises(Refusal, match="p1 has two numbers of one kind by mine"):
        gains_by_person([*some, some[-1]], "mine", "spline")
    with pytest.raises(Refusal, match="look like one person"):
        gains_by_person([*some, row("P1", "mine", 1.0), row("P1", "spline", 1.0)], "mine", "spline")
    with pytest.raises(Refusal, match="several measures"):
        gains_by_person([*some, row("p1", "mine", 1.0, mask="full")], "mine", "spline")


def test_degenerate_gains() -> None:
    assert bootstrap_interval({"a": 1.5, "b": 1.5}) == (1.5, 1.5)
    assert wilcoxon({"a": 0.0, "b": 0.0}) == 1.0
    with pytest.raises(Refusal, match="several people"):
        bootstrap_interval({"a": 1.0})
    assert gains(rows([1, 1, 1, 1, math.inf]), "spline") == [], "infinity has no interval"
    (nothing,) = gains(rows([0.0] * 6), "spline")
    assert (nothing.p, nothing.sure) == (1.0, False)
    assert abs(nothing.mean) < 1e-12


def test_gains_are_written_for_five_people_and_not_for_four(tmp_path: Path) -> None:
    path = tmp_path / "measures.csv"
    write_rows(path, rows([1.1, 1.2, 1.3, 1.4, 1.5]))
    (line,) = write_gains(path)
    assert line.startswith("mine, blur ×2: gain over spline: +1.30 dB [1.1")
    assert line.endswith("], n = 5 people")
    text = (tmp_path / "gain.md").read_text()
    assert "| PSNR / dB | blur ×2 | head | mine | +1.30 | 1.1" in text
    assert len((tmp_path / "gain.csv").read_text().splitlines()) == 2
    write_rows(path, rows([1.1, 1.2, 1.3, 1.4]))
    assert write_gains(path) == []
    assert [file.name for file in tmp_path.iterdir()] == ["measures.csv"]


def test_measures_in_units_against_numbers_by_hand() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((4, 5, 6)), rng.random((4, 5, 6))
    mask = np.zeros((4, 5, 6), dtype=bool)
    mask[:, :, 2:4] = rng.random((4, 5, 2)) < 0.5
    assert mse(x, y) == pytest.approx(((x - y) ** 2).mean())
    assert mse(x, y, mask) == pytest.approx(((x - y) ** 2)[mask].mean())
    planes = [20 * math.log10(255 / math.sqrt(((x - y)[:, :, n] ** 2).mean())) for n in range(6)]
    assert psnr_peak255(x, y, axis=2) == pytest.approx(np.mean(planes))
    inside = [20 * math.log10(255 / math.sqrt(((x - y)[:, :, n] ** 2)[mask[:, :, n]].mean())) for n in (2, 3)]
    assert psnr_peak255(x, y, mask, axis=2) == pytest.approx(np.mean(inside))
    flat = psnr_peak255(x[:, :, :1], y[:, :, :1], axis=2)
    assert flat - psnr(x[:, :, :1], y[:, :, :1], peak=1.0) == pytest.approx(48.13, abs=0.01)
    assert psnr_peak255(x, x, axis=2) == math.inf
    with pytest.raises(Refusal, match="empty"):
        psnr_peak255(x, y, np.zeros_like(mask), axis=2)


@pytest.mark.parametrize("name", IN_UNITS)
def test_their_contract_tells_the_units(name: str, tmp_path: Path) -> None:
    contract = contract_in_units(name, mask="full", count=3, across="slices along k", crop="none", units="of the moon")
    assert Contract.parse(str(contract)) == contract
    assert "of the moon" in str(contract)
    assert contract.range == (255 if name == "psnr_peak255" else None)
    write_rows(tmp_path / "measures.csv", [Row("anna", "spline", "pairs", 1, name, 0.5, contract)])
    write_tables(tmp_path / "measures.csv")
    assert f"## {title_of(name)}, pairs, full field" in (tmp_path / "table.md").read_text()
