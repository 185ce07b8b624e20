"""Segmentation as judge, from files to rows: networks of others, our own, and maps that a program left."""

import json
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from safetensors.torch import save_file
from scipy import ndimage

from finemri.cli.judging import Evaluate
from finemri.evaluate import evaluate_structures
from finemri.measures import contract_of
from finemri.measures.ledger import Ledger
from finemri.measures.tidy import Row, read_rows
from finemri.recipes import describe
from finemri.recipes.segmenter import Segmenter
from finemri.refusal import Refusal
from finemri.training.weights import save_weights
from finemri.volumes.files import open_volume, save_volume
from finemri.volumes.labels import open_labels
from finemri.volumes.volume import Volume
from tests.networks.test_layered import files

METHODS = ("nearest", "spline")
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])
SHAPE = (25, 26, 20)


def people(folder: Path, count: int = 1) -> Path:
    """Scans of two blocks, and where the blocks are; an odd number of voxels along i."""
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    for n in range(count):
        labels = np.zeros(SHAPE, np.uint8)
        labels[4 : 12 + n, 5:15, 4:12], labels[16:22, 8:20, 6:16] = 1, 2
        image = 100 * labels + np.random.default_rng(n).normal(10, 1, SHAPE)
        for kind, voxels in (("images", image), ("labels", labels)):
            nib.nifti1.Nifti1Image(voxels.astype(np.float32), AFFINE).to_filename(folder / kind / f"p{n}.nii.gz")
    return folder


def evaluated(folder: Path) -> tuple[Path, Path]:
    """The cohort of one, and what evaluate leaves of it: images, one voxel shorter, and rows."""
    scans, into = people(folder / "scans"), folder / "out"
    judged(scans, into, METHODS)
    return scans, into


def judged(scans: Path, into: Path, methods: Sequence[str]) -> None:
    """A method blurs; more than the one before."""
    (into / "images").mkdir(parents=True, exist_ok=True)
    scan, ledger = open_volume(scans / "images" / "p0.nii.gz"), Ledger(into, {"degradation": "blur"})
    truth = scan.voxels[:24]
    save_volume(Volume(truth, scan.affine), into / "images" / "p0_truth.nii.gz", force=True)
    contract = contract_of("psnr", mask="head", peak=1.0, crop="the first 24x26x20 of 25x26x20 voxels")
    for n, method in enumerate(methods, 1):
        image = Volume(ndimage.gaussian_filter(truth, 0.5 * n), scan.affine)
        save_volume(image, into / "images" / f"p0_{method}.nii.gz", force=True)
        ledger.add([Row("p0", method, "blur", 2, "psnr", 30.0, contract)])


def outside(into: Path) -> Path:
    """A program that finds what is bright."""
    folder = into / "from-outside"
    folder.mkdir(exist_ok=True)
    for path in (into / "images").glob("*.nii.gz"):
        image = open_volume(path)
        labels = np.digitize(image.voxels, [60, 160]).astype(np.uint8)
        nib.nifti1.Nifti1Image(labels, image.affine).to_filename(folder / path.name)
    return folder


def values(path: Path) -> dict[tuple[str, str, str], float]:
    return {(row.subject, row.method, row.measure): row.value for row in of_structures(path)}


def of_structures(path: Path) -> list[Row]:
    kinds = ("volume", "dice", "sis", "surface", "hausdorff95")
    return [row for row in read_rows(path) if row.measure.partition("-")[0] in kinds]


def test_maps_from_outside_are_held_against_the_cohorts_own(tmp_path: Path) -> None:
    scans, into = evaluated(tmp_path)
    maps = outside(into)
    path = evaluate_structures(into, maps, cohort=scans)
    found = values(path)
    assert found["p0", "truth", "dice-1"] == found["p0", "truth", "dice-mean"] == 1, "the true blocks are plain to see"
    assert found["p0", "truth", "volume-1"] == pytest.approx(8 * 10 * 8 * 2 / 1000), "mL"
    true, _ = open_labels(scans / "labels" / "p0.nii.gz")
    by_hand, _ = open_labels(maps / "p0_spline.nii.gz")
    a, b = by_hand == 2, true[:24] == 2
    assert found["p0", "spline", "dice-2"] == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))
    assert found["p0", "spline", "sis-2"] == found["p0", "spline", "dice-2"] < 1
    assert found["p0", "spline", "surface-2"] > 0
    assert ("p0", "truth", "sis-2") not in found
    contracts = [row.contract for row in of_structures(path)]
    assert {c.crop for c in contracts} == {"the first 24x26x20 of 25x26x20 voxels"}
    assert all("found by an outside program" in c.aggregation for c in contracts)
    kept, _ = open_labels(into / "segmentations" / "p0_spline.nii.gz")
    assert np.array_equal(kept, by_hand)


