"""MS-SSIM against MONAI's, and where it has no room."""

import numpy as np
import pytest
import torch
from monai.metrics.regression import compute_ms_ssim
from scipy import ndimage

from finemri.measures.multiscale import WEIGHTS, ms_ssim, weights_of
from finemri.refusal import Refusal

rng = np.random.default_rng(1)


def pair(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    truth = ndimage.gaussian_filter(rng.normal(size=shape), (0, 2, 2)) * 40 + 10
    return (truth + ndimage.gaussian_filter(rng.normal(size=shape), (0, 1, 1)) * 3).astype(np.float32), truth.astype(
        np.float32
    )


def theirs(x: np.ndarray, y: np.ndarray, peak: float, weights: tuple[float, ...]) -> float:
    image, truth = (torch.from_numpy(a).double()[None, None] for a in (x, y))
    return float(compute_ms_ssim(image, truth, spatial_dims=x.ndim, data_range=peak, weights=weights).item())


def test_five_scales_of_slices_equal_monai() -> None:
    image, truth = pair(2, 183, 176)
    expected = np.mean([theirs(x, y, 30.0, WEIGHTS) for x, y in zip(image, truth, strict=True)])
    assert ms_ssim(image, truth, peak=30.0, axis=0) == pytest.approx(float(expected), rel=1e-5)
    assert 0.5 < expected < 0.999


def test_in_3d_two_scales_equal_monai() -> None:
    image, truth = pair(25, 23, 24)
    value = ms_ssim(image, truth, peak=20.0, scales=2)
    assert value == pytest.approx(theirs(image, truth, 20.0, weights_of((25, 23, 24), 2)), rel=1e-5)


def test_perfect_at_identity_and_worse_with_noise() -> None:
    image, truth = pair(3, 50, 47)
    assert ms_ssim(truth, truth, axis=0) == pytest.approx(1)
    assert ms_ssim(truth + 3 * (image - truth), truth, axis=0) < ms_ssim(image, truth, axis=0) < 1


def test_as_many_scales_as_there_is_room_for_and_no_more() -> None:
    assert [len(weights_of(shape)) for shape in ((11, 99), (22, 40), (176, 400))] == [1, 2, 5]
    assert sum(weights_of((50, 50))) == pytest.approx(1)
    image, truth = pair(2, 40, 40)
    with pytest.raises(Refusal, match="MS-SSIM of 5 scales needs sides of 176"):
        ms_ssim(image, truth, axis=0, scales=5)
    with pytest.raises(Refusal, match="11 voxels"):
        ms_ssim(image[:, :10], truth[:, :10], axis=0)
    with pytest.raises(Refusal, match="mask"):
        ms_ssim(image, truth, np.ones(truth.shape, bool), axis=0)
