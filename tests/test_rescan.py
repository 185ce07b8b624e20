"""The verb rescan: series that any reader of DICOM understands, with poses beside them and nobody's name in them."""

import json
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from finemri import cli
from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.rescan import PRESETS
from finemri.cohorts.rescan import rescan as rescan_volume
from finemri.refusal import Refusal
from finemri.rescan import rescan, rng_of
from finemri.volumes.files import open_volume, save_volume
from finemri.volumes.volume import Volume
from tests.volumes.scans import SECRET, oblique, write_series

THICK = PRESETS["thick"]


@pytest.fixture
def fine(tmp_path: Path) -> Path:
    """Two people."""
    (tmp_path / "fine").mkdir()
    for n, name in enumerate(("anna", "ben")):
        voxels = np.random.default_rng(n).gamma(2, 50, (24, 22, 26)).astype(np.float32)
        save_volume(Volume(voxels, oblique()), tmp_path / "fine" / f"{name}.nii.gz")
    return tmp_path / "fine"


def told(folder: Path) -> dict[str, dict]:  # type: ignore[type-arg]
    return {subject["name"]: subject for subject in json.loads((folder / "poses.json").read_text())["subjects"]}


def test_dicom_series_hold_what_was_simulated(fine: Path, tmp_path: Path) -> None:
    into = rescan(fine, tmp_path / "coarse", THICK, seed=5)
    assert sorted(path.name for path in into.iterdir()) == ["anna", "ben", "cohort.json", "poses.json"]
    assert find_cohort(into).names == ("anna", "ben")
    for name, about in told(into).items():
        made = rescan_volume(open_volume(fine / f"{name}.nii.gz"), THICK, rng_of(5, name))
        read = open_volume(into / name)
        np.testing.assert_allclose(read.affine, made.volume.affine, atol=1e-4)
        np.testing.assert_allclose(read.affine, about["affine"], atol=1e-4)
        np.testing.assert_array_equal(about["pose"], made.pose)
        assert read.voxels.max() == pytest.approx(made.volume.voxels.max(), rel=1e-4)  # nothing is clipped
        np.testing.assert_allclose(read.voxels, made.volume.voxels, atol=made.volume.voxels.max() / 65535)
        assert about["simulated"] is True


def test_headers_say_what_it_is(fine: Path, tmp_path: Path) -> None:
    into = rescan(fine, tmp_path / "coarse", THICK)
    frames = set()
    for name, about in told(into).items():
        first, second, *_ = (dcmread(file) for file in sorted((into / name).iterdir()))
        assert first.SOPClassUID.name == "MR Image Storage"
        assert (first.PatientID, str(first.PatientName)) == (name, "")
        assert not first.PatientBirthDate
        assert not first.StudyDate
        assert "not measured" in first.ImageComments
        assert "not measured" in first.DerivationDescription
        assert float(first.MagneticFieldStrength) == THICK.tesla
        assert float(first.SliceThickness) == pytest.approx(about["drawn"]["thickness_mm"])
        apart = np.subtract(second.ImagePositionPatient, first.ImagePositionPatient)
        assert float(first.SpacingBetweenSlices) == pytest.approx(np.linalg.norm(apart), rel=1e-6)
        assert float(first.SpacingBetweenSlices) > float(first.SliceThickness)
        frames |= {first.FrameOfReferenceUID, first.StudyInstanceUID}
    assert len(frames) == 4
    poses = json.loads((into / "poses.json").read_text())
    assert poses["simulated"] is True
    assert "not measured" in poses["note"]
    assert (poses["settings"]["thickness"], poses["seed"]) == ([3.0, 4.0], 0)


def test_a_person_is_scanned_alike_whoever_else_is_there(fine: Path, tmp_path: Path) -> None:
    both = rescan(fine, tmp_path / "both", THICK, seed=1, kind="nifti")
    assert sorted(path.name for path in both.glob("*.nii.gz")) == ["anna.nii.gz", "ben.nii.gz"]
    (fine / "anna.nii.gz").unlink()
    alone = rescan(fine, tmp_path / "alone", THICK, seed=1, kind="nifti")
    assert (alone / "ben.nii.gz").read_bytes() == (both / "ben.nii.gz").read_bytes()
    other = rescan(fine, tmp_path / "other", THICK, seed=2, kind="nifti")
    assert told(other)["ben"]["pose"] != told(alone)["ben"]["pose"]
    assert told(both)["anna"]["pose"] != told(both)["ben"]["pose"]
    np.testing.assert_allclose(open_volume(alone / "ben.nii.gz").affine, told(alone)["ben"]["affine"], atol=1e-4)


