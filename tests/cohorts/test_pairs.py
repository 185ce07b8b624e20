"""A coarse and a fine slice of one place: cut alike, varied alike, stacked as told."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from finemri.cohorts.cohort import Cohort, Pair, Subject
from finemri.cohorts.cutting import cut
from finemri.cohorts.paired_patches import PairedPatches
from finemri.cohorts.paired_slices import PairedSlices
from finemri.cohorts.pairs import patches_of_pairs, slices_of_pairs
from finemri.refusal import Refusal
from tests.cohorts import people

SHAPE = (20, 16, 12)
MATCHES = ((0, 1), (1, 4), (2, 5), (4, 10))


def told(person: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Every voxel says whose it is and where: exact in float32."""
    i, j, k = np.indices(shape)
    numbers = 100_000 * (person + 1) + 10_000 * k + 100 * i + j
    return np.asarray(numbers, np.float32)


def where(images: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Person, and i, j, k of every voxel."""
    values = images.numpy().round().astype(int)
    return values // 200_000, values // 100 % 100, values % 100, values % 200_000 // 10_000


@pytest.fixture
def on_one_grid(tmp_path: Path) -> Cohort:
    """Coarse and fine hold the same numbers; of each person 200 000 more."""
    return Cohort(tuple(person(tmp_path / "one_grid", n, SHAPE, SHAPE, None) for n in range(3)))


@pytest.fixture
def matched(tmp_path: Path) -> Cohort:
    return Cohort(tuple(person(tmp_path / "matched", n, (20, 16, 5), SHAPE, MATCHES) for n in range(2)))


def person(
    folder: Path,
    number: int,
    coarse: tuple[int, int, int],
    fine: tuple[int, int, int],
    matches: tuple[tuple[int, int], ...] | None,
) -> Subject:
    name = f"p{number}"
    paths = [
        people.save(folder / f"{name}_{which}.nii.gz", told(2 * number - 1, shape))
        for which, shape in (("coarse", coarse), ("fine", fine))
    ]
    return Subject(name, pairs=(Pair(paths[0], paths[1], matches),))


def raw(cohort: Cohort, **settings: Any) -> PairedSlices:
    return PairedSlices(cohort, **{"seed": 0, "normaliser": "none", "tissue": 0.0, **settings})


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return all(torch.equal(one[key], other[key]) for key in ("coarse", "fine"))


def test_an_example_is_a_function_of_seed_and_number(on_one_grid: Cohort) -> None:
    for settings in ({"patch": (8, 8)}, {"jitter": 0.2}, {"unpaired": True}, {"per_person": 3, "patch": (8, 8)}):
        one, again, other = (PairedSlices(on_one_grid, seed=s, **settings) for s in (5, 5, 6))
        assert all(same(one[n], again[n]) for n in (9, 0, 31))
        assert not all(same(one[n], other[n]) for n in range(8))
        assert not all(same(one[0], one[n]) for n in range(1, 8))


@pytest.mark.parametrize("axes", [(2,), (0,), (1,), (0, 1, 2)])
@pytest.mark.parametrize("patch", [(6, 5), (30, 30)])
def test_both_are_cut_at_one_place_and_mirrored_alike(
    axes: tuple[int, ...], patch: tuple[int, int], on_one_grid: Cohort
) -> None:
    examples = raw(on_one_grid, patch=patch, axes=axes)
    flat = set()
    for n in range(40):
        example = examples[n]
        assert example["coarse"].shape == example["fine"].shape == (1, *patch)
        assert torch.equal(example["coarse"], example["fine"])
        places = where(example["fine"])[1:]
        across = [axis for axis in range(3) if len(np.unique(places[axis])) == 1]
        assert len(across) == 1
        flat |= set(across)
    assert flat == set(axes)


def test_whole_slices_are_as_the_file_has_them(on_one_grid: Cohort) -> None:
    examples = raw(on_one_grid, flips=False)
    _, i, j, k = where(examples[3]["fine"][0])
    assert np.array_equal(i, np.indices(i.shape)[0])
    assert np.array_equal(j, np.indices(j.shape)[1])
    assert len(np.unique(k)) == 1
    assert examples.sizes == {SHAPE[:2]}
    assert raw(on_one_grid, axes=(0, 2)).sizes == {SHAPE[:2], SHAPE[1:]}
    assert len({float(raw(on_one_grid)[n]["fine"][0, 0, 0]) for n in range(40)}) > 40 / 2  # mirrored, other slices


def test_matched_slices_belong_together(matched: Cohort) -> None:
    examples = raw(matched)
    seen = set()
    for n in range(60):
        whose, _, _, coarse = where(examples[n]["coarse"])
        whose_fine, _, _, fine = where(examples[n]["fine"])
        assert np.array_equal(np.unique(whose), np.unique(whose_fine))
        seen.add((int(coarse.min()), int(fine.min())))
    assert seen == set(MATCHES)
    with pytest.raises(Refusal, match="matched slice by slice"):
        raw(matched, axes=(0, 2))
    with pytest.raises(Refusal, match="matched slice by slice"):
        PairedPatches(matched, seed=0, patch=(4, 4, 4))


def channels(image: Tensor) -> list[int]:
    return [int(where(channel)[3].min()) for channel in image]


def test_neighbours_of_the_coarse_slice_come_along_edges_repeated(matched: Cohort) -> None:
    examples = raw(matched, neighbours_in=1)
    found = {tuple(channels(examples[n]["coarse"])) for n in range(60)}
    assert found == {(0, 0, 1), (0, 1, 2), (1, 2, 3), (3, 4, 4)}


def test_the_target_has_its_neighbours_and_the_last_match_ends_it(matched: Cohort, tmp_path: Path) -> None:
    examples = raw(matched, neighbours_out=1, neighbours_in=1)
    found = {(channels(e["coarse"])[1], tuple(channels(e["fine"]))) for e in (examples[n] for n in range(60))}
    assert found == {(0, (0, 1, 2)), (1, (3, 4, 5)), (2, (4, 5, 6)), (4, (8, 9, 10))}
    begins = Cohort((person(tmp_path / "more", 0, (20, 16, 2), SHAPE, ((0, 0), (1, 1))),))
    examples = raw(begins, neighbours_out=1)
    assert {tuple(channels(examples[n]["fine"])) for n in range(20)} == {(0, 1, 2)}
    with pytest.raises(Refusal, match="fewer than 13 slices"):
        raw(matched, neighbours_out=6)


def test_scrambled_is_the_published_slip(matched: Cohort) -> None:
    """Row r, column c, channel k of the target is number 3·w·r + 3·c + k of the stack."""
    plain = raw(matched, neighbours_out=1, flips=False)[7]["fine"]
    slipped = raw(matched, neighbours_out=1, flips=False, scrambled=True)[7]["fine"]
    h, w = plain.shape[1:]
    flat = plain.flatten()
    for r, c, k in ((0, 0, 0), (3, 5, 2), (h - 1, w - 1, 1)):
        assert slipped[k, r, c] == flat[3 * w * r + 3 * c + k]
    assert channels(slipped[:, : h // 3]) == [channels(plain)[0]] * 3  # the top third comes from the first slice


def test_a_pool_is_bounded_and_the_same_for_ever(on_one_grid: Cohort) -> None:
    examples = raw(on_one_grid, patch=(5, 5), per_person=4, flips=False, axes=(0, 1, 2))
    pool = {examples[n]["fine"].numpy().tobytes() for n in range(200)}
    assert len(pool) == 12
    assert {examples[n]["fine"].numpy().tobytes() for n in range(1000, 1200)} == pool
    free = raw(on_one_grid, patch=(5, 5), flips=False, axes=(0, 1, 2))
    assert len({free[n]["fine"].numpy().tobytes() for n in range(200)}) > 150


def test_unpaired_slices_are_of_different_people(on_one_grid: Cohort, matched: Cohort) -> None:
    for examples in (
        raw(on_one_grid, unpaired=True, patch=(5, 5)),
        raw(matched, unpaired=True),
        PairedPatches(on_one_grid, seed=0, patch=(5, 5, 5), normaliser="none", unpaired=True),
    ):
        met = set()
        for n in range(60):
            coarse, fine = (np.unique(where(examples[n][key])[0]) for key in ("coarse", "fine"))
            assert len(coarse) == len(fine) == 1
            assert coarse != fine
            met.add((int(coarse[0]), int(fine[0])))
        assert len(met) == len(examples.people) * (len(examples.people) - 1)
    alone = Cohort(on_one_grid.subjects[:1])
    for kind in (
        lambda: raw(alone, unpaired=True),
        lambda: PairedPatches(alone, seed=0, patch=(2,) * 3, unpaired=True),
    ):
        with pytest.raises(Refusal, match="at least two"):
            kind()


def test_in_the_order_of_the_files(matched: Cohort) -> None:
    examples = raw(matched, shuffled=False, flips=False)
    row = [(int(where(e["fine"])[0].max()), channels(e["fine"])[0]) for e in (examples[n] for n in range(9))]
    fines = [fine for _, fine in MATCHES]
    assert [fine for _, fine in row] == [*fines, *fines, fines[0]]
    assert row[0] == row[8]
    assert row[0][0] != row[4][0]


def two(folder: Path, coarse: np.ndarray, fine: np.ndarray) -> Cohort:
    return Cohort(
        (Subject("a", pairs=(Pair(people.save(folder / "c.nii", coarse), people.save(folder / "f.nii", fine)),)),)
    )


def test_each_scan_is_normalised_as_a_whole(tmp_path: Path) -> None:
    brain = people.brain(SHAPE)
    cohort = two(tmp_path, 700 * brain, 30 * brain)
    example = PairedSlices(cohort, seed=0)[0]
    torch.testing.assert_close(example["coarse"], example["fine"], atol=2e-3, rtol=0)
    whole = torch.stack([PairedSlices(cohort, seed=0)[n]["fine"].max() for n in range(40)])
    assert 0.95 < float(whole.max()) < 1.05
    bounded = PairedSlices(cohort, seed=0, normaliser="max", jitter=0.0)
    assert float(bounded[0]["fine"].min()) < -0.9
    brighter = PairedSlices(cohort, seed=0, normaliser="max", jitter=0.3, flips=False)[0]["fine"]
    plain = PairedSlices(cohort, seed=0, normaliser="max", jitter=0.0, flips=False)[0]["fine"]
    gain = ((brighter + 1) / (plain + 1))[plain > -0.9]  # air stays where it is
    assert float(gain.std()) < 0.01
    assert abs(float(gain.mean()) - 1) > 0.01


def test_patches_lie_on_tissue_and_empty_slices_are_left_out(tmp_path: Path) -> None:
    fine = np.full((60, 60, 12), 0.01, np.float32)
    fine[5:15, 40:50, 3:5] = 1
    cohort = two(tmp_path, fine, fine)
    examples = PairedSlices(cohort, seed=0, patch=(8, 8), tissue=0.02)
    shown = [float(examples[n]["fine"].max()) > 0.5 for n in range(40)]
    assert np.mean(shown) > 0.7
    anywhere = PairedSlices(cohort, seed=0, patch=(8, 8), tissue=0.0, centred=0.0)
    assert np.mean([float(anywhere[n]["fine"].max()) > 0.5 for n in range(40)]) < 0.3
    with pytest.raises(Refusal, match="No slice of a shows enough"):
        PairedSlices(cohort, seed=0, tissue=0.9)


def test_patches_of_volumes(on_one_grid: Cohort) -> None:
    examples = PairedPatches(on_one_grid, seed=0, patch=(6, 20, 5), normaliser="none", per_person=5)
    for n in range(20):
        assert examples[n]["fine"].shape == (1, 6, 20, 5)
        assert torch.equal(examples[n]["coarse"], examples[n]["fine"])
    assert len({float(examples[n]["fine"].max()) for n in range(200)}) <= 15
    assert examples.sizes == {(6, 20, 5)}


def test_the_grid_is_the_fine_one_and_along_matched_slices_there_is_none(tmp_path: Path) -> None:
    import nibabel as nib

    paths = []
    for name, k in (("coarse", 5.0), ("fine", 1.5)):
        path = tmp_path / f"{name}.nii"
        nib.save(nib.Nifti1Image(np.ones((4, 5, 6), np.float32), np.diag([0.5, 0.7, k, 1.0])), path)
        paths.append(path)

    def people(matches: tuple[tuple[int, int], ...] | None) -> Cohort:
        return Cohort((Subject("a", pairs=(Pair(paths[0], paths[1], matches),)),))

    both = [people(None)] * 2
    assert slices_of_pairs(both, [1.0, 2.0], 3).grid == pytest.approx((0.5, 0.7, 1.5))
    assert patches_of_pairs([people(None)], [1.0], 3, patch=(2, 2, 2)).grid == pytest.approx((0.5, 0.7, 1.5))
    assert slices_of_pairs([people(((0, 1), (1, 2)))], [1.0], 3).grid[2] is None


def test_beyond_the_edges_an_image_is_mirrored() -> None:
    assert cut(np.arange(3), [-4], [11]).tolist() == [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"axes": (3,)}, "axes 0, 1 and 2"),
        ({"axes": ()}, "axes 0, 1 and 2"),
        ({"patch": (0, 4)}, "at least one voxel"),
        ({"neighbours_in": -1}, "at least 0"),
        ({"per_person": 0}, "per_person at least 1"),
        ({"shuffled": False, "patch": (4, 4)}, "leave the others out"),
        ({"normaliser": "loud"}, "no normaliser loud"),
    ],
)
def test_settings_without_meaning_are_refused(settings: dict[str, Any], sentence: str, on_one_grid: Cohort) -> None:
    with pytest.raises(Refusal, match=sentence):
        raw(on_one_grid, **settings)


def test_people_without_pairs_teach_nothing(tmp_path: Path) -> None:
    image = people.save(tmp_path / "a.nii", people.brain())
    with pytest.raises(Refusal, match="no pairs"):
        raw(Cohort((Subject("a", (image,)),)))
