"""The verb pair, on scans of one analytic head: every voxel's true value is known at every place."""

import json
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from scipy.spatial.transform import Rotation

from finemri.cli import main
from finemri.cohorts.cohort import Pair
from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.pairing import open_pair
from finemri.pair import Pairing, pair
from finemri.pair.region import region
from finemri.pair.scans import pair_scans
from finemri.refusal import Refusal
from finemri.shapes import Affine
from finemri.volumes.files import save_volume
from finemri.volumes.volume import Volume

NO_MOVE = Pairing(registration="none")


def head(places: np.ndarray, seed: int = 0) -> np.ndarray:
    """Brightness at RAS mm: an ellipsoid of tissue with smooth waves in it, in air."""
    x, y, z = places[..., 0], places[..., 1], places[..., 2]
    edge = 1 / (1 + np.exp(4 * (np.sqrt((x / 18) ** 2 + (y / 22) ** 2 + (z / 17) ** 2) - 1) * 6))
    waves = np.sin(x / 4 + seed) + np.sin(y / 5 + 1) + np.cos(z / 5 + 2)
    made: np.ndarray = 100 * edge * (4 + waves)
    return made


def grid(shape: tuple[int, int, int], affine: Affine) -> np.ndarray:
    places: np.ndarray = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    return places


def scan(
    spacing: tuple[float, float, float],
    shape: tuple[int, int, int],
    *,
    at: tuple[float, float, float] = (0.0, 0.0, 0.0),
    turn: tuple[float, float, float] = (0.0, 0.0, 0.0),
    seed: int = 0,
) -> Volume:
    """A scan of the head, its middle at a place and turned by degrees about x, y, z."""
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", turn, degrees=True).as_matrix() * spacing
    affine[:3, 3] = np.array(at) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Volume(head(grid(shape, affine), seed).astype(np.float32), affine)


