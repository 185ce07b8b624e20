"""What readers said: the page's numbers are those of study-results.json, and a file can't do more than be read."""

import copy
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from finemri.measures.readers import Opinion
from finemri.measures.tidy import write_text
from finemri.refusal import Refusal
from finemri.report import report
from finemri.report.figures import Lane, dot_plot
from finemri.report.opinions import FILE
from finemri.study.ballots import Ballot
from finemri.study.correlation import Correlation
from finemri.study.design import Design
from finemri.study.protocol import protocol
from finemri.study.question import Question
from finemri.study.results import of_criterion, of_readers
from finemri.study.tally import judged
from tests.report.made import MINE, Page, folder, page_of, rows

Told = dict[str, Any]
METHODS = ("truth", MINE, "spline")
TASTE = {"truth": 4, MINE: 3, "spline": 2, "spoilt": 1}
ALONE = "&lt;script"


def told_of(kind: str = "opinion", people: int = 7, readers: int = 3, criterion: str = "quality") -> Told:
    """Results of readers of one taste, who differ now and then; as ``study results`` writes them."""
    question = Question(kind, (criterion,))  # type: ignore[arg-type]
    design = Design(question, tuple(f"jane_{n}" for n in range(people)), METHODS, anchor="truth", repeats=0.3)
    ballots = []
    for reader in range(readers):
        for place, trial in enumerate(protocol(design, reader)):
            scores = [max(1, TASTE[s.method] - ((reader + place) % 5 == 0)) for s in trial.shown]
            answer: int | tuple[int, ...] = scores[0]
            if kind == "forced-choice":
                answer = scores.index(max(scores))
            elif kind == "ranking":
                answer = tuple(sorted(range(len(scores)), key=lambda pane: -scores[pane]))
            ballots.append(Ballot(reader, place, 0, {criterion: answer}, 2.0 + reader, [], 0.0))
    told = judged(design, ballots)
    found = {
        "design": {"question": {"kind": kind, "scores": 4}, "title": "Knees", "anchor": "truth",
                   "cases": list(design.cases), "methods": list(METHODS)},
        "readers": {"invited": 4, "finished": readers, "left_out": []},
        "criteria": {criterion: of_criterion(design, told, criterion)},
        **of_readers(design, told),
    }  # fmt: skip
    plain: Told = json.loads(json.dumps(found), parse_constant=lambda _: None)  # NaN is null, as results writes it
    return plain


def written(path: Path, told: Told) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    write_text(path / FILE, json.dumps(told))
    return path


def numbers(page: Page, name: str, count: int) -> list[list[float]]:
    return [own for title, own in page.rows if title == name and len(own) == count]


@pytest.fixture(scope="module")
def opinion() -> Told:
    return told_of()


def test_the_page_has_the_numbers_of_the_file(opinion: Told, tmp_path: Path) -> None:
    """A folder with nothing but a study's results: means, differences, preference, agreement, readers."""
    page = page_of(written(tmp_path, opinion))
    found = opinion["criteria"]["quality"]
    for method, mean in found["means"].items():
        known = [mean["mean"], *mean["people"], *mean["readers"], *mean["both"]]
        assert numbers(page, method, 7) == [pytest.approx(known)]
    (first,) = [d for d in found["differences"] if (d["method"], d["other"]) == (MINE, "truth")]
    mean = first["mean"]
    known = [mean["mean"], *mean["people"], *mean["both"]]
    known += [first[kind] for kind in ("p_holm", "p_pairs", "p_ranks", "p_readers", "superiority")]
    assert pytest.approx(known) in numbers(page, MINE, 10)
    strength = found["preference"]["truth"]
    assert strength["low"] is None, "the truth never lost"
    assert [strength["value"]] in numbers(page, "truth", 1)
    within = found["within_readers"]["reader 1"]
    assert [within["alike"], within["kappa"]] in numbers(page, "reader 1", 2)
    assert [opinion["by_reader"]["reader 2"]["seconds"]] in numbers(page, "reader 2", 1)
    words = " ".join(page.words)
    between = found["between_readers"]
    assert f"over {between['trials']} trials: α {between['alpha_ordinal']:.2f}" in words
    assert f"ICC (agreement) {between['icc_agreement']['value']:.2f}" in words
    assert f"over the {between['icc_images']} images that {between['icc_readers']} readers all judged" in words
    assert "3 readers of 4 invited, 3 finished; 7 cases by 3 methods; people judged: 7" in words
    assert "CSV" not in words, "there is none"


def test_pairs_share_one_family_beside_the_families_of_one_method(opinion: Told) -> None:
    """Three pairs stand in six rows: Holm over all counts each once, and is never below Holm over two."""
    apart = opinion["criteria"]["quality"]["differences"]
    assert len(apart) == 6
    assert [each["p"] for each in apart] == [2 / 2**7] * 6
    assert [each["p_pairs"] for each in apart] == pytest.approx([3 * 2 / 2**7] * 6)
    assert all(each["p_pairs"] > each["p_holm"] for each in apart)


@pytest.mark.parametrize(("kind", "ends"), [("opinion", (1, 4)), ("forced-choice", (0, 1)), ("ranking", (0, 2))])
def test_the_axis_is_the_scale_of_the_question(kind: str, ends: tuple[float, float], tmp_path: Path) -> None:
    page = report(written(tmp_path, told_of(kind)), figures=False).read_text(encoding="utf-8")
    drawn = page[page.index("<svg") : page.index("</svg>")]
    assert 'class="zero"' not in drawn
    ticks = [float(found) for found in re.findall(r'text-anchor="middle">([\d.]+)<', drawn)]
    assert (min(ticks), max(ticks)) == ends
    assert ("ICC (agreement)" in page) == (kind == "opinion"), "scores of one trial add up to the same: no ICC"


