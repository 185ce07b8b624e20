"""A scan's own patches: where they lie, how noisy they are, and how thick its slices seem."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from finemri.cohorts.own_patches import OwnPatches, noise_level
from finemri.cohorts.slice_thickness import estimate_thickness
from finemri.physics.slices import Slices
from finemri.refusal import Refusal
from finemri.shapes import Voxels


def noise(*shape: int, sigma: float = 1.0) -> Voxels:
    return (sigma * np.random.default_rng(0).standard_normal(shape)).astype(np.float32)


def own(voxels: Voxels, **settings: object) -> OwnPatches:
    usual: dict[str, object] = {"in_plane": (1.0, 0.8), "spacing": 3.1, "thickness": 2.8, "target": 1.0}
    return OwnPatches(voxels, **{**usual, "patch": (10, 12), "phases": 4, **settings})  # type: ignore[arg-type]


def test_thick_and_thin_lie_on_the_same_place() -> None:
    i, j = np.arange(80)[:, None, None], np.arange(100)[:, None]
    examples = own(np.broadcast_to(i + 0.8 * j, (80, 100, 3)).astype(np.float32) + 20)  # millimetres from a corner
    for n in range(20):
        coarse, fine = examples[n]["coarse"][0].double(), examples[n]["fine"][0].double()
        assert (coarse.shape, fine.shape) == ((10, 12), (10, 48))
        inner = slice(3, -3)  # the ends may lie where the scan is mirrored
        means = fine.reshape(10, 12, 4).mean(2)
        torch.testing.assert_close(coarse[:, inner], means[:, inner], atol=0.02, rtol=0)
        steps = coarse.diff(dim=1)[:, inner].abs()
        torch.testing.assert_close(steps, torch.full_like(steps, 3.1), atol=0.02, rtol=0)


def test_example_n_is_always_the_same_and_another_seed_gives_others() -> None:
    voxels = np.abs(noise(40, 50, 4))
    first, again = own(voxels, noise=0.1), own(voxels, noise=0.1)
    for n in (0, 5, 12345):
        torch.testing.assert_close(first[n], again[n], rtol=0, atol=0)
    assert not torch.equal(first[0]["coarse"], replace(first, seed=1)[0]["coarse"])


def test_thick_patches_are_as_noisy_as_the_scan() -> None:
    voxels = 0.5 + noise(60, 60, 20, sigma=0.05)
    sigma = noise_level(voxels)
    assert sigma == pytest.approx(0.05, rel=0.03)
    quiet, noisy = (own(voxels, noise=level) for level in (0.0, sigma))
    spread = [float(torch.stack([examples[n]["coarse"] for n in range(60)]).std()) for examples in (quiet, noisy)]
    assert spread[0] < 0.035
    assert spread[1] == pytest.approx(0.05, rel=0.05)


def test_what_is_no_noise_is_not_taken_for_it() -> None:
    ramp = np.broadcast_to(np.arange(20.0)[:, None, None] + np.arange(20.0)[:, None], (20, 20, 3))
    assert noise_level(ramp.astype(np.float32)) == pytest.approx(0, abs=1e-6)
    with pytest.raises(Refusal, match="2 × 2"):
        noise_level(noise(1, 20, 20))


def test_a_field_of_view_too_small_to_learn_from() -> None:
    with pytest.raises(Refusal, match="as wide as 5 slices"):
        own(noise(17, 100, 3))
    assert own(noise(19, 100, 3)).size == (10, 6)
    with pytest.raises(Refusal, match="at least 1"):
        own(noise(40, 40, 3), patch=(0, 12))


def test_thickness_is_told_by_the_spectra() -> None:
    truth = ndimage.gaussian_filter(noise(72, 72, 72), 0.8)
    found = []
    for thickness in (2.0, 3.0, 4.5):
        slices = Slices(2, 3.0, thickness)(torch.from_numpy(truth)).numpy()
        found.append(estimate_thickness(slices, (1.0, 1.0), 3.0))
        assert found[-1] == pytest.approx(thickness, rel=0.25)
    assert found[0] < found[1] < found[2]
    with pytest.raises(Refusal, match="at least 12"):
        estimate_thickness(truth[:, :, :8], (1.0, 1.0), 3.0)
