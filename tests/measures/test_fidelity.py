"""Every measure against other people's code, and against numbers worked out by hand."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage import metrics
from torchmetrics.functional.image import structural_similarity_index_measure

from finemri.measures import MEASURES, SLICEWISE, fidelity
from finemri.measures.fidelity import gradient_energy, hfen, nmse, psnr, reference_range, snr, ssim
from finemri.refusal import Refusal

SKIMAGE: Any = metrics  # some of its functions are untyped
rng = np.random.default_rng(0)
TRUTH = (ndimage.gaussian_filter(rng.normal(size=(26, 31, 35)), 1.2) * 400 + 300).astype(np.float32)
IMAGE = (TRUTH + rng.normal(size=TRUTH.shape) * 20).astype(np.float32)
MASK = np.zeros(TRUTH.shape, dtype=bool)
MASK[9:15, 11:19, 8:20] = True
L = float(TRUTH.max()) - float(TRUTH.min())


@pytest.fixture(params=[2**22, 1500], ids=["one slab", "slabs of three planes"])
def slabs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fidelity, "SLAB", request.param)


def cube(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32).reshape(2, 2, -1)


def test_hand_computed_values() -> None:
    y, x = cube(0, 2, 4, 4), cube(1, 2, 4, 2)  # Σ(x − y)² = 5, Σy² = 36, L = 4
    assert psnr(x, y) == pytest.approx(10 * math.log10(16 / (5 / 4)))
    assert nmse(x, y) == pytest.approx(5 / 36)
    assert snr(x, y) == pytest.approx(20 * math.log10(6 / math.sqrt(5)))
    assert gradient_energy(x, y) == pytest.approx((1 + 4 + 9 + 0) / (4 + 0 + 16 + 4))
    mask = cube(1, 1, 0, 0).astype(bool)
    assert psnr(x, y, mask) == pytest.approx(10 * math.log10(16 / (1 / 2)))
    assert psnr(x, y, mask, peak=10.0) == pytest.approx(10 * math.log10(100 / (1 / 2)))
    assert nmse(x, y, mask) == pytest.approx(1 / 4)
    assert snr(x, y, mask) == pytest.approx(20 * math.log10(2))
    assert gradient_energy(x, y, mask) == pytest.approx(1 / 4)


def test_the_peak_is_the_references_whatever_the_image() -> None:
    wild = IMAGE.copy()
    wild[0, 0, 0] = 1e5
    assert reference_range(TRUTH) == L
    assert psnr(wild, TRUTH) == pytest.approx(10 * math.log10(L**2 / ((wild - TRUTH).astype(np.float64) ** 2).mean()))


@pytest.mark.usefixtures("slabs")
def test_psnr_and_nmse_equal_scikit_image() -> None:
    assert psnr(IMAGE, TRUTH) == pytest.approx(SKIMAGE.peak_signal_noise_ratio(TRUTH, IMAGE, data_range=L), rel=1e-6)
    assert nmse(IMAGE, TRUTH) == pytest.approx(SKIMAGE.normalized_root_mse(TRUTH, IMAGE) ** 2, rel=1e-5)


@pytest.mark.usefixtures("slabs")
def test_ssim_equals_scikit_image() -> None:
    y, x = TRUTH.astype(np.float64), IMAGE.astype(np.float64)
    uniform = SKIMAGE.structural_similarity(y, x, win_size=7, data_range=L)
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": L}
    assert ssim(IMAGE, TRUTH, window="uniform") == pytest.approx(uniform, rel=1e-9)
    assert ssim(IMAGE, TRUTH) == pytest.approx(SKIMAGE.structural_similarity(y, x, **wang), rel=1e-9)
    for axis in range(3):
        planes = zip(np.moveaxis(y, axis, 0), np.moveaxis(x, axis, 0), strict=True)
        slices = [SKIMAGE.structural_similarity(p, q, **wang) for p, q in planes]
        assert ssim(IMAGE, TRUTH, axis=axis) == pytest.approx(np.mean(slices), rel=1e-9)


@pytest.mark.usefixtures("slabs")
def test_ssim_inside_a_mask_is_the_mean_of_the_map_there() -> None:
    _, similarity = SKIMAGE.structural_similarity(
        TRUTH.astype(np.float64), IMAGE.astype(np.float64), win_size=7, data_range=L, full=True
    )
    assert ssim(IMAGE, TRUTH, MASK, window="uniform") == pytest.approx(similarity[MASK].mean(), rel=1e-9)
    everywhere = np.ones_like(MASK)
    assert ssim(IMAGE, TRUTH, everywhere) == ssim(IMAGE, TRUTH)


def test_ssim_equals_torchmetrics() -> None:
    image, truth = IMAGE[:13, :14, :15], TRUTH[:13, :14, :15]
    x, y = (torch.from_numpy(a).double()[None, None] for a in (image, truth))
    _, similarity = structural_similarity_index_measure(x, y, sigma=1.5, data_range=L, return_full_image=True)
    theirs = similarity[0, 0, 5:-5, 5:-5, 5:-5].mean()  # its own mean counts the mirrored border too
    assert ssim(image, truth, peak=L) == pytest.approx(float(theirs), rel=1e-5)


@pytest.mark.usefixtures("slabs")
def test_hfen_equals_a_dense_kernel() -> None:
    at = np.arange(-7.0, 8.0)
    squared = at[:, None, None] ** 2 + at[:, None] ** 2 + at**2
    g = np.exp(-squared / (2 * 1.5**2))
    h = (squared - 3 * 1.5**2) / 1.5**4 * g / g.sum()  # MATLAB's fspecial("log"), a dimension higher
    h -= h.mean()
    y, x = (ndimage.correlate(a.astype(np.float64), h, mode="reflect") for a in (TRUTH, IMAGE))
    assert hfen(IMAGE, TRUTH) == pytest.approx(np.linalg.norm(x - y) / np.linalg.norm(y), rel=1e-4)
    assert hfen(IMAGE, TRUTH, MASK) == pytest.approx(np.linalg.norm((x - y)[MASK]) / np.linalg.norm(y[MASK]), rel=1e-4)


def test_blur_lowers_gradient_energy_and_noise_raises_it() -> None:
    assert gradient_energy(ndimage.gaussian_filter(TRUTH, 1.0), TRUTH) < 0.8
    assert gradient_energy(IMAGE, TRUTH) > 1.1


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("inside", [True, False])
def test_values_that_are_not_finite_are_refused(name: str, inside: bool) -> None:
    broken = IMAGE.copy()
    broken[(10, 9, 10) if inside else (0, 0, 0)] = np.nan
    for pair in ((broken, TRUTH), (TRUTH, broken)):
        with pytest.raises(Refusal, match="not finite"):
            MEASURES[name](*pair, MASK, peak=L, axis=2)


@pytest.mark.parametrize("name", MEASURES)
def test_other_shapes_and_empty_masks_are_refused(name: str) -> None:
    with pytest.raises(Refusal, match="one grid"):
        MEASURES[name](IMAGE[1:], TRUTH, None, peak=L, axis=2)
    with pytest.raises(Refusal, match="empty"):
        MEASURES[name](IMAGE, TRUTH, np.zeros_like(MASK), peak=L, axis=2)


@pytest.mark.parametrize("measure", [psnr, ssim, hfen, gradient_energy])
def test_a_constant_reference_is_refused(measure: Callable[..., float]) -> None:
    with pytest.raises(Refusal):
        measure(IMAGE, np.full_like(TRUTH, 3.0))


def test_nmse_of_a_reference_of_zeros_is_refused() -> None:
    with pytest.raises(Refusal, match="is 0"):
        nmse(IMAGE, np.zeros_like(TRUTH))


def test_a_window_larger_than_the_image_is_refused() -> None:
    with pytest.raises(Refusal, match="11 voxels"):
        ssim(IMAGE[:10], TRUTH[:10])
    assert ssim(IMAGE[:10], TRUTH[:10], axis=0) < 1


@pytest.mark.parametrize("name", SLICEWISE)
def test_a_slice_by_itself_is_judged_in_2d(name: str) -> None:
    y, x = (np.moveaxis(a, 2, 0)[5].astype(np.float64) for a in (TRUTH, IMAGE))
    measure = MEASURES[name]
    value = measure(x[None], y[None], None, peak=L, axis=0)
    assert value == pytest.approx(measure(x.T[None], y.T[None], None, peak=L, axis=0), rel=1e-9)
    uniform = SKIMAGE.structural_similarity(y, x, win_size=7, data_range=L)
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": L}
    at = np.arange(-7.0, 8.0)
    squared = at[:, None] ** 2 + at**2
    g = np.exp(-squared / (2 * 1.5**2))
    h = (squared - 2 * 1.5**2) / 1.5**4 * g / g.sum()
    log = {k: ndimage.correlate(a, h - h.mean(), mode="reflect") for k, a in (("y", y), ("x", x))}
    steps = [sum(float((np.diff(a, axis=axis) ** 2).sum()) for axis in (0, 1)) for a in (x, y)]
    error = np.linalg.norm(x - y) / np.linalg.norm(y)
    expected = {
        "psnr": 10 * math.log10(L**2 / ((x - y) ** 2).mean()),
        "ssim-slices": SKIMAGE.structural_similarity(y, x, **wang),
        "ssim-slices-uniform": uniform,
        "nmse": error**2,
        "snr": -20 * math.log10(error),
        "hfen": np.linalg.norm(log["x"] - log["y"]) / np.linalg.norm(log["y"]),
        "gradient-energy": steps[0] / steps[1],
    }
    assert value == pytest.approx(expected[name], rel=1e-4)