def test_zero_has_its_line_where_it_means_no_gain() -> None:
    lane = Lane("m", [0.5, 1.0], 0.75, math.nan, math.nan)
    assert 'class="zero"' in dot_plot("x", "title", "gain", [lane])
    drawn = dot_plot("x", "title", "score", [lane], ends=(1, 4))
    assert 'class="zero"' not in drawn
    assert "m: mean 0.750.</desc>" in drawn, "no interval, no words of one"


def test_no_p_is_zero(opinion: Told, tmp_path: Path) -> None:
    told = copy.deepcopy(opinion)
    for each in told["criteria"]["quality"]["differences"]:
        each["p_holm"], each["p_readers"] = 0.0, 3e-7
    page = report(written(tmp_path, told)).read_text(encoding="utf-8")
    assert ">0.0000</data>" not in page
    assert page.count(">&lt; 0.0001</data>") == 12
    assert 'value="3e-07"' in page


def test_too_few_people_are_not_tested(tmp_path: Path) -> None:
    page = page_of(written(tmp_path, told_of(people=3)))
    assert any("With 3 people and 2 methods no p falls below 0.5" in words for words in page.words)
    assert not numbers(page, MINE, 10)


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    told = told_of(criterion=f"quality {MINE}")
    told["design"]["title"] = told["design"]["anchor"] = MINE
    told["readers"]["left_out"] = [MINE]
    told["by_reader"][MINE] = {**told["by_reader"].pop("reader 1"), "trials": MINE, "catches": MINE}
    (found,) = told["criteria"].values()
    found["within_readers"][MINE] = {**found["within_readers"].pop("reader 1"), "repeats": MINE}
    found["preference"]["truth"]["wins"] = found["between_readers"]["trials"] = found["differences"][0]["people"] = 9
    found["preference"]["truth"]["comparisons"] = MINE
    one = {"measure": MINE, "mask": MINE, "degradation": MINE, "scale": 2, "rho": 0.5, "low": 0.1, "high": 0.8}
    told["correlations"] = {MINE: [{**one, "people": MINE}]}
    text = report(written(tmp_path / MINE.replace("/", "-"), told)).read_text(encoding="utf-8")
    assert "<script" not in text
    assert ALONE in text
    assert Page(text).tags["script"] == 0


def test_what_nobody_measured_is_absent(opinion: Told, tmp_path: Path) -> None:
    told = copy.deepcopy(opinion)
    found = told["criteria"]["quality"]
    found |= {"preference": {}, "no_preference": "Nobody chose.", "between_readers": {}, "within_readers": {}}
    page = page_of(written(tmp_path, {**told, "correlations": {}}))
    captions = {words for words in page.words if words.endswith(": quality")}
    assert captions == {"Scores: quality", "Differences: quality"}
    assert "No preference: Nobody chose." in page.words
    assert "Which measure do readers agree with?" not in page.words
    assert not any(words.startswith("Between readers") for words in page.words)


def test_no_name_of_a_person_and_no_path(opinion: Told, tmp_path: Path) -> None:
    page = report(written(tmp_path / "study", opinion)).read_text(encoding="utf-8")
    assert "jane" not in page
    assert str(tmp_path) not in page


def test_a_study_beside_a_job_has_its_own_section(opinion: Told, tmp_path: Path) -> None:
    folder(tmp_path, rows())
    written(tmp_path / "readers", opinion)
    page = page_of(tmp_path)
    assert {"readers: Knees", "What was compared, on whom", "CLAIM 2024 checklist"} <= set(page.words)
    assert {"#job-1", "#study-1"} <= set(page.values("href"))
    assert {"study-1", "job-1"} <= set(page.values("id"))


@pytest.mark.parametrize("text", ["{", "[]", '{"criteria": {}}', '{"criteria": [], "by_reader": {}, "design": 1}'])
def test_what_is_no_result_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(Refusal, match="is not what"):
        report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_results_of_another_version_are_refused(opinion: Told, tmp_path: Path) -> None:
    spoils: list[Callable[[Told], object]] = [
        lambda told: told.pop("readers"),
        lambda told: told["criteria"]["quality"]["differences"][0].pop("p_pairs"),
        lambda told: told["criteria"]["quality"]["means"]["truth"].update(mean="high"),
        lambda told: told["design"]["question"].update(kind="vote"),
    ]
    for spoil in spoils:
        told = copy.deepcopy(opinion)
        spoil(told)
        with pytest.raises(Refusal, match=r"study results writes; write it again"):
            report(written(tmp_path, told))


def test_correlations_of_two_scales_never_mix() -> None:
    from finemri.measures.tidy import Row
    from finemri.study.correlation import correlations
    from tests.report.made import row

    scored = [Opinion("r", f"p{n}", m, s) for n in range(5) for m, s in (("a", 1), ("b", 2), ("c", 3))]
    some: list[Row] = []
    for n in range(5):
        for m, psnr in (("a", 20.0), ("b", 25.0), ("c", 30.0)):
            one = row(f"p{n}", m, psnr)
            some += [one, Row(one.subject, m, "blur", 4, "psnr", -3 * psnr, one.contract)]
    found = correlations(scored, some)
    assert [(each.scale, each.rho) for each in found] == [(2, 1.0), (4, -1.0)]
    assert isinstance(found[0], Correlation)
