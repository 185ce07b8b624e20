"""Registration: the coarse scan comes to lie where it was, and what cannot be aligned is refused."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from finemri.cohorts.agreement import checkerboard, mutual_information
from finemri.cohorts.alignment import Aligned, Alignment, align, overlap
from finemri.cohorts.bias import scaled, without_bias
from finemri.cohorts.itk import as_itk, from_itk, itk, matrix_of, middle, mirrored, to_itk
from finemri.cohorts.motion import carried, displacements
from finemri.cohorts.plausible import Limits, check_information, check_transform
from finemri.cohorts.registration import Search, as_bspline, spline_of
from finemri.refusal import Refusal
from finemri.volumes.files import open_volume
from finemri.volumes.volume import Volume

pytest.importorskip("SimpleITK", reason="registration needs the extra 'registration'")

OBLIQUE = np.array([[-0.9, 0.1, 0.2, 11.0], [0.15, 1.1, -0.2, -30.0], [0.2, 0.1, 1.2, 7.0], [0, 0, 0, 1]])
"""Turned, left-handed and a little sheared."""
QUICK = Alignment(bias_field=False, search=Search(samples=12_000, bent_samples=3_000, bends=3))
RIGID = Alignment(bias_field=False, stages=("rigid",))


def person(shape: tuple[int, int, int] = (36, 40, 32), affine: NDArray[np.float64] | None = None) -> Volume:
    """Blobs of three brightnesses: no symmetry."""
    noise = np.random.default_rng(5).normal(size=shape)
    blobs = ndimage.gaussian_filter(noise, 3.0, mode="nearest")
    fine = ndimage.gaussian_filter(noise, 1.2, mode="nearest")
    voxels = np.digitize(blobs / blobs.std(), [-0.7, 0.7]) * 40.0 + 20 + 20 * fine / fine.std()
    return Volume(voxels.clip(0).astype(np.float32), np.eye(4) if affine is None else affine)


def pose(fine: Volume, degrees: tuple[float, ...], mm: tuple[float, ...]) -> NDArray[np.float64]:
    """World of the second scan -> world of the first."""
    centre = fine.affine[:3, :3] @ ((np.array(fine.shape) - 1) / 2) + fine.affine[:3, 3]
    moved = np.eye(4)
    moved[:3, :3] = Rotation.from_rotvec(np.radians(degrees)).as_matrix()
    moved[:3, 3] = centre - moved[:3, :3] @ centre + mm
    return moved


def second(fine: Volume, moved: NDArray[np.float64], factor: int = 2, power: float = 0.8) -> Volume:
    """Scanned again: elsewhere, with thick slices along k, another contrast and noise."""
    there = np.linalg.inv(fine.affine) @ moved @ fine.affine
    voxels = ndimage.affine_transform(fine.voxels, there[:3, :3], there[:3, 3], order=3, mode="nearest").clip(0)
    voxels = voxels[:, :, : voxels.shape[2] // factor * factor]
    voxels = voxels.reshape(*voxels.shape[:2], -1, factor).mean(axis=-1)
    voxels = 300 * (voxels / voxels.max()) ** power
    voxels = voxels + np.random.default_rng(1).normal(0, 4, voxels.shape)
    scaling = np.diag([1.0, 1, factor, 1])
    scaling[2, 3] = (factor - 1) / 2
    return Volume(voxels.clip(0).astype(np.float32), fine.affine @ scaling)


def error(aligned: Aligned, moved: NDArray[np.float64]) -> float:
    """Mean distance to the truth in fine voxels."""
    fine = aligned.fine
    index = np.argwhere(np.ones(fine.shape, dtype=bool))[::37].astype(np.float64)
    points = index @ fine.affine[:3, :3].T + fine.affine[:3, 3]
    back = np.linalg.inv(moved)
    truth = points @ back[:3, :3].T + back[:3, 3]
    distances = np.linalg.norm(carried(points, aligned.transforms) - truth, axis=1)
    return float(distances.mean() / np.prod(fine.spacing) ** (1 / 3))


@pytest.mark.parametrize("affine", [np.eye(4), OBLIQUE], ids=["straight", "oblique"])
def test_a_known_pose_is_found(affine: NDArray[np.float64]) -> None:
    fine = person(affine=affine)
    moved = pose(fine, (3.0, -2.0, 4.0), (1.5, -2.0, 1.0))
    coarse = second(fine, moved)
    made = align(coarse, fine, QUICK)
    assert error(made, moved) < 0.25
    assert made.information_after > 1.5 * made.information_before
    assert made.coarse.shape == made.fine.shape == fine.shape
    np.testing.assert_array_equal(made.coarse.affine, fine.affine)
    assert (made.fine.voxels.min(), made.fine.voxels.max()) == pytest.approx((0, 1000), abs=0.1)
    inside = made.covered
    assert 0.6 < inside.mean() < 1
    assert (made.coarse.voxels[~inside] == 0).all()
    assert np.corrcoef(made.coarse.voxels[inside], made.fine.voxels[inside])[0, 1] > 0.8
    assert json.loads(json.dumps(made.transforms, allow_nan=False)) == made.transforms
    assert [t["stage"] for t in made.transforms] == ["rigid", "affine", "deformable"]


def test_the_same_input_gives_the_same_output() -> None:
    fine = person((24, 24, 24))
    coarse = second(fine, pose(fine, (2, 0, 1), (1, 0, -1)))
    fewer = replace(QUICK, search=Search(rounds=8, bends=2, bent_samples=2_000))
    one, two = align(coarse, fine, fewer), align(coarse, fine, fewer)
    assert one.transforms == two.transforms
    np.testing.assert_array_equal(one.coarse.voxels, two.coarse.voxels)


def test_a_stage_is_kept_only_where_it_gains() -> None:
    fine = person()
    still = second(fine, pose(fine, (2, 1, 0), (1, 0, 1)))
    made = align(still, fine, QUICK)
    assert [t["kept"] for t in made.transforms] == [True, False, False]
    stretched = pose(fine, (0, 0, 0), (0, 0, 0))
    stretched[0, 0], stretched[0, 3] = 1.12, -0.12 * 17.5
    made = align(second(fine, stretched), fine, replace(QUICK, stages=("rigid", "affine")))
    assert [t["kept"] for t in made.transforms] == [True, True]
    assert error(made, stretched) < 0.5


def test_the_deformation_that_itk_found_is_the_one_that_is_written_down() -> None:
    image = to_itk(person(affine=OBLIQUE))
    bent = itk().BSplineTransformInitializer(image, [2, 3, 1], 3)
    rng = np.random.default_rng(0)
    bent.SetParameters(rng.normal(size=len(bent.GetParameters())).round(6).tolist())
    written = {"stage": "deformable", "kept": True, **spline_of(bent)}
    index = rng.uniform(1, 30, (50, 3))
    points = index @ OBLIQUE[:3, :3].T + OBLIQUE[:3, 3]
    flip = np.array([-1.0, -1, 1])
    expected = np.array([bent.TransformPoint(tuple(p * flip)) for p in points]) * flip
    np.testing.assert_allclose(points + displacements(points, [written]), expected, atol=1e-5)
    again = as_bspline(written)
    np.testing.assert_allclose(again.TransformPoint(tuple(points[0] * flip)) * flip, expected[0], atol=1e-5)


def test_places_and_matrices_survive_the_border_to_itk() -> None:
    volume = person((7, 8, 9), OBLIQUE)
    image = to_itk(volume)
    np.testing.assert_array_equal(from_itk(image), volume.voxels)
    assert image.GetPixel(3, 2, 1) == volume.voxels[3, 2, 1]
    place = OBLIQUE @ [3, 2, 1, 1]
    np.testing.assert_allclose(image.TransformIndexToPhysicalPoint((3, 2, 1)), place[:3] * [-1, -1, 1], atol=1e-9)
    matrix = OBLIQUE @ np.diag([0.9, 1.1, 1.0, 1.0])
    there = as_itk(matrix, (4.0, 5.0, 6.0))
    np.testing.assert_allclose(matrix_of(there), matrix, atol=1e-9)
    np.testing.assert_allclose(
        np.array(there.TransformPoint((-1.0, -2.0, 3.0))) * [-1, -1, 1], (matrix @ [1, 2, 3, 1])[:3], atol=1e-9
    )


def test_information_in_numbers() -> None:
    half = np.zeros((4, 4, 4), dtype=np.float32)
    half[:2] = 1
    other = np.zeros((4, 4, 4), dtype=np.float32)
    other[:, :2] = 7
    assert mutual_information(half, half) == pytest.approx(np.log(2))
    assert mutual_information(half, 5 - 3 * half) == pytest.approx(np.log(2))
    assert mutual_information(half, other) == pytest.approx(0, abs=1e-12)
    assert mutual_information(half, half, half > 0) == 0
    assert mutual_information(half, half, np.zeros((4, 4, 4), dtype=bool)) == 0


def test_a_checkerboard_shows_both() -> None:
    ramp = np.broadcast_to(np.linspace(0, 1, 16, dtype=np.float32)[:, None, None], (16, 12, 8)).copy()
    picture = checkerboard(ramp, 1 - ramp, fields=4)
    assert picture.shape == (12, 12 + 16 + 16)
    plane = picture[:8, 12:28][::-1].T  # j = middle: (i, k), k upwards; its foot is padded
    expected = np.where(np.add.outer(np.arange(16) // 4, np.arange(8) // 4) % 2 == 0, ramp[:, 6], 1 - ramp[:, 6])
    assert np.corrcoef(plane.ravel().astype(float), expected.ravel())[0, 1] > 0.99


def test_scans_of_different_places_are_refused() -> None:
    fine = person((20, 20, 20))
    elsewhere = np.eye(4)
    elsewhere[:3, 3] = 100
    with pytest.raises(Refusal, match="do not overlap"):
        align(Volume(fine.voxels, elsewhere), fine, QUICK)
    assert overlap(fine, fine, np.eye(4)) == pytest.approx(1)
    half = np.eye(4)
    half[0, 3] = 10
    assert overlap(fine, fine, half) == pytest.approx(0.5, abs=0.03)


def test_far_apart_but_overlapping_scans_start_from_their_centres() -> None:
    i, j, k = np.indices((40, 40, 40)) - 19.5
    fine = person((40, 40, 40))
    fine = fine.with_voxels(fine.voxels * (i**2 + j**2 + k**2 < 15**2).astype(np.float32))
    away = np.eye(4)
    away[:3, 3] = (14, 10, -9)
    moved: NDArray[np.float64] = np.linalg.inv(away).astype(np.float64)
    made = align(Volume(fine.voxels, away), fine, RIGID)
    assert error(made, moved) < 0.1


@pytest.mark.parametrize("header", [False, True], ids=["voxels", "header"])
def test_a_mirrored_scan_is_refused(header: bool) -> None:
    fine = person()
    coarse = second(fine, pose(fine, (2, 1, 0), (1, 0, 1)))
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = 35
    wrong = (
        Volume(coarse.voxels, flip @ coarse.affine)
        if header
        else coarse.with_voxels(np.ascontiguousarray(coarse.voxels[::-1]))
    )
    with pytest.raises(Refusal, match="mirrored, left for right"):
        align(wrong, fine, QUICK)
    image = to_itk(fine)
    x = middle(image)[0]
    np.testing.assert_allclose(middle(mirrored(image, x)), middle(image))


def test_what_does_not_show_the_same_is_refused() -> None:
    fine = person()
    noise = np.random.default_rng(0).random(fine.shape, dtype=np.float32)
    with pytest.raises(Refusal):
        align(fine.with_voxels(noise), fine, QUICK)
    with pytest.raises(Refusal, match="no contrast"):
        align(fine.with_voxels(np.ones(fine.shape, dtype=np.float32)), fine, QUICK)
    with pytest.raises(Refusal, match="single slice"):
        align(Volume(fine.voxels[:, :, :1], fine.affine), fine, QUICK)


def test_what_no_head_does_is_refused() -> None:
    fine, limits = person(), Limits()
    turned, stretched = pose(fine, (0, 0, 40), (0, 0, 0)), np.diag([1.0, 1.3, 1, 1])
    with pytest.raises(Refusal, match="40°"):
        check_transform([{"stage": "rigid", "kept": True, "matrix": turned.tolist()}], fine, limits)
    with pytest.raises(Refusal, match=r"scaled .* by 1\.30"):
        check_transform([{"stage": "affine", "kept": True, "matrix": stretched.tolist()}], fine, limits)
    bent = itk().BSplineTransformInitializer(to_itk(fine), [6, 6, 6], 3)
    numbers = np.random.default_rng(0).normal(size=len(bent.GetParameters()))
    for size, reason in ((20.0, "moves a place"), (4.5, "folds")):
        bent.SetParameters((size * numbers).tolist())
        with pytest.raises(Refusal, match=reason):
            check_transform([{"stage": "deformable", "kept": True, **spline_of(bent)}], fine, limits)
    check_transform([{"stage": "deformable", "kept": False, **spline_of(bent)}], fine, limits)
    with pytest.raises(Refusal, match="do not show the same"):
        check_information(0.01, 0.05, limits)
    with pytest.raises(Refusal, match="worse"):
        check_information(1.0, 0.9, limits)


def test_bias_and_brightness_are_taken_away() -> None:
    blobs = person().voxels > 60
    truth = (60 + 60 * blobs + np.random.default_rng(2).normal(0, 3, blobs.shape)).astype(np.float32)
    shade = np.exp(0.15 * np.linspace(-1, 1, len(truth), dtype=np.float32))[:, None, None]
    image = to_itk(Volume(truth * shade, np.eye(4)))
    slopes = [np.log(x / truth).mean(axis=(1, 2)) for x in (from_itk(image), from_itk(without_bias(image)))]
    before, after = (slope[-1] - slope[0] for slope in slopes)
    assert before == pytest.approx(0.3)
    assert abs(after) < 0.15
    made = scaled(image, 0.1, 99.9, "fine")
    low, high = np.percentile(from_itk(image), [0.1, 99.9])
    expected = ((from_itk(image) - low) / (high - low) * 1000).clip(0, 1000)
    np.testing.assert_allclose(from_itk(made), expected, atol=0.1)


@pytest.mark.parametrize(
    "wrong",
    [{"stages": ("affine", "rigid")}, {"low": 60.0, "high": 40.0}, {"gain": -1.0}, {"high": 101.0}],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(Refusal):
        replace(Alignment(), **wrong)  # type: ignore[arg-type]
    with pytest.raises(Refusal):
        Limits(rotation=-1)
    with pytest.raises(Refusal):
        Search(samples=0)


def test_without_simpleitk_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    fine = person((12, 12, 12))
    with pytest.raises(Refusal, match=r"pip install 'finemri\[registration\]'"):
        align(fine, fine, QUICK)


def test_a_real_hippocampus_is_found_again(shared_data: Path) -> None:
    fine = open_volume(shared_data / "hippocampus" / "imagesTr" / "hippocampus_098.nii.gz")
    moved = pose(fine, (2, -3, 2), (1.5, 1.0, -2.0))
    made = align(second(fine, moved), fine, Alignment(stages=("rigid", "affine")))
    assert error(made, moved) < 0.5
    assert made.information_after > 1.2 * made.information_before
