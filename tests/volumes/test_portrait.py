from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from finemri.shapes import Voxels
from finemri.volumes.files import open_volume
from finemri.volumes.portrait import FEATURES, measure_portrait, strangeness
from finemri.volumes.volume import Volume


def head(seed: int = 0, size: int = 56) -> Voxels:
    """A bright ball with smooth tissue in it, on a black background."""
    texture = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(size,) * 3), 3)
    ball = (
        sum(np.square(np.linspace(-1, 1, size)).reshape([-1 if a == b else 1 for b in range(3)]) for a in range(3))
        < 0.8
    )
    return np.where(ball, 500 + 2500 * texture, 0).astype(np.float32)


def portrait(voxels: Voxels, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> dict[str, float]:
    return measure_portrait(Volume(voxels, np.diag([*spacing, 1.0])))


def noisy(voxels: Voxels, sigma: float) -> Voxels:
    return voxels + np.random.default_rng(1).normal(scale=sigma, size=voxels.shape).astype(np.float32)


def test_noise_is_found_at_its_size() -> None:
    peak = float(np.percentile(noisy(head(), 30), 99.9))
    assert portrait(noisy(head(), 30))["noise"] == pytest.approx(30 / peak, rel=0.25)
    assert portrait(head())["noise"] < 0.005


def test_blurring_lowers_sharpness_and_detail_raises_it() -> None:
    blurred = ndimage.gaussian_filter(noisy(head(), 40), 1)
    assert portrait(blurred)["sharpness"] < portrait(noisy(head(), 40))["sharpness"]


def test_contrast_is_the_ratio_of_quartiles_of_the_head() -> None:
    halves = np.zeros((20, 20, 20), np.float32)
    halves[2:10, 2:18, 2:18], halves[10:18, 2:18, 2:18] = 100, 300
    assert portrait(halves)["contrast"] == pytest.approx(3)


def test_spacing_and_negative_voxels_are_told() -> None:
    signed = head() - 600
    told = portrait(signed, (0.5, 1.0, 4.0))
    assert (told["finest_spacing"], told["coarsest_spacing"]) == (0.5, 4.0)
    assert told["negative"] == pytest.approx(float((signed < -0.02 * np.percentile(np.abs(signed), 99.9)).mean()))


def test_brightness_does_not_matter() -> None:
    once, thrice = portrait(noisy(head(), 20)), portrait(3 * noisy(head(), 20))
    assert once == pytest.approx(thrice, rel=1e-4)


@pytest.mark.parametrize("voxels", [np.zeros((4, 4, 4), np.float32), np.ones((1, 1, 1), np.float32), head()[:, :, :1]])
def test_constant_and_tiny_images_have_a_portrait_too(voxels: Voxels) -> None:
    told = portrait(voxels)
    assert set(told) == set(FEATURES)
    assert np.isfinite(list(told.values())).all()


def test_only_features_out_of_their_range_are_strange() -> None:
    told = portrait(noisy(head(), 60), (1.0, 1.0, 4.0))
    ranges = {"coarsest_spacing": [0.7, 2.0], "noise": [0.0, 0.03], "contrast": [1.0, 9.0], "unheard": [0.0, 1.0]}
    sentences = strangeness(told, ranges)
    assert len(sentences) == 2
    assert "is 4, where 0.7 to 2 was learnt" in sentences[0]
    assert sentences[1].startswith("Its noise")
    assert strangeness(told, {feature: (value, value) for feature, value in told.items()}) == []


def test_a_real_head_has_plausible_numbers(shared_data: Path) -> None:
    told = measure_portrait(open_volume(shared_data / "head_t1_1mm" / "t1.nii.gz"))
    assert told["finest_spacing"] == pytest.approx(1)
    assert 0 <= told["noise"] < 0.05
    assert 1.2 < told["contrast"] < 4
