"""Conventions against the code bases themselves."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from monai.metrics.regression import MSEMetric, PSNRMetric, SSIMMetric
from skimage import metrics

from finemri.measures import title_of
from finemri.measures.convention import Case, Truth
from finemri.measures.conventions import CONVENTIONS
from finemri.measures.mask import head_mask
from tests.heads import textured_head

SKIMAGE: Any = metrics
SHAPE = (40, 38, 30)
WANG: Any = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
TRUTH = textured_head(SHAPE, (17, 16, 12), seed=0)
IMAGE = (TRUTH + np.random.default_rng(5).normal(size=SHAPE) * 6).astype(np.float32)
Y, X = TRUTH.astype(np.float64), IMAGE.astype(np.float64)
PLANES = [(X[:, :, k], Y[:, :, k]) for k in range(SHAPE[2])]
SHOWN = [plane for plane, seen in zip(PLANES, np.asarray(head_mask(TRUTH).any(axis=(0, 1))), strict=True) if seen]


def values(name: str, image: np.ndarray = IMAGE, *, flat: bool = False) -> Mapping[str, float]:
    stack = (image.transpose(2, 0, 1), TRUTH.transpose(2, 0, 1)) if flat else (image, TRUTH)
    case = Case(stack[0], Truth(stack[1], 0 if flat else 2, flat))
    return {measure.partition(":")[2]: value for measure, value, _, _ in CONVENTIONS[name].judge(name, case)}


def mean_of(numbers: list[Any]) -> Any:
    return pytest.approx(float(np.mean(numbers)), rel=1e-5)


def test_fastmri_as_its_evaluate_has_it() -> None:
    found = values("fastmri")
    assert found["psnr"] == mean_of([SKIMAGE.peak_signal_noise_ratio(Y, X, data_range=Y.max())])
    assert found["ssim"] == mean_of([SKIMAGE.structural_similarity(y, x, data_range=Y.max()) for x, y in PLANES])
    assert found["nmse"] == mean_of([np.linalg.norm(Y - X) ** 2 / np.linalg.norm(Y) ** 2])
    assert found["mse"] == mean_of([((Y - X) ** 2)])


def test_skimage_as_it_is() -> None:
    found, span = values("skimage"), Y.max() - Y.min()
    assert found["psnr"] == mean_of([SKIMAGE.peak_signal_noise_ratio(Y, X, data_range=span)])
    assert found["ssim"] == mean_of([SKIMAGE.structural_similarity(Y, X, data_range=span)])
    assert found["nmse"] == mean_of([SKIMAGE.normalized_root_mse(Y, X) ** 2])
    assert found["mse"] == mean_of([SKIMAGE.mean_squared_error(Y, X)])


@pytest.mark.parametrize("flat", [False, True])
def test_monai_as_it_is(flat: bool) -> None:
    y, x = ((a - Y.min()) / (Y.max() - Y.min()) for a in (Y, X))
    batch = [torch.from_numpy(a.transpose(2, 0, 1)[:, None] if flat else a[None, None]).float() for a in (x, y)]
    theirs: dict[str, Any] = {
        "psnr": PSNRMetric(max_val=1.0)(*batch),
        "ssim": SSIMMetric(spatial_dims=2 if flat else 3, data_range=1.0)(*batch),
        "mse": MSEMetric()(*batch),
    }
    found = values("monai", flat=flat)
    if flat:  # a slice of air has no range of its own, and its truth is of the whole stack
        assert set(found) == set(theirs)
    for name, value in theirs.items():
        assert found[name] == pytest.approx(float(value.mean()), rel=1e-4)


def test_paper_000_is_of_each_image_on_unit_scale() -> None:
    found, top = values("paper-000"), Y.max()
    snr = [20 * np.log10(np.linalg.norm(y) / np.linalg.norm(x - y)) for x, y in SHOWN]
    assert found["snr"] == mean_of(snr)
    assert found["ssim"] == mean_of(
        [SKIMAGE.structural_similarity(y / top, x / top, data_range=1, **WANG) for x, y in SHOWN]
    )


def test_paper_001_divides_by_rows_alone() -> None:
    found = values("paper-001")
    assert found["mse"] == mean_of([((x - y) ** 2).sum() / len(y) for x, y in SHOWN])
    assert found["mse"] == pytest.approx(SHAPE[1] * found["mse-corrected"])


def test_paper_002_masks_wrongly_and_takes_the_range_of_both() -> None:
    found, mask = values("paper-002"), head_mask(TRUTH)
    moved = np.zeros_like(mask)
    moved[16:, 16:, 16:] = mask[:-16, :-16, :-16]
    for suffix, inside in (("", moved), ("-corrected", mask)):
        y, x = Y * inside, X * inside
        span = max(x.max(), y.max()) - min(x.min(), y.min())
        assert found["psnr" + suffix] == mean_of([SKIMAGE.peak_signal_noise_ratio(y, x, data_range=span)])
        assert found["ssim" + suffix] == mean_of([SKIMAGE.structural_similarity(y, x, win_size=7, data_range=span)])
    assert found["psnr"] > found["psnr-corrected"] + 1


def test_paper_003_has_a_peak_of_255_and_no_window() -> None:
    found, unit = values("paper-003"), np.percentile(Y, 99.9)
    errors = [((x - y) ** 2).mean() / unit**2 for x, y in SHOWN]
    assert found["mse"] == mean_of(errors)
    assert found["psnr"] == mean_of([20 * math.log10(255 / math.sqrt(e)) for e in errors])
    assert found["psnr"] - found["psnr-corrected"] == pytest.approx(48.1308, abs=1e-4)
    similar = []
    for x, y in ((x / unit, y / unit) for x, y in SHOWN):
        c1, c2, (xx, xy, _, yy) = 1e-4, 9e-4, np.cov(x.ravel(), y.ravel(), ddof=0).ravel()
        mx, my = x.mean(), y.mean()
        similar.append((2 * mx * my + c1) * (2 * xy + c2) / ((mx**2 + my**2 + c1) * (xx + yy + c2)))
    assert found["ssim"] == mean_of(similar)


def test_paper_004_has_the_range_of_each_slice() -> None:
    found = values("paper-004")
    assert found["psnr"] == mean_of([SKIMAGE.peak_signal_noise_ratio(y, x, data_range=y.max()) for x, y in SHOWN])
    ssim = [SKIMAGE.structural_similarity(y, x, data_range=y.max(), **WANG) for x, y in SHOWN]
    assert found["ssim"] == mean_of(ssim)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_each_number_has_its_contract(name: str) -> None:
    for measure, value, contract, why in CONVENTIONS[name].judge(name, Case(IMAGE, Truth(TRUTH, 2, flat=False))):
        assert (contract.measure, why) == (measure, "")
        assert math.isfinite(value)
        assert (contract.range_from is None) == (measure.partition(":")[2].split("-")[0] not in ("psnr", "ssim", "ms"))
        assert "mean over 30 slices" not in contract.aggregation or name == "fastmri"
        assert title_of(measure).endswith(f", as {name} has it")


@pytest.mark.parametrize("name", CONVENTIONS)
def test_nan_and_a_constant_truth_are_nan_with_a_reason(name: str) -> None:
    broken = IMAGE.copy()
    broken[3, 4, 5:7] = (np.nan, np.inf)
    flat = np.full(SHAPE, 5.0, np.float32)
    for image, truth, reason in ((broken, TRUTH, f"2 of {broken.size} voxels are not finite"), (IMAGE, flat, "")):
        found = list(CONVENTIONS[name].judge(name, Case(image, Truth(truth, 2, flat=False))))
        assert len(found) == len(CONVENTIONS[name].numbers)
        for measure, value, _, why in found:
            kind = measure.partition(":")[2]
            if reason or (name != "fastmri" and kind.startswith(("psnr", "ssim", "ms-ssim"))):
                assert math.isnan(value), measure
                assert reason in why
