"""Blinded, balanced, repeatable: the order in which readers see what."""

import json
from collections import Counter
from dataclasses import asdict, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finemri.refusal import Refusal
from finemri.study.design import SPOILT, Design, Shown, Trial
from finemri.study.protocol import passed, protocol
from finemri.study.question import Question

KINDS = ("opinion", "forced-choice", "ranking")


def design(kind: str = "opinion", cases: int = 6, methods: int = 3, **more: object) -> Design:
    names = ("truth", "spline", "sharp", "faithful", "forest")[:methods]
    question = Question(kind)  # type: ignore[arg-type]
    return Design(question, tuple(f"s{n}" for n in range(cases)), names, **{"anchor": "truth", **more})  # type: ignore[arg-type]


@given(
    kind=st.sampled_from(KINDS),
    cases=st.integers(1, 9),
    methods=st.integers(2, 5),
    repeats=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    catches=st.sampled_from([0.0, 0.05, 0.3]),
    training=st.integers(0, 2),
    reader=st.integers(0, 7),
    seed=st.integers(0, 99),
)
def test_laws_of_a_protocol(
    kind: str, cases: int, methods: int, repeats: float, catches: float, training: int, reader: int, seed: int
) -> None:
    made = design(
        kind, cases, methods, repeats=repeats, catches=catches, seed=seed, training_cases=("x", "y")[:training]
    )
    trials = protocol(made, reader)
    assert trials == protocol(Design.of(json.loads(json.dumps(asdict(made)))), reader)

    main = [trial for trial in trials if trial.role == "main"]
    stimuli = {"opinion": methods, "forced-choice": methods * (methods - 1) // 2, "ranking": 1}[kind]
    told = {(trial.shown[0].case, frozenset(shown.method for shown in trial.shown)) for trial in main}
    assert len(told) == len(main) == cases * stimuli  # every case with every stimulus, once

    for place, trial in enumerate(trials):
        assert len({shown.case for shown in trial.shown}) == 1
        if trial.role == "repeat":
            assert trial.repeats is not None
            assert trial.repeats < place
            assert trials[trial.repeats].role == "main"
            assert trials[trial.repeats].shown[::-1] == trial.shown
        assert (trial.role == "catch") <= (SPOILT in {shown.method for shown in trial.shown})
        assert trial.role != "main" or SPOILT not in {shown.method for shown in trial.shown}
    roles = [trial.role for trial in trials]
    assert roles[: roles.count("training")] == ["training"] * roles.count("training")
    assert all(shown.case in made.training_cases for t in trials if t.role == "training" for shown in t.shown)
    if cases > 3:
        judged = [trial.shown[0].case for trial in trials if trial.role != "training"]
        assert sum(a == b for a, b in pairwise(judged)) <= 1


def test_methods_are_balanced_over_places_and_sides() -> None:
    """Over six readers no method comes early more often than another, and no side has a favourite."""
    made = design(cases=6, methods=3, repeats=0, catches=0)
    early = Counter(t.shown[0].method for reader in range(6) for t in protocol(made, reader)[:6])
    assert max(early.values()) - min(early.values()) <= 2
    pairs = design("forced-choice", cases=6, methods=3, repeats=0, catches=0)
    left = Counter(t.shown[0].method for reader in range(2) for t in protocol(pairs, reader))
    assert set(left.values()) == {12}  # each of 3 methods in 24 of 36 pairs, half of them on the left


def test_readers_have_orders_of_their_own() -> None:
    made = design(cases=8)
    assert len({protocol(made, reader) for reader in range(10)}) == 10
    assert protocol(made, 0) != protocol(replace(made, seed=1), 0)


def test_an_order_never_changes() -> None:
    """A study that runs for months survives every update: these trials are as they were first drawn."""
    order = [f"{t.role[0]}:{t.shown[0].case}:{t.shown[0].method}" for t in protocol(design(cases=2, methods=2), 1)]
    assert order == ["m:s0:spline", "m:s1:truth", "m:s0:truth", "c:s1:spoilt", "m:s1:spline"]


@pytest.mark.parametrize(
    ("kind", "shown", "good", "bad"),
    [
        ("opinion", (SPOILT,), {"overall quality": 1}, {"overall quality": 4}),
        ("forced-choice", ("truth", SPOILT), {"overall quality": 0}, {"overall quality": 1}),
        ("ranking", (SPOILT, "truth"), {"overall quality": (1, 0)}, {"overall quality": (0, 1)}),
    ],
)
def test_catch_trials_tell_careful_readers(kind: str, shown: tuple[str, ...], good: dict, bad: dict) -> None:  # type: ignore[type-arg]
    trial = Trial("catch", tuple(Shown("s0", method) for method in shown))
    assert passed(design(kind), trial, good)
    assert not passed(design(kind), trial, bad)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"cases": ()}, "needs cases"),
        ({"methods": ("a", "a")}, "same name"),
        ({"methods": ("a", SPOILT), "anchor": None}, "is taken"),
        ({"anchor": "nobody"}, "not among"),
        ({"training_cases": ("s0",)}, "train on"),
        ({"repeats": 1.5}, "between 0 and 1"),
    ],
)
def test_designs_that_make_no_study(wrong: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(Refusal, match=message):
        replace(design(), **wrong)
    with pytest.raises(Refusal, match="no design"):
        Design.of({"cases": ["a"]})
    with pytest.raises(Refusal, match="at least two"):
        design("ranking", methods=1)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("opinion", {"overall quality": 5}),
        ("opinion", {"overall quality": 0}),
        ("opinion", {"overall quality": True}),
        ("opinion", {}),
        ("opinion", {"overall quality": 1, "other": 1}),
        ("forced-choice", {"overall quality": 2}),
        ("ranking", {"overall quality": (0, 0)}),
        ("ranking", {"overall quality": 1}),
    ],
)
def test_answers_that_are_none(kind: str, answer: dict) -> None:  # type: ignore[type-arg]
    with pytest.raises(Refusal):
        Question(kind).check(answer, 2)  # type: ignore[arg-type]
    Question(kind).check({"overall quality": (1, 0) if kind == "ranking" else 1}, 2)  # type: ignore[arg-type]
