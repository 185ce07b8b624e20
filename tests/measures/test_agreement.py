"""Agreement and preference, against published worked examples."""

import math

import numpy as np
import pytest

from finemri.measures.agreement import icc, ordinal_alpha, weighted_kappa
from finemri.measures.preference import Choice, choices_of_ranking, preferred, strengths
from finemri.refusal import Refusal

SHROUT = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=np.float64
)
"""Shrout & Fleiss (1979), table 2: six targets, four judges."""
_ = math.nan
KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
        [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
    ]
).T
"""Krippendorff (2011), example C: four observers, twelve units, gaps."""
BASEBALL = """
Milwaukee 0 7 9 7 7 9 11
Detroit 6 0 7 5 11 9 9
Toronto 4 6 0 7 7 8 12
New-York 6 8 6 0 6 7 10
Boston 6 2 6 7 0 7 12
Cleveland 4 4 5 6 6 0 6
Baltimore 2 4 1 3 1 7 0
"""
"""Agresti (2002), Categorical Data Analysis, table 10.10: who won against whom, American League East, 1987."""


def test_intraclass_correlation_is_that_of_shrout_and_fleiss() -> None:
    """Their ICC(2,1) = .29 and ICC(3,1) = .71; the intervals are those that McGraw & Wong's formulas give (R's irr)."""
    agreement, consistency = icc(SHROUT), icc(SHROUT, "consistency")
    assert agreement.value == pytest.approx(0.29, abs=0.005)
    assert (agreement.low, agreement.high) == pytest.approx((0.019, 0.761), abs=0.001)
    assert consistency.value == pytest.approx(0.71, abs=0.006)
    assert (consistency.low, consistency.high) == pytest.approx((0.342, 0.946), abs=0.001)


def test_readers_who_agree_exactly() -> None:
    same = np.repeat(np.array([[1.0], [3.0], [4.0]]), 3, axis=1)
    assert icc(same).value == icc(same, "consistency").value == ordinal_alpha(same) == 1
    assert icc(same + np.arange(3), "consistency").value == 1
    assert icc(same + np.arange(3)).value < 1
    assert math.isnan(icc(np.ones((3, 2))).value)
    assert math.isnan(ordinal_alpha(np.ones((3, 2))))
    with pytest.raises(Refusal, match="two readers"):
        icc(np.array([[1.0, 2.0], [math.nan, 1.0]]))


def test_alpha_is_krippendorffs() -> None:
    assert ordinal_alpha(KRIPPENDORFF) == pytest.approx(0.815, abs=0.0005)


def test_weighted_kappa_by_hand() -> None:
    """Two judgements of four cases, one of them apart by one: Σ w o = ¼; Σ w e over every two."""
    first, second = [1, 2, 3, 3], [1, 2, 3, 2]
    chance = sum((a - b) ** 2 for a in first for b in second) / 16
    assert weighted_kappa(first, second, 3) == pytest.approx(1 - 0.25 / chance)
    assert weighted_kappa(first, first, 4) == 1
    assert math.isnan(weighted_kappa([2, 2], [2, 2], 4))
    with pytest.raises(Refusal, match="two judgements"):
        weighted_kappa([1], [], 4)


def test_strengths_are_agrestis() -> None:
    """Relative to Baltimore: 1.58, 1.44, 1.29, 1.25, 1.11, 0.68."""
    lines = [line.split() for line in BASEBALL.split("\n") if line]
    names = [line[0] for line in lines]
    choices = [
        Choice(line[0], loser, "a")
        for line in lines
        for loser, wins in zip(names, line[1:], strict=True)
        for _ in range(int(wins))
    ]
    found = strengths(choices, prior=1e-9)
    over = [found[name].value - found["Baltimore"].value for name in names]
    assert over == pytest.approx([1.58, 1.44, 1.29, 1.25, 1.11, 0.68, 0], abs=0.006)
    assert found["Milwaukee"].wins == 50
    assert found["Milwaukee"].comparisons == 78
    assert math.isnan(found["Milwaukee"].low)  # one person: no interval


def test_intervals_and_certainty() -> None:
    """A method that wins three of four comparisons of every person; and one that never loses stays finite."""
    choices = [Choice(*pair, f"p{n}") for n in range(8) for pair in [("a", "b")] * 3 + [("b", "a")]]
    found = strengths(choices)
    assert preferred(found, "a", "b") == pytest.approx(0.75, abs=0.01)
    assert found["a"].low == found["a"].high == pytest.approx(found["a"].value)  # everybody is alike
    sure = strengths([choice for n in range(6) for choice in choices_of_ranking(["a", "b", "c"], f"p{n}")])
    assert math.inf > sure["a"].value > sure["b"].value > sure["c"].value > -math.inf
    assert all(math.isnan(end) for each in sure.values() for end in (each.low, each.high)), (
        "the prior's, not the data's"
    )


def test_methods_that_nobody_compared() -> None:
    with pytest.raises(Refusal, match="never compared"):
        strengths([Choice("a", "b", "p"), Choice("c", "d", "p")])
    with pytest.raises(Refusal, match="at least two"):
        strengths([])
