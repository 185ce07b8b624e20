"""No ballot is lost and none counts twice, whatever a browser, a network or a server does."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from finemri.refusal import Refusal
from finemri.study.ballots import Ballots, Outcome
from finemri.study.database import Database
from finemri.study.doors import Doors

BoxOf = Callable[..., Ballots]
DESIGN = "d" * 64
GOOD = {"overall quality": 3}


def test_answers_come_in_their_order(url: str, box_of: BoxOf) -> None:
    box = box_of(url, DESIGN, clock=iter(range(100)).__next__)
    reader, _ = box.invite("Dr A")
    assert box.position(reader.id) == 0
    assert box.cast(reader.id, 1, GOOD, 1.0) is Outcome.TOO_EARLY
    assert box.cast(reader.id, 0, GOOD, 2.5, [{"t": 1}]) is Outcome.STORED
    assert box.cast(reader.id, 0, {"overall quality": 1}, 9.0) is Outcome.ALREADY
    assert box.cast(reader.id, 1, {"overall quality": (1, 0)}, 1.0) is Outcome.STORED
    assert box.cast(reader.id, 0, GOOD, 1.0, back=True) is Outcome.ALREADY  # two back
    assert box.cast(reader.id, 1, {"overall quality": (0, 1)}, 4.0, back=True) is Outcome.REVISED
    assert box.cast(reader.id, 1, GOOD, 5.0, back=True) is Outcome.ALREADY  # twice
    assert box.position(reader.id) == 2
    first, second = box.ballots()
    assert (first.answer, first.seconds, first.log) == (GOOD, 2.5, [{"t": 1}])
    assert (second.answer, second.revision) == ({"overall quality": (0, 1)}, 1)
    assert [ballot.revision for ballot in box.history()] == [0, 0, 1]
    assert box.answer(reader.id, 1) == second
    assert box.answer(reader.id, 2) is None
    assert box.readers()[0].answered == 2
    with pytest.raises(Refusal, match="no such reader"):
        box.cast(77, 0, GOOD, 1.0)


def test_many_at_once_count_once(url: str, box_of: BoxOf) -> None:
    """Eight tabs of each of six readers send the same answers: every trial has one ballot."""
    box = box_of(url, DESIGN)
    readers = [box.invite(f"reader {n}")[0].id for n in range(6)]

    def tab(reader: int) -> list[Outcome]:
        return [box.cast(reader, trial, GOOD, 1.0) for trial in range(5)]

    with ThreadPoolExecutor(16) as pool:
        outcomes = [outcome for told in pool.map(tab, readers * 8) for outcome in told]
    assert outcomes.count(Outcome.STORED) == len(box.history()) == 30
    assert {(b.reader, b.trial) for b in box.history()} == {(r, t) for r in range(6) for t in range(5)}


def test_two_who_are_invited_at_once_have_numbers_of_their_own(url: str, box_of: BoxOf) -> None:
    box = box_of(url, DESIGN)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: box.invite(f"reader {n}"), range(8)))
    assert sorted(reader.number for reader, _ in made) == list(range(8))
    assert len({token for _, token in made}) == 8


def test_links_open_until_they_are_revoked(url: str, box_of: BoxOf) -> None:
    box = box_of(url, DESIGN)
    doors = Doors(box)
    reader, token = box.invite("Dr A")
    assert box.reader_of(token) == reader
    assert box.reader_of(token + "x") is None
    session = doors.open_session("reader", reader.id)
    box.cast(reader.id, 0, GOOD, 1.0)
    box.revoke(reader.id)
    assert box.reader_of(token) is None
    assert doors.session(session, "reader") is None
    again = box.invite_again(reader.id)
    found = box.reader_of(again)
    assert found is not None
    assert (found.number, found.answered) == (reader.number, 1)  # goes on where they stopped
    assert box.reader_of(token) is None
    with pytest.raises(Refusal, match="no such reader"):
        box.invite_again(99)
    with pytest.raises(Refusal, match="1 to 100"):
        box.invite("  ")


def test_nothing_that_opens_a_door_is_stored(tmp_path: Path, box_of: BoxOf) -> None:
    box = box_of(f"sqlite:///{tmp_path}/study.sqlite", DESIGN)
    doors = Doors(box)
    reader, token = box.invite("Dr A")
    session = doors.open_session("reader", reader.id)
    doors.set_password("correct horse battery")
    box.database.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in (token, session, "correct horse battery"):
        assert secret.encode() not in stored


def test_doors(url: str, box_of: BoxOf) -> None:
    now = [1e9]
    box = box_of(url, DESIGN, clock=lambda: now[0])
    doors = Doors(box)
    assert not doors.has_password
    assert not doors.check_password("")
    with pytest.raises(Refusal, match="at least 12"):
        doors.set_password("short")
    doors.set_password("correct horse battery")
    assert doors.check_password("correct horse battery")
    assert not doors.check_password("correct horse batterie")
    token = doors.open_session("organiser")
    session = doors.session(token, "organiser")
    assert session is not None
    assert doors.session(token, "reader") is None
    now[0] += 13 * 3600
    assert doors.session(token, "organiser") is None
    token = doors.open_session("organiser")
    doors.close_session(token)
    assert doors.session(token, "organiser") is None
    for _ in range(5):
        assert not doors.is_braked("10.0.0.1", 5, 60)
        doors.failed("10.0.0.1")
    assert doors.is_braked("10.0.0.1", 5, 60)
    assert not doors.is_braked("10.0.0.2", 5, 60)
    now[0] += 61
    assert not doors.is_braked("10.0.0.1", 5, 60)


def test_a_design_can_change_until_a_ballot_is_in(url: str, box_of: BoxOf) -> None:
    reader, _ = box_of(url, DESIGN).invite("Dr A")
    box = box_of(url, "e" * 64)
    box.cast(reader.id, 0, GOOD, 1.0)
    assert box_of(url, "e" * 64).position(reader.id) == 1
    with pytest.raises(Refusal, match="answer another study"):
        box_of(url, DESIGN)


def test_unblinding_is_remembered(url: str, box_of: BoxOf) -> None:
    now = [5.0]
    box = box_of(url, DESIGN, clock=lambda: now[0])
    assert box.unblinded_at is None
    box.unblind()
    now[0] = 9.0
    box.unblind()
    assert box.unblinded_at == 5.0


def test_a_process_that_is_killed_loses_nothing_that_it_confirmed(tmp_path: Path, box_of: BoxOf) -> None:
    """SIGKILL in the middle of casting: what was confirmed is there, and the box goes on."""
    url = f"sqlite:///{tmp_path}/study.sqlite"
    reader, _ = box_of(url, DESIGN).invite("Dr A")
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_cast_for_ever, args=(url, reader.id, theirs))
    process.start()
    confirmed = [ours.recv() for _ in range(10)]
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    box = box_of(url, DESIGN)
    stored = [ballot.trial for ballot in box.ballots()]
    assert stored == list(range(len(stored)))
    assert confirmed == list(range(10))
    assert len(stored) >= 10
    assert box.cast(reader.id, len(stored), GOOD, 1.0) is Outcome.STORED


def _cast_for_ever(url: str, reader: int, pipe: "multiprocessing.connection.Connection") -> None:
    box = Ballots(url, DESIGN)
    for trial in range(100_000):
        assert box.cast(reader, trial, GOOD, 1.0) is Outcome.STORED
        pipe.send(trial)


def test_urls_that_lead_nowhere(tmp_path: Path) -> None:
    for url in ("nonsense", "mysql://a@b/c", f"sqlite:///{tmp_path}/no/such/folder/x.sqlite"):
        with pytest.raises(Refusal, match="database"):
            Database(url)
