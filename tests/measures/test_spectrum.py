"""Spectra against waves and noise whose spectrum is known, and against sums written out."""

import numpy as np
import pytest
from scipy import ndimage

from finemri.measures import MORE
from finemri.measures.spectrum import (
    mean_shell_correlation,
    radial_power,
    shell_correlation,
    shell_resolution,
    spectral_distance,
)
from finemri.refusal import Refusal

rng = np.random.default_rng(0)
TRUTH = rng.normal(size=(24, 27, 30))


def test_a_wave_lies_in_its_own_shell() -> None:
    wave = np.broadcast_to(np.cos(2 * np.pi * 0.25 * np.arange(32)), (20, 24, 32)).astype(np.float32)
    frequency, power = radial_power(wave)
    assert frequency[power.argmax()] == pytest.approx(0.25)
    assert frequency[-1] == 0.5
    assert len(frequency) == 10


def test_shells_equal_sums_over_the_whole_transform() -> None:
    image = TRUTH + rng.normal(size=TRUTH.shape)
    tapers = [np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in TRUTH.shape]
    X, Y = (np.fft.fftn((a - a.mean()) * np.einsum("i,j,k", *tapers)) for a in (image, TRUTH))
    f = np.sqrt(sum(g**2 for g in np.meshgrid(*map(np.fft.fftfreq, TRUTH.shape), indexing="ij")))
    for n, (frequency, value) in enumerate(zip(*shell_correlation(image, TRUTH), strict=True), 1):
        shell = np.rint(f * 24) == n
        x, y = X[shell], Y[shell]
        assert frequency == pytest.approx(n / 24)
        assert value == pytest.approx((x * y.conj()).real.sum() / np.linalg.norm(x) / np.linalg.norm(y))
        assert radial_power(image)[1][n - 1] == pytest.approx((np.abs(x) ** 2).mean())


def test_noise_as_strong_as_the_truth_halves_the_correlation() -> None:
    a, b, common = rng.normal(size=(3, 40, 40, 40))
    assert mean_shell_correlation(common + a, common + b) == pytest.approx(0.5, abs=0.05)
    assert abs(mean_shell_correlation(a, b)) < 0.05


def test_a_gain_is_a_distance_in_db_and_no_loss_of_correlation() -> None:
    assert spectral_distance(2 * TRUTH, TRUTH) == pytest.approx(20 * np.log10(2))
    assert mean_shell_correlation(2 * TRUTH + 5, TRUTH) == pytest.approx(1)


def test_resolution_is_where_detail_ends() -> None:
    truth = rng.normal(size=(64, 64, 64))
    frequencies = np.meshgrid(*[np.fft.fftfreq(64)] * 3, indexing="ij")
    keep = np.sqrt(sum(f**2 for f in frequencies)) < 0.3
    blurred = np.fft.ifftn(np.fft.fftn(truth) * keep).real + rng.normal(size=truth.shape) * 0.01
    assert shell_resolution(blurred, truth) == pytest.approx(0.6, abs=0.03)
    assert shell_resolution(truth, truth) == 1.0


def test_rings_of_a_slice() -> None:
    truth = TRUTH[:1]
    assert mean_shell_correlation(truth, truth) == pytest.approx(1)
    assert len(shell_correlation(truth, truth)[0]) == 27 // 2
    with pytest.raises(Refusal, match="8 voxels"):
        spectral_distance(TRUTH[:5], TRUTH[:5])


def test_blur_moves_the_spectrum_away() -> None:
    mild, strong = (ndimage.gaussian_filter(TRUTH, s) for s in (0.4, 0.8))
    assert 0 < spectral_distance(mild, TRUTH) < spectral_distance(strong, TRUTH)


def test_an_image_without_detail_is_infinitely_far_and_a_truth_without_is_refused() -> None:
    flat = np.full(TRUTH.shape, 3.0)
    assert spectral_distance(flat, TRUTH) == np.inf
    assert mean_shell_correlation(flat, TRUTH) == 0
    for measure in (spectral_distance, mean_shell_correlation, shell_resolution):
        with pytest.raises(Refusal, match="contrast"):
            measure(TRUTH, flat)
        with pytest.raises(Refusal, match="leave it out"):
            measure(TRUTH, TRUTH, TRUTH > 0)


@pytest.mark.parametrize("name", MORE)
def test_every_slow_measure_is_perfect_at_identity_alone_and_refuses_what_it_must(name: str) -> None:
    measure = MORE[name]
    image = TRUTH + rng.normal(size=TRUTH.shape)
    broken = image.copy()
    broken[3, 4, 5] = np.nan
    assert measure(TRUTH, TRUTH, None, peak=6.0, axis=2) == pytest.approx(measure.best, abs=1e-12)
    if name != "shell-resolution":
        assert measure(image, TRUTH, None, peak=6.0, axis=2) != pytest.approx(measure.best, abs=1e-3)
    assert measure(7 * image, 7 * TRUTH, None, peak=42.0, axis=2) == pytest.approx(
        measure(image, TRUTH, None, peak=6.0, axis=2)
    )
    for x, y, why in ((broken, TRUTH, "not finite"), (image[1:], TRUTH, "one grid")):
        with pytest.raises(Refusal, match=why):
            measure(x, y, None, peak=6.0, axis=2)
    with pytest.raises(Refusal, match="constant|contrast|flat|no energy"):  # noqa: RUF043
        measure(image, np.zeros_like(TRUTH), None, peak=0.0, axis=2)
