"""Folders of DICOM slices: whose they are is never told, and what cannot be paired is a sentence."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.pairing import open_pair
from finemri.pair import Pairing, pair
from finemri.refusal import Refusal
from tests.pair.heads import grid, head, retold


def test_dicom_folders_are_counted_and_never_named(dicom: tuple[Path, Path], tmp_path: Path) -> None:
    into = pair(*dicom, into=tmp_path / "cohort", progress=False)
    assert find_cohort(into).names == ("subject-001", "subject-002")
    for path in into.rglob("*.json"):
        assert "anon" not in path.read_text()
    opened = open_pair(find_cohort(into).subjects[1].pairs[0])  # 556 after 1037, as letters are
    for volume in (opened.coarse, opened.fine):
        assert np.abs(volume.voxels - head(grid(volume.shape, volume.affine), seed=0)).max() < 100  # half a slice away
    assert np.abs(opened.fine.voxels - head(grid(opened.fine.shape, opened.fine.affine), seed=0)).max() < 1


@pytest.mark.parametrize("side", [0, 1])
def test_a_single_dicom_folder_beside_a_file_is_not_named(
    dicom: tuple[Path, Path], folders: tuple[Path, Path], tmp_path: Path, side: int
) -> None:
    shutil.rmtree(dicom[side] / f"anon1037{'lh'[side]}")
    scans = [folders[0] / "sub-1_thick.nii.gz", folders[1] / "sub-1_thin.nii.gz"]
    scans[side] = dicom[side]
    into = pair(*scans, into=tmp_path / "cohort", settings=Pairing(by="volumes", registration="none"), progress=False)
    assert find_cohort(into).names == ("sub-1",)
    assert "anon" not in "".join(p.name for p in into.rglob("*"))


def test_a_folder_of_two_series(dicom: tuple[Path, Path], tmp_path: Path) -> None:
    one = dicom[0] / "anon556l", dicom[1] / "anon556h"
    for path in one[1].iterdir():
        shutil.copy(path, one[0] / f"more-{path.name}")
    with pytest.raises(Refusal, match="coarse folder holds several series"):
        pair(*one, into=tmp_path / "cohort", progress=False)
    assert not (tmp_path / "cohort").exists()


def test_two_patients_are_no_pair(dicom: tuple[Path, Path], tmp_path: Path) -> None:
    retold(dicom[0] / "anon556l", PatientID="P1")
    with pytest.raises(Refusal, match=r"1 of 2 .*different PatientIDs") as told:
        pair(*dicom, into=tmp_path / "cohort", progress=False)
    assert "P1" not in str(told.value)
    assert "556" not in str(told.value)


def test_series_with_a_gap_or_without_places(dicom: tuple[Path, Path], tmp_path: Path) -> None:
    one = dicom[0] / "anon556l", dicom[1] / "anon556h"
    next(iter(sorted(one[1].iterdir())[20:])).unlink()
    with pytest.raises(Refusal, match="Slices are missing"):
        pair(*one, into=tmp_path / "cohort", progress=False)
    retold(one[0], ImagePositionPatient=None)
    with pytest.raises(Refusal, match="where in the patient they lie"):
        pair(*one, into=tmp_path / "cohort", progress=False)
    assert not (tmp_path / "cohort").exists()
