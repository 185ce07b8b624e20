"""Thick slices whose headers err, and folders with scans that cannot be opened."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from finemri.enhance import Thin, enhance
from finemri.inspect import inspect
from finemri.refusal import Refusal
from finemri.volumes.files import open_volume, save_volume
from finemri.volumes.volume import Volume
from tests.test_enhance_thin import UPRIGHT, made, scan


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_a_header_that_errs_about_thickness_is_not_believed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = scan(tmp_path / "a.nii.gz")
    unknown, _ = made(source, tmp_path / "b.nii.gz")
    for claimed in (80, 0.01):
        (tmp_path / "a.json").write_text(json.dumps({"SliceThickness": claimed}))
        fine, told = made(source, tmp_path / f"{claimed}.nii.gz")
        assert f"How thick a slice is, the header errs ({claimed:g} mm): taken as 4 mm" in capsys.readouterr().err
        np.testing.assert_array_equal(fine.voxels, unknown.voxels)
        assert told["degradation"]["slice_thickness_mm"] == 4.0  # type: ignore[index]
    (tmp_path / "a.json").write_text('{"SliceThickness": 8}')  # interpolated by the scanner: that happens
    _, told = made(source, tmp_path / "c.nii.gz")
    assert told["degradation"]["slice_thickness"] == "the header"  # type: ignore[index]


def test_slices_that_overlap_as_far_as_allowed_are_put_back_to_rounding(tmp_path: Path) -> None:
    thin = Thin(thickness=10.0, consistency="hard")
    source = scan(tmp_path / "a.nii.gz")
    fine, told = made(source, tmp_path / "b.nii.gz", method="spline", isotropic=True, thin=thin)
    assert told["trust"]["inconsistency"] < 1e-4  # type: ignore[index]
    assert np.abs(fine.voxels).max() < 2000


def test_a_damaged_scan_does_not_change_how_the_others_of_a_folder_are_made(tmp_path: Path) -> None:
    scan(tmp_path / "many" / "0.nii.gz")
    (tmp_path / "many" / "1.nii.gz").write_bytes(b"no scan")
    with pytest.raises(Refusal, match=r"1 of 2 scans could not be enhanced, the others are done\. 1\.nii\.gz: "):
        enhance(tmp_path / "many", tmp_path / "fine", progress=False)
    assert open_volume(tmp_path / "fine" / "0.nii.gz").shape == (20, 18, 32)


def test_a_refusal_is_all_that_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = scan(tmp_path / "a.nii.gz", shape=(9, 9, 1))
    with pytest.raises(Refusal):
        enhance(source, tmp_path / "b.nii.gz", isotropic=True)
    assert capsys.readouterr().err == ""


def test_a_constant_scan_has_nothing_to_make_thin(tmp_path: Path) -> None:
    save_volume(Volume(np.zeros((9, 9, 9), np.float32), UPRIGHT), tmp_path / "a.nii.gz")
    with pytest.raises(Refusal, match="This scan is constant, so there is nothing to make thin"):
        enhance(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", progress=False)


def test_inspect_tells_what_enhance_can_do_with_them(tmp_path: Path) -> None:
    wide = scan(tmp_path / "wide.nii.gz", shape=(24, 25, 3))
    narrow = scan(tmp_path / "narrow.nii.gz", shape=(23, 25, 3))
    single = scan(tmp_path / "single.nii.gz", shape=(9, 9, 1))
    assert [command.split(".nii.gz ")[-1] for command in inspect(wide).commands] == [
        "--isotropic",
        "--isotropic --method selfsuper",
    ]
    assert inspect(narrow).commands[0].endswith("--isotropic")
    assert len(inspect(narrow).commands) == 1
    assert [command.split(".nii.gz ")[-1] for command in inspect(single).commands] == [
        "--scale 2",
        "--scale 2 --style sharp",
    ]
    enhance(single, tmp_path / "single-fine.nii.gz", scale=2, progress=False)


def test_inspect_tells_of_a_folder_what_suits_all_its_scans(tmp_path: Path) -> None:
    thick, mixed = tmp_path / "thick", tmp_path / "mixed"
    scan(thick / "0.nii.gz")
    scan(thick / "1.nii.gz")
    scan(mixed / "0.nii.gz")
    scan(mixed / "1.nii.gz", np.eye(4))
    assert inspect(thick).commands[0].endswith("--isotropic")
    found = inspect(mixed)
    assert found.facts["thick slices"] == "1 of 2 scans"
    assert found.commands[0].endswith("--scale 2")


BAD: dict[str, tuple[np.ndarray, tuple[int, int, int], dict[str, object], str]] = {
    "isotropic": (np.eye(4), (9, 9, 9), {"isotropic": True}, r"no axis is across thick slices; .* --scale"),
    "one slice": (UPRIGHT, (9, 9, 1), {}, "a single slice, and nothing tells what lies beside it"),
    "as fine already": (UPRIGHT, (9, 9, 9), {"thin": Thin((1.0, 1.0, 4.0))}, "does not better"),
    "finer than pixels": (UPRIGHT, (9, 9, 9), {"thin": Thin((0.5, 0.5, 0.5))}, "grid asked for is 2 times finer"),
    "with a scale": (UPRIGHT, (9, 9, 9), {"isotropic": True, "scale": 2}, "--scale goes with making all axes finer"),
    "with a crop": (UPRIGHT, (9, 9, 9), {"crop": True}, "--crop goes with making all axes finer"),
    "other job": (UPRIGHT, (9, 9, 9), {"isotropic": True, "weights": "volume-x2-faithful"}, "has to restore"),
    "unknown": (UPRIGHT, (9, 9, 9), {"isotropic": True, "method": "magic"}, "There is no method 'magic'"),
    "settings of slices": (np.eye(4), (9, 9, 9), {"thin": Thin(thickness=3.0)}, "are of thick slices"),
    "no memory": (UPRIGHT, (9, 9, 9), {"memory": 2**20}, r"too few; give more than --memory \d+MiB"),
    "rounds": (UPRIGHT, (9, 9, 9), {"thin": Thin(rounds=5)}, "Rounds are of --method selfsuper"),
    "overlap": (UPRIGHT, (9, 9, 9), {"thin": Thin(thickness=11.0)}, "give a thickness of up to 10 mm"),
    "nowhere finer": (UPRIGHT, (9, 9, 9), {"isotropic": True, "thin": Thin(axis=0)}, "a finer spacing along axis i"),
    "upscaler": (UPRIGHT, (9, 9, 9), {"isotropic": True, "method": "linear"}, "choose one of spline, selfsuper, anysp"),
    "nothing to learn": (UPRIGHT, (9, 9, 3), {"method": "selfsuper"}, "six slices|field of view"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_gets_one_sentence_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    affine, shape, settings, sentence = BAD[name]
    source = scan(tmp_path / "in" / "a.nii.gz", affine, shape)
    with pytest.raises(Refusal, match=sentence):
        enhance(source, tmp_path / "b.nii.gz", progress=False, **settings)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("change", [{"thickness": 0.0}, {"axis": 3}, {"spacing": (1.0, -1.0, 1.0)}, {"rounds": 0}])
def test_settings_that_make_no_sense_are_refused_at_birth(change: dict[str, object]) -> None:
    with pytest.raises(Refusal):
        Thin(**change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shape", "thin"),
    [
        ((3, 4, 2), Thin()),
        ((1, 9, 3), Thin()),
        ((9, 9, 6), Thin(thickness=6.0)),
        ((9, 9, 6), Thin(axis=0, spacing=(0.5, 1.0, 4.0))),
    ],
    ids=["tiny", "one pixel wide", "overlap", "axis by hand"],
)
def test_odd_scans_come_out_finite(shape: tuple[int, int, int], thin: Thin, tmp_path: Path) -> None:
    fine, _ = made(scan(tmp_path / "a.nii.gz", shape=shape), tmp_path / "b.nii.gz", isotropic=True, thin=thin)
    assert np.isfinite(fine.voxels).all()
    assert fine.voxels.max() < 2000
