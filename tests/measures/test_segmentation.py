"""Dice and the semantic interpretability score, by hand."""

import numpy as np
import pytest

from finemri.measures.segmentation import dice, interpretability, mean_dice
from finemri.refusal import Refusal

TRUTH = np.array([[1, 1, 0], [2, 2, 2]])
FOUND = np.array([[1, 0, 0], [2, 2, 1]])


def test_hand_computed_values() -> None:
    assert dice(FOUND, TRUTH, 1) == pytest.approx(2 * 1 / (2 + 2))
    assert dice(FOUND, TRUTH, 2) == pytest.approx(2 * 2 / (2 + 3))
    assert dice(TRUTH, TRUTH, 2) == 1
    assert dice(np.zeros_like(TRUTH), TRUTH, 2) == 0


def test_it_does_not_matter_which_is_the_truth_nor_how_many_axes_there_are() -> None:
    assert dice(FOUND, TRUTH, 1) == dice(TRUTH, FOUND, 1)
    assert dice(FOUND[None, :, None], TRUTH[None, :, None], 1) == dice(FOUND, TRUTH, 1)


def test_slices_without_the_label_do_not_count() -> None:
    empty = np.zeros_like(TRUTH)
    assert mean_dice([FOUND, FOUND], [TRUTH, empty], 1) == dice(FOUND, TRUTH, 1)
    assert mean_dice([FOUND, TRUTH], [TRUTH, TRUTH], 1) == pytest.approx((0.5 + 1) / 2)
    with pytest.raises(Refusal, match="label 3"):
        mean_dice([FOUND], [TRUTH], 3)


def test_sis_is_relative_to_what_is_found_in_the_truth() -> None:
    assert interpretability([FOUND], [FOUND], [TRUTH], 2) == 1
    assert interpretability([FOUND], [TRUTH], [TRUTH], 2) == pytest.approx(0.8)
    assert interpretability([TRUTH], [FOUND], [TRUTH], 2) == pytest.approx(1 / 0.8)
    with pytest.raises(Refusal, match="another segmenter"):
        interpretability([TRUTH], [np.zeros_like(TRUTH)], [TRUTH], 2)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(Refusal, match="one grid"):
        dice(FOUND[:1], TRUTH, 1)
    with pytest.raises(Refusal, match="Neither"):
        dice(FOUND, TRUTH, 7)
    with pytest.raises(Refusal, match="the same"):
        mean_dice([FOUND], [TRUTH, TRUTH], 1)
