"""A patient who moved between the scans."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.pairing import open_pair
from finemri.pair import Pairing, pair
from finemri.pair.scans import pair_scans
from finemri.refusal import Refusal
from finemri.volumes.files import save_volume
from finemri.volumes.volume import Volume
from tests.pair.heads import off, scan, thick, thin


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


def test_registration_names_what_it_lacks(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finemri.pair.importlib.util.find_spec", lambda _: None)
    with pytest.raises(Refusal, match=r"pip install 'finemri\[registration\]'"):
        pair(*folders, into=tmp_path / "cohort", settings=Pairing(registration="rigid"), progress=False)
