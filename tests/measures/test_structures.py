"""Structures by hand: volumes, Dice, SIS, means, and what is said of them."""

import math

import numpy as np
import pytest

from finemri.measures import title_of
from finemri.measures.contract import Contract
from finemri.measures.structures import Judgement, judge_structures, millilitres
from finemri.refusal import Refusal

AFFINE = np.diag([2.0, 1.0, 0.5, 1.0]) @ np.array([[0, 1.0, 0, 5], [1, 0, 0, 0], [0, 0, -1, 0], [0, 0, 0, 1]])
TRUTH = np.zeros((6, 5, 4), np.uint16)
TRUTH[1:3, 1:3, 1:3] = 1
TRUTH[4, 1:4, 1:3] = 2
JUDGEMENT = Judgement("somebody@1234", "on a grid", "the map", {1: "Left-Thing"})

Numbers = dict[str, tuple[float, Contract]]


def judged(found: np.ndarray, ceiling: np.ndarray | None = None) -> Numbers:
    numbers = list(judge_structures(found, TRUTH, ceiling, AFFINE, JUDGEMENT))
    assert len({measure for measure, _, _ in numbers}) == len(numbers)
    return {measure: (value, contract) for measure, value, contract in numbers}


def test_volumes_are_in_millilitres_whichever_way_the_axes_run() -> None:
    assert millilitres(TRUTH, 1, AFFINE) == pytest.approx(8 * 1.0 / 1000)
    assert millilitres(TRUTH, 2, 2 * AFFINE) == pytest.approx(6 * 8.0 / 1000)
    assert millilitres(TRUTH, 9, AFFINE) == 0


def test_a_perfect_map() -> None:
    numbers = judged(TRUTH, TRUTH)
    assert {name: numbers[name][0] for name in ("dice-Left-Thing", "dice-2", "dice-mean", "sis-mean")} == {
        "dice-Left-Thing": 1, "dice-2": 1, "dice-mean": 1, "sis-mean": 1,
    }  # fmt: skip
    assert numbers["surface-mean"][0] == numbers["hausdorff95-2"][0] == 0
    assert numbers["volume-2"][0] == pytest.approx(0.006)
    assert "volume-mean" not in numbers, "a mean of sizes says nothing"


def test_sis_is_dice_over_the_dice_of_what_is_found_in_the_truth() -> None:
    half, most = TRUTH.copy(), TRUTH.copy()
    half[1], most[1, 1, 1] = 0, 0
    numbers = judged(half, most)
    assert numbers["dice-Left-Thing"][0] == pytest.approx(2 * 4 / 12)
    assert numbers["sis-Left-Thing"][0] == pytest.approx((2 * 4 / 12) / (2 * 7 / 15))
    assert numbers["dice-mean"][0] == pytest.approx((2 / 3 + 1) / 2)
    assert "sis-2" in numbers
    assert "sis-mean" not in judged(half)


def test_what_is_missing_and_what_was_invented() -> None:
    lost, invented = np.where(TRUTH == 2, 0, TRUTH).astype(np.uint16), TRUTH.copy()
    invented[0, 0, 0] = 7
    numbers = judged(lost)
    assert numbers["volume-2"][0] == numbers["dice-2"][0] == 0
    assert math.isnan(numbers["surface-2"][0])
    assert math.isnan(numbers["surface-mean"][0]), "nobody is dropped"
    numbers = judged(invented, TRUTH)
    assert numbers["dice-7"][0] == 0
    assert numbers["dice-mean"][0] == 1, "the mean runs over what the reference has, for every method the same"
    assert "sis-7" not in numbers
    assert "sis-2" not in judged(TRUTH, lost), "of which the segmenter finds nothing in the truth"


def test_contracts_say_who_judged_against_what() -> None:
    numbers = judged(TRUTH, TRUTH)
    _, contract = numbers["surface-Left-Thing"]
    assert (contract.measure, contract.units, contract.dimension) == ("surface-Left-Thing", "mm", "3D")
    for words in ("somebody@1234", "on a grid", "against the map", "label 1"):
        assert words in contract.aggregation
    assert "2 structures" in numbers["dice-mean"][1].aggregation
    assert Contract.parse(str(contract)) == contract


def test_titles_are_for_people() -> None:
    assert title_of("volume-Left-Thing") == "volume / mL of Left-Thing"
    assert title_of("surface-17") == "mean surface distance / mm of label 17"
    assert title_of("dice-mean") == "Dice, mean over structures"


def test_other_grids_are_refused() -> None:
    with pytest.raises(Refusal, match="one grid"):
        judged(TRUTH[1:])
