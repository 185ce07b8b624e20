"""Spectra across slices against sums written out in three dimensions, and waves and noise whose spectrum is known."""

import numpy as np
import pytest
from scipy import ndimage

from finemri.measures.across import Band, across_slices, bands
from finemri.refusal import Refusal

rng = np.random.default_rng(0)
TRUTH = rng.normal(size=(12, 20, 15))
IMAGE = TRUTH + rng.normal(size=TRUTH.shape)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_planes_equal_sums_over_the_whole_transform(axis: int) -> None:
    found = across_slices(IMAGE, TRUTH, axis)
    size = TRUTH.shape[axis]
    taper = np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2
    weights = np.moveaxis(np.broadcast_to(taper, (1, 1, size)), 2, axis)
    X, Y = (np.moveaxis(np.fft.fftn((a - a.mean()) * weights), axis, 0) for a in (IMAGE, TRUTH))
    assert len(found.frequency) == size // 2
    for n, frequency in enumerate(found.frequency, 1):
        x, y = X[n], Y[n]
        assert frequency == pytest.approx(n / size)
        assert found.power[n - 1] == pytest.approx((np.abs(x) ** 2).sum() / (np.abs(y) ** 2).sum())
        both = (x * y.conj()).real.sum() / np.linalg.norm(x) / np.linalg.norm(y)
        assert found.correlation[n - 1] == pytest.approx(both)


def test_the_same_detail_is_perfect_and_a_gain_is_power_alone() -> None:
    same, louder = across_slices(TRUTH, TRUTH, 1), across_slices(3 * TRUTH + 7, TRUTH, 1)
    np.testing.assert_allclose([same.power, same.correlation], 1)
    np.testing.assert_allclose(louder.power, 9)
    np.testing.assert_allclose(louder.correlation, 1)


def test_detail_in_another_place_is_as_strong_and_not_the_same() -> None:
    truth = rng.normal(size=(40, 40, 32))
    moved = across_slices(np.ascontiguousarray(truth[::-1]), truth, 2)  # columns change places, each keeps its own
    np.testing.assert_allclose(moved.power, 1, rtol=1e-3)  # not exactly, for the mean is of the whole
    assert np.abs(moved.correlation).max() < 0.15


def test_noise_as_strong_as_the_truth_halves_the_correlation() -> None:
    a, b, common = rng.normal(size=(3, 40, 40, 32))
    found = across_slices(common + a, common + b, 0)
    np.testing.assert_allclose(found.correlation, 0.5, atol=0.1)


def test_what_is_lost_along_the_axis_is_lost_there_and_along_no_other() -> None:
    """A wave of 1/16 along k lies in the first band of slices 4 voxels apart, one of 3/16 in the second."""
    k = np.arange(64)
    low, high = np.sin(2 * np.pi * k / 16), np.sin(2 * np.pi * k * 3 / 16)
    columns = rng.normal(size=(2, 10, 11, 1))
    noise = 1e-6 * rng.normal(size=(10, 11, 64))
    truth = columns[0] * low + columns[1] * high + noise
    made = across_slices(columns[0] * low + 0.5 * columns[1] * high + noise, truth, 2)
    assert made.power[64 // 16 - 1] == pytest.approx(1, rel=1e-3)
    assert made.power[64 * 3 // 16 - 1] == pytest.approx(0.25, rel=1e-3)
    assert made.correlation[64 * 3 // 16 - 1] == pytest.approx(1)
    wrong = across_slices(columns[0] * low - columns[1] * high + noise, truth, 2)
    assert wrong.correlation[64 * 3 // 16 - 1] == pytest.approx(-1)
    assert wrong.power[64 * 3 // 16 - 1] == pytest.approx(1)


def test_blur_along_one_axis_shows_along_that_axis() -> None:
    blurred = ndimage.gaussian_filter1d(TRUTH, 1.0, axis=0, mode="wrap")
    along, beside = across_slices(blurred, TRUTH, 0).power, across_slices(blurred, TRUTH, 1).power
    assert along[-1] < 0.01 * along[0]
    assert beside[-1] > 0.5 * beside[0]


def test_bands_are_means_and_leave_out_what_a_grid_has_not() -> None:
    found = across_slices(IMAGE, TRUTH, 1)
    three = bands(2.5)
    assert [(b.above, b.upto) for b in three.values()] == [(0, 0.2), (0.2, 0.4), (0.4, 0.5)]
    told = found.mean(three["twice"])
    assert told == pytest.approx((np.mean(10 * np.log10(found.power[4:8])), np.mean(found.correlation[4:8])))
    assert found.mean(bands(2)["above"]) is None
    flat = across_slices(np.zeros_like(TRUTH), TRUTH, 1)
    assert flat.mean(three["below"]) == (-np.inf, 0)
    assert sum(b.holds(found.frequency).sum() for b in three.values()) == len(found.frequency)
    assert Band(0.1, 0.3).holds(np.array([0.1, 0.2, 0.3])).tolist() == [False, True, True]


def test_what_has_no_spectrum_is_refused() -> None:
    broken = IMAGE.copy()
    broken[1, 2, 3] = np.nan
    for image, truth, axis, why in (
        (broken, TRUTH, 0, "not finite"),
        (IMAGE[1:], TRUTH, 0, "one grid"),
        (IMAGE, TRUTH, 3, "0, 1 or 2, not 3"),
        (IMAGE[:, :7], TRUTH[:, :7], 1, "8 voxels along the axis, not 7"),
        (IMAGE, np.full_like(TRUTH, 3.0), 2, "no detail"),
    ):
        with pytest.raises(Refusal, match=why):
            across_slices(image, truth, axis)
    with pytest.raises(Refusal, match="at least one voxel apart"):
        bands(0.5)
