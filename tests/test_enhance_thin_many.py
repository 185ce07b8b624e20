"""Folders of thick slices, other processes, and a cache: nothing is done twice or otherwise."""

import pickle
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from finemri.enhance import Thin, enhance
from finemri.enhance.cohort import bench
from finemri.enhance.one import Job
from finemri.enhance.thin_cohort import AskedThin
from finemri.enhance.thinners import find_thinner
from finemri.refusal import Refusal
from finemri.volumes.files import open_volume
from tests.test_enhance_thin import made, scan


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_a_scan_teaches_itself_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = scan(tmp_path / "a.nii.gz", shape=(40, 36, 8))
    thin = Thin((1.2, 1.0, 1.0), thickness=4.0, rounds=2, cache=tmp_path / "kept")
    first, told = made(source, tmp_path / "b.nii.gz", method="selfsuper", thin=thin)
    assert first.shape == (33, 36, 32)
    assert told["method"] == "selfsuper"
    assert told["settings"]["rounds"] == 2  # type: ignore[index]
    assert told["degradation"]["slice_thickness"] == "asked for"  # type: ignore[index]
    assert 0 < told["degradation"]["noise"] < 800  # type: ignore[index]
    assert len(list((tmp_path / "kept").iterdir())) == 1
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700

    def never(*_: object, **__: object) -> None:
        raise AssertionError("it learnt again")

    monkeypatch.setattr("finemri.recipes.own_weights.learn", never)
    again, _ = made(source, tmp_path / "c.nii.gz", method="selfsuper", thin=thin)
    np.testing.assert_array_equal(first.voxels, again.voxels)


def test_a_folder_of_many_goes_on_where_it_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for n in range(3):
        scan(tmp_path / "many" / f"{n}.nii.gz", seed=n)
    enhance(tmp_path / "many", tmp_path / "fine", progress=False)
    one = (tmp_path / "fine" / "1.nii.gz").read_bytes()
    (tmp_path / "fine" / "2.nii.gz").unlink()
    enhance(tmp_path / "many", tmp_path / "fine", progress=False)
    assert "2 of 3 results are there already, 1 to go" in capsys.readouterr().err
    assert (tmp_path / "fine" / "1.nii.gz").read_bytes() == one
    assert open_volume(tmp_path / "fine" / "2.nii.gz").shape == (20, 18, 32)
    with pytest.raises(Refusal, match="another method or other settings"):
        enhance(tmp_path / "many", tmp_path / "fine", thin=Thin(consistency="hard"), progress=False)


def test_other_processes_do_the_same_with_the_same_weights(tmp_path: Path) -> None:
    name, thin = "anyspacing-faithful", Thin(thickness=4.0, cache=Path("kept"))
    thinner = find_thinner(name, thin)
    order = AskedThin(name, thinner.digest, thin, maps=False, device="cpu", memory=None).order(thinner)
    work = pickle.loads(pickle.dumps(order.work))  # as dask sends it
    assert work.thin.cache == Path("kept").absolute()
    source = scan(tmp_path / "a.nii.gz")
    here, there = (Job(source, tmp_path / each / "b.nii.gz") for each in ("here", "there"))
    assert list(bench(order.one)(here)) == [here]
    assert list(work.ready()(there)) == [there]
    np.testing.assert_array_equal(open_volume(here.output).voxels, open_volume(there.output).voxels)
    with pytest.raises(Refusal, match="The weights are others at a worker"):
        replace(work, weights_sha256="0" * 64).ready()


def test_a_folder_with_thick_slices_and_others_asks_which(tmp_path: Path) -> None:
    scan(tmp_path / "many" / "0.nii.gz")
    scan(tmp_path / "many" / "1.nii.gz", np.eye(4))
    with pytest.raises(Refusal, match=r"1 of 2 scans here have thick slices, 0\.nii\.gz for one, others not"):
        enhance(tmp_path / "many", tmp_path / "fine", progress=False)
    with pytest.raises(Refusal, match=r"1 of 2 scans could not be enhanced, the others are done\. 1\.nii\.gz: "):
        enhance(tmp_path / "many", tmp_path / "fine", isotropic=True, progress=False)
    assert (tmp_path / "fine" / "0.nii.gz").is_file()
