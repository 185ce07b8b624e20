"""Conventions against the code bases themselves, and the folder that they are recomputed from."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.metrics.regression import MSEMetric, PSNRMetric, SSIMMetric
from scipy import ndimage
from skimage import metrics

from finemri import cli
from finemri.evaluate import evaluate, evaluate_reconstruction
from finemri.measures import title_of
from finemri.measures.conventions import CONVENTIONS, Case, Truth
from finemri.measures.mask import head_mask
from finemri.measures.recompute import recompute, side_by_side
from finemri.measures.tidy import read_rows, write_rows
from finemri.physics.sampling import Sampling
from finemri.refusal import Refusal

SKIMAGE: Any = metrics
SHAPE = (40, 38, 30)
WANG: Any = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def head(seed: int) -> np.ndarray:
    """A textured ellipsoid in air."""
    rng = np.random.default_rng(seed)
    at = np.indices(SHAPE).transpose(1, 2, 3, 0)
    inside = ((((at - np.array(SHAPE) / 2) / (17, 16, 12)) ** 2).sum(-1) <= 1).astype(np.float32)
    texture = 1 + 3 * ndimage.gaussian_filter(rng.normal(size=SHAPE), 1.5)
    image: np.ndarray = ndimage.gaussian_filter(inside * texture, 0.7) * 100
    return image.clip(0).astype(np.float32)


TRUTH = head(0)
IMAGE = (TRUTH + np.random.default_rng(5).normal(size=SHAPE) * 6).astype(np.float32)
Y, X = TRUTH.astype(np.float64), IMAGE.astype(np.float64)
PLANES = [(X[:, :, k], Y[:, :, k]) for k in range(SHAPE[2])]
SHOWN = [plane for plane, seen in zip(PLANES, np.asarray(head_mask(TRUTH).any(axis=(0, 1))), strict=True) if seen]


def values(name: str, image: np.ndarray = IMAGE, *, flat: bool = False) -> Mapping[str, float]:
    stack = (image.transpose(2, 0, 1), TRUTH.transpose(2, 0, 1)) if flat else (image, TRUTH)
    case = Case(stack[0], Truth(stack[1], 0 if flat else 2, flat))
    return {measure.partition(":")[2]: value for measure, value, _, _ in CONVENTIONS[name].judge(name, case)}


def mean_of(numbers: list[Any]) -> Any:
    return pytest.approx(float(np.mean(numbers)), rel=1e-5)


def test_fastmri_as_its_evaluate_has_it() -> None:
    found = values("fastmri")
    assert found["psnr"] == mean_of([SKIMAGE.peak_signal_noise_ratio(Y, X, data_range=Y.max())])
    assert found["ssim"] == mean_of([SKIMAGE.structural_similarity(y, x, data_range=Y.max()) for x, y in PLANES])
    assert found["nmse"] == mean_of([np.linalg.norm(Y - X) ** 2 / np.linalg.norm(Y) ** 2])
    assert found["mse"] == mean_of([((Y - X) ** 2)])


def test_skimage_as_it_is() -> None:
    found, span = values("skimage"), Y.max() - Y.min()
    assert found["psnr"] == mean_of([SKIMAGE.peak_signal_noise_ratio(Y, X, data_range=span)])
    assert found["ssim"] == mean_of([SKIMAGE.structural_similarity(Y, X, data_range=span)])
    assert found["nmse"] == mean_of([SKIMAGE.normalized_root_mse(Y, X) ** 2])
    assert found["mse"] == mean_of([SKIMAGE.mean_squared_error(Y, X)])


@pytest.mark.parametrize("flat", [False, True])
def test_monai_as_it_is(flat: bool) -> None:
    y, x = ((a - Y.min()) / (Y.max() - Y.min()) for a in (Y, X))
    batch = [torch.from_numpy(a.transpose(2, 0, 1)[:, None] if flat else a[None, None]).float() for a in (x, y)]
    theirs: dict[str, Any] = {
        "psnr": PSNRMetric(max_val=1.0)(*batch),
        "ssim": SSIMMetric(spatial_dims=2 if flat else 3, data_range=1.0)(*batch),
        "mse": MSEMetric()(*batch),
    }
    found = values("monai", flat=flat)
    if flat:  # a slice of air has no range of its own, and its truth is of the whole stack
        assert set(found) == set(theirs)
    for name, value in theirs.items():
        assert found[name] == pytest.approx(float(value.mean()), rel=1e-4)


def test_paper_000_is_of_each_image_on_unit_scale() -> None:
    found, top = values("paper-000"), Y.max()
    snr = [20 * np.log10(np.linalg.norm(y) / np.linalg.norm(x - y)) for x, y in SHOWN]
    assert found["snr"] == mean_of(snr)
    assert found["ssim"] == mean_of(
        [SKIMAGE.structural_similarity(y / top, x / top, data_range=1, **WANG) for x, y in SHOWN]
    )


def test_paper_001_divides_by_rows_alone() -> None:
    found = values("paper-001")
    assert found["mse"] == mean_of([((x - y) ** 2).sum() / len(y) for x, y in SHOWN])
    assert found["mse"] == pytest.approx(SHAPE[1] * found["mse-corrected"])


def test_paper_002_masks_wrongly_and_takes_the_range_of_both() -> None:
    found, mask = values("paper-002"), head_mask(TRUTH)
    moved = np.zeros_like(mask)
    moved[16:, 16:, 16:] = mask[:-16, :-16, :-16]
    for suffix, inside in (("", moved), ("-corrected", mask)):
        y, x = Y * inside, X * inside
        span = max(x.max(), y.max()) - min(x.min(), y.min())
        assert found["psnr" + suffix] == mean_of([SKIMAGE.peak_signal_noise_ratio(y, x, data_range=span)])
        assert found["ssim" + suffix] == mean_of([SKIMAGE.structural_similarity(y, x, win_size=7, data_range=span)])
    assert found["psnr"] > found["psnr-corrected"] + 1


def test_paper_003_has_a_peak_of_255_and_no_window() -> None:
    found, unit = values("paper-003"), np.percentile(Y, 99.9)
    errors = [((x - y) ** 2).mean() / unit**2 for x, y in SHOWN]
    assert found["mse"] == mean_of(errors)
    assert found["psnr"] == mean_of([20 * math.log10(255 / math.sqrt(e)) for e in errors])
    assert found["psnr"] - found["psnr-corrected"] == pytest.approx(48.1308, abs=1e-4)
    similar = []
    for x, y in ((x / unit, y / unit) for x, y in SHOWN):
        c1, c2, (xx, xy, _, yy) = 1e-4, 9e-4, np.cov(x.ravel(), y.ravel(), ddof=0).ravel()
        mx, my = x.mean(), y.mean()
        similar.append((2 * mx * my + c1) * (2 * xy + c2) / ((mx**2 + my**2 + c1) * (xx + yy + c2)))
    assert found["ssim"] == mean_of(similar)


def test_paper_004_has_the_range_of_each_slice() -> None:
    found = values("paper-004")
    assert found["psnr"] == mean_of([SKIMAGE.peak_signal_noise_ratio(y, x, data_range=y.max()) for x, y in SHOWN])
    ssim = [SKIMAGE.structural_similarity(y, x, data_range=y.max(), **WANG) for x, y in SHOWN]
    assert found["ssim"] == mean_of(ssim)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_each_number_has_its_contract(name: str) -> None:
    for measure, value, contract, why in CONVENTIONS[name].judge(name, Case(IMAGE, Truth(TRUTH, 2, flat=False))):
        assert (contract.measure, why) == (measure, "")
        assert math.isfinite(value)
        assert (contract.range_from is None) == (measure.partition(":")[2].split("-")[0] not in ("psnr", "ssim", "ms"))
        assert "mean over 30 slices" not in contract.aggregation or name == "fastmri"
        assert title_of(measure).endswith(f", as {name} has it")


@pytest.mark.parametrize("name", CONVENTIONS)
def test_nan_and_a_constant_truth_are_nan_with_a_reason(name: str) -> None:
    broken = IMAGE.copy()
    broken[3, 4, 5:7] = (np.nan, np.inf)
    flat = np.full(SHAPE, 5.0, np.float32)
    for image, truth, reason in ((broken, TRUTH, f"2 of {broken.size} voxels are not finite"), (IMAGE, flat, "")):
        found = list(CONVENTIONS[name].judge(name, Case(image, Truth(truth, 2, flat=False))))
        assert len(found) == len(CONVENTIONS[name].numbers)
        for measure, value, _, why in found:
            kind = measure.partition(":")[2]
            if reason or (name != "fastmri" and kind.startswith(("psnr", "ssim", "ms-ssim"))):
                assert math.isnan(value), measure
                assert reason in why


def people(folder: Path, count: int = 2) -> Path:
    folder.mkdir()
    for n in range(count):
        nib.nifti1.Nifti1Image(head(n), np.eye(4)).to_filename(folder / f"person-{n}.nii.gz")
    return folder


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    into, scans = tmp_path / "out", people(tmp_path / "scans")
    evaluate(scans, ["nearest", "spline"], degradation="blur", into=into, device="cpu", save_images=True)
    return into


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
    small = nib.nifti1.Nifti1Image(TRUTH[:20], np.eye(4))
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
    assert "--seed goes with --cohort" in capsys.readouterr().err
    assert cli.main(["evaluate", "--into", str(judged), "--convention", "matlab"]) == 2
    assert cli.main(["evaluate", "--into", str(judged)]) == 2
    assert "--cohort" in capsys.readouterr().err


def test_a_table_from_elsewhere_is_refused(judged: Path) -> None:
    write_rows(judged / "conventions.csv", [])
    (judged / "conventions.csv").write_text("a,b\n1,2\n")
    with pytest.raises(Refusal, match="not a table"):
        recompute(judged, ["fastmri"])
