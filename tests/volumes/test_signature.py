import numpy as np
import pytest
from scipy import ndimage

from finemri.shapes import Voxels
from finemri.volumes.signature import TOLERANCES, measure_signature
from finemri.volumes.volume import Volume


def tissue(seed: int = 0, shape: tuple[int, int, int] = (20, 24, 22)) -> Voxels:
    """Dark lakes in bright tissue."""
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.5)
    return np.asarray(700 - 600 * (smooth > 0.15), np.float32)


def signature(voxels: Voxels, spacing: tuple[float, float, float] = (2.0, 2.0, 2.0)) -> dict[str, float]:
    return measure_signature(Volume(np.ascontiguousarray(voxels), np.diag([*spacing, 1.0])))


def test_every_feature_has_a_tolerance() -> None:
    assert list(signature(tissue())) == list(TOLERANCES) or set(signature(tissue())) == set(TOLERANCES)
    assert min(TOLERANCES.values()) > 0


def test_brightness_turns_and_mirrors_change_nothing() -> None:
    once = signature(tissue())
    assert signature(3 * tissue()) == pytest.approx(once, abs=1e-4)
    assert signature(tissue().transpose(2, 0, 1)) == pytest.approx(once, abs=1e-4)
    assert signature(tissue()[::-1, :, ::-1]) == pytest.approx(once, abs=1e-4)


def test_each_feature_means_what_its_name_says() -> None:
    once, rng = signature(tissue()), np.random.default_rng(1)
    noisy = signature((tissue() + rng.normal(0, 70, (20, 24, 22))).astype(np.float32))
    assert noisy["noise"] > once["noise"] + 1
    assert noisy["spectrum 1"] > once["spectrum 1"] + 0.3
    blurred = signature(ndimage.gaussian_filter(tissue(), 1))
    assert blurred["slope 99 %"] < once["slope 99 %"] - 0.3
    assert blurred["spectrum 1"] < once["spectrum 1"] - 2
    inverted = signature(np.float32(800) - tissue())
    assert inverted["detail skewness"] * once["detail skewness"] < 0
    assert inverted["brightness 50 %"] < once["brightness 50 %"] - 0.5
    thick = signature(ndimage.uniform_filter1d(tissue(), 5, axis=2), (1.0, 1.0, 5.0))
    assert thick["direction"] > once["direction"] + 0.3
    assert (thick["finest spacing"], thick["coarsest spacing"]) == pytest.approx((0, np.log(5)))


@pytest.mark.parametrize(
    "voxels",
    [np.zeros((4, 4, 4), np.float32), np.ones((1, 1, 1), np.float32), -tissue(), tissue()[:, :, :1], tissue()[:2, :1]],
)
def test_constant_negative_and_tiny_scans_have_one_too(voxels: Voxels) -> None:
    assert np.isfinite(list(signature(voxels).values())).all()
