"""Distances against scikit-learn, p-values against what they promise, and files that hold nobody's name."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.covariance import LedoitWolf

from finemri.measures.calibration_file import open_calibration, save_calibration
from finemri.measures.strangeness import Calibration, Usual, learn_calibration, learn_usual, ledoit_wolf
from finemri.refusal import Refusal

NAMES = ("a", "b", "c", "d")
TOLERANCES = dict.fromkeys(NAMES, 1e-6)
MIX = np.array([[1.0, 0.8, 0, 0], [0, 0.5, 0, 0], [0, 0, 2.0, 1.0], [0, 0, 0, 0.3]])


def people(count: int, rng: np.random.Generator, scans: int = 1, own: float = 0.0) -> list[list[dict[str, float]]]:
    """Heavy-tailed, correlated features; scans of a person differ less than people, by ``own`` of the variance."""
    made = []
    for _ in range(count):
        person = rng.standard_t(3, 4)
        rows = [np.sqrt(own) * person + np.sqrt(1 - own) * rng.standard_t(3, 4) for _ in range(scans)]
        made.append([dict(zip(NAMES, (row @ MIX).tolist(), strict=True)) for row in rows])
    return made


@pytest.mark.parametrize("count", [5, 12, 60, 2000])
def test_the_covariance_is_that_of_scikit_learn(count: int) -> None:
    rows = np.random.default_rng(count).standard_t(4, (count, 4)) @ MIX
    rows -= rows.mean(0)
    expected = LedoitWolf(assume_centered=True).fit(rows).covariance_
    np.testing.assert_allclose(ledoit_wolf(rows), expected, rtol=1e-10, atol=1e-12)


def test_the_distance_is_mahalanobis_of_what_was_learnt() -> None:
    learnt = people(40, np.random.default_rng(0))
    rows = np.array([[person[0][name] for name in NAMES] for person in learnt])
    standard = (rows - rows.mean(0)) / rows.std(0)
    inverse = np.linalg.inv(LedoitWolf(assume_centered=True).fit(standard).covariance_)
    usual = learn_usual(learnt, TOLERANCES)
    far = dict(zip(NAMES, (rows.mean(0) + rows.std(0) * [0, 0, 0, 9]).tolist(), strict=True))
    assert usual.distance(far) == pytest.approx(9 * np.sqrt(inverse[3, 3]), rel=1e-4)
    assert usual.outstanding(far)[0] == "d"
    assert usual.distance(dict(zip(NAMES, rows.mean(0).tolist(), strict=True))) == pytest.approx(0, abs=1e-6)


def test_p_counts_a_person_once_however_many_scans_they_have() -> None:
    usual = Usual(("x",), (0.0,), (1.0,), ((1.0,),))
    known = Calibration(usual, ((0.5,), (1.0, 2.0, 3.0, 4.0), (2.5, 2.5)), 2, alpha=0.5)
    assert known.judge({"x": -2.5}).score == 2.5
    assert known.judge({"x": -2.5}).p == pytest.approx((1 + 0 + 0.5 + 1) / 4)
    assert known.judge({"x": 0.0}).p == 1
    verdict = known.judge({"x": 9.0})
    assert (verdict.p, verdict.alarm) == (0.25, True)
    assert "p = 0.25; at most 50% of scans" in verdict.sentence
    assert not known.judge({"x": 0.4}).alarm


@pytest.mark.parametrize(("scans", "own"), [(1, 0.0), (4, 0.7)])
def test_p_is_uniform_and_false_alarms_are_as_many_as_said(scans: int, own: float) -> None:
    """Heavy tails, few people, a new calibration for every newcomer: 300 times."""
    rng, newcomers = np.random.default_rng(1), []
    for _ in range(300):
        known = learn_calibration(
            people(6, rng, scans, own), people(19, rng, scans, own), tolerances=TOLERANCES, alpha=0.05
        )
        newcomers.append(known.judge(people(1, rng)[0][0] if scans == 1 else people(1, rng, scans, own)[0][0]))
    p = np.array([verdict.p for verdict in newcomers])
    alarms = sum(verdict.alarm for verdict in newcomers)
    if scans == 1:  # p is uniform on 1/20 … 1, so that α = 1/20 is reached exactly
        assert stats.kstest(p - rng.uniform(0, 1 / 20, 300), "uniform").pvalue > 0.01
        assert stats.binomtest(alarms, 300, 0.05).pvalue > 0.01
    for level in (0.05, 0.1, 0.2, 0.5):  # never more than said, beyond chance
        assert stats.binomtest(int((p <= level).sum()), 300, level, alternative="greater").pvalue > 0.01


def test_what_lies_far_out_raises_the_alarm_and_little_does_not() -> None:
    rng = np.random.default_rng(3)
    known = learn_calibration(people(50, rng), people(50, rng), tolerances=TOLERANCES)
    assert known.judge(dict.fromkeys(NAMES, 60.0)).alarm
    assert known.judge(dict.fromkeys(NAMES, 60.0)).p == pytest.approx(1 / 51)
    assert not known.judge(dict.fromkeys(NAMES, 0.1)).alarm


def test_a_feature_that_all_share_has_its_tolerance() -> None:
    alike = [[{"mm": 2.0, "x": x}] for x in (-1.0, 0.0, 1.0, 2.0)]
    usual = learn_usual(alike, {"mm": 0.1, "x": 1e-6})
    assert usual.distance({"mm": 2.3, "x": 0.5}) == pytest.approx(3, rel=0.2)


def test_a_calibration_that_could_never_alarm_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(Refusal, match=r"never below 1/19.*give 19 to calibrate"):
        learn_calibration(people(18, rng), people(18, rng), tolerances=TOLERANCES)
    learn_calibration(people(18, rng), people(19, rng), tolerances=TOLERANCES)
    with pytest.raises(Refusal, match="two people or more"):
        learn_calibration(people(1, rng), people(19, rng), tolerances=TOLERANCES)
    with pytest.raises(Refusal, match="between 0 and 1"):
        learn_calibration(people(9, rng), people(19, rng), tolerances=TOLERANCES, alpha=1.0)
    with pytest.raises(Refusal, match="scan of everybody"):
        learn_calibration(people(9, rng), [*people(19, rng), []], tolerances=TOLERANCES)
    with pytest.raises(Refusal, match="wants the feature c"):
        learn_usual(people(9, rng), TOLERANCES).distance({"a": 0.0, "b": 0.0})


def test_a_file_comes_back_and_anything_else_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    known = learn_calibration(people(9, rng), people(20, rng, 3), tolerances=TOLERANCES, weights_sha256="ab" * 32)
    path = tmp_path / "known.json"
    save_calibration(known, path)
    again = open_calibration(path)
    scan = people(1, rng)[0][0]
    assert again.judge(scan).score == pytest.approx(known.judge(scan).score, rel=1e-4)
    assert (again.fitted, again.alpha, again.weights_sha256) == (9, 0.05, "ab" * 32)
    with pytest.raises(Refusal, match="--force"):
        save_calibration(known, path)
    told = json.loads(path.read_text())
    broken = [
        "not json", "[]", "{}", json.dumps({**told, "version": 2}), json.dumps({**told, "distances": [["x"]]}),
        json.dumps({**told, "stranger": 1}), json.dumps({**told, "usual": {**told["usual"], "centre": [0.0]}}),
    ]  # fmt: skip
    for text in broken:
        (tmp_path / "broken.json").write_text(text)
        with pytest.raises(Refusal, match=r"no calibration|do not fit"):
            open_calibration(tmp_path / "broken.json")
    with pytest.raises(Refusal, match="There is no calibration"):
        open_calibration(tmp_path / "nowhere.json")
