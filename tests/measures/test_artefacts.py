"""Seams: a step at a tile's border is seen, and noise is not taken for one."""

import numpy as np
import pytest

from finemri.measures.artefacts import seam_energy
from finemri.refusal import Refusal


def test_noise_has_no_seam_and_a_step_has() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((24, 20, 6), np.float32)
    noisy = truth + rng.normal(0, 0.1, truth.shape).astype(np.float32)
    stepped = noisy.copy()
    stepped[12:] += 0.5

    assert seam_energy(noisy, truth, {0: [12], 1: [5, 10]}) == pytest.approx(1, abs=0.1)
    assert seam_energy(stepped, truth, {0: [12]}) > 3
    assert seam_energy(stepped, truth, {1: [5, 10]}) == pytest.approx(1, abs=0.1)


def test_by_hand() -> None:
    truth = np.zeros((4, 1, 1), np.float32)
    made = np.array([0, 1, 4, 5], np.float32).reshape(4, 1, 1)

    assert seam_energy(made, truth, {0: [2]}) == pytest.approx(3)


@pytest.mark.parametrize("seams", [{}, {0: []}, {0: [0]}, {0: [4]}])
def test_seams_that_are_none_are_refused(seams: dict[int, list[int]]) -> None:
    image = np.zeros((4, 2, 2), np.float32)
    with pytest.raises(Refusal, match="seam"):
        seam_energy(image, image, seams)
