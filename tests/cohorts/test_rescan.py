"""A second scan: tissue lies where the pose says, voxels are what was asked, noise and coils are as strong as asked."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from finemri.cohorts.rescan import PRESETS, Rescan, rescan
from finemri.physics.degradation import SliceProfile
from finemri.physics.field_strength import bias_field, flatten_contrast
from finemri.refusal import Refusal
from finemri.volumes.grid import scaled_affine
from finemri.volumes.volume import Volume
from tests.volumes.scans import oblique

QUIET: dict[str, Any] = {"bias": 0.0, "noise": 0.0}
STILL: dict[str, Any] = {**QUIET, "rotation": 0.0, "translation": 0.0}
LEFT_HANDED = np.diag([-1.0, 1.0, 1.0, 1.0])


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def volume(affine: np.ndarray, shape: tuple[int, int, int] = (48, 44, 52)) -> Volume:
    return Volume(np.random.default_rng(1).uniform(0, 100, shape).astype(np.float32), affine)


def blob(affine: np.ndarray, at: np.ndarray, shape: tuple[int, int, int] = (48, 44, 52)) -> Volume:
    """One bright ball of σ = 3 voxels around a voxel."""
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    return Volume((100 * np.exp(-((grid - at) ** 2).sum(-1) / 18)).astype(np.float32), affine)


def middle(of: Volume) -> np.ndarray:
    """Centre of brightness, in the world."""
    where = np.stack(np.meshgrid(*map(np.arange, of.shape), indexing="ij"), -1)
    bright = np.where(of.voxels > 0.05 * of.voxels.max(), of.voxels, 0).astype(np.float64)
    at = (where * bright[..., None]).sum((0, 1, 2)) / bright.sum()
    return np.asarray(of.affine[:3, :3] @ at + of.affine[:3, 3])


@pytest.mark.parametrize("preset", ["thick", "low-field"])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("affine", [oblique((0.9, 1.0, 1.1)), oblique() @ LEFT_HANDED])
def test_tissue_lies_where_the_pose_says(preset: str, axis: Any, affine: np.ndarray) -> None:
    settings = replace(PRESETS[preset], axis=axis, rotation=6.0, translation=8.0, gamma=(1, 1), contrast=1, **QUIET)
    for seed, at in enumerate(([24.0, 22.0, 26.0], [17.0, 28.0, 20.0])):
        fine = blob(affine, np.array(at))
        made = rescan(fine, settings, chance(seed))
        found = made.pose @ [*middle(made.volume), 1]
        true = affine @ [*at, 1]
        assert np.linalg.norm((found - true)[:3]) < 0.2 * min(fine.spacing)
        assert np.linalg.norm(middle(made.volume) - true[:3]) > 1  # it is not the pose of the first session
        assert np.allclose(made.pose[:3, :3] @ made.pose[:3, :3].T, np.eye(3))
        assert np.linalg.det(made.volume.affine[:3, :3]) > 0


def test_without_a_new_pose_it_is_the_slice_profile_alone() -> None:
    fine = volume(oblique(), (20, 18, 36))
    settings = Rescan(thickness=(2.4, 2.4), gap=(0.25, 0.25), **STILL)
    made = rescan(fine, settings, chance())
    expected = SliceProfile(2, 2.4, 0.6)(torch.tensor(fine.voxels)).numpy()
    np.testing.assert_allclose(made.volume.voxels, expected, atol=1e-3)
    np.testing.assert_allclose(made.volume.affine, scaled_affine(fine.affine, (1, 1, 1 / 3)), atol=1e-9)
    np.testing.assert_allclose(made.pose, np.eye(4), atol=1e-12)
    assert made.thickness == pytest.approx(2.4 * fine.spacing[2])


def test_voxels_are_as_large_as_asked() -> None:
    fine = volume(oblique((0.7, 0.8, 1.2)))
    low = rescan(fine, PRESETS["low-field"], chance()).volume
    np.testing.assert_allclose(low.spacing, [1.4, 1.6, 2.4])
    thick = rescan(fine, PRESETS["thick"], chance())
    np.testing.assert_allclose(thick.volume.spacing[:2], [0.7, 0.8])
    assert 3 * 1.2 <= thick.thickness <= 4 * 1.2
    assert thick.thickness <= thick.volume.spacing[2] <= 1.2 * thick.thickness
    across = rescan(fine, replace(PRESETS["thick"], axis=0, thickness=(5, 5), gap=(0, 0)), chance()).volume
    np.testing.assert_allclose(across.spacing, [0.8, 1.2, 3.5])


@pytest.mark.parametrize("field", ["inside", "whole"])
def test_the_valid_voxels_were_all_seen_by_the_fine_scan(field: Any) -> None:
    fine = volume(oblique((1.0, 1.1, 0.9)), (35, 51, 35))
    for seed in range(5):
        settings = replace(PRESETS["low-field"], rotation=8.0, field=field)
        made = rescan(fine, settings, chance(seed))
        shape = np.array(made.volume.shape)
        there = np.linalg.inv(fine.affine) @ made.pose @ made.volume.affine
        ends = np.array(made.valid)
        corners = np.stack(np.meshgrid(*(ends - 0.5), indexing="ij"), -1).reshape(-1, 3)
        seen = corners @ there[:3, :3].T + there[:3, 3]
        assert (seen > -0.501).all()
        assert (seen < np.array(fine.shape) - 0.499).all()
        if field == "inside":
            assert (ends == np.stack([0 * shape, shape], 1)).all()
            assert (shape >= 0.6 * np.array(fine.shape) / 2).all()
        else:
            assert (shape == np.array(fine.shape) // 2).all()
            assert (ends != np.stack([0 * shape, shape], 1)).any()


def test_the_same_chance_gives_the_same_scan_and_the_pose_hangs_on_nothing_else() -> None:
    fine = volume(oblique())
    one, again, other = (rescan(fine, PRESETS["thick"], chance(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.volume.voxels, again.volume.voxels)
    np.testing.assert_array_equal(one.pose, again.pose)
    assert not np.allclose(one.pose, other.pose)
    noisy = rescan(fine, replace(PRESETS["thick"], noise=0.2, bias=0.5, gamma=(0.5, 0.8), blur=1.0), chance(3))
    np.testing.assert_array_equal(one.pose, noisy.pose)
    assert not np.allclose(one.volume.voxels, noisy.volume.voxels)


def test_noise_is_rician_and_as_strong_as_asked() -> None:
    half = np.zeros((40, 40, 40), np.float32)
    half[:20] = 100
    settings = Rescan(thickness=(2, 2), gap=(0, 0), **{**STILL, "noise": 0.05})
    voxels = rescan(Volume(half, np.eye(4)), settings, chance()).volume.voxels
    assert voxels[2:16].std() == pytest.approx(5, rel=0.05)
    assert voxels[24:].mean() == pytest.approx(5 * np.sqrt(np.pi / 2), rel=0.05)
    assert voxels.min() >= 0


def test_coils_hear_unevenly_and_smoothly() -> None:
    even = Volume(np.full((40, 40, 40), 100, np.float32), np.diag([4.0, 4.0, 4.0, 1.0]))
    settings = Rescan(thickness=(2, 2), gap=(0, 0), **{**STILL, "bias": 0.3})
    heard = np.log(rescan(even, settings, chance()).volume.voxels / 100)
    assert heard.std() > 0.1
    assert abs(np.diff(heard, axis=0)).max() < 0.1
    many = np.log([bias_field((4, 4, 4), (2, 2, 2), 0.3, chance(seed))[0, 0, 0] for seed in range(400)])
    assert many.std() == pytest.approx(0.3, rel=0.15)


def test_contrast_flattens_and_stays_in_order() -> None:
    tissues = np.repeat(np.array([0, 20, 60, 70, 80, 120], np.float32), 1000).reshape(10, 20, 30)
    flat = flatten_contrast(tissues, gamma=1.0, contrast=0.5)
    assert flat.min() == 0
    assert (np.diff(np.unique(flat)) > 0).all()
    assert len(np.unique(flat)) == 6
    assert flat[tissues == 70][0] == pytest.approx(70, rel=0.01)
    assert np.ptp(flat[(tissues == 60) | (tissues == 80)]) == pytest.approx(10, rel=0.2)
    np.testing.assert_array_equal(flatten_contrast(tissues), tissues)
    assert flatten_contrast(tissues, gamma=2.0)[tissues == 60][0] == pytest.approx(30)


@pytest.mark.parametrize(
    "nonsense",
    [
        {"in_plane": 0.5},
        {"thickness": (0.5, 2)},
        {"thickness": (4, 3)},
        {"gap": (-0.1, 0)},
        {"gap": (0, 0.2), "encoding": "volume"},
        {"gamma": (0, 1)},
        {"contrast": 0.0},
        {"contrast": 1.5},
        {"blur": -1.0},
        {"bias": -0.1},
        {"noise": 2.0},
        {"noise": float("nan")},
        {"rotation": 90.0},
        {"translation": -1.0},
        {"tesla": 0.0},
    ],
)
def test_nonsense_is_refused(nonsense: dict[str, Any]) -> None:
    with pytest.raises(Refusal):
        Rescan(**nonsense)


def test_scans_that_cannot_be_scanned_again_are_refused() -> None:
    with pytest.raises(Refusal, match="too small"):
        rescan(volume(np.eye(4), (30, 30, 12)), PRESETS["thick"], chance())
    with pytest.raises(Refusal, match="nobody"):
        rescan(Volume(np.zeros((30, 30, 30), np.float32), np.eye(4)), PRESETS["thick"], chance())
