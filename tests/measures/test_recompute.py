"""Saved images judged again: the numbers of evaluate come back, and nothing is dropped or lost."""

import math
import shutil
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from finemri import cli
from finemri.evaluate import evaluate, evaluate_reconstruction
from finemri.measures import contract_of_slices
from finemri.measures.conventions import CONVENTIONS
from finemri.measures.fidelity import psnr
from finemri.measures.recompute import recompute, side_by_side
from finemri.measures.saved import write_matches
from finemri.measures.tidy import Row, read_rows, write_rows
from finemri.physics.sampling import Sampling
from finemri.refusal import Refusal
from tests.heads import textured_head

head = partial(textured_head, (40, 38, 30), (17, 16, 12))


def people(folder: Path, count: int = 2) -> Path:
    folder.mkdir()
    for n in range(count):
        nib.nifti1.Nifti1Image(head(n), np.eye(4)).to_filename(folder / f"person-{n}.nii.gz")
    return folder


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people by two methods, for nobody to write in."""
    folder = tmp_path_factory.mktemp("evaluated")
    into, scans = folder / "out", people(folder / "scans")
    evaluate(scans, ["nearest", "spline"], degradation="blur", into=into, device="cpu", save_images=True)
    return into


@pytest.fixture
def judged(evaluated: Path, tmp_path: Path) -> Path:
    return shutil.copytree(evaluated, tmp_path / "out")


def test_our_own_convention_gives_the_numbers_of_evaluate(judged: Path) -> None:
    rows = read_rows(recompute(judged, ["finemri", "fastmri"]))
    assert len(rows) == 2 * 2 * sum(len(CONVENTIONS[name].numbers) for name in ("finemri", "fastmri"))
    before = {
        (r.subject, r.method, r.measure): r for r in read_rows(judged / "measures.csv") if r.contract.mask == "full"
    }
    for name in ("psnr", "ssim", "nmse"):
        for row in (r for r in rows if r.measure == f"finemri:{name}"):
            was = before[row.subject, row.method, name]
            assert row.value == pytest.approx(was.value, rel=1e-6)
            assert (row.contract.range, row.contract.window) == (was.contract.range, was.contract.window)
            assert (row.degradation, row.scale) == ("blur", 2)


def test_other_conventions_stay_and_nothing_stands_twice(judged: Path) -> None:
    recompute(judged, ["fastmri"])
    first = (judged / "conventions.csv").read_text()
    recompute(judged, ["paper-003"])
    rows = read_rows(recompute(judged, ["fastmri"]))
    keys = [(r.subject, r.method, r.measure) for r in rows]
    assert len(keys) == len(set(keys)) == 2 * 2 * 8
    assert set(first.splitlines()) <= set((judged / "conventions.csv").read_text().splitlines())
    lines = side_by_side(judged / "conventions.csv")
    assert [(line.method, line.convention) for line in lines] == [
        (method, name) for method in ("nearest", "spline") for name in ("fastmri", "paper-003")
    ]
    assert lines[0].values["psnr"] == pytest.approx(
        np.mean([r.value for r in rows if r.measure == "fastmri:psnr" and r.method == "nearest"])
    )


def test_slices_of_k_space_agree_with_evaluate_too(tmp_path: Path) -> None:
    path = evaluate_reconstruction(
        people(tmp_path / "scans", 1),
        ["zero-filled"],
        sampling=Sampling("density-2d", 3),
        into=tmp_path / "out",
        slices=3,
        device="cpu",
        save_images=True,
    )
    before = {r.measure: r.value for r in read_rows(path) if r.contract.mask == "full"}
    rows = {r.measure: r for r in read_rows(recompute(tmp_path / "out", ["all"]))}
    assert rows["paper-004:psnr"].value == pytest.approx(before["psnr"], rel=1e-6)
    assert rows["paper-004:ssim"].value == pytest.approx(before["ssim-slices"], rel=1e-6)
    assert rows["finemri:psnr"].value == pytest.approx(before["psnr"], rel=1e-6)
    assert rows["paper-000:snr"].value == pytest.approx(before["snr"], rel=1e-5)
    assert "data crime" in str(rows["fastmri:ssim"].contract.data)
    assert "3 slices" in rows["paper-004:psnr"].contract.aggregation


def test_matched_slices_are_judged_side_by_side(tmp_path: Path) -> None:
    """Two grids: slice c of the image shows what slice f of the truth shows, for each (c, f)."""
    images, matches = tmp_path / "images", [(0, 9), (1, 13), (3, 21)]
    images.mkdir()
    truth = head(0)
    made = truth[:, :, [9, 13, 17, 21]] + np.random.default_rng(5).normal(size=(40, 38, 4)).astype(np.float32) * 6
    for name, voxels in (("truth", truth), ("spline", made)):
        nib.nifti1.Nifti1Image(voxels, np.eye(4)).to_filename(images / f"p0_{name}.nii.gz")
    contract = contract_of_slices(
        "psnr", mask="full", peak=None, count=3, across="matched slices", crop="none", data=None
    )
    write_rows(tmp_path / "measures.csv", [Row("p0", "spline", "pairs", 1, "psnr", 1.0, contract)])
    with pytest.raises(Refusal, match="only images on one grid compare"):
        recompute(tmp_path, ["paper-004"])
    write_matches(images, "p0", matches)
    rows = {r.measure: r for r in read_rows(recompute(tmp_path, ["paper-004", "fastmri"]))}
    pairs = [(made[None, :, :, c], truth[None, :, :, f]) for c, f in matches]
    by_slice = [psnr(x, y, peak=float(y.max())) for x, y in pairs]
    assert rows["paper-004:psnr"].value == pytest.approx(np.mean(by_slice), rel=1e-6)
    brightest = max(float(y.max()) for _, y in pairs)
    assert rows["fastmri:psnr"].value == pytest.approx(np.mean([psnr(x, y, peak=brightest) for x, y in pairs]), 1e-6)
    assert "3 slices" in rows["fastmri:psnr"].contract.aggregation
    write_matches(images, "p0", [(4, 9)])
    with pytest.raises(Refusal, match="does not have the slices that were matched"):
        recompute(tmp_path, ["paper-004"])
    (images / "p0_matches.json").write_text("[1, 2]")
    with pytest.raises(Refusal, match="does not tell which slices match"):
        recompute(tmp_path, ["paper-004"])


def test_nan_is_counted_told_and_never_dropped(judged: Path) -> None:
    path = judged / "images" / "person-0_spline.nii.gz"
    image = nib.nifti1.Nifti1Image.from_filename(path)
    voxels = np.asarray(image.dataobj).copy()
    voxels[0, 0, :3] = np.nan
    nib.nifti1.Nifti1Image(voxels, image.affine).to_filename(path)
    told: list[str] = []
    rows = read_rows(recompute(judged, ["fastmri"], remark=told.append))
    assert len(rows) == 2 * 2 * 4
    assert {(r.subject, r.method) for r in rows if math.isnan(r.value)} == {("person-0", "spline")}
    assert len(told) == 1
    assert f"person-0 by spline: 3 of {voxels.size} voxels are not finite" in told[0]
    lines = {line.method: line for line in side_by_side(judged / "conventions.csv")}
    assert math.isnan(lines["spline"].values["psnr"])
    assert lines["nearest"].values["psnr"] > 10
    assert "psnr NaN" in (judged / "conventions.md").read_text()


def test_what_is_missing_or_does_not_fit_is_a_sentence(judged: Path, tmp_path: Path) -> None:
    images = judged / "images"
    with pytest.raises(Refusal, match="no convention matlab"):
        recompute(judged, ["matlab"])
    with pytest.raises(Refusal, match="run finemri evaluate first"):
        recompute(tmp_path / "nowhere", ["all"])
    small = nib.nifti1.Nifti1Image(head(0)[:20], np.eye(4))
    kept = (images / "person-1_spline.nii.gz").read_bytes()
    small.to_filename(images / "person-1_spline.nii.gz")
    with pytest.raises(Refusal, match="only images on one grid compare"):
        recompute(judged, ["fastmri"])
    (images / "person-1_spline.nii.gz").write_bytes(kept[:100])
    with pytest.raises(Refusal, match="cannot be read"):
        recompute(judged, ["fastmri"])
    (images / "person-1_spline.nii.gz").unlink()
    with pytest.raises(Refusal, match="no image of person-1 by spline"):
        recompute(judged, ["all"])
    (images / "person-0_truth.nii.gz").unlink()
    with pytest.raises(Refusal, match="no true image of person-0"):
        recompute(judged, ["all"])
    assert not (judged / "conventions.csv").exists()
    images.rename(judged / "elsewhere")
    with pytest.raises(Refusal, match="no images to judge"):
        recompute(judged, ["all"])


def test_the_command_line_judges_what_is_there_already(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", "--into", str(judged), "--convention", "fastmri,paper-003"]) == 0
    assert "fastmri" in capsys.readouterr().out
    assert {r.measure.partition(":")[0] for r in read_rows(judged / "conventions.csv")} == {"fastmri", "paper-003"}
    assert cli.main(["evaluate", "--into", str(judged), "--convention", "fastmri", "--seed", "3"]) == 2
    assert "--seed goes with --methods" in capsys.readouterr().err
    assert cli.main(["evaluate", "--into", str(judged), "--convention", "matlab"]) == 2
    assert cli.main(["evaluate", "--into", str(judged)]) == 2
    assert "--cohort" in capsys.readouterr().err


def test_a_table_from_elsewhere_is_refused(judged: Path) -> None:
    write_rows(judged / "conventions.csv", [])
    (judged / "conventions.csv").write_text("a,b\n1,2\n")
    with pytest.raises(Refusal, match="not a table"):
        recompute(judged, ["fastmri"])