def thick(at: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Volume:
    return scan((1.0, 1.0, 4.0), (48, 56, 11), at=at)


def thin(turn: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Volume:
    return scan((1.0, 1.0, 1.0), (48, 56, 44), turn=turn)


def off(made: Volume) -> float:
    """How far the voxels are from the head at the places that the affine tells, as a share of its brightness."""
    return float(np.abs(made.voxels - head(grid(made.shape, made.affine))).max()) / 700


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


def test_the_region_of_interest_is_cut_out() -> None:
    wide = scan((1.0, 1.0, 1.0), (90, 80, 60))
    made = pair_scans(scan((1.0, 1.0, 4.0), (90, 80, 15)), wide, Pairing(margin=2.0))
    crop = made.told["crop"]["fine"]
    assert made.fine.shape < (60, 60, 60)
    assert made.fine.shape == tuple(b - a for a, b in zip(crop["start"], crop["stop"], strict=True))
    assert off(made.fine) < 1e-5
    assert off(made.coarse) < 1e-5
    whole = pair_scans(scan((1.0, 1.0, 4.0), (90, 80, 15)), wide, Pairing(crop=False))
    i, j, k = (slice(a, b) for a, b in zip(crop["start"], crop["stop"], strict=True))
    assert np.array_equal(whole.fine.voxels[i, j, k], made.fine.voxels)
    assert made.told["without_tissue"]
    opened = [made.fine.voxels[:, :, f] for _, f in made.matches or ()]
    assert len(opened) == 15 - len(made.told["without_tissue"])


def test_volumes_that_lay_still_need_no_registration() -> None:
    made = pair_scans(scan((2.0, 2.0, 2.0), (24, 28, 22)), thin(), NO_MOVE)
    assert made.told["mode"] == "volumes"
    assert made.matches is None
    assert made.coarse.shape == made.fine.shape
    assert np.array_equal(made.coarse.affine, made.fine.affine)
    assert np.abs(made.coarse.voxels - made.fine.voxels).mean() < 0.01 * made.fine.voxels.max()


@pytest.mark.parametrize(
    ("coarse", "fine", "says"),
    [
        (thick(at=(0.0, 0.0, 60.0)), thin(), r"do not overlap: their fields of view are 16\.0 mm apart"),
        (thick(at=(100.0, 0.0, 0.0)), thin(), r"52\.0 mm apart"),
        (scan((1.0, 1.0, 4.0), (48, 56, 1)), thin(), "coarse scan is a single slice"),
        (thick(), scan((1.0, 1.0, 1.0), (48, 56, 1)), "fine scan is a single slice"),
        (thin(), thin(), "nothing to learn"),
        (thin(), thick(), "were the folders swapped"),
        (thick(), Volume(np.zeros((48, 56, 44), np.float32), thin().affine), "fine scan is constant"),
    ],
)
def test_scans_that_make_no_pair(coarse: Volume, fine: Volume, says: str) -> None:
    with pytest.raises(Refusal, match=says):
        pair_scans(coarse, fine, Pairing())


@pytest.mark.parametrize("axes", [(0,), (0, 1)])
def test_slices_with_a_wrong_orientation_in_the_header(axes: tuple[int, ...]) -> None:
    with pytest.raises(Refusal, match="mirrored or turned round"):
        pair_scans(thick(), Volume(np.flip(thin().voxels, axes).copy(), thin().affine), NO_MOVE)


def test_settings_that_make_no_sense() -> None:
    with pytest.raises(Refusal, match="at least 0 mm"):
        Pairing(margin=-1)
    with pytest.raises(Refusal, match="none or rigid"):
        Pairing(by="slices", registration="affine")
    with pytest.raises(Refusal, match="--by volumes"):
        pair_scans(thick(), thin(), Pairing(registration="deformable"))
    with pytest.raises(Refusal, match="--by volumes"):
        pair_scans(scan((2.0, 2.0, 2.0), (24, 28, 22)), scan((1.0, 1.0, 3.0), (48, 56, 15)), Pairing(by="slices"))


def test_equal_grids_of_two_field_strengths() -> None:
    made = pair_scans(thin(), thin(), Pairing(same_grid=True, registration="none", crop=False))
    assert made.told["mode"] == "volumes"
    assert np.allclose(made.coarse.voxels, made.fine.voxels, atol=0.01)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for seed, name in enumerate(("sub-1", "sub-2", "sub-3")):
        for side, volume in (
            ("thick", scan((1.0, 1.0, 4.0), (48, 56, 11), seed=seed)),
            ("thin", scan((1.0, 1.0, 1.0), (48, 56, 44), seed=seed)),
        ):
            (tmp_path / side).mkdir(exist_ok=True)
            save_volume(volume, tmp_path / side / f"{name}_{side}.nii.gz")
    return tmp_path / "thick", tmp_path / "thin"


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


def test_registration_names_what_it_lacks(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finemri.pair.importlib.util.find_spec", lambda _: None)
    with pytest.raises(Refusal, match=r"pip install 'finemri\[registration\]'"):
        pair(*folders, into=tmp_path / "cohort", settings=Pairing(registration="rigid"), progress=False)


def retold(folder: Path, **tags: str | None) -> None:
    """Set tags of every slice, or take them away."""
    for path in folder.iterdir():
        slice_ = pydicom.dcmread(path)
        for tag, value in tags.items():
            setattr(slice_, tag, value) if value is not None else delattr(slice_, tag)
        slice_.save_as(path)


@pytest.fixture
def dicom(tmp_path: Path) -> tuple[Path, Path]:
    """The paper's folders: anon556l and anon556h, and another patient's."""
    for number, seed in ((556, 0), (1037, 1)):
        for end, volume in (
            ("l", scan((2.0, 2.0, 6.0), (24, 28, 7), seed=seed)),
            ("h", scan((2.0, 2.0, 2.0), (24, 28, 22), seed=seed)),
        ):
            (tmp_path / end).mkdir(exist_ok=True)
            save_volume(volume, tmp_path / end / f"anon{number}{end}")
            retold(tmp_path / end / f"anon{number}{end}", PatientID=f"anon{number}{end}")
    return tmp_path / "l", tmp_path / "h"


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
    assert "anon" not in "".join(str(p) for p in into.rglob("*"))


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


def test_matches_name_slices_of_the_files(folders: tuple[Path, Path], tmp_path: Path) -> None:
    found: Pair = find_cohort(pair(*folders, into=tmp_path / "c", progress=False)).subjects[0].pairs[0]
    opened = open_pair(found)
    n = opened.coarse.affine[:3, 2] / np.linalg.norm(opened.coarse.affine[:3, 2])
    assert abs((opened.coarse.affine[:3, 3] - opened.fine.affine[:3, 3]) @ n) <= 0.5


def test_a_patient_who_moved_is_found_again() -> None:
    pytest.importorskip("SimpleITK", reason="registration is an extra")
    coarse = thick()
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("xyz", (1, -2, 3), degrees=True).as_matrix()
    pose[:3, 3] = (2.0, -1.0, 3.0)
    moved = Volume(coarse.voxels, pose @ coarse.affine)
    lain = pair_scans(moved, thin(), Pairing(crop=False))
    found = pair_scans(moved, thin(), Pairing(registration="rigid", crop=False))
    assert [transform["stage"] for transform in found.told["transforms"]] == ["rigid"]
    assert found.told["mutual_information"]["after"] > found.told["mutual_information"]["before"]
    assert np.abs(np.array(found.told["transforms"][0]["matrix"]) - pose).max() < 0.3
    assert off(found.coarse) < 0.5 * off(lain.coarse)


def test_registered_volumes_have_a_checkerboard(tmp_path: Path) -> None:
    pytest.importorskip("SimpleITK", reason="registration is an extra")
    save_volume(scan((2.0, 2.0, 2.0), (24, 28, 22), at=(1.0, 0.5, -1.0)), tmp_path / "a.nii.gz")
    save_volume(thin(), tmp_path / "b.nii.gz")
    into = pair(
        tmp_path / "a.nii.gz",
        tmp_path / "b.nii.gz",
        into=tmp_path / "c",
        settings=Pairing(registration="rigid"),
        progress=False,
    )
    opened = open_pair(find_cohort(into).subjects[0].pairs[0])
    assert np.array_equal(opened.coarse.affine, opened.fine.affine)
    told = json.loads((into / "a/pair.json").read_text())
    assert told["alignment"]["stages"] == ["rigid"]
    assert (into / "a/checkerboard.png").read_bytes()[:4] == b"\x89PNG"


def test_a_side_that_the_coarse_scan_missed_is_given_up_and_air_is_not() -> None:
    voxels = np.zeros((20, 18, 16), np.float32)
    voxels[2:18, 2:16, :] = np.random.default_rng(0).uniform(0.8, 1, (16, 14, 16)).astype(np.float32)
    fine = Volume(voxels, np.eye(4))
    wedge = np.ones(fine.shape, bool)
    for i in range(6):
        wedge[i, :, : 6 - i] = False  # a tilted field of view
    airless = np.ones(fine.shape, bool)
    airless[:, 17, 8:] = False

    box = region(fine, wedge, margin=0)
    kept = tuple(slice(first, stop) for first, stop in zip(box.start, box.stop, strict=True))

    assert wedge[kept].mean() > 0.99
    assert np.prod(np.subtract(box.stop, box.start)) > 0.6 * 16 * 14 * 16
    assert region(fine, airless, margin=0) == region(fine, np.ones(fine.shape, bool), margin=0)
