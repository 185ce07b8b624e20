"""Evaluate from files to tables, on two tiny people."""

import csv
import json
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from finemri.baselines import BASELINES
from finemri.evaluate import evaluate
from finemri.measures import MEASURES
from finemri.measures.fidelity import psnr
from finemri.measures.mask import head_mask
from finemri.measures.tidy import read_rows
from finemri.physics.degradation import GaussianBlur
from finemri.refusal import Refusal
from finemri.volumes.files import open_volume
from finemri.volumes.tiles import enhance_voxels
from tests.heads import textured_head

METHODS = ("nearest", "linear", "spline")
SHAPE = (30, 33, 28)
head = partial(textured_head, SHAPE, (11, 12, 10))


def people(folder: Path, count: int = 2) -> Path:
    folder.mkdir(exist_ok=True)
    affine = np.array([[0, 0, -1.0, 40], [-1, 0, 0, 30], [0, 1.2, 0, -20], [0, 0, 0, 1]])
    for n in range(count):
        nib.nifti1.Nifti1Image(head(n), affine).to_filename(folder / f"person-{n}.nii.gz")
    return folder


def test_every_number_once_with_its_contract(tmp_path: Path) -> None:
    path = evaluate(people(tmp_path / "scans"), METHODS, degradation="blur", into=tmp_path / "out", device="cpu")
    rows = read_rows(path)
    keys = {(r.subject, r.method, r.measure, r.contract.mask) for r in rows}
    assert len(rows) == len(keys) == 2 * len(METHODS) * len(MEASURES) * 2
    assert {(r.degradation, r.scale) for r in rows} == {("blur", 2)}
    assert {r.contract.crop for r in rows} == {"the first 30x32x28 of 30x33x28 voxels"}
    assert {r.contract.measure for r in rows} == set(MEASURES)
    value = {(r.subject, r.method, r.measure, r.contract.mask): r.value for r in rows}
    for person in ("person-0", "person-1"):
        by_method = [value[person, method, "psnr", "head"] for method in METHODS]
        assert by_method == sorted(by_method), "nearest < linear < spline"
        assert value[person, "spline", "psnr", "full"] > value[person, "spline", "psnr", "head"], "air flatters"
        assert value[person, "spline", "gradient-energy", "head"] < 1
    assert sorted(f.name for f in (tmp_path / "out").iterdir()) == [
        "cost.csv",
        "measures.csv",
        "settings.json",
        "table.csv",
        "table.md",
    ]


def test_the_number_is_what_one_computes_by_hand(tmp_path: Path) -> None:
    path = evaluate(people(tmp_path / "scans", 1), ["spline"], degradation="blur", into=tmp_path / "out", device="cpu")
    truth = np.ascontiguousarray(head(0)[:, :32])
    coarse = GaussianBlur(2)(torch.from_numpy(truth)).numpy()
    expected = psnr(BASELINES["spline"](2)(coarse), truth, head_mask(truth))
    found = [r.value for r in read_rows(path) if r.measure == "psnr" and r.contract.mask == "head"]
    assert found == [pytest.approx(expected, abs=1e-3)]


