"""What flatters is refused or said: people who were learnt from, data crimes, kernels, images that are no numbers."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from finemri.baselines import BASELINES
from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.seen import FIELD, learnt_from
from finemri.cohorts.split import Split
from finemri.evaluate import (
    People,
    evaluate,
    evaluate_pairs,
    evaluate_reconstruction,
    evaluate_structures,
)
from finemri.evaluate.guards import NOBODY, UNKNOWN, kernels_of, learnt_kernels, refuse_seen
from finemri.measures import BROKEN, MEASURES
from finemri.measures.recompute import recompute
from finemri.measures.tidy import read_rows
from finemri.physics.kspace import KSpace
from finemri.physics.sampling import Sampling
from finemri.refusal import Refusal
from finemri.shapes import FineVoxels, Slice, Voxels
from finemri.shelf import Method, ReconstructionMethod
from finemri.volumes.enhancer import Enhancer
from finemri.volumes.files import open_volume
from tests.evaluate.test_enhancing import head, people
from tests.evaluate.test_pairs import pairs


@dataclass
class Odd:
    """A spline whose first voxel is set."""

    value: float
    everywhere: bool = False
    normaliser: str = "none"
    scale: tuple[int, int, int] = (2, 2, 2)
    tile: tuple[int, int, int] = (64, 64, 64)
    margin: tuple[int, int, int] = (1, 1, 1)
    bytes_per_voxel: float = 40.0

    def __call__(self, image: Voxels) -> FineVoxels:
        made: FineVoxels = BASELINES["spline"](2)(image)
        made[slice(None) if self.everywhere else (0, 0, 0)] = self.value
        return made


def method(header: dict[str, Any] | None = None, enhancer: Enhancer | None = None) -> Method:
    spline = BASELINES["spline"](2)
    return Method("learned", enhancer or spline, "a" * 64 if header is not None else None, header or {})


def on_shelf(monkeypatch: pytest.MonkeyPatch, learned: Method) -> None:
    from finemri.shelf import find_method

    def find(name: str, scale: int, device: str = "cpu") -> Method:
        return learned if name == "learned" else find_method(name, scale, device)

    monkeypatch.setattr("finemri.evaluate.enhancing.find_method", find)


def settings_of(table: Path) -> dict[str, Any]:
    return dict(json.loads(table.with_name("settings.json").read_text()))


def header_of(folder: Path, *names: str) -> dict[str, Any]:
    settings = {"degradations": ["blur"], "sigma": 1.0}
    return {"settings": settings, FIELD: [learnt_from([find_cohort(folder).only(names)], 3)]}


def test_a_method_that_saw_somebody_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scans = people(tmp_path / "scans", 3)
    on_shelf(monkeypatch, method(header_of(scans, "person-1", "person-2")))
    with pytest.raises(Refusal, match="learned learnt from person-1 and 1 more, who would be judged"):
        evaluate(scans, ["spline", "learned"], degradation="blur", into=tmp_path / "out", device="cpu")
    assert not (tmp_path / "out").exists()
    Split(("person-1", "person-2"), ("person-0",)).save(tmp_path / "split-1.json")
    strangers = People((tmp_path / "split-1.json",))
    table = evaluate(scans, ["learned"], degradation="blur", into=tmp_path / "a", people=strangers, device="cpu")
    assert settings_of(table)["seen"] == {"learned": NOBODY}
    own = replace(strangers, part="train")
    table = evaluate(scans, ["learned"], degradation="blur", into=tmp_path / "b", people=own, device="cpu")
    assert settings_of(table)["seen"]["learned"].startswith("its training learnt from 2 of the people judged")


def test_a_scan_that_cannot_be_read_costs_itself_alone_where_weights_know_whom_they_saw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = people(tmp_path / "scans", 3)
    on_shelf(monkeypatch, method(header_of(scans, "person-1")))
    (scans / "person-0.nii.gz").write_bytes(b"this is no scan")
    (scans / "person-1.nii.gz").unlink()
    with pytest.raises(Refusal, match=r"1 of 2 scans could not be judged, the others are done\. person-0: "):
        evaluate(scans, ["learned"], degradation="blur", into=tmp_path / "out", device="cpu")


def test_who_was_seen_is_known_by_voxels_alone(tmp_path: Path) -> None:
    scans = people(tmp_path / "scans", 1)
    header = header_of(scans, "person-0")
    other = tmp_path / "other"
    other.mkdir()
    nib.nifti1.Nifti1Image(head(0), np.eye(4)).to_filename(other / "somebody-else.nii")
    with pytest.raises(Refusal, match="learnt from somebody-else"):
        refuse_seen({"learned": method(header)}, {s.name: s for s in find_cohort(other).subjects}, People())
    subjects = {s.name: s for s in find_cohort(scans).subjects}
    assert refuse_seen({"old": method({"settings": {}}), "spline": method()}, subjects, People()) == {"old": UNKNOWN}


def test_a_copy_across_the_split_is_refused(tmp_path: Path) -> None:
    scans = people(tmp_path / "scans", 3)
    copy = ndimage.shift(head(0), (1, 0, 0), order=1) * 3 + np.random.default_rng(0).normal(size=head(0).shape)
    copied = nib.nifti1.Nifti1Image(np.abs(copy).astype(np.int16), open_volume(scans / "person-0.nii.gz").affine)
    copied.to_filename(scans / "person-9.nii.gz")
    Split(("person-0", "person-1"), ("person-2", "person-9")).save(tmp_path / "split-1.json")
    with pytest.raises(Refusal, match="person-0, who is learnt from, and person-9, who is held out"):
        People((tmp_path / "split-1.json",)).of(scans)
    assert len(People((tmp_path / "split-1.json",), "train").of(scans)) == 2


def test_kernels_are_said_aloud(tmp_path: Path) -> None:
    both, wide = {"degradations": ["blur", "kspace"], "sigma": 1.0}, {"degradations": ["blur"], "sigma": 1.3}
    shelf = {"both": method({"settings": both}), "pairs": method({"settings": {}}), "spline": method()}
    told = kernels_of(shelf, "blur")
    assert told["both"].startswith("learnt on blur and kspace, judged on blur: the same kernel")
    assert told["pairs"] == "learnt on pairs of scans, judged on blur"
    assert told["spline"] == "none: it learnt nothing"
    assert kernels_of(shelf, "blur-0.7")["both"].endswith(": another kernel")
    assert learnt_kernels({"settings": wide}) == ("blur-1.3",)
    table = evaluate(people(tmp_path / "s", 1), ["spline"], degradation="blur-0.7", into=tmp_path / "o", device="cpu")
    assert settings_of(table)["kernels"] == {"spline": "none: it learnt nothing"}


def test_crimes_stand_with_every_number(tmp_path: Path) -> None:
    scans = people(tmp_path / "scans", 2)
    grey = np.round(255 * head(0) / head(0).max()).astype(np.uint8)
    nib.nifti1.Nifti1Image(grey, np.eye(4)).to_filename(scans / "person-0.nii.gz")
    table = evaluate(scans, ["spline"], degradation="blur", into=tmp_path / "out", device="cpu")
    (said,) = settings_of(table)["crimes"]["person-0"]
    assert said.startswith("8-bit origin: ")
    assert list(settings_of(table)["crimes"]) == ["person-0"]
    for row in read_rows(table):
        assert row.contract.data == (said if row.subject == "person-0" else None)


def test_images_that_are_no_numbers_are_counted_and_never_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scans = people(tmp_path / "scans", 1)
    on_shelf(monkeypatch, method({"settings": {}}, Odd(np.nan)))
    into = tmp_path / "out"
    table = evaluate(scans, ["spline", "learned"], degradation="blur", into=into, device="cpu", save_images=True)
    own = [row for row in read_rows(table) if row.method == "learned"]
    assert {row.measure for row in own} == {*MEASURES, BROKEN}
    assert all(np.isnan(row.value) for row in own if row.measure != BROKEN)
    assert [row.value for row in own if row.measure == BROKEN] == [pytest.approx(1 / (30 * 32 * 28))]
    assert all(np.isfinite(row.value) for row in read_rows(table) if row.method == "spline")
    assert not (into / "images" / "person-0_learned.nii.gz").exists()
    assert "1 voxels of person-0" in " ".join(capsys.readouterr().err.split())
    again = [row for row in read_rows(recompute(into, ["skimage"]).with_suffix(".csv")) if row.method == "learned"]
    assert again
    assert all(np.isnan(row.value) for row in again), "judged by others, it is lost as well"
    maps = tmp_path / "maps"
    maps.mkdir()
    for name in ("truth", "spline"):
        bright = (open_volume(into / "images" / f"person-0_{name}.nii.gz").voxels > 50).astype(np.uint8)
        nib.nifti1.Nifti1Image(bright, np.eye(4)).to_filename(maps / f"person-0_{name}.nii.gz")
    found = {(r.method, r.measure): r.value for r in read_rows(evaluate_structures(into, maps))}
    assert found["learned", "dice-1"] == found["learned", "volume-1"] == 0, "nothing is found in it"
    assert found["spline", "dice-1"] > 0.5


def test_a_method_that_fails_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(Odd):
        def __call__(self, image: Voxels) -> FineVoxels:
            raise MemoryError

    on_shelf(monkeypatch, method({"settings": {}}, Full(0.0)))
    scans, into = people(tmp_path / "s", 2), tmp_path / "o"
    with pytest.raises(Refusal, match=r"2 of 2 scans could not be judged.*person-0: learned: MemoryError\."):
        evaluate(scans, ["learned", "spline"], degradation="blur", into=into, device="cpu")
    assert {(r.subject, r.method) for r in read_rows(into / "measures.csv")} == {
        (f"person-{n}", "spline") for n in (0, 1)
    }


def test_a_constant_image_is_judged_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_shelf(monkeypatch, method({"settings": {}}, Odd(0.0, everywhere=True)))
    table = evaluate(people(tmp_path / "s", 1), ["learned"], degradation="blur", into=tmp_path / "o", device="cpu")
    (psnr,) = (r.value for r in read_rows(table) if r.measure == "psnr" and r.contract.mask == "head")
    assert 0 < psnr < 20
    assert "constant image of person-0" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("value", [0, 7])
def test_a_constant_truth_costs_itself_alone(tmp_path: Path, value: float) -> None:
    scans = people(tmp_path / "scans", 2)
    nib.nifti1.Nifti1Image(np.full((30, 32, 28), value, np.float32), np.eye(4)).to_filename(scans / "person-0.nii.gz")
    with pytest.raises(Refusal, match=r"person-0: There is no head in an image without contrast"):
        evaluate(scans, ["spline"], degradation="blur", into=tmp_path / "out", device="cpu")
    assert {row.subject for row in read_rows(tmp_path / "out" / "measures.csv")} == {"person-1"}


@pytest.mark.parametrize("which", ["coarse", "fine"])
def test_pairs_that_cannot_be_judged_have_a_sentence_each(tmp_path: Path, which: str) -> None:
    def broken(name: str, voxels: np.ndarray | None) -> Path:
        folder = pairs(tmp_path / name, 2)
        path = folder / "p0" / f"{which}.nii.gz"
        path.unlink()
        if voxels is not None:
            nib.nifti1.Nifti1Image(voxels, np.eye(4)).to_filename(path)
        return folder

    cases = {
        "constant": (np.zeros((26, 24, 20), np.float32), f"The {which} scan of p0 is constant"),
        "shape": (head(0)[:20], "not on one grid"),
        "missing": (None, "lists 1 pairs of one subject that do not exist"),
    }
    for name, (voxels, said) in cases.items():
        with pytest.raises(Refusal, match=said):
            evaluate_pairs(broken(name, voxels), ["spline"], into=tmp_path / f"out-{name}")


class Holed:
    """An image whose first pixel is no number."""

    needs_sensitivities = False

    def __call__(self, kspace: KSpace) -> Slice:
        made: Slice = np.ones(kspace.shape, np.complex64)
        made[0, 0] = np.nan
        return made


def test_reconstructions_are_guarded_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from finemri.shelf import find_reconstructor

    scans = people(tmp_path / "scans", 1)
    header: dict[str, Any] = {"settings": {"scanning": {"patterns": ["density-2d", "random-1d"]}}}

    def find(name: str, device: str = "cpu") -> ReconstructionMethod:
        learned = ReconstructionMethod("learned", Holed(), "b" * 64, header)
        return learned if name == "learned" else find_reconstructor(name, device)

    monkeypatch.setattr("finemri.evaluate.reconstructing.find_reconstructor", find)

    def judge(into: str) -> Path:
        sampling = Sampling("density-2d", 2.0)
        names = ["zero-filled", "learned"]
        return evaluate_reconstruction(scans, names, sampling=sampling, slices=2, into=tmp_path / into, device="cpu")

    table = judge("out")
    own = [row for row in read_rows(table) if row.method == "learned"]
    assert [row.value for row in own if row.measure == BROKEN] == [pytest.approx(1 / (30 * 33))]
    assert all(np.isnan(row.value) for row in own if row.measure != BROKEN)
    told = settings_of(table)
    assert told["seen"] == {"learned": UNKNOWN}
    assert told["kernels"]["learned"].startswith("learnt on density-2d and random-1d, judged on density-2d: the same")
    header[FIELD] = [learnt_from([find_cohort(scans)], 0)]
    with pytest.raises(Refusal, match="learned learnt from person-0"):
        judge("again")
