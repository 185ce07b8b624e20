"""Evaluate from images or k-space with samples left out to tables, on two tiny people."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch

from finemri.baselines.reconstruction import ZeroFilled
from finemri.evaluate import evaluate_reconstruction
from finemri.evaluate.scans import scans_of
from finemri.evaluate.slices import Scanner, chance, open_slices
from finemri.evaluate.trial import Study
from finemri.measures import SLICEWISE
from finemri.measures.fidelity import psnr
from finemri.measures.mask import head_mask
from finemri.measures.tidy import read_rows
from finemri.physics.coils import simulate_sensitivities
from finemri.physics.fourier import to_image, to_kspace
from finemri.physics.kspace import KSpace
from finemri.physics.sampling import Sampling
from finemri.refusal import Refusal
from finemri.shapes import Magnitude, Slice
from finemri.shelf import SegmentationMethod
from finemri.volumes.files import open_volume
from tests.heads import textured_head

SHAPE = (36, 40, 12)
SAMPLING = Sampling("density-2d", 3)
head = partial(textured_head, SHAPE, (13, 14, 9))


def people(folder: Path, count: int = 2, *, labels: bool = False) -> Path:
    images, maps = (folder / "images", folder / "labels") if labels else (folder, folder)
    for where in (images, maps):
        where.mkdir(exist_ok=True, parents=True)
    for n in range(count):
        nib.nifti1.Nifti1Image(head(n), np.eye(4)).to_filename(images / f"person-{n}.nii.gz")
        if labels:
            bright = (head(n) > 40).astype(np.uint8) + (head(n) > 110)
            nib.nifti1.Nifti1Image(bright, np.eye(4)).to_filename(maps / f"person-{n}.nii.gz")
    return folder


class Cheat:
    """Zero-filling, slightly too bright; remembers what it was given."""

    needs_sensitivities = True
    scans: list[KSpace]

    def __init__(self) -> None:
        self.scans = []

    def __call__(self, kspace: KSpace) -> Slice:
        self.scans.append(kspace)
        return ZeroFilled()(kspace) * np.float32(1.02)


@pytest.fixture
def cheat(monkeypatch: pytest.MonkeyPatch) -> Cheat:
    made = Cheat()
    monkeypatch.setattr("finemri.baselines.RECONSTRUCTORS", {"zero-filled": ZeroFilled, "cheat": lambda: made})
    return made


def values(path: Path, **wanted: str) -> Mapping[tuple[str, str, str], float]:
    rows = read_rows(path)
    keep = [r for r in rows if all(getattr(r, key) == value for key, value in wanted.items())]
    return {(r.subject, r.measure, r.contract.mask): r.value for r in keep}


def run(cohort: Path, into: Path, methods: tuple[str, ...] = ("zero-filled",), **settings: Any) -> Path:
    return evaluate_reconstruction(
        cohort, methods, **{"sampling": SAMPLING, "into": into, "slices": 3, "device": "cpu", **settings}
    )


def test_every_number_once_with_its_contract(tmp_path: Path, cheat: Cheat) -> None:
    path = run(people(tmp_path / "scans"), tmp_path / "out", ("zero-filled", "cheat"))
    rows = read_rows(path)
    keys = {(r.subject, r.method, r.measure, r.contract.mask) for r in rows}
    assert len(rows) == len(keys) == 2 * 2 * len(SLICEWISE) * 2
    assert {(r.degradation, r.scale) for r in rows} == {("density-2d 3x, seed 0", 3)}
    assert {r.contract.data for r in rows} == {"k-space simulated from a magnitude image (data crime)"}
    assert {r.contract.dimension for r in rows} == {"2D, slice by slice across axis 2"}
    assert all("3 slices" in r.contract.aggregation for r in rows)
    assert len(cheat.scans) == 2 * 3
    assert "over zero-filled" in (tmp_path / "out/table.md").read_text()


def test_the_number_is_what_one_computes_by_hand(tmp_path: Path) -> None:
    scans = people(tmp_path / "scans", 1)
    found = values(run(scans, tmp_path / "out", seed=5))
    volume = open_volume(scans / "person-0.nii.gz").voxels
    shown = [n for n in range(SHAPE[2]) if (volume[..., n] > 0.1 * np.percentile(volume, 99.9)).mean() >= 0.05]
    numbers = Study(SAMPLING, Scanner(seed=5), slices=3).chosen(len(shown))
    inside, full = [], []
    for n in numbers:
        truth = volume[..., shown[n]]
        mask = SAMPLING.draw(truth.shape, chance(5, "person-0", n, "mask"))
        image = to_image(to_kspace(torch.from_numpy(truth.astype(np.complex64))) * torch.from_numpy(mask))
        x, y = image.abs().numpy()[None], truth[None]
        inside.append(psnr(x, y, head_mask(y), peak=float(y.max())))
        full.append(psnr(x, y, peak=float(y.max())))
    assert found["person-0", "psnr", "head"] == pytest.approx(np.mean(inside), abs=1e-3)
    assert found["person-0", "psnr", "full"] == pytest.approx(np.mean(full), abs=1e-3)


def test_full_sampling_brings_the_truth_back(tmp_path: Path) -> None:
    path = run(people(tmp_path / "scans", 1), tmp_path / "out", sampling=Sampling("density-2d", 1), coils=4)
    found = values(path)
    assert found["person-0", "ssim-slices", "head"] == pytest.approx(1, abs=1e-5)
    assert found["person-0", "psnr", "full"] > 90
    assert {r.contract.data for r in read_rows(path)} == {
        "k-space simulated from a magnitude image (data crime); 4 simulated coils"
    }


def test_every_method_gets_the_same_and_another_seed_another_mask(tmp_path: Path, cheat: Cheat) -> None:
    scans = people(tmp_path / "scans", 1)
    run(scans, tmp_path / "a", ("cheat",), coils=3, noise=0.02)
    run(scans, tmp_path / "b", ("zero-filled", "cheat"), coils=3, noise=0.02)
    run(scans, tmp_path / "c", ("cheat",), coils=3, noise=0.02, seed=1)
    one, again, other = cheat.scans[:3], cheat.scans[3:6], cheat.scans[6:]
    for first, second, third in zip(one, again, other, strict=True):
        np.testing.assert_array_equal(first.samples, second.samples)
        assert (first.mask != third.mask).any()
        assert first.sensitivities is not None
    assert (one[0].mask != one[1].mask).any()
    run(scans, tmp_path / "d", ("cheat",), one_mask=True)
    run(scans, tmp_path / "e", ("cheat",), one_mask=True, seed=1)
    fixed = [scan.mask for scan in cheat.scans[9:]]
    np.testing.assert_array_equal(fixed[0], SAMPLING.draw(SHAPE[:2], 0))
    assert all((mask == fixed[0]).all() for mask in fixed)


def test_noise_and_acceleration_lower_the_numbers(tmp_path: Path) -> None:
    scans = people(tmp_path / "scans", 1)
    changes: list[dict[str, Any]] = [{}, {"noise": 0.1}, {"sampling": Sampling("density-2d", 6)}]
    clean, noisy, less = (
        values(run(scans, tmp_path / str(n), **settings))["person-0", "psnr", "head"]
        for n, settings in enumerate(changes)
    )
    assert clean > noisy
    assert clean > less


def test_the_peak_may_be_that_of_the_scan(tmp_path: Path) -> None:
    scans = people(tmp_path / "scans", 1)
    paths = [run(scans, tmp_path / peak, peak=peak) for peak in ("slice", "scan")]
    own, common = (values(path)["person-0", "psnr", "full"] for path in paths)
    assert common > own, "the brightest slice is the peak of all"
    ranges = [{r.contract.range for r in read_rows(path) if r.measure == "psnr"} for path in paths]
    assert ranges[0] == {None}
    assert ranges[1] != {None}


def test_goes_on_where_it_stopped(tmp_path: Path, cheat: Cheat, monkeypatch: pytest.MonkeyPatch) -> None:
    scans, into, methods = people(tmp_path / "scans"), tmp_path / "out", ("zero-filled", "cheat")
    with monkeypatch.context() as patch:
        calls: list[None] = []

        def until_power_fails(kspace: KSpace) -> Slice:
            calls.append(None)
            if len(calls) == 5:
                raise KeyboardInterrupt
            return ZeroFilled()(kspace)

        patch.setattr(Cheat, "__call__", lambda _, kspace: until_power_fails(kspace))
        with pytest.raises(KeyboardInterrupt):
            run(scans, into, methods)
    assert {r.subject for r in read_rows(into / "measures.csv")} == {"person-0"}
    run(scans, into, methods)
    assert len(cheat.scans) == 3, "the first person was done"
    rows = read_rows(into / "measures.csv")
    assert len(rows) == len({(r.subject, r.method, r.measure, r.contract.mask) for r in rows}) == 56
    with pytest.raises(Refusal, match="other settings"):
        run(scans, into, methods, slices=2)
    nib.nifti1.Nifti1Image(head(7), np.eye(4)).to_filename(scans / "person-0.nii.gz")
    with pytest.raises(Refusal, match="changed"):
        run(scans, into, methods)


def test_images_are_kept_with_their_phase(tmp_path: Path) -> None:
    run(people(tmp_path / "scans", 1), tmp_path / "out", save_images=True, phase=True)
    truth, image = (np.load(tmp_path / f"out/images/person-0_{name}.npy") for name in ("truth", "zero-filled"))
    assert truth.shape == image.shape == (3, 36, 40)
    assert image.dtype == np.complex64
    assert np.abs(image.imag).max() > 0.1, "a smooth phase"


def threshold(magnitude: Magnitude) -> np.ndarray:
    """Finds what is bright."""
    return (magnitude > 0.3).astype(np.int64)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_segmenter_judges(tmp_path: Path, cheat: Cheat, monkeypatch: pytest.MonkeyPatch, classes: int) -> None:
    judge = SegmentationMethod("threshold", threshold, classes, "0" * 64, {})
    monkeypatch.setattr("finemri.evaluate.reconstructing.find_segmenter", lambda *_: judge)
    assert cheat.scans == []
    path = run(people(tmp_path / "scans", labels=True), tmp_path / "out", segmenter=Path("judge"))
    rows = [r for r in read_rows(path) if r.measure.startswith(("dice", "sis"))]

    def value(method: str, measure: str, subject: str = "person-0") -> float:
        return next(r.value for r in rows if (r.method, r.measure, r.subject) == (method, measure, subject))

    for subject in ("person-0", "person-1"):
        ceiling, own = (value(method, "dice-1", subject) for method in ("truth", "zero-filled"))
        assert 0 < own < ceiling
        assert value("zero-filled", "sis-1", subject) == pytest.approx(own / ceiling)
    measures = {r.measure for r in rows}
    assert measures == ({"dice-1", "sis-1"} if classes == 2 else {"dice-1", "sis-1", "dice-2"}), "2 is never found"
    assert all("threshold@00000000" in r.contract.aggregation for r in rows)
    run(tmp_path / "scans", tmp_path / "out", ("zero-filled", "cheat"), segmenter=Path("judge"))
    again = [r for r in read_rows(path) if (r.subject, r.measure) == ("person-0", "dice-1")]
    assert [r.method for r in again] == ["truth", "zero-filled", "cheat"], "the truth is judged once"
    with pytest.raises(Refusal, match="no label map"):
        run(people(tmp_path / "bare"), tmp_path / "none", segmenter=Path("judge"))


def scan_of(coils: int, *, gaps: bool = False) -> np.ndarray:
    """k-space (coil, i, j) as a scanner would leave it."""
    rng = np.random.default_rng(3)
    image = head(0)[..., 6] * np.exp(0.5j)
    maps = simulate_sensitivities((36, 40), coils, rng)
    samples = to_kspace(torch.from_numpy((maps * image).astype(np.complex64))).numpy()
    samples += 0.5 * (rng.normal(size=samples.shape) + 1j * rng.normal(size=samples.shape)).astype(np.complex64)
    if gaps:
        samples[:, 1::2] = 0
    return samples.astype(np.complex64)


@pytest.mark.parametrize("coils", [1, 4])
def test_measured_k_space_is_its_own_truth(tmp_path: Path, cheat: Cheat, coils: int) -> None:
    (tmp_path / "scans").mkdir()
    samples = scan_of(coils)
    np.save(tmp_path / "scans/person-0.npy", samples if coils > 1 else samples[0])
    cohort = tmp_path / "scans"
    slices = open_slices(next(iter(scans_of(cohort).values())), Scanner())
    np.testing.assert_array_equal(slices.kspace(0).samples, samples)
    power = (to_image(torch.from_numpy(samples)).abs() ** 2).sum(0)
    np.testing.assert_allclose(slices.truth(0) ** 2, power.numpy(), rtol=1e-4)
    path = run(cohort, tmp_path / "out", ("zero-filled", "cheat"), sampling=Sampling("density-2d", 1.5, 0.5))
    row = read_rows(path)[0]
    assert str(row.contract.data).startswith("k-space as measured")
    assert cheat.scans[0].sensitivities is not None, "estimated, where the method needs them"
    cropped = run(cohort, tmp_path / "middle", matrix=(30, 32), sampling=Sampling("density-2d", 1.5, 0.5))
    assert read_rows(cropped)[0].contract.crop == "the middle 30x32 of 36x40 pixels"


def test_pictures_are_the_slices_of_one_scan(tmp_path: Path) -> None:
    pictures = pytest.importorskip("PIL.Image")
    folder = tmp_path / "knees/person-0"
    folder.mkdir(parents=True)
    for n in range(4):
        halves = [head(n)[..., 6] / head(n).max() * 255, np.full((36, 40), 64.0)]
        pictures.fromarray(np.hstack(halves).astype(np.uint8)).save(folder / f"{n}.png")
    rows = read_rows(run(tmp_path / "knees", tmp_path / "out", slices=None))
    assert {r.subject for r in rows} == {"person-0"}
    assert "4 slices" in rows[0].contract.aggregation
    assert rows[0].contract.data == "k-space simulated from 8-bit pictures of magnitude and phase (data crime)"


def test_k_space_that_tells_no_truth_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    np.save(tmp_path / "scans/person-0.npy", scan_of(2, gaps=True))
    with pytest.raises(Refusal, match="gaps"):
        run(tmp_path / "scans", tmp_path / "out")
    np.save(tmp_path / "scans/person-0.npy", scan_of(2))
    with pytest.raises(Refusal, match="--coils"):
        run(tmp_path / "scans", tmp_path / "out", coils=4, force=True)
    with pytest.raises(Refusal, match="smaller --matrix"):
        run(tmp_path / "scans", tmp_path / "out", matrix=(64, 64), force=True)


def test_no_path_reaches_the_results(tmp_path: Path) -> None:
    run(people(tmp_path / "Jane Doe", 1), tmp_path / "out")
    for file in (tmp_path / "out").iterdir():
        assert "Doe" not in file.read_text()
    settings = json.loads((tmp_path / "out/settings.json").read_text())
    assert len(settings["subjects"]["person-0"]) == 64


def test_bad_requests_are_refused(tmp_path: Path) -> None:
    scans = people(tmp_path / "scans", 1)
    with pytest.raises(Refusal, match="no method"):
        run(scans, tmp_path / "a", ())
    with pytest.raises(Refusal, match="makes images finer"):
        run(scans, tmp_path / "a", ("spline",))
    with pytest.raises(Refusal, match="one slice"):
        run(scans, tmp_path / "a", slices=0)
    with pytest.raises(Refusal, match="noise"):
        run(scans, tmp_path / "a", noise=-1.0)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("file", ["brain_16coil_full.mat", "brain_1coil_full.mat"])
def test_real_k_space(tmp_path: Path, shared_data: Path, file: str) -> None:
    path = run(shared_data / "kspace" / file, tmp_path / "out", sampling=Sampling("density-2d", 4))
    found = values(path)
    name = next(iter(found))[0]
    assert 10 < found[name, "psnr", "head"] < 45
    assert 0 < found[name, "ssim-slices", "head"] < 1
