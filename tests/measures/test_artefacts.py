"""Seams: a step at a tile's border is seen, and noise is not taken for one."""

import numpy as np
import pytest
from scipy import ndimage

from finemri.measures.artefacts import checkerboard_energy, checkerboard_ratio, seam_energy
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


CHECKERS = (-1.0) ** np.indices((20, 18, 16)).sum(axis=0)


def test_noise_has_no_checkerboard_and_a_pattern_of_period_two_has() -> None:
    noise = np.random.default_rng(0).normal(size=(40, 40, 40)).astype(np.float32)
    assert checkerboard_energy(noise) == pytest.approx(1, abs=0.1)
    stripes = noise.copy()
    stripes[:, ::2] += 1
    assert checkerboard_energy(stripes) > 4
    assert checkerboard_energy(ndimage.gaussian_filter(noise, 1.0)) < 0.9
    assert checkerboard_ratio(stripes, noise) > 4
    assert checkerboard_ratio(noise, noise) == 1


def test_nothing_but_checkers_is_infinite_and_period_four_is_none() -> None:
    assert checkerboard_energy(CHECKERS.astype(np.float32)) == np.inf
    wave = np.cos(2 * np.pi * np.arange(32) * 13 / 32).astype(np.float32)
    assert checkerboard_energy(np.broadcast_to(wave, (1, 4, 32)).astype(np.float32)) < 1e-12


def test_the_energy_by_hand() -> None:
    n = np.arange(16)
    image = (3 * (-1.0) ** n + np.cos(2 * np.pi * n * 6 / 16)).astype(np.float32).reshape(1, 1, 16)
    # tapered, ½ of a real wave's amplitude remains: 3 · 16 / 2 at period 2, 16 / 4 at the wave
    assert checkerboard_energy(image) == pytest.approx((3 * 8) ** 2 / (16 / 4) ** 2, rel=1e-5)


def test_images_without_a_spectrum_are_refused() -> None:
    with pytest.raises(Refusal, match="16 voxels"):
        checkerboard_energy(np.ones((8, 8, 8), np.float32))
    with pytest.raises(Refusal, match="contrast"):
        checkerboard_energy(np.full((16, 16, 16), 7.3, np.float32))
    with pytest.raises(Refusal, match="not finite"):
        checkerboard_energy(np.full((16, 16, 16), np.nan, np.float32))
