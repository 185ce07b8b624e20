"""Slices of two scans that lay in different ways are brought together where they were scanned."""

from pathlib import Path

import numpy as np
import pytest

from finemri.cohorts.cohort import Pair
from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.pairing import open_pair
from finemri.pair import Pairing, pair
from finemri.pair.scans import pair_scans
from finemri.volumes.volume import Volume
from tests.pair.heads import grid, head, off, scan, thick, thin


def test_slices_lie_where_they_were_scanned() -> None:
    made = pair_scans(thick(at=(0.0, 0.0, 0.3)), thin(), Pairing(crop=False))
    assert made.told["mode"] == "slices"
    assert made.coarse.shape == (48, 56, 11)
    assert made.fine.shape == (48, 56, 44)
    assert made.matches == tuple((c, 4 * c + 2) for c in range(11))  # at 4c − 19.7, by 0.2 nearer than 4c − 20.5
    assert np.allclose(made.told["distances_mm"], 0.2)
    assert np.array_equal(made.coarse.voxels, thick(at=(0.0, 0.0, 0.3)).voxels)


@pytest.mark.parametrize("method", ["optimal", "greedy"])
def test_both_matchings_agree_where_the_paper_was_right(method: str) -> None:
    made = pair_scans(thick(at=(0.0, 0.0, 0.3)), thin(), Pairing(crop=False, matching=method))  # type: ignore[arg-type]
    assert made.matches == tuple((c, 4 * c + 2) for c in range(11))


@pytest.mark.parametrize("order", [(2, 0, 1), (1, 0, 2), (0, 2, 1)])
@pytest.mark.parametrize("flips", [(), (0,), (0, 2), (0, 1, 2)])
def test_axes_of_any_order_and_handedness_come_to_the_same(order: tuple[int, ...], flips: tuple[int, ...]) -> None:
    voxels, affine = thin().voxels.transpose(order), thin().affine[:, [*order, 3]]
    for axis in flips:
        voxels = np.flip(voxels, axis)
        affine[:3, 3] += affine[:3, axis] * (voxels.shape[axis] - 1)
        affine[:3, axis] *= -1
    made = pair_scans(thick(), Volume(voxels, affine), Pairing())
    straight = pair_scans(thick(), thin(), Pairing())
    assert np.array_equal(made.fine.voxels, straight.fine.voxels)
    assert np.allclose(made.fine.affine, straight.fine.affine)
    assert np.array_equal(made.coarse.voxels, straight.coarse.voxels)
    assert made.matches == straight.matches


def test_the_thickest_axis_becomes_the_slices() -> None:
    sagittal = Volume(np.moveaxis(thick().voxels, 2, 0), thick().affine[:, [2, 0, 1, 3]])
    made = pair_scans(sagittal, thin(), Pairing())
    straight = pair_scans(thick(), thin(), Pairing())
    assert np.array_equal(made.coarse.voxels, straight.coarse.voxels)
    assert np.allclose(made.coarse.affine, straight.coarse.affine)


def test_other_pixels_in_plane_are_laid_on_the_fine_grid() -> None:
    coarse = scan((1.2, 1.1, 4.0), (44, 56, 11), at=(0.4, -0.7, 0.0), turn=(0.0, 0.0, 7.0))
    made = pair_scans(coarse, thin(), Pairing())
    assert made.told["mode"] == "slices"
    assert made.told["tilt_degrees"] < 1e-4
    assert made.coarse.shape[:2] == made.fine.shape[:2]
    assert np.allclose(made.coarse.affine[:2, :2], made.fine.affine[:2, :2])
    assert off(made.coarse) < 0.01
    assert off(made.fine) < 1e-5


def test_a_tilted_fine_scan_is_resliced() -> None:
    made = pair_scans(thick(), thin(turn=(12.0, -5.0, 8.0)), Pairing())
    assert made.told["fine_resliced"]
    assert 12 < made.told["tilt_degrees"] < 14
    assert np.allclose(np.cross(made.fine.affine[:3, 2], made.coarse.affine[:3, 2]), 0, atol=1e-6)
    inner = made.fine.voxels > 100  # beyond the tilted field of view there is nothing
    assert np.abs(made.fine.voxels - head(grid(made.fine.shape, made.fine.affine)))[inner].max() < 7
    assert max(made.told["distances_mm"]) <= 0.5


def test_a_tilt_that_stays_within_a_thick_slice_is_left_alone() -> None:
    made = pair_scans(thick(), thin(turn=(2.0, 0.0, 0.0)), Pairing())
    assert not made.told["fine_resliced"]
    assert off(made.fine) < 1e-5
    assert off(made.coarse) < 0.2


def test_matches_name_slices_of_the_files(folders: tuple[Path, Path], tmp_path: Path) -> None:
    found: Pair = find_cohort(pair(*folders, into=tmp_path / "c", progress=False)).subjects[0].pairs[0]
    opened = open_pair(found)
    n = opened.coarse.affine[:3, 2] / np.linalg.norm(opened.coarse.affine[:3, 2])
    assert abs((opened.coarse.affine[:3, 3] - opened.fine.affine[:3, 3]) @ n) <= 0.5
