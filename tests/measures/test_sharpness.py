"""Sharpness of edges whose width is known."""

import numpy as np
import pytest
from scipy import ndimage, special

from finemri.measures.sharpness import edge_sharpness, rise_distance, rise_ratio
from finemri.refusal import Refusal

rng = np.random.default_rng(0)


def edge(sigma: float, tilt: float = 0.0) -> np.ndarray:
    """A step blurred by a Gaussian of sigma, across the first axis, or tilted."""
    i, j, _ = np.indices((40, 40, 8))
    across = (i - 19.4) * np.cos(tilt) + (j - 19.4) * np.sin(tilt)
    image: np.ndarray = 0.5 + 0.5 * special.erf(across / sigma / np.sqrt(2))
    return image


@pytest.mark.parametrize("tilt", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("sigma", [1.2, 1.8])
def test_a_gaussian_edge_rises_in_256_sigma(sigma: float, tilt: float) -> None:
    image = edge(sigma, tilt)
    assert rise_distance(image, image) == pytest.approx(2 * special.ndtri(0.9) * sigma, rel=0.03)


def test_the_distance_is_in_mm_across_the_edge() -> None:
    assert rise_distance(edge(1.5), edge(1.5), spacing=(0.5, 3, 3)) == pytest.approx(2.563 * 1.5 * 0.5, rel=0.05)


def test_the_ratio_is_of_widths_and_sharpness_of_slopes() -> None:
    truth, blurred = edge(0.9), edge(1.8)
    assert rise_ratio(blurred, truth) == pytest.approx(2, rel=0.1)
    assert rise_ratio(truth, blurred) == pytest.approx(0.5, rel=0.1)
    sharp, soft = (sum(np.diff(edge(s)[18:22:2, 0, 0]) + np.diff(edge(s)[19:23:2, 0, 0])) for s in (1.5, 3.0))
    assert edge_sharpness(edge(3.0), edge(1.5)) == pytest.approx(soft / sharp, rel=1e-6)
    assert edge_sharpness(3 * truth, truth) == pytest.approx(3)


def test_sharpness_by_hand() -> None:
    truth = np.array([0, 0, 0, 8, 8, 8], np.float32).reshape(6, 1, 1)  # central differences: 0 0 4 4 0 0
    made = np.array([0, 0, 2, 6, 8, 8], np.float32).reshape(6, 1, 1)  # 0 1 3 3 1 0
    assert edge_sharpness(made, truth) == pytest.approx(3 / 4)


def test_noise_does_not_pass_for_sharpness() -> None:
    truth = edge(1.5)
    noisy = ndimage.gaussian_filter(truth, 1.0) + rng.normal(size=truth.shape) * 0.05
    clean = ndimage.gaussian_filter(truth, 1.0)
    assert edge_sharpness(noisy, truth) == pytest.approx(edge_sharpness(clean, truth), abs=0.03)
    assert edge_sharpness(noisy, truth) < 0.95


def test_where_nothing_rises_the_whole_profile_counts() -> None:
    truth = edge(1.2)
    assert rise_distance(np.zeros_like(truth), truth) == pytest.approx(10)
    for measure in (edge_sharpness, rise_distance):
        with pytest.raises(Refusal, match="flat"):
            measure(truth, np.zeros_like(truth))
