"""Baselines on numbers that one can work out, and what they promise as Enhancers."""

import numpy as np
import pytest

from finemri.baselines import BASELINES
from finemri.baselines.interpolation import Interpolation
from finemri.refusal import Refusal


def line(*values: float) -> np.ndarray:
    return np.tile(np.array(values, dtype=np.float32)[:, None, None], (1, 3, 2))


def test_nearest_repeats_each_voxel() -> None:
    np.testing.assert_array_equal(BASELINES["nearest"](2)(line(1, 5, 2))[:, 0, 0], [1, 1, 5, 5, 2, 2])
    np.testing.assert_array_equal(BASELINES["nearest"](3)(line(1, 5))[:, 0, 0], [1, 1, 1, 5, 5, 5])


def test_linear_reads_a_quarter_voxel_off() -> None:
    np.testing.assert_allclose(BASELINES["linear"](2)(line(0, 4, 8))[:, 2, 1], [0, 1, 3, 5, 7, 8], atol=1e-6)


def test_spline_passes_through_the_samples() -> None:
    """At ×3 every third output voxel lies on an input voxel."""
    coarse = np.random.default_rng(0).normal(size=(7, 6, 5)).astype(np.float32)
    np.testing.assert_allclose(BASELINES["spline"](3)(coarse)[1::3, 1::3, 1::3], coarse, atol=1e-5)


def test_spline_beats_linear_on_a_smooth_signal() -> None:
    fine = np.cos(2 * np.pi * (np.arange(64) + 0.5) / 16)
    coarse = np.cos(2 * np.pi * (2 * np.arange(32) + 1) / 16).astype(np.float32)
    error = {
        n: np.abs(BASELINES[n](2)(np.tile(coarse[:, None, None], (1, 2, 2)))[8:-8, 0, 0] - fine[8:-8]).max()
        for n in BASELINES
    }
    assert error["spline"] < 0.3 * error["linear"] < 0.3 * error["nearest"]


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_sizes_and_single_precision(name: str, scale: int) -> None:
    enhancer = BASELINES[name](scale)
    fine = enhancer(np.ones((5, 1, 4), dtype=np.float32))
    assert enhancer.scale == (scale, scale, scale)
    assert fine.shape == (5 * scale, scale, 4 * scale)
    assert fine.dtype == np.float32


def test_nonsense_is_refused() -> None:
    for settings in ((0, 3), (2, 2)):
        with pytest.raises(Refusal):
            Interpolation(*settings)
