"""Pages over HTTP, without a browser: what readers and clumsy readers do."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from finemri.study.question import Kind
from tests.study.web import Office, Page, chosen, serving, study_of, words


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with serving(study_of(tmp_path)) as open_:
        yield open_


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_study_from_the_link_to_the_thanks(kind: Kind, tmp_path: Path) -> None:
    with serving(study_of(tmp_path, kind, criteria=("overall quality", "edges"))) as office:
        reader = office.reader()
        welcome = reader.page("/study")
        assert "/study?begin=1" in welcome.addresses
        assert "trial" not in welcome.fields
        first = reader.page()
        assert len(first.pictures) == {"opinion": 1, "forced-choice": 2, "ranking": 3}[kind]
        assert reader.read(chosen, criteria=2) == len(reader.trials)
        assert "Thank you" in words(reader.page("/study").text)
        cast = office.ballots.ballots()
        assert [ballot.trial for ballot in cast] == list(range(len(reader.trials)))
        told = {ballot.trial: ballot.answer["edges"] for ballot in cast}
        wanted = {0: (0, 1, 2)} if kind == "ranking" else {0: 1}
        assert told.items() >= wanted.items()
        assert office.client().get("/study").status_code == 401


def test_training_is_told_apart_until_it_is_over(office: Office) -> None:
    reader = office.reader()
    training = sum(trial.role == "training" for trial in reader.trials)
    assert training
    told = []
    for _ in range(training + 2):
        page = reader.page()
        told.append(("Training ·" in words(page.text), "Training is over" in words(page.text)))
        reader.send(page, "2")
    assert told == [(True, False)] * training + [(False, True), (False, False)]


def test_back_once(office: Office) -> None:
    reader = office.reader()
    assert "/study?back=1" not in reader.page().addresses
    reader.send(reader.page(), "1")
    assert "/study?back=1" in reader.page().addresses
    back = reader.page("/study?back=1")
    assert (back.trial, back.fields["back"]) == (0, "1")
    assert 'value="1" required checked' in back.text
    sent = reader.send(back, "4")
    assert sent.headers["location"] == "/study?begin=1&notice=revised"
    assert "Your change was stored" in reader.page(sent.headers["location"]).text
    assert [(b.revision, b.answer["overall quality"]) for b in office.ballots.history()] == [(0, 1), (1, 4)]
    again = reader.page("/study?back=1")
    assert again.trial == 1
    assert "/study?back=1" not in again.addresses
    assert "notice=already" in reader.send(back, "3").headers["location"]
    assert [b.answer["overall quality"] for b in office.ballots.ballots()] == [4]


def test_the_last_answer_of_all_may_be_changed_as_well(office: Office) -> None:
    reader = office.reader()
    reader.read(chosen)
    assert "/study?back=1" in reader.page().addresses
    back = reader.page("/study?back=1")
    assert back.trial == len(reader.trials) - 1
    reader.send(back, "3")
    assert "/study?back=1" not in reader.page("/study?back=1").addresses
    assert office.ballots.ballots()[-1].answer == {"overall quality": 3}


def test_double_clicks_two_tabs_and_leaps_count_once(office: Office) -> None:
    reader = office.reader()
    page, tab = reader.page(), reader.page()
    assert reader.send(page, "1").headers["location"] == "/study?begin=1"
    twice = reader.send(tab, "4")
    assert "answered before" in reader.page(twice.headers["location"]).text
    early = reader.send(page, "2", trial="5")
    assert "answer this trial first" in reader.page(early.headers["location"]).text
    assert [(b.trial, b.answer["overall quality"]) for b in office.ballots.history()] == [(0, 1)]


def test_pause_and_go_on_from_another_machine(office: Office) -> None:
    reader = office.reader()
    page = reader.page()
    reader.send(page, "1")
    paused = reader.client.post("/study/pause", data={"csrf": page.fields["csrf"]})
    assert paused.status_code == 200
    assert f"1 of {len(reader.trials)} are answered" in words(paused.text)
    other = office.client()
    assert other.get(f"/r/{reader.token}").status_code == 303
    assert Page(other.get("/study").text).trial == 1


@pytest.mark.parametrize("told", [{}, {"answer-0": "0"}, {"answer-0": "5"}, {"answer-0": "good"}, {"answer-0": ""},
                                  {"answer-0": "2", "trial": "-1"}, {"answer-0": "2", "trial": "9" * 5000},
                                  {"answer-0": "2", "trial": "999"}, {"answer-0": "1,2"}])  # fmt: skip
def test_what_is_no_answer_is_said_and_not_kept(told: dict[str, str], office: Office) -> None:
    reader = office.reader()
    sent = reader.send(reader.page(), **told)
    assert sent.status_code == 422
    notice = words(sent.text.partition('id="notice"')[2].partition("</p>")[0])
    assert notice.endswith(("offered.", "again."))
    assert Page(sent.text).trial == 0
    assert not office.ballots.history()


@pytest.mark.parametrize("value", ["", "0", "0,0,1", "0,1,2,3", "2,1", "a,b,c"])
def test_a_ranking_names_every_picture_once(value: str, tmp_path: Path) -> None:
    with serving(study_of(tmp_path, "ranking", training=0, catches=0)) as office:
        reader = office.reader()
        assert reader.send(reader.page(), value).status_code == 422
        assert not office.ballots.history()


@pytest.mark.parametrize(
    ("log", "kept"),
    [
        ('[{"t": 1.5, "low": 0, "high": 40000, "zoom": 1}]', [{"t": 1.5, "low": 0, "high": 40000, "zoom": 1}]),
        ('[{"t": 1' + "0" * 400 + "}]", [{}]),
        ("[" * 7990, []),
        ('[{"t": NaN, "name": "x", "a long name": 1, "ok": 2}, 7]', [{"ok": 2}]),
        ("no json", []),
        ('{"t": 1}', []),
        ("[" + "1," * 4000 + "1]", [{"left_out": 8003}]),
    ],
)
def test_an_odd_log_never_costs_an_answer(log: str, kept: list[object], office: Office) -> None:
    reader = office.reader()
    for seconds, stored in (("12.5", 12.5), ("nan", 0), ("-3", 0), ("1e300", 86_400), ("", 0)):
        assert reader.send(reader.page(), "2", log=log, seconds=seconds).status_code == 303
        assert (list(office.ballots.ballots()[-1].log), office.ballots.ballots()[-1].seconds) == (kept, stored)


def test_time_that_is_no_number_is_refused(office: Office) -> None:
    reader = office.reader()
    assert reader.send(reader.page(), "2", seconds="long").status_code == 422


def test_a_revoked_reader_is_out_at_once(office: Office) -> None:
    reader = office.reader()
    page = reader.page()
    office.ballots.revoke(reader.id)
    assert reader.client.get("/study").status_code == 401
    assert reader.client.get(page.pictures[0]).status_code == 401
    assert reader.send(page, "1").status_code == 401
    shut = office.client().get(f"/r/{reader.token}")
    assert shut.status_code == 404
    wrong = office.client().get(f"/r/{reader.token[::-1]}")
    assert (shut.text, shut.headers) == (wrong.text, wrong.headers)
    assert "set-cookie" not in shut.headers
    token = office.ballots.invite_again(reader.id)
    assert reader.client.get(f"/r/{token}").status_code == 303
    assert reader.page().trial == 0
