import math

import pytest
import torch
from torch.nn.functional import one_hot

from finemri.losses.segmentation import cross_entropy, soft_dice


def certain(labels: torch.Tensor, classes: int) -> torch.Tensor:
    return 50.0 * one_hot(labels, classes).movedim(-1, 1).float()


def test_of_no_opinion_the_entropy_is_the_logarithm_of_the_classes() -> None:
    labels = torch.randint(3, (2, 4, 5))
    assert float(cross_entropy(torch.zeros(2, 3, 4, 5), labels)) == pytest.approx(math.log(3))


def test_a_right_answer_costs_nothing_and_a_wrong_one_much() -> None:
    labels = torch.zeros(1, 8, 8, dtype=torch.int64)
    labels[:, 2:6, 2:6] = 1
    labels[:, 6:] = 2
    for loss in (cross_entropy, soft_dice):
        assert float(loss(certain(labels, 3), labels)) == pytest.approx(0.0, abs=1e-5)
        assert float(loss(certain((labels + 1) % 3, 3), labels)) > 0.9


def test_dice_by_hand() -> None:
    """16 voxels of the class, half of them found, nothing else found: 2 · 8 / (16 + 8)."""
    labels, found = (torch.zeros(1, 8, 8, dtype=torch.int64) for _ in range(2))
    labels[:, 2:6, 2:6] = 1
    found[:, 2:6, 2:4] = 1
    assert float(soft_dice(certain(found, 2), labels, smooth=1e-6)) == pytest.approx(1 - 16 / 24, rel=1e-4)


def test_a_class_that_is_nowhere_and_found_nowhere_costs_nothing() -> None:
    labels = torch.zeros(1, 4, 4, dtype=torch.int64)
    assert float(soft_dice(certain(labels, 2), labels)) == pytest.approx(0.0, abs=1e-6)
