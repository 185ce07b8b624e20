"""Evaluate pairs of a coarse and a fine scan, and only people whom no training saw."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from finemri import cli
from finemri.cohorts.cohort import Pair, Subject
from finemri.cohorts.described import write_pairs
from finemri.cohorts.split import Split
from finemri.evaluate import People, evaluate, evaluate_pairs, evaluate_reconstruction
from finemri.measures import IN_UNITS, MEASURES, SLICEWISE
from finemri.measures.fidelity import psnr
from finemri.measures.mask import head_mask
from finemri.measures.recompute import recompute
from finemri.measures.tidy import read_rows
from finemri.physics.sampling import Sampling
from finemri.refusal import Refusal
from finemri.shapes import FineVoxels, Voxels
from finemri.shelf import Method
from finemri.volumes.files import open_volume, save_volume
from finemri.volumes.intensity import by_percentile
from finemri.volumes.volume import Volume

SHAPE = (26, 24, 20)
FINE = np.diag([1.0, 1.0, 1.0, 1.0])
MATCHES = ((0, 1), (1, 5), (2, 9), (3, 13), (4, 17))


def head(seed: int) -> np.ndarray:
    """A textured ellipsoid in air."""
    rng = np.random.default_rng(seed)
    at = np.indices(SHAPE).transpose(1, 2, 3, 0)
    inside = ((((at - np.array(SHAPE) / 2) / (11, 10, 9)) ** 2).sum(-1) <= 1).astype(np.float32)
    image: np.ndarray = inside * (1 + 2 * ndimage.gaussian_filter(rng.normal(size=SHAPE), 1.5)).clip(0.2) * 100
    return image.astype(np.float32)


def pairs(folder: Path, count: int = 2, *, sliced: bool = False, gain: float = 37.0) -> Path:
    """Coarse scans: blurred, and in another unit."""
    folder.mkdir()
    subjects = []
    for n in range(count):
        name = f"p{n}"
        fine = head(n)
        coarse = ndimage.gaussian_filter(fine, 1.0) * gain
        grid = FINE
        if sliced:
            coarse, grid = coarse[:, :, [f for _, f in MATCHES]], np.diag([1.0, 1.0, 4.0, 1.0])
        (folder / name).mkdir()
        paths = folder / name / "coarse.nii.gz", folder / name / "fine.nii.gz"
        save_volume(Volume(coarse.astype(np.float32), grid), paths[0])
        save_volume(Volume(fine, FINE), paths[1])
        subjects.append(Subject(name, pairs=(Pair(*paths, MATCHES if sliced else None),)))
    write_pairs(subjects, folder)
    return folder


@dataclass
class Perfect:
    """Knows the truth of person 0, in its own units of the coarse scan."""

    normaliser: str = "percentile"
    scale: tuple[int, int, int] = (1, 1, 1)
    tile: tuple[int, int, int] = (64, 64, 64)
    margin: tuple[int, int, int] = (1, 1, 1)
    bytes_per_voxel: float = 40.0

    def __call__(self, image: Voxels) -> FineVoxels:
        from finemri.volumes.intensity import NORMALISERS

        truth = head(0)
        known: FineVoxels = NORMALISERS[self.normaliser](truth).apply(truth)
        return known if known.shape == image.shape else known[:, :, [f for _, f in MATCHES]]


def test_the_coarse_scan_itself_is_the_baseline(tmp_path: Path) -> None:
    rows = read_rows(evaluate_pairs(pairs(tmp_path / "cohort"), ["spline", "nearest"], into=tmp_path / "out"))
    assert len(rows) == 2 * 2 * 2 * (len(MEASURES) + len(IN_UNITS))
    assert {(r.degradation, r.scale) for r in rows} == {("pairs", 1)}
    value = {(r.subject, r.method, r.measure, r.contract.mask): r.value for r in rows}
    truth = by_percentile(head(1)).apply(head(1))
    coarse = open_volume(tmp_path / "cohort/p1/coarse.nii.gz").voxels
    coarse = by_percentile(coarse).apply(coarse)
    inside = head_mask(head(1))
    expected = psnr(coarse, truth, inside)
    assert value["p1", "spline", "psnr", "head"] == pytest.approx(expected, abs=1e-3)
    assert value["p1", "nearest", "psnr", "head"] == pytest.approx(expected, abs=1e-3)
    error = (coarse - truth) ** 2
    assert value["p1", "spline", "mse", "full"] == pytest.approx(error[:, :, inside.any(axis=(0, 1))].mean(), rel=1e-4)
    planes = [20 * math.log10(255 / math.sqrt(p[m].mean())) for p, m in zip(error.T, inside.T, strict=True) if m.any()]
    assert value["p1", "spline", "psnr_peak255", "head"] == pytest.approx(np.mean(planes), abs=1e-3)
    assert {r.contract.units for r in rows} == {
        "each scan by its own 99.9th percentile; 1 is the 99.9th percentile of the fine scan"
    }
    assert "## PSNR / dB, pairs, inside the head" in (tmp_path / "out/table.md").read_text()


@pytest.mark.parametrize("normaliser", ["percentile", "max"])
@pytest.mark.parametrize("sliced", [False, True])
def test_units_of_the_scanners_do_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, normaliser: str, sliced: bool
) -> None:
    method = Method("perfect", Perfect(normaliser), "ab" * 32, {})
    monkeypatch.setattr("finemri.evaluate.enhancing.find_method", lambda *_: method)
    cohort = pairs(tmp_path / "cohort", 1, sliced=sliced)
    rows = read_rows(evaluate_pairs(cohort, ["perfect"], into=tmp_path / "out"))
    error = {r.contract.mask: r.value for r in rows if r.measure == "nmse"}
    assert max(error.values()) < 1e-9
    assert all(normaliser in str(r.contract.units) for r in rows)


def test_matched_slices_are_judged_again_as_they_were_matched(tmp_path: Path) -> None:
    path = evaluate_pairs(pairs(tmp_path / "cohort", sliced=True), ["spline"], into=tmp_path / "out", save_images=True)
    before = {(r.subject, r.measure): r.value for r in read_rows(path) if r.contract.mask == "full"}
    again = {(r.subject, r.measure): r for r in read_rows(recompute(tmp_path / "out", ["paper-004", "fastmri"]))}
    for person in ("p0", "p1"):
        assert again[person, "paper-004:psnr"].value == pytest.approx(before[person, "psnr"], rel=1e-5)
        assert again[person, "paper-004:ssim"].value == pytest.approx(before[person, "ssim-slices"], rel=1e-5)
        assert again[person, "fastmri:nmse"].contract.dimension == "2D, slices across axis 0"


@pytest.mark.parametrize("peak", ["slice", "scan"])
def test_matched_slices_are_judged_one_by_one(tmp_path: Path, peak: str) -> None:
    cohort = pairs(tmp_path / "cohort", 1, sliced=True)
    rows = read_rows(evaluate_pairs(cohort, ["spline"], into=tmp_path / "out", peak=peak))  # type: ignore[arg-type]
    assert {r.measure for r in rows} == {*SLICEWISE, *IN_UNITS}
    truth = by_percentile(head(0)).apply(head(0))
    coarse = open_volume(cohort / "p0/coarse.nii.gz").voxels
    coarse, inside = by_percentile(coarse).apply(coarse), head_mask(head(0))
    shown = MATCHES[1:]
    assert [inside[5:-5, 5:-5, f].any() for _, f in MATCHES] == [False, True, True, True, True]
    of = [truth[:, :, f] for _, f in shown]
    L = [float(t.max()) for t in of] if peak == "slice" else [float(np.max(of))] * len(of)
    expected = np.mean(
        [
            psnr(coarse[None, :, :, c], truth[None, :, :, f], inside[None, :, :, f], peak=peak_)
            for (c, f), peak_ in zip(shown, L, strict=True)
        ]
    )
    (found,) = [r for r in rows if r.measure == "psnr" and r.contract.mask == "head"]
    assert found.value == pytest.approx(expected, abs=1e-3)
    assert found.contract.dimension == "2D, matched slices"
    assert "mean over 4 slices" in found.contract.aggregation


def test_it_goes_on_where_it_stopped_and_notices_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cohort, into = pairs(tmp_path / "cohort"), tmp_path / "out"
    before = evaluate_pairs(cohort, ["spline"], into=into).read_text()
    monkeypatch.setattr("finemri.evaluate.enhancing.enhance_voxels", None)
    assert evaluate_pairs(cohort, ["spline"], into=into).read_text() == before
    coarse = open_volume(cohort / "p0/coarse.nii.gz")
    save_volume(Volume(coarse.voxels + 1, coarse.affine), cohort / "p0/coarse.nii.gz", force=True)
    with pytest.raises(Refusal, match="p0 has changed"):
        evaluate_pairs(cohort, ["spline"], into=into)


def test_images_are_kept_in_the_units_of_the_fine_scan(tmp_path: Path) -> None:
    evaluate_pairs(pairs(tmp_path / "cohort", 1), ["spline"], into=tmp_path / "out", save_images=True)
    made, truth = (open_volume(tmp_path / f"out/images/p0_{name}.nii.gz") for name in ("spline", "truth"))
    assert by_percentile(made.voxels).scale == pytest.approx(by_percentile(truth.voxels).scale, rel=1e-4)


def test_gains_of_five_people_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    for n in range(5):
        save_volume(Volume(head(n), FINE), scans / f"p{n}.nii.gz")
    evaluate(scans, ["spline", "nearest"], degradation="blur", into=tmp_path / "out", device="cpu")
    assert "n = 5 people" in " ".join(capsys.readouterr().out.split())
    assert "| PSNR / dB | blur ×2 | head | nearest | -" in (tmp_path / "out/gain.md").read_text()


PEOPLE = Split(("p0", "p2", "p3"), ("p1",), ("p4",))


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_nobody_of_the_training_side_slips_in(tmp_path: Path, part: str) -> None:
    PEOPLE.save(tmp_path / "split-1.json")
    people = People((tmp_path / "split-1.json",), part)  # type: ignore[arg-type]
    scans = tmp_path / "scans"
    scans.mkdir()
    for n in range(5):
        save_volume(Volume(head(n), FINE), scans / f"p{n}.nii.gz")
    paired = pairs(tmp_path / "paired", 5)
    tables = [
        evaluate_pairs(paired, ["spline"], into=tmp_path / "a", people=people),
        evaluate(scans, ["spline"], degradation="blur", into=tmp_path / "b", people=people, device="cpu"),
        evaluate_reconstruction(
            scans, ["zero-filled"], sampling=Sampling("gaussian-1d", 2.0), into=tmp_path / "c", slices=1, people=people
        ),
    ]
    for table in tables:
        assert {row.person for row in read_rows(table)} == set(getattr(PEOPLE, part))
        assert json.loads(table.with_name("settings.json").read_text())["people"].startswith(f"{part} of ")
    with pytest.raises(Refusal, match="other settings"):
        evaluate_pairs(paired, ["spline"], into=tmp_path / "a")


def test_splits_that_do_not_belong_are_refused(tmp_path: Path) -> None:
    cohort, path = pairs(tmp_path / "cohort", 3), tmp_path / "split-1.json"

    def people(*splits: Split, part: str = "validation") -> People:
        for n, split in enumerate(splits):
            split.save(tmp_path / f"split-{n + 1}.json")
        return People(tuple(tmp_path / f"split-{n + 1}.json" for n in range(len(splits))), part)  # type: ignore[arg-type]

    with pytest.raises(Refusal, match="There is no split"):
        People((path,)).of(cohort)
    with pytest.raises(Refusal, match="keeps nobody for validation"):
        people(Split(("p0", "p1", "p2"))).of(cohort)
    with pytest.raises(Refusal, match="no subject p9"):
        people(Split(("p0",), ("p9",))).of(cohort)
    with pytest.raises(Refusal, match="1 cohorts have as many splits"):
        people(PEOPLE, PEOPLE).of(cohort)
    (cohort / "cohort.json").write_text((cohort / "cohort.json").read_text().replace('"p2"', '"subject-003"'))
    with pytest.raises(Refusal, match="1 people more than were split"):
        people(Split(("p0",), ("p1",))).of(cohort)
    text = (cohort / "cohort.json").read_text()
    for n in range(3):
        text = text.replace(f'"p{n}"', f'"q{n}"')
    (cohort / "again.json").write_text(text.replace("subject-003", "q2"))
    splits = people(Split(("p0", "subject-003"), ("p1",)), Split(("q1", "q2"), ("q0",)))
    with pytest.raises(Refusal, match="learnt from in another"):
        splits.of([cohort, cohort / "again.json"])


def test_pairs_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cohort = pairs(tmp_path / "cohort", 1)
    words = ["evaluate", "--cohort", str(cohort), "--methods", "spline", "--into", str(tmp_path / "out")]
    assert cli.main(words) == 0
    assert cli.main([*words, "--scale", "1"]) == 0
    for more, why in (
        (["--scale", "2"], "leave --scale out"),
        (["--noise", "0.1"], "--noise goes with --degradation or --sampling"),
        (["--coils", "8"], "--coils goes with --sampling"),
        (["--part", "test"], "--part goes with --people"),
        (["--peak", "scan"], "these pairs are volumes"),
        (["--degradation", "blur", "--into", str(tmp_path / "other")], "name no degradation"),
    ):
        assert cli.main([*words, *more]) == 2
        assert why in capsys.readouterr().err
    sliced = pairs(tmp_path / "sliced", 1, sliced=True)
    mixed = [*words[:2], str(cohort), str(sliced), *words[3:]]
    text = (sliced / "cohort.json").read_text()
    (sliced / "cohort.json").write_text(text.replace('"p0"', '"q0"'))
    assert cli.main(mixed) == 2
    assert "do not mix" in capsys.readouterr().err