def test_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scans, into = people(tmp_path / "scans"), tmp_path / "out"
    calls: list[None] = []

    def enhance_until_power_fails(*given: object, **settings: object) -> np.ndarray:
        calls.append(None)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return enhance_voxels(*given, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr("finemri.evaluate.enhancing.enhance_voxels", enhance_until_power_fails)
    with pytest.raises(KeyboardInterrupt):
        evaluate(scans, ("linear", "spline"), degradation="kspace", into=into, device="cpu")
    assert len(read_rows(into / "measures.csv")) == 2 * 2 * len(MEASURES)
    resumed = evaluate(scans, ("linear", "spline"), degradation="kspace", into=into, device="cpu")
    assert len(calls) == 5, "two before, the one that failed, two after"
    whole = evaluate(scans, ("linear", "spline"), degradation="kspace", into=tmp_path / "whole", device="cpu")
    assert resumed.read_text() == whole.read_text()
    assert (into / "table.md").read_text() == (tmp_path / "whole" / "table.md").read_text()


def test_other_settings_and_changed_scans_are_refused(tmp_path: Path) -> None:
    scans, into = people(tmp_path / "scans", 1), tmp_path / "out"
    evaluate(scans, ["nearest"], degradation="blur", into=into, device="cpu")
    with pytest.raises(Refusal, match="other settings"):
        evaluate(scans, ["nearest"], degradation="kspace", into=into, device="cpu")
    with pytest.raises(Refusal, match="other settings"):
        evaluate(scans, ["nearest"], degradation="blur", noise=0.02, into=into, device="cpu")
    nib.nifti1.Nifti1Image(head(7), np.eye(4)).to_filename(scans / "person-0.nii.gz")
    with pytest.raises(Refusal, match="changed"):
        evaluate(scans, ["nearest"], degradation="blur", into=into, device="cpu")
    evaluate(scans, ["nearest"], degradation="blur", into=into, device="cpu", force=True)


def test_noise_is_drawn_by_seed_and_lowers_psnr(tmp_path: Path) -> None:
    scans = people(tmp_path / "scans", 1)

    def numbers(into: str, **settings: float) -> list[float]:
        path = evaluate(scans, ["spline"], degradation="blur", into=tmp_path / into, device="cpu", **settings)  # type: ignore[arg-type]
        return [r.value for r in read_rows(path) if r.measure == "psnr"]

    clean, once, again = numbers("a"), numbers("b", noise=0.05, seed=1), numbers("c", noise=0.05, seed=1)
    assert once == again != numbers("d", noise=0.05, seed=2)
    assert max(once) < min(clean)
    assert '"blur + Rician 0.05 (seed 1)"' in (tmp_path / "b" / "settings.json").read_text()


def test_images_that_are_asked_for_too_late_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scans, settings = people(tmp_path / "scans", 2), {"degradation": "blur", "into": tmp_path / "out"}
    evaluate(scans, ["nearest"], **settings)  # type: ignore[arg-type]
    capsys.readouterr()
    evaluate(scans, ["nearest", "spline"], save_images=True, **settings)  # type: ignore[arg-type]
    assert "2 images were not kept" in " ".join(capsys.readouterr().err.split())
    evaluate(scans, ["spline"], save_images=True, **{**settings, "into": tmp_path / "kept"})  # type: ignore[arg-type]
    assert "were not kept" not in capsys.readouterr().err


def test_images_are_kept_on_the_grid_of_the_truth(tmp_path: Path) -> None:
    scans = people(tmp_path / "scans", 1)
    evaluate(scans, ["spline"], degradation="blur", into=tmp_path / "out", device="cpu", save_images=True)
    images = {n: open_volume(tmp_path / "out/images" / f"person-0_{n}.nii.gz") for n in ("truth", "coarse", "spline")}
    np.testing.assert_allclose(images["spline"].affine, images["truth"].affine, atol=1e-5)
    assert images["spline"].shape == images["truth"].shape == (30, 32, 28)
    corner = [-0.5, -0.5, -0.5, 1]
    np.testing.assert_allclose(images["coarse"].affine @ corner, images["truth"].affine @ corner, atol=1e-4)


def test_no_path_reaches_the_results(tmp_path: Path) -> None:
    into = tmp_path / "out"
    evaluate(people(tmp_path / "Jane Doe"), ["nearest"], degradation="blur", into=into, device="cpu")
    for file in into.iterdir():
        assert "Doe" not in file.read_text()
    with (into / "measures.csv").open() as stream:
        assert {r["subject"] for r in csv.DictReader(stream)} == {"person-0", "person-1"}
    assert set(json.loads((into / "settings.json").read_text())["subjects"]) == {"person-0", "person-1"}


def test_bad_requests_are_refused(tmp_path: Path) -> None:
    scans = people(tmp_path / "scans", 1)
    with pytest.raises(Refusal, match="no method"):
        evaluate(scans, [], degradation="blur", into=tmp_path / "a", device="cpu")
    with pytest.raises(Refusal):
        evaluate(scans, ["no-such-method"], degradation="blur", into=tmp_path / "a", device="cpu")
    with pytest.raises(Refusal, match="noise"):
        evaluate(scans, ["spline"], degradation="blur", noise=-1.0, into=tmp_path / "a", device="cpu")
    with pytest.raises(Refusal):
        evaluate(tmp_path / "nobody", ["spline"], degradation="blur", into=tmp_path / "a", device="cpu")
    assert not (tmp_path / "a").exists()