def test_nothing_of_the_patient_travels(tmp_path: Path) -> None:
    stored = np.random.default_rng(0).integers(0, 900, (24, 22, 26)).astype(np.uint16)
    (tmp_path / "fine").mkdir()
    first, *_ = write_series(tmp_path / "fine" / "Doe-Jane-1961", stored, oblique())
    assert SECRET.encode() in first.read_bytes()
    into = rescan(tmp_path / "fine", tmp_path / "coarse", THICK)
    files = [file for file in into.rglob("*") if file.is_file()]
    assert {file.relative_to(into).parts[0] for file in files} == {"subject-001", "poses.json", "cohort.json"}
    for file in files:
        content = file.read_bytes().lower()
        assert not any(word in content for word in (b"jane", b"secret", b"19520314", b"acc-77", b"nothing_of_the"))


def test_only_a_rescan_is_replaced_and_only_with_force(fine: Path, tmp_path: Path) -> None:
    into = rescan(fine, tmp_path / "new" / "coarse", THICK)
    before = told(into)
    with pytest.raises(Refusal, match="--force"):
        rescan(fine, into, THICK, seed=9)
    assert told(into) == before
    rescan(fine, into, THICK, seed=9, force=True)
    assert told(into) != before
    (into / "diary.txt").write_text("dear diary")
    with pytest.raises(Refusal, match="something else"):
        rescan(fine, into, THICK, force=True)
    assert (into / "diary.txt").exists()
    for wrong in (fine, fine / "below", fine.parent):
        with pytest.raises(Refusal, match="fine ones"):
            rescan(fine, wrong, THICK, force=True)
    assert len(find_cohort(fine)) == 2


def test_one_bad_scan_does_not_stop_the_others(fine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_volume(Volume(np.ones((9, 9, 9), np.float32), np.eye(4)), fine / "carl.nii.gz")
    with pytest.raises(Refusal, match=r"1 of 3 .* carl: .*too small"):
        rescan(fine, tmp_path / "coarse", THICK)
    assert "carl" in capsys.readouterr().err
    assert json.loads((tmp_path / "coarse" / "poses.json").read_text())["failed"] == ["carl"]
    assert find_cohort(tmp_path / "coarse").names == ("anna", "ben")
    for name in ("anna", "ben"):
        (fine / f"{name}.nii.gz").unlink()
    with pytest.raises(Refusal, match="Nobody"):
        rescan(fine, tmp_path / "empty", THICK)
    assert not (tmp_path / "empty").exists()


def test_label_maps_and_odd_names_are_refused(fine: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="label maps"):
        rescan(fine.rename(tmp_path / "labels"), tmp_path / "coarse", THICK)
    entry = {"name": "../anna", "images": ["labels/anna.nii.gz"]}
    (tmp_path / "cohort.json").write_text(json.dumps({"subjects": [entry]}))
    with pytest.raises(Refusal, match="name of a folder"):
        rescan(tmp_path / "cohort.json", tmp_path.with_name("elsewhere"), THICK)


def test_typed(fine: Path, tmp_path: Path) -> None:
    words = ["rescan", str(fine), "--into", str(tmp_path / "coarse"), "--preset", "low-field", "--as", "nifti"]
    assert cli.main([*words, "--noise", "0.1", "--gamma", "0.8", "0.8", "--axis", "1"]) == 0
    settings = json.loads((tmp_path / "coarse" / "poses.json").read_text())["settings"]
    assert (settings["noise"], settings["gamma"], settings["axis"]) == (0.1, [0.8, 0.8], 1)
    assert (settings["encoding"], settings["in_plane"]) == ("volume", 2.0)
    assert cli.main([*words, "--force", "--noise", "-1"]) == 2
    np.testing.assert_allclose(open_volume(tmp_path / "coarse" / "ben.nii.gz").spacing, [2.4, 1.4, 1.6], rtol=1e-5)


def test_real_crops(shared_data: Path, tmp_path: Path) -> None:
    cohort = find_cohort(shared_data / "hippocampus")
    scan = cohort.subjects[0].images[0]
    into = rescan(scan, tmp_path / "coarse", PRESETS["low-field"])
    (about,) = told(into).values()
    coarse, fine = open_volume(into / about["file"]), open_volume(scan)
    there = np.linalg.inv(fine.affine) @ about["pose"] @ coarse.affine
    where = np.stack(np.meshgrid(*map(np.arange, coarse.shape), indexing="ij"), -1) @ there[:3, :3].T + there[:3, 3]
    nearest = fine.voxels[tuple(np.rint(where).astype(int).clip(0, np.array(fine.shape) - 1).reshape(-1, 3).T)]
    assert np.corrcoef(nearest, coarse.voxels.ravel())[0, 1] > 0.8
