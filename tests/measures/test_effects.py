"""Effect sizes and tests of many methods, against numbers by hand and by others; slices are not people."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from finemri.measures import contract_of
from finemri.measures.cases import cases_of
from finemri.measures.effects import check_enough, holm, rank_biserial, smallest_p, standardised
from finemri.measures.seeds import families, spreads
from finemri.measures.statistics import gains, wilcoxon
from finemri.measures.tidy import Row
from finemri.refusal import Refusal


def row(subject: str, method: str, value: float, measure: str = "psnr") -> Row:
    return Row(subject, method, "blur", 2, measure, value, contract_of(measure, mask="head", peak=1.0, crop="none"))


def test_holm_against_the_numbers_of_r() -> None:
    # p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm") of R 4.3
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.04, 0.001, 0.5]) == pytest.approx([0.08, 0.003, 0.5])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_is_never_below_p_and_keeps_the_order() -> None:
    ps = np.random.default_rng(0).random(40) ** 3
    adjusted = np.array(holm(list(ps)))
    assert (adjusted >= ps).all()
    assert (np.diff(adjusted[np.argsort(ps)]) >= 0).all()
    assert adjusted.min() == pytest.approx(min(1, 40 * ps.min()))


def test_rank_biserial_by_hand_and_as_wilcoxons_statistic() -> None:
    assert rank_biserial({"a": 1.0, "b": 2.0, "c": -3.0}) == pytest.approx((1 + 2 - 3) / 6)
    assert rank_biserial({"a": 0.1, "b": 9.0}) == 1.0
    assert rank_biserial({"a": -0.1, "b": 0.0}) == -1.0
    assert rank_biserial({"a": 0.0}) == 0.0
    values = np.random.default_rng(1).normal(0.3, 1, 15)
    lesser = stats.wilcoxon(values).statistic
    own = rank_biserial({str(n): float(v) for n, v in enumerate(values)})
    assert abs(own) == pytest.approx(1 - 2 * lesser / (15 * 16 / 2))


def test_the_standardised_difference_by_hand() -> None:
    assert standardised({"a": 1.0, "b": 2.0, "c": 3.0}) == pytest.approx(2.0)
    assert math.isnan(standardised({"a": 1.5, "b": 1.5}))


@pytest.mark.parametrize("people", [1, 3, 5, 6, 8, 12])
def test_no_test_says_less_than_the_smallest_p(people: int) -> None:
    everybody = {str(n): 1.0 + n for n in range(people)}
    assert wilcoxon(everybody) == pytest.approx(smallest_p(people))


def test_too_few_people_are_refused_with_how_many_it_takes() -> None:
    with pytest.raises(Refusal, match=r"With 5 people no p falls below 0\.062.*judge 6 people"):
        check_enough(5)
    check_enough(6)
    with pytest.raises(Refusal, match=r"With 6 people and 3 methods no p falls below 0\.094.*judge 7 people"):
        check_enough(6, methods=3)
    check_enough(7, methods=3)
    with pytest.raises(Refusal, match="between 0 and 1"):
        check_enough(6, alpha=1.0)


def test_gains_are_adjusted_over_methods_and_the_truth_is_none_of_them() -> None:
    rng = np.random.default_rng(2)
    rows = []
    for n in range(8):
        rows += [row(f"p{n}", m, 30 + float(rng.normal(g, 0.5))) for m, g in
                 (("spline", 0), ("a", 1), ("b", 0.4), ("c", 0.1), ("truth", 9))]  # fmt: skip
    found = {gain.method: gain for gain in gains(rows, "spline")}
    assert set(found) == {"a", "b", "c"}
    assert [g.p_holm for g in found.values()] == pytest.approx(holm([g.p for g in found.values()]))
    assert any(g.p_holm > g.p for g in found.values())


def test_slices_of_one_person_are_no_people() -> None:
    names = [f"anna_slice{n:02}" for n in range(6)]
    rows = [row(name, method, 30.0) for name in names for method in ("spline", "mine")]
    with pytest.raises(Refusal, match="anna_slice00 and anna_slice01 look like slices of one person"):
        gains(rows, "spline")
    single = [replace(r, contract=replace(r.contract, aggregation="per slice: sums over the pixels")) for r in rows]
    with pytest.raises(Refusal, match="of a single slice"):
        gains(single, "spline")
    people = [row(f"hippocampus_{n:03}", method, 30.0 + n) for n in range(6) for method in ("spline", "mine")]
    assert len(gains(people, "spline")) == 1


def test_the_worst_twentieth() -> None:
    rows = [
        row(f"p{n:02}", m, 20.0 + n + (m == "mine") * (1 if n else -2)) for n in range(40) for m in ("spline", "mine")
    ]
    cases = cases_of(rows, "mine", "spline")
    assert cases is not None
    assert cases.worst == ("p00", "p01")
    assert cases.tail == pytest.approx((18 + 22) / 2)
    assert (cases.median, cases.best) == ("p19", "p39")
    assert min(cases.gains.values()) == pytest.approx(-2)
    turned = cases_of(rows, "mine", "spline", higher=False)
    assert turned is not None
    assert turned.worst == ("p39", "p38")
    assert cases_of(rows, "nobody", "spline") is None
    lost = cases_of([*rows, row("p99", "mine", math.nan)], "mine", "spline")
    assert lost is not None
    assert lost.worst[0] == "p99", "who has no number is the worst"


def test_seeds_are_told_by_headers_and_never_by_names() -> None:
    one: dict[str, Any] = {"kind": "Net", "recipe": "net-a", "seed": 0, "settings": {"features": 8}}
    two, other = {**one, "recipe": "net-b", "seed": 1}, {**one, "seed": 2, "settings": {"features": 9}}
    digests = {"net-0": "d0", "net-1": "d1", "net-2": "d2"}
    (family,) = families({"net-0": one, "net-1": two, "net-2": other}, digests)
    assert (family.methods, family.seeds) == (("net-0", "net-1"), (0, 1))
    assert families({"net-0": one, "net-1": one}, digests) == [], "one seed twice: something else differs"
    assert families({"net-0": one}, digests) == []


def test_weights_that_began_with_a_family_are_a_family() -> None:
    first: dict[int, dict[str, Any]] = {n: {"kind": "Net", "seed": n, "settings": {}} for n in (0, 1)}
    second: dict[int, dict[str, Any]] = {n: {"kind": "GAN", "seed": n, "reconstructor": f"d{n}"} for n in (0, 1)}
    digests = {"n0": "d0", "n1": "d1", "g0": "e0", "g1": "e1"}
    headers = {"n0": first[0], "n1": first[1], "g0": second[0], "g1": second[1]}
    assert {f.methods for f in families(headers, digests)} == {("n0", "n1"), ("g0", "g1")}
    assert families({"g0": second[0], "g1": second[1]}, digests) == [], "nobody knows what they began with"


def test_the_spread_over_seeds_by_hand() -> None:
    rows = [row(p, m, v) for p, m, v in [("a", "n0", 1.0), ("b", "n0", 3.0), ("a", "n1", 5.0), ("b", "n1", 7.0),
                                         ("c", "n1", 99.0)]]  # fmt: skip
    (found,) = families({f"n{n}": {"kind": "Net", "seed": n} for n in (0, 1)}, {})
    (spread,) = spreads(rows, [found])
    assert (spread.people, spread.mean, spread.min, spread.max) == (2, 4.0, 2.0, 6.0)
    assert spread.std == pytest.approx(math.sqrt(8))


def test_gain_csv_has_the_new_columns(tmp_path: Path) -> None:
    from finemri.measures.table import write_gains
    from finemri.measures.tidy import write_rows

    rows = [row(f"p{n}", m, 30 + n + (m == "mine")) for n in range(6) for m in ("spline", "mine")]
    write_rows(tmp_path / "measures.csv", rows)
    write_gains(tmp_path / "measures.csv")
    heading = (tmp_path / "gain.csv").read_text().splitlines()[0].split(",")
    assert heading[-4:] == ["p", "p_holm", "rank_biserial", "standardised"]
