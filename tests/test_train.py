"""The verb train: what is written down of those who are held out."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finemri.cohorts.seen import FIELD, content_of, knows, seen
from finemri.cohorts.split import Split
from finemri.recipes import KSpaceGAN, Scanning
from finemri.refusal import Refusal
from finemri.train import train
from finemri.training.weights import load_weights
from tests.cohorts import people

STILL = KSpaceGAN(
    scanning=Scanning(accelerations=(2.0,), one_mask=True, turn=False, matrices=((16, 20),), zoom=(2.0, 2.0)),
    l1=0.0,
    adversarial_rounds=1,
    batch=2,
    rate=1e-30,
)
"""Learns nothing in its one round, so that what is validated depends on the examples alone."""


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    return people.noisy(tmp_path / "cohort", 6)


def validated(recipe: KSpaceGAN, cohorts: list[Path], into: Path) -> dict[str, float]:
    into.mkdir()
    Split(("p0", "p1", "p2", "p3"), ("p4", "p5")).save(into / "split-1.json")
    train(recipe, cohorts=cohorts, into=into, device="cpu", precision="32-true", workers=0)
    lines = map(json.loads, (into / "journal.jsonl").read_text().splitlines())
    (found,) = [{k: line[k] for k in line if k.startswith("validation")} for line in lines if "validation.psnr" in line]
    return found


def test_whoever_is_held_out_is_compared_with_themselves(cohort: Path, tmp_path: Path) -> None:
    pairs = validated(STILL, [cohort], tmp_path / "pairs")
    assert set(pairs) == {"validation.psnr", "validation.l1"}
    told: dict[str, dict[str, Any]] = {
        "unpaired": {"unpaired": True},
        "budget beyond those held out": {"unpaired": True, "labels": 4},
        "labels of others": {"unpaired": True, "labels_from": 2},
    }
    for name, settings in told.items():
        recipe = replace(STILL, scanning=replace(STILL.scanning, **settings))
        others = [cohort, cohort][: 1 + ("labels_from" in settings)]
        assert validated(recipe, others, tmp_path / name) == pairs


def test_weights_know_whom_they_learnt_from_and_go_on_knowing(cohort: Path, tmp_path: Path) -> None:
    def learn(into: Path, start: Path | None = None) -> tuple[Path, dict[str, Any]]:
        into.mkdir(exist_ok=True)
        Split(("p0", "p1"), ("p4",)).save(into / "split-1.json")
        path = train(STILL, cohorts=[cohort], into=into, device="cpu", precision="32-true", workers=0, start=start)
        return path, load_weights(path)[1]

    contents = {f"p{n}": [content_of(cohort / f"p{n}.nii")] for n in range(6)}
    path, header = learn(tmp_path / "run")
    assert seen(header, contents) == ["p0", "p1"]
    assert learn(tmp_path / "run") == (path, header), "resumed"
    _, later = learn(tmp_path / "later", path)
    assert len(later[FIELD]) == 2
    assert later[FIELD][1:] == header[FIELD]
    assert knows(later)


def test_a_copy_of_somebody_learnt_from_is_not_held_out(tmp_path: Path) -> None:
    for n in range(10):
        people.save(tmp_path / f"p{n}.nii", people.brain(seed=n % 9) * (1 + n))
    with pytest.raises(Refusal, match=r"p[09], who is learnt from, and p[09], who is held out, are nearly identical"):
        train(STILL, cohorts=[tmp_path], into=tmp_path / "run", held_out=0.5, seed=0, device="cpu")
    assert not list((tmp_path / "run").glob("split*"))
