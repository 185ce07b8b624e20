"""The same training with fewer labels: who learns, who is examined, and whose number is whose."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finemri.cohorts.split import Split
from finemri.measures import contract_of_slices
from finemri.measures.tidy import Row, write_rows
from finemri.recipes import KSpaceGAN, Scanning, VolumeSRGAN
from finemri.refusal import Refusal
from finemri.sweep import MEASURES, draw_budget, sweep
from finemri.training.weights import load_weights
from tests.cohorts import people

TINY = KSpaceGAN(
    scanning=Scanning(accelerations=(2.0,), one_mask=True, turn=False, matrices=((16, 20),), zoom=(2.0, 2.0)),
    l1=1.0,
    l1_rounds=1,
    adversarial_rounds=0,
    batch=2,
)


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    return people.noisy(tmp_path / "cohort", 5)


def test_a_sweep_goes_on_with_more_budgets_and_draws_the_mean_of_each(cohort: Path, tmp_path: Path) -> None:
    into = tmp_path / "sweep"
    settings: dict[str, Any] = {
        "into": into,
        "seeds": (0, 1),
        "exam": 2,
        "slices": 1,
        "precision": "32-true",
        "device": "cpu",
        "workers": 0,
    }
    sweep(TINY, cohort, budgets=(1,), **settings)
    first = {path: path.read_bytes() for path in into.rglob("*.safetensors")}
    drawn = sweep(TINY, cohort, budgets=(3, 1), **settings)
    assert drawn.read_bytes().startswith(b"\x89PNG")
    assert all(path.read_bytes() == held for path, held in first.items())
    dealt = Split.load(into / "split.json")
    assert (len(dealt.train), len(dealt.validation)) == (3, 2)
    for budget in (3, 1):
        _, header = load_weights(into / f"{budget}-people-seed-1" / "l1.safetensors")
        assert header["settings"]["scanning"]["labels"] == budget  # type: ignore[index]
    subjects = json.loads((into / "exam" / "settings.json").read_text())
    assert set(dealt.validation) <= set(subjects["subjects"])
    with (into / "budget.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["labelled people"], row["seed"]) for row in rows} == {("3", "0"), ("3", "1"), ("1", "0"), ("1", "1")}


def test_a_number_belongs_to_its_budget_whatever_the_order_of_the_table(tmp_path: Path) -> None:
    worth = {"zero-filled": 1.0, "few": 2.0, "many": 3.0}
    rows = [
        Row(person, method, "any", 3, measure, value + plus, contract)
        for person, plus in (("a", -0.5), ("b", 0.5))
        for method, value in worth.items()
        for measure in MEASURES
        for contract in [
            contract_of_slices(measure, mask="head", peak=1.0, count=1, across="any", crop="none", data="")
        ]
    ]
    write_rows(tmp_path / "measures.csv", rows)
    draw_budget(tmp_path / "measures.csv", {"many": (17, 0), "few": (3, 0)}, tmp_path)
    with (tmp_path / "budget.csv").open() as file:
        found = {row["labelled people"]: float(row["mean over people"]) for row in csv.DictReader(file)}
    assert found == {"17": 3.0, "3": 2.0}


def test_what_cannot_be_swept_is_refused(cohort: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="one pattern"):
        sweep(VolumeSRGAN(), cohort, into=tmp_path / "a")
    several = replace(TINY, scanning=replace(TINY.scanning, matrices=((16, 16), (20, 20))))
    with pytest.raises(Refusal, match="one of its matrices"):
        sweep(several, cohort, into=tmp_path / "a")
    with pytest.raises(Refusal, match="more than the 3"):
        sweep(TINY, cohort, into=tmp_path / "a", budgets=(4,))
    with pytest.raises(Refusal, match="does not fit a cohort of 5"):
        sweep(TINY, cohort, into=tmp_path / "b", exam=5)
