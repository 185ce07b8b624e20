from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from finemri.cohorts.cohort import Pair
from finemri.cohorts.pairing import match_slices, open_pair, read_pair, slice_normal, slice_positions
from finemri.refusal import Refusal
from finemri.volumes.files import save_volume
from finemri.volumes.volume import Volume


def along(*mm: float) -> np.ndarray:
    return np.array([(0.0, 0.0, z) for z in mm])


def test_each_thick_slice_takes_the_thin_one_at_its_place() -> None:
    matching = match_slices(along(0.1, 3.2, 6.0), along(*range(8)))
    assert matching.pairs == ((0, 0), (1, 3), (2, 6))
    assert np.allclose(matching.distances, [0.1, 0.2, 0.0])
    assert matching.skipped == ()


def test_slices_beyond_the_other_series_are_skipped_and_listed() -> None:
    matching = match_slices(along(-5, -0.5, 3, 6, 9), along(0, 1, 2, 3, 4, 5, 6))
    assert matching.pairs == ((1, 0), (2, 3), (3, 6))
    assert matching.skipped == (0, 4)


def test_what_greed_gets_wrong() -> None:
    coarse, fine = along(2.4, 2.6, 3.0), along(0, 1, 2, 3)
    with pytest.raises(Refusal, match="ran out of fine slices at coarse slice 3 of 3"):
        match_slices(coarse, fine, method="greedy")
    assert match_slices(coarse, fine, np.array([0.0, 0.0, 1.0])).pairs == ((0, 1), (1, 2), (2, 3))


def test_greed_as_published() -> None:
    tie = match_slices(along(0.5, 0.5), along(0, 1, 2), method="greedy")
    assert tie.pairs == ((0, 0), (1, 1))  # of two as near the first; then the next unused one
    far = match_slices(along(15), along(*range(20)), method="greedy")
    assert far.pairs == ((0, 9),)  # it looks at ten
    sideways = match_slices(np.array([[3.0, 4.0, 0.0]]), along(0), method="greedy")
    assert sideways.distances == (5.0,)  # in space
    nowhere = match_slices(along(100), along(0, 1), method="greedy")
    assert nowhere.pairs == ((0, 1),)  # however far
    assert match_slices(along(5, 0), along(*range(9)), method="greedy").pairs == ((0, 5), (1, 6))  # only forward


@given(st.integers(1, 5), st.integers(1, 7), st.integers(0, 10**6))
def test_no_matching_is_better(rows: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ours, theirs = np.sort(rng.uniform(0, 10, rows)), np.sort(rng.uniform(0, 10, columns))
    theirs = np.concatenate([[-1.0], theirs, [11.0]])  # nobody is beyond the ends
    ours = np.concatenate([[-1.0], ours, [11.0]])
    matching = match_slices(along(*ours), along(*theirs), np.array([0.0, 0.0, 1.0]))
    n = min(len(ours), len(theirs))
    least = min(
        np.abs(ours[list(c)] - theirs[list(f)]).sum()
        for c in combinations(range(len(ours)), n)
        for f in combinations(range(len(theirs)), n)
    )
    assert len(matching.pairs) == n
    assert sum(matching.distances) == pytest.approx(least)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in zip(matching.pairs, matching.pairs[1:], strict=False))
    assert sorted({c for c, _ in matching.pairs} | set(matching.skipped)) == list(range(len(ours)))


def test_fewer_fine_slices_than_coarse_ones_are_all_used() -> None:
    matching = match_slices(along(*range(10)), along(0.1, 3.1, 6.1, 9.1))
    assert matching.pairs == ((0, 0), (3, 1), (6, 2), (9, 3))
    assert matching.skipped == (1, 2, 4, 5, 7, 8)


def test_only_the_way_along_the_normal_counts() -> None:
    turn = Rotation.from_euler("xyz", (20, -35, 10), degrees=True).as_matrix()
    coarse = along(0.2, 3.1, 6.3) + np.array([40, -25, 0])
    matching = match_slices(coarse @ turn.T, along(*range(8)) @ turn.T)
    assert matching.pairs == ((0, 0), (1, 3), (2, 6))
    assert np.allclose(matching.distances, [0.2, 0.1, 0.3])


def test_series_that_cannot_be_matched() -> None:
    with pytest.raises(Refusal, match=r"do not overlap: they are 12\.0 mm apart"):
        match_slices(along(20, 23), along(*range(9)))
    with pytest.raises(Refusal, match="opposite directions"):
        match_slices(along(6, 3, 0), along(*range(9)))
    with pytest.raises(Refusal, match="without a single slice"):
        match_slices(np.zeros((0, 3)), along(1))
    with pytest.raises(Refusal, match="Two single slices"):
        match_slices(along(1), along(1))


def test_positions_are_those_of_dicom() -> None:
    affine = np.array([[0, 2.0, 0, 5], [-1.0, 0, 0, 6], [0, 0, 4.0, 7], [0, 0, 0, 1]])
    assert slice_positions(affine, 2).tolist() == [[5, 6, 7], [5, 6, 11]]
    assert slice_positions(affine, 1, 1, 1).tolist() == [[7, 5, 7]]
    assert slice_normal(affine).tolist() == [0, 0, 1]
    assert slice_normal(affine * [1, 1, -1, 1]).tolist() == [0, 0, -1]


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    fine = Volume(np.arange(2 * 3 * 7, dtype=np.float32).reshape(2, 3, 7), np.eye(4))
    save_volume(fine, tmp_path / "fine.nii.gz")
    coarse = Volume(fine.voxels[:, :, ::2] + 100, np.diag([1.0, 1.0, 2.0, 1.0]))
    save_volume(coarse, tmp_path / "coarse.nii.gz")
    return Pair(tmp_path / "coarse.nii.gz", tmp_path / "fine.nii.gz", ((1, 2), (2, 4), (3, 6)))


def test_a_pair_opens_with_matching_slices_side_by_side(pair: Pair) -> None:
    opened = open_pair(pair)
    assert opened.coarse.shape == opened.fine.shape == (2, 3, 3)
    assert np.array_equal(opened.coarse.voxels, opened.fine.voxels + 100)
    assert opened.fine_slices.shape == (2, 3, 7)
    assert opened.matches == pair.matches
    assert np.allclose(opened.coarse.affine, opened.fine.affine)
    assert opened.fine.affine[2].tolist() == [0, 0, 2, 2]
    whole = open_pair(Pair(pair.fine, pair.fine))
    assert whole.matches == tuple((k, k) for k in range(7))
    assert whole.fine is whole.fine_slices


def test_files_that_do_not_fit_together(pair: Pair, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="not on one grid"):
        read_pair(Pair(pair.coarse, pair.fine))
    with pytest.raises(Refusal, match="do not have"):
        read_pair(Pair(pair.coarse, pair.fine, ((0, 7),)))
    save_volume(Volume(np.ones((2, 4, 7), np.float32), np.eye(4)), tmp_path / "wide.nii.gz")
    with pytest.raises(Refusal, match="not on one grid"):
        read_pair(Pair(pair.coarse, tmp_path / "wide.nii.gz", pair.matches))
