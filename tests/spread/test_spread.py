"""Work on many scans: here, on processes that die, and on schedulers that are not there."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import LocalCluster

from finemri.refusal import Refusal
from finemri.spread import ALONE, Crew, Outcome, crew, spread
from tests.spread.toys import Piece, Toy

Outcomes = list[Outcome[str, Piece]]


def done(toy: Toy, units: list[str], who: Crew) -> tuple[Counter[tuple[str, str]], dict[str, str]]:
    """Unit and piece -> how often it arrived; unit -> why it failed."""
    outcomes: Outcomes = list(spread(toy, toy, units, who))
    pieces = Counter((unit, what) for outcome in outcomes for unit, what, _ in outcome.pieces)
    return pieces, {outcome.unit: outcome.failure for outcome in outcomes if outcome.failure is not None}


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a scheduler with one worker of two threads."""
    with LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        memory_limit=0,
    ) as cluster:
        yield cluster.scheduler_address


def test_alone_each_piece_comes_as_it_is_made_and_a_failure_costs_its_unit(tmp_path: Path) -> None:
    toy = Toy(tmp_path)
    outcomes: Outcomes = list(spread(toy, toy, ["a", "bad", "bug", "b"], ALONE))
    assert [(o.unit, len(o.pieces)) for o in outcomes] == [
        *(("a", 1), ("a", 1)),
        *(("bad", 1), ("bad", 0), ("bug", 1), ("bug", 0)),
        *(("b", 1), ("b", 1)),
    ]
    failed = {o.unit: o.failure for o in outcomes if o.failure}
    assert failed == {"bad": "This scan is bad; leave it out.", "bug": "ValueError."}, "no path of a patient"
    assert {pid for o in outcomes for _, _, pid in o.pieces} == {os.getpid()}


def test_a_worker_that_dies_costs_its_own_unit_and_nothing_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    toy = Toy(tmp_path)
    sound = [f"s{n}" for n in range(6)]
    pieces, failed = done(toy, ["deadly", "unlucky", "bad", *sound], Crew(2))
    assert pieces == {
        **{(unit, what): 1 for unit in [*sound, "unlucky"] for what in ("first", "of 2")},
        ("bad", "first"): 1,
    }
    assert failed.keys() == {"deadly", "bad"}
    assert failed["deadly"].startswith("2 workers died of it")
    assert failed["bad"] == "This scan is bad; leave it out."
    assert (toy.begun("deadly"), toy.begun("unlucky")) == (2, 2)
    assert {toy.begun(unit) for unit in sound} == {1}, "what a dead worker did not have is not done again"
    threads = max(1, crew.cores() // 2)
    assert capfd.readouterr().err == f"finemri: 9 scans go to 2 worker processes, {threads} threads each.\n"


def test_the_workers_of_a_scheduler_share_the_work(tmp_path: Path, scheduler: str) -> None:
    toy = Toy(tmp_path)
    outcomes: Outcomes = list(spread(toy, toy, ["a", "bad", "unlucky", "b"], Crew(scheduler=scheduler)))
    assert sorted((o.unit, len(o.pieces)) for o in outcomes) == [("a", 2), ("b", 2), ("bad", 1), ("unlucky", 2)]
    assert os.getpid() not in {pid for o in outcomes for _, _, pid in o.pieces}
    assert {what for o in outcomes for _, what, _ in o.pieces} == {"first", "of 1"}, "each has a machine of its own"


def test_a_bench_that_cannot_be_set_up_elsewhere_fails_every_unit_with_its_sentence(
    tmp_path: Path, scheduler: str
) -> None:
    pieces, failed = done(Toy(tmp_path, home=os.getpid()), ["a", "b"], Crew(scheduler=scheduler))
    assert not pieces
    assert failed == dict.fromkeys("ab", "There is no bench here; bring one.")


def test_a_scheduler_that_is_not_there_and_dask_that_is_not_installed_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = Toy(tmp_path)
    monkeypatch.setattr("finemri.spread.cluster.PATIENCE", 0.3)
    for address in ("tcp://127.0.0.1:9", "nowhere://x"):
        with pytest.raises(Refusal, match="No dask scheduler answers"):
            done(toy, ["a", "b"], Crew(scheduler=address))
    monkeypatch.setattr("finemri.spread.cluster.find_spec", lambda _: None)
    with pytest.raises(Refusal, match=r"pip install 'finemri\[cluster\]'"):
        done(toy, ["a", "b"], Crew(2))


def test_a_scheduler_that_stops_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finemri.spread.cluster.PATIENCE", 5)  # to find it, and to miss it
    with LocalCluster(
        n_workers=1, processes=False, host="127.0.0.1", protocol="tcp", dashboard_address="127.0.0.1:0"
    ) as own:
        toy = Toy(tmp_path)
        outcomes = spread(toy, toy, list("abcdefgh"), Crew(scheduler=own.scheduler_address))
        assert next(outcomes).unit == "a"
        own.close()
        with pytest.raises(Refusal, match="scheduler is gone"):
            list(outcomes)


def test_an_open_crew_finds_out_what_pays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toy, asked = Toy(tmp_path), list[tuple[int, int]]()
    monkeypatch.setattr(
        "finemri.spread.cluster.local",
        lambda workers, work, units: asked.append((workers, len(units))) or iter(()),  # type: ignore[func-returns-value]
    )
    monkeypatch.setattr(crew, "cores", lambda: 8)
    assert len(list(spread(toy, toy, list("abcd"), Crew()))) == 8
    assert not asked, "milliseconds a scan: no cluster"
    monkeypatch.setattr(crew, "PAYS", 0.0)
    assert len(list(spread(toy, toy, list("abcd"), Crew(), memory=5 * 2**30))) == 2
    assert asked == [(2, 3)], "the first here, the rest by as many as have 2 GiB each"
    assert "3 scans go to 2 worker processes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("left", "seconds", "memory", "free", "expected"),
    [
        (100, 10.0, 64 * 2**30, 64 * 2**30, 8),
        (3, 100.0, 64 * 2**30, None, 3),
        (100, 10.0, 4 * 2**30, 64 * 2**30, 2),
        (100, 10.0, 64 * 2**30, 7 * 2**30, 3),
        (100, 10.0, None, None, 8),
        (100, 10.0, 2**30, None, 1),
        (100, 0.1, None, None, 1),
        (1, 1000.0, None, None, 1),
    ],
)
def test_how_many_workers_pay(
    monkeypatch: pytest.MonkeyPatch, left: int, seconds: float, memory: int | None, free: int | None, expected: int
) -> None:
    monkeypatch.setattr(crew, "cores", lambda: 8)
    assert crew.worth(left, seconds, memory, free) == expected
    monkeypatch.setattr(crew, "cores", lambda: 2)
    assert crew.worth(left, seconds, memory, free) == 1, "two cores are busy with one process already"


def test_crews_that_make_no_sense_are_refused() -> None:
    with pytest.raises(Refusal, match="At least one"):
        Crew(0)
    with pytest.raises(Refusal, match="not both"):
        Crew(2, "tcp://127.0.0.1:1")
    assert Crew().on("cuda") is ALONE
    assert Crew().on("cpu").is_open
    assert Crew(2).on("cuda") == Crew(2), "who asks for two gets two"
