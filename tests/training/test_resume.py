"""Killed at any moment and started again equals never killed, bit for bit."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from finemri.training.weights import load_weights, read_tensors
from tests.training import tiny


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both trainings. Not in this process: beartype, which watches over it, draws from python's random numbers."""
    directory = tmp_path_factory.mktemp("resume")
    done = subprocess.run(
        [sys.executable, tiny.__file__, "killed", str(directory)], capture_output=True, text=True, timeout=580
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("killed itself") >= 5, done.stdout
    return directory


@pytest.fixture
def unbroken(directory: Path) -> Path:
    return directory / "unbroken"


@pytest.fixture
def killed(directory: Path) -> Path:
    return directory / "killed"


@pytest.mark.parametrize("stage", ["fidelity", "adversaries"])
def test_the_weights_are_the_same_bits(stage: str, unbroken: Path, killed: Path) -> None:
    expected, header = load_weights(unbroken / f"{stage}.safetensors")
    found, found_header = load_weights(killed / f"{stage}.safetensors")
    assert found_header == header
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("file", ["shared.safetensors", "own-000.safetensors"])
def test_everything_else_is_the_same_bits(file: str, unbroken: Path, killed: Path) -> None:
    """Optimisers, critic, averages, pool, random generators: the last checkpoints agree."""
    last = Path("checkpoints") / "round-000048" / file
    (expected, nest), (found, found_nest) = read_tensors(unbroken / last), read_tensors(killed / last)
    assert found_nest == nest
    assert len(expected) > 5
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_the_journal_has_no_line_twice_and_none_too_few(unbroken: Path, killed: Path) -> None:
    def lines(directory: Path) -> list[dict[str, object]]:
        text = (directory / "journal.jsonl").read_text(encoding="utf-8")
        return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in text.splitlines()]

    assert lines(killed) == lines(unbroken)
    assert [line["round"] for line in lines(killed)][:7] == [4, 8, 10, 12, 16, 20, 24]


def test_nothing_half_written_is_left(killed: Path) -> None:
    left = [path.name for path in killed.rglob("*") if path.name.startswith(".") or path.name.endswith(".tmp")]
    assert left == []
    assert sorted(p.name for p in (killed / "checkpoints").iterdir()) == ["round-000044", "round-000048"]


def test_a_finished_run_changes_nothing_when_started_again(unbroken: Path) -> None:
    before, _ = load_weights(unbroken / "adversaries.safetensors")
    assert tiny.train(unbroken) == unbroken / "adversaries.safetensors"
    after, _ = load_weights(unbroken / "adversaries.safetensors")
    assert all(torch.equal(after[name], before[name]) for name in before)
