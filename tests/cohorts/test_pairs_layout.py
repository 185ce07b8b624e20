import json
from pathlib import Path
from typing import Any

import pytest

from finemri.cohorts.cohort import Cohort, Pair, Subject
from finemri.cohorts.described import write_pairs
from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.sources import slices_of
from finemri.evaluate.scans import scans_of
from finemri.inspect import inspect
from finemri.refusal import Refusal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a/coarse.nii.gz", "a/fine.nii.gz", "b/coarse.nii.gz", "b/fine.nii.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def pair_of(folder: Path, name: str, matches: tuple[tuple[int, int], ...] | None = None) -> Pair:
    return Pair(folder / name / "coarse.nii.gz", folder / name / "fine.nii.gz", matches)


def describe(folder: Path, **pair: Any) -> Path:
    entry = {"coarse": "a/coarse.nii.gz", "fine": "a/fine.nii.gz", **pair}
    (folder / "cohort.json").write_text(json.dumps({"subjects": [{"name": "a", "pairs": [entry]}]}))
    return folder


def test_what_is_written_is_found(folder: Path) -> None:
    people = [
        Subject("a", pairs=(pair_of(folder, "a", ((0, 1), (2, 5))),)),
        Subject("b", pairs=(pair_of(folder, "b"),)),
    ]
    write_pairs(people, folder)
    assert find_cohort(folder) == Cohort(tuple(people))
    assert find_cohort(folder / "cohort.json") == Cohort(tuple(people))
    told = json.loads((folder / "cohort.json").read_text())
    assert told["format"] == "finemri pairs"
    assert told["subjects"][0]["pairs"][0] == {
        "coarse": "a/coarse.nii.gz", "fine": "a/fine.nii.gz", "matches": [[0, 1], [2, 5]],
    }  # fmt: skip
    assert "matches" not in told["subjects"][1]["pairs"][0]
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_no_matches_mean_one_grid(folder: Path) -> None:
    assert find_cohort(describe(folder, matches=None)).subjects[0].pairs == (pair_of(folder, "a"),)
    assert find_cohort(describe(folder)).subjects[0].pairs == (pair_of(folder, "a"),)


def test_pairs_stand_beside_images_and_labels(folder: Path) -> None:
    entry = {
        "name": "a",
        "images": ["b/fine.nii.gz"],
        "pairs": [{"coarse": "a/coarse.nii.gz", "fine": "a/fine.nii.gz"}],
    }
    (folder / "cohort.json").write_text(json.dumps({"subjects": [entry]}))
    (subject,) = find_cohort(folder).subjects
    assert subject.images == (folder / "b/fine.nii.gz",)
    assert len(subject.pairs) == 1
    (subject,) = find_cohort(folder, labels=True).subjects
    assert subject.labels == (folder / "b/fine.nii.gz",)
    assert len(subject.pairs) == 1


@pytest.mark.parametrize(
    "matches",
    [[], [[0, 1], [0, 2]], [[0, 2], [1, 1]], [[0, 1], [1, 1]], [[0]], [[0, -1]], [[0, 1.5]], [[True, 2]], "no", 3],
)
def test_matches_that_are_none(folder: Path, matches: Any) -> None:
    with pytest.raises(Refusal, match="does not describe a cohort"):
        find_cohort(describe(folder, matches=matches))


def test_files_that_are_missing_or_shared(folder: Path) -> None:
    with pytest.raises(Refusal, match="1 pairs of one subject that do not exist"):
        find_cohort(describe(folder, fine="a/finest.nii.gz"))
    with pytest.raises(Refusal, match="does not describe"):
        find_cohort(describe(folder, fine=None))
    entry = [{"coarse": "a/coarse.nii.gz", "fine": "a/fine.nii.gz"}]
    people = [{"name": "a", "pairs": entry}, {"name": "b", "pairs": entry}]
    (folder / "cohort.json").write_text(json.dumps({"subjects": people}))
    with pytest.raises(Refusal, match="on both sides of a split"):
        find_cohort(folder)


def test_two_coarse_scans_may_share_a_fine_one(folder: Path) -> None:
    pairs = (pair_of(folder, "a"), Pair(folder / "b/coarse.nii.gz", folder / "a/fine.nii.gz"))
    assert len(Cohort((Subject("a", pairs=pairs),)).subjects[0].files) == 3


def test_who_asks_pairs_for_images_is_told(folder: Path) -> None:
    cohort = find_cohort(describe(folder))
    with pytest.raises(Refusal, match="holds pairs"):
        slices_of(cohort)
    found = inspect(folder)
    assert "pairs" in found.what
    assert found.facts["pairs"] == "1"


def test_pairs_alone_have_no_single_scan_to_spoil(folder: Path) -> None:
    with pytest.raises(Refusal, match="pairs"):
        scans_of(describe(folder))