def test_maps_on_another_grid_are_laid_on_the_image(tmp_path: Path) -> None:
    """As of a program that turns everything to its own axes."""
    scans, into = evaluated(tmp_path)
    maps = outside(into)
    straight = values(evaluate_structures(into, maps, cohort=scans))
    _, other = evaluated(tmp_path / "again")
    turned = outside(other)
    for path in turned.iterdir():
        image = nib.nifti1.Nifti1Image.from_filename(path)
        nib.as_closest_canonical(image).as_reoriented([[2, -1], [0, 1], [1, -1]]).to_filename(path)
    assert values(evaluate_structures(other, turned, cohort=tmp_path / "again" / "scans")) == straight


def test_without_label_maps_the_truth_is_segmented_and_there_is_no_sis(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, into = evaluated(tmp_path)
    path = evaluate_structures(into, outside(into))
    found = values(path)
    assert {measure for _, method, measure in found if method == "truth"} == {"volume-1", "volume-2"}
    assert 0 < found["p0", "nearest", "dice-mean"] < 1
    assert not [measure for _, _, measure in found if measure.startswith("sis")]
    assert "there is no SIS" in capsys.readouterr().err
    against = {row.contract.aggregation for row in of_structures(path) if row.measure == "dice-1"}
    assert all("what is found in the true image" in told for told in against)


def test_a_second_run_judges_only_what_is_new(tmp_path: Path) -> None:
    scans, into = evaluated(tmp_path)
    maps = outside(into)
    first = of_structures(evaluate_structures(into, maps, cohort=scans))
    for path in (into / "segmentations").iterdir():
        path.unlink()
    assert of_structures(evaluate_structures(into, maps, cohort=scans)) == first
    assert not list((into / "segmentations").iterdir()), "nothing was done again"
    judged(scans, into, ["linear"])
    outside(into)
    again = of_structures(evaluate_structures(into, maps, cohort=scans))
    assert [row for row in again if row.method != "linear"] == first
    assert {row.method for row in again} == {"truth", *METHODS, "linear"}
    assert [path.name for path in (into / "segmentations").iterdir()] == ["p0_linear.nii.gz"]


def test_what_is_missing_is_named_before_anything_is_done(tmp_path: Path) -> None:
    scans, into = evaluated(tmp_path)
    maps = outside(into)
    (maps / "p0_spline.nii.gz").unlink()
    with pytest.raises(Refusal, match=r"no p0_spline\.nii\.gz: let your program segment"):
        evaluate_structures(into, maps, cohort=scans)
    assert not of_structures(into / "measures.csv")
    (into / "images" / "p0_nearest.nii.gz").unlink()
    with pytest.raises(Refusal, match="the image of p0 by nearest"):
        evaluate_structures(into, maps, cohort=scans)
    with pytest.raises(Refusal, match="run finemri evaluate first"):
        evaluate_structures(tmp_path / "nowhere", maps)


def test_maps_of_somebody_else_are_refused(tmp_path: Path) -> None:
    scans, into = evaluated(tmp_path)
    maps = outside(into)
    path = maps / "p0_spline.nii.gz"
    labels, _ = open_labels(path)
    far = AFFINE.copy()
    far[:3, 3] = 40
    nib.nifti1.Nifti1Image(labels.astype(np.uint8), far).to_filename(path)
    with pytest.raises(Refusal, match="outside of its image"):
        evaluate_structures(into, maps)
    with pytest.raises(Refusal, match="another label map, or none"):
        evaluate_structures(into, maps, cohort=scans)


def test_label_maps_lie_on_the_grid_of_their_image(tmp_path: Path) -> None:
    scans, into = evaluated(tmp_path)
    nib.nifti1.Nifti1Image(np.ones((9, 9, 9), np.uint8), AFFINE).to_filename(scans / "labels" / "p0.nii.gz")
    with pytest.raises(Refusal, match="not on the grid"):
        evaluate_structures(into, outside(into), cohort=scans)


def test_slices_on_two_grids_are_refused(tmp_path: Path) -> None:
    """As matched slices of pairs are kept."""
    _, into = evaluated(tmp_path)
    path = into / "images" / "p0_spline.nii.gz"
    image = open_volume(path)
    save_volume(Volume(image.voxels[:, :, :7], image.affine), path, force=True)
    with pytest.raises(Refusal, match="matched slices"):
        evaluate_structures(into, outside(into))


def test_another_judge_needs_another_folder(tmp_path: Path) -> None:
    scans, into = evaluated(tmp_path)
    evaluate_structures(into, outside(into), cohort=scans)
    judged(scans, into, ["linear"])
    with pytest.raises(Refusal, match="Another segmenter"):
        evaluate_structures(into, own_weights(tmp_path), cohort=scans)


def own_weights(folder: Path, classes: int = 3) -> Path:
    """A segmenter of slices, untrained."""
    recipe = Segmenter(classes=classes, features=2, scales=2, axis="0")
    path = folder / "own.safetensors"
    save_weights(path, recipe.generator().state_dict(), describe("segmenter", recipe))
    return path


def test_our_own_segmenter_sees_slices(tmp_path: Path) -> None:
    scans, into = evaluated(tmp_path)
    path = evaluate_structures(into, own_weights(tmp_path), cohort=scans, device="cpu")
    rows = of_structures(path)
    assert {row.method for row in rows} == {"truth", *METHODS}
    assert all("slice by slice across axis 0" in row.contract.aggregation for row in rows)


def test_labels_that_a_segmenter_does_not_know_are_refused(tmp_path: Path) -> None:
    scans, into = evaluated(tmp_path)
    labels, _ = open_labels(scans / "labels" / "p0.nii.gz")
    nib.nifti1.Nifti1Image((labels * 20).astype(np.uint8), AFFINE).to_filename(scans / "labels" / "p0.nii.gz")
    with pytest.raises(Refusal, match="hold 40, and this segmenter numbers its labels 0 to 2"):
        evaluate_structures(into, own_weights(tmp_path), cohort=scans, device="cpu")


def layered(folder: Path) -> Path:
    layers, tensors = files()
    (folder / "net.json").write_text(json.dumps(layers))
    (folder / "net_labels.json").write_text(json.dumps(["nothing", "Left Thing", "b", "c"]))
    save_file(tensors, folder / "net.safetensors")
    return folder / "net.json"


def test_a_network_of_others_refuses_what_is_no_head_and_names_what_it_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans, into = evaluated(tmp_path)
    network = layered(tmp_path)
    with pytest.raises(Refusal, match="whole heads"):
        evaluate_structures(into, network, cohort=scans, device="cpu")
    monkeypatch.setattr("finemri.volumes.conform.SMALLEST", 10.0)
    monkeypatch.setattr("finemri.volumes.conform.SIZE", 48)
    found = values(evaluate_structures(into, network, cohort=scans, device="cpu"))
    assert {"dice-Left-Thing", "volume-Left-Thing", "surface-b"} <= {measure for _, _, measure in found}


def test_the_command_judges_what_it_made_and_nothing_twice(tmp_path: Path) -> None:
    scans, into = people(tmp_path / "scans", 3), tmp_path / "out"
    shared = {"into": into, "device": "cpu", "segmenter": own_weights(tmp_path)}
    Evaluate(cohort=(scans,), methods=("spline",), degradation="blur", workers=1, **shared).run()  # type: ignore[arg-type]
    rows = of_structures(into / "measures.csv")
    assert {row.subject for row in rows} == {"p0", "p1", "p2"}
    before = (into / "measures.csv").read_bytes()  # rows would not equal themselves where a distance is NaN
    Evaluate(**shared).run()  # type: ignore[arg-type]
    assert (into / "measures.csv").read_bytes() == before, "nothing is judged twice"
    assert "dice-mean" in (into / "table.csv").read_text()
    sizes = {(row.subject, row.method) for row in rows if row.measure == "volume-1"}
    assert sizes == {(p, m) for p in ("p0", "p1", "p2") for m in ("truth", "spline")}, "enough for Bland and Altman"
    with pytest.raises(Refusal, match="--methods"):
        Evaluate(**shared, scale=4).run()  # type: ignore[arg-type]
    with pytest.raises(Refusal, match="--part goes with --people"):
        Evaluate(**shared, part="test").run()  # type: ignore[arg-type]
    with pytest.raises(Refusal, match="There is no split"):
        Evaluate(**shared, cohort=(scans,), people=(tmp_path / "split-1.json",), part="test").run()  # type: ignore[arg-type]
