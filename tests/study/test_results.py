"""From ballots to claims: three readers whose taste is known."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from finemri.measures.contract import Contract
from finemri.measures.readers import Opinion
from finemri.measures.tidy import Row
from finemri.refusal import Refusal
from finemri.study.ballots import Ballots
from finemri.study.correlation import correlations
from finemri.study.design import SPOILT, Trial
from finemri.study.images import Showing, find_images
from finemri.study.new import new
from finemri.study.organise import Study
from finemri.study.plan import Readings, fewest, plan
from finemri.study.protocol import protocol
from finemri.study.question import Answer, Question
from finemri.study.results import results
from tests.study.images import evaluated

TASTE = {"truth": 4, "sharp-gan": 3, "spline": 2, SPOILT: 1}
BoxOf = Callable[..., Ballots]


def honest(trial: Trial, question: Question) -> Answer:
    """By the taste above."""
    scores = [TASTE[shown.method] for shown in trial.shown]
    value: int | tuple[int, ...] = scores[0]
    if question.kind == "forced-choice":
        value = scores.index(max(scores))
    elif question.kind == "ranking":
        value = tuple(sorted(range(len(scores)), key=lambda pane: -scores[pane]))
    return dict.fromkeys(question.criteria, value)


def answered(folder: Path, box_of: BoxOf, question: Question, readers: int = 3, people: int = 7) -> Study:
    study = new(
        folder / "study", find_images([str(evaluated(folder / "judged", people))]), question, showing=Showing(slices=1)
    )
    box = box_of(study.database, study.design.digest)
    for n in range(readers):
        reader, _ = box.invite(f"Dr {n}")
        for place, trial in enumerate(protocol(study.design, reader.number)):
            box.cast(reader.id, place, honest(trial, question), 2.0 + n)
    return study


@pytest.mark.parametrize("kind", ["opinion", "forced-choice", "ranking"])
def test_readers_who_agree_are_found_to(kind: str, tmp_path: Path, box_of: BoxOf) -> None:
    question = Question(kind, ("quality", "artefacts"))  # type: ignore[arg-type]
    study = answered(tmp_path, box_of, question)
    with pytest.raises(Refusal, match="blind still"):
        results(study, tmp_path / "out")
    told = json.loads(results(study, tmp_path / "out", unblind=True).read_text())
    assert told["readers"] == {"invited": 3, "finished": 3, "left_out": []}
    for found in told["criteria"].values():
        means = {method: mean["mean"] for method, mean in found["means"].items()}
        assert sorted(means, key=lambda m: -means[m]) == ["truth", "sharp-gan", "spline"]
        apart = next(d for d in found["differences"] if (d["method"], d["other"]) == ("sharp-gan", "spline"))
        assert (apart["people"], apart["readers"], apart["superiority"]) == (6, 3, 1)
        assert apart["p"] == pytest.approx(2 / 2**6)
        assert apart["p_holm"] == pytest.approx(4 / 2**6)
        strength = {method: each["value"] for method, each in found["preference"].items()}
        assert sorted(strength, key=lambda m: -strength[m]) == ["truth", "sharp-gan", "spline"]
        assert all(each["alike"] == 1 for each in found["within_readers"].values())
        assert found["between_readers"]["alpha_ordinal"] == pytest.approx(1)
    assert [each["catches_failed"] for each in told["by_reader"].values()] == [0, 0, 0]
    assert [each["seconds"] for each in told["by_reader"].values()] == [2, 3, 4]
    assert told["by_reader"]["reader 1"]["catches"] >= 1


def test_every_score_is_in_the_table_and_no_label_of_a_reader(tmp_path: Path, box_of: BoxOf) -> None:
    study = answered(tmp_path, box_of, Question())
    results(study, tmp_path / "out", unblind=True)
    with (tmp_path / "out" / "opinions.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == sum(len(protocol(study.design, n)) for n in range(3))
    assert {int(line["score"]) for line in lines if line["method"] == "spline"} == {2}
    assert {line["reader"] for line in lines} == {"reader 1", "reader 2", "reader 3"}
    assert "Dr " not in (tmp_path / "out" / "study-results.json").read_text()


def test_a_careless_reader_is_told_and_can_be_left_out(tmp_path: Path, box_of: BoxOf) -> None:
    study = answered(tmp_path, box_of, Question(), readers=2)
    box = box_of(study.database, study.design.digest)
    careless, _ = box.invite("Dr C")
    for place in range(len(protocol(study.design, careless.number))):
        box.cast(careless.id, place, {"overall quality": 4 - place % 2}, 0.3)
    told = json.loads(results(study, tmp_path / "out", unblind=True).read_text())
    assert told["by_reader"]["reader 3"]["catches_failed"] >= 1
    assert told["criteria"]["overall quality"]["between_readers"]["alpha_ordinal"] < 0.9
    told = json.loads(results(study, tmp_path / "out", without=[3]).read_text())
    assert "reader 3" not in told["by_reader"]
    assert told["readers"]["left_out"] == ["reader 3"]


def test_intraclass_correlation_is_of_whole_images_and_of_opinions_alone(tmp_path: Path, box_of: BoxOf) -> None:
    """A third reader who stops after a few trials does not shrink it; and who is left out is not counted."""
    study = answered(tmp_path, box_of, Question(), readers=2)
    box = box_of(study.database, study.design.digest)
    gone, _ = box.invite("Dr C")
    for place, trial in enumerate(protocol(study.design, gone.number)[:9]):
        box.cast(gone.id, place, honest(trial, study.design.question), 1.0)
    told = json.loads(results(study, tmp_path / "out", unblind=True, without=[2]).read_text())
    assert (told["readers"]["invited"], told["readers"]["finished"]) == (3, 1)
    found = json.loads(results(study, tmp_path / "out").read_text())["criteria"]["overall quality"]
    between = found["between_readers"]
    assert (between["icc_images"], between["icc_readers"], between["trials"]) == (18, 2, 18)
    pairs = answered(tmp_path / "pairs", box_of, Question("forced-choice"), readers=2)
    told = json.loads(results(pairs, tmp_path / "out", unblind=True).read_text())
    between = told["criteria"]["overall quality"]["between_readers"]
    assert between["trials"] == 18, "six people by three pairs, each judged once by both"
    assert not {"icc_agreement", "icc_images"} & set(between)


def test_no_ballot_no_results(tmp_path: Path, box_of: BoxOf) -> None:
    study = answered(tmp_path, box_of, Question(), readers=0, people=2)
    with pytest.raises(Refusal, match="No ballot counts yet"):
        results(study, tmp_path / "out", unblind=True)
    assert not (tmp_path / "out").exists()
    assert box_of(study.database, study.design.digest).unblinded_at is None, "nothing was seen, so all are blind still"


def test_measures_that_readers_agree_with_come_first() -> None:
    """PSNR orders the methods as readers do for all, NMSE (less is better) for all but one, MSE never."""
    contract = Contract("psnr", "head", 1.0, "", "3D", None, "", "none")
    scored = [Opinion("r", f"p{n}", m, s) for n in range(6) for m, s in (("a", 1), ("b", 2), ("c", 3))]
    rows = []
    for n in range(6):
        for m, psnr in (("a", 20.0), ("b", 25.0), ("c", 30.0)):
            nmse = 1 / psnr if n else psnr
            rows += [
                Row(f"p{n}", m, "blur", 2, name, value, contract)
                for name, value in (("psnr", psnr), ("nmse", nmse), ("mse", psnr))
            ]
    found = correlations(scored, rows)
    assert [each.measure for each in found] == ["psnr", "nmse", "mse"]
    assert [each.rho for each in found] == pytest.approx([1, 4 / 6, -1])
    assert (found[0].people, found[0].methods) == (6, 3)


def test_a_plan_keeps_its_level_and_gains_with_people() -> None:
    """Readers of one taste: no test is sure of nothing more often than it says. The larger study finds more."""
    alike = Readings(0.5, taste=0.0)
    small, large = plan(alike, [3], [6, 20], runs=200)
    for each in (small, large):
        assert max(each.alarms.values()) <= 0.085  # .05 and 2.3 standard errors
    assert all(small.found[test] < large.found[test] for test in small.found)
    assert large.found["wilcoxon"] > 0.85
    assert fewest([small, large], "wilcoxon") == large
    assert fewest([small], "wilcoxon", power=1.0) is None
    assert plan(alike, [3], [6], runs=200) == [small]  # seeded
    assert plan(Readings(1.0), [2], [4], runs=20)[0].found["wilcoxon"] == 0  # 4 people never reach .05


def test_tests_over_people_promise_nothing_of_other_readers() -> None:
    """Readers whose tastes differ, and no difference in the mean: three of them agree by chance too often."""
    apart = plan(Readings(0.5, taste=0.4), [3], [20], runs=200)[0]
    assert apart.alarms["wilcoxon"] > 0.15
    assert apart.alarms["readers-too"] <= 0.085


def test_plans_that_lead_nowhere() -> None:
    for words, message in (
        (lambda: Readings(5.0), "length of the scale"),
        (lambda: Readings(1.0, noise=-1), "negative"),
        (lambda: plan(Readings(1.0), [], [4]), "A plan takes"),
        (lambda: plan(Readings(0.0), [2], [4]), "difference of 0"),
    ):
        with pytest.raises(Refusal, match=message):
            words()
