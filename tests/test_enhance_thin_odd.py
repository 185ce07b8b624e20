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
