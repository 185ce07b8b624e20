"""Two folders of people become a cohort, which goes on where it stopped and replaces nothing."""

import json
import shutil
from pathlib import Path

import pytest

from finemri.cli import main
from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.pairing import open_pair
from finemri.pair import Pairing, pair
from finemri.refusal import Refusal
from finemri.volumes.files import save_volume
from tests.pair.heads import NO_MOVE, thick, thin


def test_two_folders_become_a_cohort(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pair", *map(str, folders), "--into", str(tmp_path / "cohort")]) == 0
    assert "Paired: 3" in capsys.readouterr().out
    cohort = find_cohort(tmp_path / "cohort")
    assert cohort.names == ("sub-1", "sub-2", "sub-3")
    for subject in cohort.subjects:
        (found,) = subject.pairs
        opened = open_pair(found)
        assert opened.coarse.shape == opened.fine.shape
        told = json.loads((found.coarse.parent / "pair.json").read_text())
        assert told["mode"] == "slices"
        assert len(told["key"]) == 64
        assert len(told["matches"]) == len(told["distances_mm"])
    assert not list((tmp_path / "cohort").glob(".*"))


def test_it_goes_on_where_it_stopped(folders: tuple[Path, Path], tmp_path: Path) -> None:
    into = tmp_path / "cohort"
    pair(*folders, into=into, settings=NO_MOVE, progress=False)
    first = (into / "cohort.json").read_bytes()
    shutil.rmtree(into / "sub-2")  # as if it had been killed
    (into / "cohort.json").unlink()
    (into / ".finemri-abc.part").mkdir()
    kept = (into / "sub-1/fine.nii.gz").stat().st_ino
    pair(*folders, into=into, settings=NO_MOVE, progress=False)
    assert (into / "cohort.json").read_bytes() == first
    assert (into / "sub-1/fine.nii.gz").stat().st_ino == kept
    assert not (into / ".finemri-abc.part").exists()


def test_other_settings_replace_nothing_without_force(folders: tuple[Path, Path], tmp_path: Path) -> None:
    into = tmp_path / "cohort"
    pair(*folders, into=into, settings=NO_MOVE, progress=False)
    shape = find_cohort(into).subjects[0].pairs[0]
    with pytest.raises(Refusal, match=r"3 of 3.*--force"):
        pair(*folders, into=into, settings=Pairing(crop=False), progress=False)
    assert find_cohort(into).subjects[0].pairs[0] == shape
    pair(*folders, into=into, settings=Pairing(crop=False), progress=False, force=True)
    assert open_pair(find_cohort(into).subjects[0].pairs[0]).fine_slices.shape == (48, 56, 44)


def test_one_who_fails_does_not_stop_the_others(folders: tuple[Path, Path], tmp_path: Path) -> None:
    save_volume(thick(at=(0.0, 0.0, 90.0)), folders[0] / "sub-2_thick.nii.gz", force=True)
    into = tmp_path / "cohort"
    with pytest.raises(Refusal, match=r"1 of 3 people could not be paired. sub-2: .*46\.0 mm apart"):
        pair(*folders, into=into, progress=False)
    assert find_cohort(into).names == ("sub-1", "sub-3")


def test_people_of_an_earlier_run_stay_in_the_cohort(folders: tuple[Path, Path], tmp_path: Path) -> None:
    into = pair(*folders, into=tmp_path / "cohort", settings=NO_MOVE, progress=False)
    before = find_cohort(into).subjects
    (folders[0] / "sub-1_thick.nii.gz").unlink()
    for side, volume in (("thick", thick()), ("thin", thin())):
        save_volume(volume, tmp_path / side / f"sub-4_{side}.nii.gz")
    with pytest.raises(Refusal, match="2 of 3"):
        pair(*folders, into=into, settings=Pairing(margin=2), progress=False)
    assert find_cohort(into).names == ("sub-1", "sub-2", "sub-3", "sub-4")
    assert find_cohort(into).subjects[:3] == before


def test_a_cohort_inside_the_scans_would_be_taken_for_scans(folders: tuple[Path, Path], tmp_path: Path) -> None:
    for folder in folders:
        with pytest.raises(Refusal, match="lies inside"):
            pair(*folders, into=folder / "cohort", progress=False)
        assert not (folder / "cohort").exists()


def test_nothing_is_written_where_nothing_can_be(folders: tuple[Path, Path], tmp_path: Path) -> None:
    into = tmp_path / "cohort"
    with pytest.raises(Refusal, match="the same folder"):
        pair(folders[0], folders[0], into=into, progress=False)
    for path in folders[0].iterdir():
        path.rename(path.with_name(path.name.replace("sub-", "other-")))
    with pytest.raises(Refusal, match="no name in common"):
        pair(*folders, into=into, progress=False)
    with pytest.raises(Refusal, match="nothing to learn"):
        pair(folders[1] / "sub-1_thin.nii.gz", folders[1] / "sub-2_thin.nii.gz", into=into, progress=False)
    assert not into.exists()
    into.mkdir()
    (into / "thesis.txt").touch()
    folders = folders[1] / "sub-1_thin.nii.gz", folders[1] / "sub-2_thin.nii.gz"
    with pytest.raises(Refusal, match="something else"):
        pair(*folders, into=into, progress=False)


def test_several_scans_of_one_person(folders: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copy(folders[0] / "sub-1_thick.nii.gz", folders[0] / "sub-1_ses-2_thick.nii.gz")
    with pytest.raises(Refusal, match="2 coarse scans"):
        pair(*folders, into=tmp_path / "cohort", progress=False)
