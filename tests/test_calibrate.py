"""The verb calibrate, and what enhance makes of it."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from finemri import cli, trained
from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.split import split
from finemri.enhance.calibrating import find_calibration, inputs, signature_of
from finemri.measures.calibration_file import open_calibration
from finemri.refusal import Refusal
from finemri.shapes import Voxels
from finemri.shelf import Method, find_method
from finemri.volumes.files import open_volume, save_volume
from finemri.volumes.volume import Volume

ALIKE = ["--weights", "volume-x2-faithful", "--alpha", "0.2"]


def body(seed: int) -> Voxels:
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(20, 18, 16)), 2)
    return np.asarray((600 + 2500 * smooth).clip(20, None), np.float32)


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Eight people called Doe."""
    folder = tmp_path / "people"
    folder.mkdir()
    for n in range(8):
        save_volume(Volume(body(n), np.eye(4)), folder / f"Doe{n}.nii.gz")
    return folder


def call(*words: object) -> int:
    return cli.main([*map(str, words)])


def test_a_cohort_becomes_numbers_without_names(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, again = tmp_path / "first.json", tmp_path / "again.json"
    assert call("calibrate", cohort, "-o", first, *ALIKE) == 0
    assert "4 people fit, 4 calibrate; alarm where p ≤ 0.2" in capsys.readouterr().out
    assert "Doe" not in first.read_text()
    assert str(tmp_path) not in first.read_text()
    assert call("calibrate", cohort, "-o", again, *ALIKE) == 0
    assert first.read_bytes() == again.read_bytes()
    known = open_calibration(first)
    assert known.weights_sha256 == find_method("volume-x2-faithful", 2).digest
    assert [len(person) for person in known.distances] == [4] * 4
    assert known.usual.centre[known.usual.features.index("finest spacing")] == pytest.approx(np.log(2))
    assert call("calibrate", cohort, "-o", again, *ALIKE) == 2  # it exists
    assert call("calibrate", cohort, "-o", again, *ALIKE, "--as-is", "--force") == 0
    assert open_calibration(again).usual.centre[0] == 0


def test_enhance_tells_score_p_and_alarm_and_warns_once(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.json"
    assert call("calibrate", cohort, "-o", own, *ALIKE, "--as-is") == 0
    coarse = Volume(np.ascontiguousarray(body(3)[:8, :8, :8]), np.diag([4.0, 4.0, 4.0, 1.0]))
    save_volume(coarse, tmp_path / "strange.nii.gz")
    capsys.readouterr()
    words = ["--calibration", own, "--weights", "volume-x2-faithful", "--device", "cpu"]
    assert call("enhance", tmp_path / "strange.nii.gz", "-o", tmp_path / "out.nii.gz", *words) == 0
    sidecar = json.loads((tmp_path / "out.json").read_text())
    told, known = sidecar["trust"]["input"], open_calibration(own)
    assert told["score"] == pytest.approx(known.judge(signature_of(coarse, find_method("spline", 2))).score, rel=1e-3)
    assert (told["p"], told["alpha"], told["alarm"]) == (0.2, 0.2, True)
    assert told["people"] == {"fitted": 4, "calibrated": 4}
    assert set(told["outstanding"]) & {"finest spacing", "coarsest spacing"}
    (warning,) = sidecar["warnings"]
    assert "p = 0.2; at most 20% of scans like those" in warning
    assert capsys.readouterr().err.count("this scan is unlike") == 1
    (cohort / "more").mkdir()
    assert call("enhance", cohort / "Doe0.nii.gz", "-o", cohort / "more" / "fine.nii.gz", *words) == 0
    usual = json.loads((cohort / "more" / "fine.json").read_text())
    assert usual["trust"]["input"]["alarm"] is False
    assert usual["warnings"] == []


def test_contrasts_are_drawn_of_people_with_label_maps(tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    folder.mkdir()
    labels = np.zeros((40, 40, 40), np.float32)
    labels[6:34, 6:34, 6:34], labels[14:26, 14:26, 14:26] = 3, 2
    save_volume(Volume(labels, np.eye(4)), folder / "one.nii.gz")
    (person,) = find_cohort(folder).subjects
    method = find_method("volume-x2-faithful", 2)
    drawn = list(inputs(person, method, np.random.default_rng(0)))
    again = list(inputs(person, method, np.random.default_rng(0)))
    assert len(drawn) == 8
    assert all(np.array_equal(a.voxels, b.voxels) for a, b in zip(drawn, again, strict=True))
    assert all(1.8 <= scan.spacing[0] <= 2.6 for scan in drawn)
    assert len({scan.spacing[0] for scan in drawn}) == 8
    assert all(0.5 < np.percentile(scan.voxels, 99.9) < 2 for scan in drawn)


def test_what_cannot_be_calibrated_is_refused(cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["calibrate", cohort, "-o", tmp_path / "own.json"]
    assert call(*words, "--weights", "spline") == 2
    assert "learnt from nobody" in capsys.readouterr().err
    assert call(*words, "--weights", "volume-x2-faithful", "--as-is") == 2
    assert "give 19 to calibrate on" in capsys.readouterr().err
    assert not (tmp_path / "own.json").exists()
    assert call(*words, *ALIKE, "--as-is") == 0
    scan = cohort / "Doe0.nii.gz"
    with_it = ["enhance", scan, "-o", tmp_path / "fine.nii.gz", "--calibration", tmp_path / "own.json"]
    assert call(*with_it, "--weights", "volume-x2-sharp") == 2
    assert "made for other weights" in capsys.readouterr().err
    unknown = Method("mine", find_method("spline", 1).enhancer, "ab" * 32, {})
    (person, *_) = find_cohort(cohort).subjects
    with pytest.raises(Refusal, match="--as-is"):
        list(inputs(person, unknown, np.random.default_rng(0)))


def test_what_ships_is_what_was_released_and_of_these_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    index = trained.shipped_index()
    shipped = [name for name, facts in index.items() if "calibration_sha256" in facts]
    assert {"mtl-x2-faithful", "mtl-x2-sharp", "volume-x2-faithful", "volume-x4-sharp"} <= set(shipped)
    for name in shipped:
        path = trained.shipped_calibration(index[name]["sha256"])
        assert path is not None
        assert open_calibration(path).weights_sha256 == index[name]["sha256"]
    assert trained.shipped_calibration("ab" * 32) is None
    assert trained.shipped_calibration(None) is None
    altered = {"x": {"sha256": "ab" * 32, "calibration_sha256": hashlib.sha256(b"released").hexdigest()}}
    monkeypatch.setattr(trained, "shipped_index", lambda: altered)
    monkeypatch.setattr(trained, "weights_folder", lambda: tmp_path)
    with pytest.raises(Refusal, match="not the one that was released"):
        trained.shipped_calibration("ab" * 32)
    (tmp_path / "x.calibration.json").write_text("altered")
    with pytest.raises(Refusal, match="not the one that was released"):
        trained.shipped_calibration("ab" * 32)


def test_of_held_out_people_few_raise_the_alarm_and_of_strange_scans_many(shared_data: Path) -> None:
    method = find_method("mtl-x2-faithful", 2)
    known = find_calibration(method)
    assert known is not None
    cohort = find_cohort(shared_data / "hippocampus")
    held = cohort.only(split(cohort, (0.9, 0.1, 0.0), 0).validation)
    alarms = []
    for person in held.subjects:
        scans = inputs(person, method, np.random.default_rng(5))
        alarms.append(known.judge(signature_of(next(scans), method)).alarm)
    assert sum(alarms) <= 4  # P(more | α = 0.05, 20 people) < 0.003
    slab = open_volume(shared_data / "head_slabs" / "images" / "head_01.nii.gz")
    assert known.judge(signature_of(slab, method)).alarm
