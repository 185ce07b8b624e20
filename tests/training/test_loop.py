import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from finemri.refusal import Refusal
from finemri.training.games import Batch, Game, Supervised
from finemri.training.loop import Stage, TrainingDiverged, play
from finemri.training.player import Player
from finemri.training.weights import load_weights
from tests.training.tiny import Noise, generator, squared, stages


class Spoilt:
    """Supervised until round n of it, and then something is not a number."""

    batches_per_round = 1

    def __init__(self, network: nn.Module, at: int, spoil: Callable[[Supervised, dict[str, Tensor]], None]) -> None:
        player = Player(network, torch.optim.SGD(network.parameters(), 1e-3), ema=0.9)
        self.inner = Supervised(player, {"squared": (1.0, squared)})
        self.players = self.inner.players
        self.left = at
        self.spoil = spoil

    def round(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        told = self.inner.round(batches)
        self.left -= 1
        if self.left == 0:
            self.spoil(self.inner, told)
        return told

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        pass


def of(name: str, value: float) -> Callable[[Supervised, dict[str, Tensor]], None]:
    return lambda game, told: told.update({name: torch.tensor(value)})


def statistics(game: Supervised, told: dict[str, Tensor]) -> None:
    game.players["generator"].network.get_buffer("1.running_mean").fill_(float("nan"))


@pytest.mark.parametrize(
    ("spoil", "round_", "said"),
    [
        (of("squared", float("nan")), 8, "round 8 .*squared is nan"),
        (of("generator.gradient", float("inf")), 8, "round 8 .*generator.gradient is inf"),
        (statistics, 8, "round 10 .*1.running_mean of the generator is not finite"),
    ],
)
def test_what_is_not_a_number_stops_the_training(
    spoil: Callable[[Supervised, dict[str, Tensor]], None], round_: int, said: str, tmp_path: Path, fabric: Fabric
) -> None:
    stage = Stage("spoilt", 20, lambda _: Spoilt(generator(), round_, spoil), Noise(), 2)
    with pytest.raises(TrainingDiverged, match=rf"{said}.*round-000005") as caught:
        play([stage], fabric=fabric, directory=tmp_path, header={}, every=5, workers=0)
    assert isinstance(caught.value, Refusal)
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["round-000005"]
    assert not (tmp_path / "spoilt.safetensors").exists()


def test_a_training_that_never_was_good_says_so(tmp_path: Path, fabric: Fabric) -> None:
    stage = Stage("spoilt", 3, lambda _: Spoilt(generator(), 1, of("squared", float("nan"))), Noise(), 2)
    with pytest.raises(TrainingDiverged, match="no checkpoint was written yet"):
        play([stage], fabric=fabric, directory=tmp_path, header={}, every=5, workers=0)


def run(directory: Path, fabric: Fabric, rounds: int = 4, **changed: Any) -> Path:
    settings: dict[str, Any] = {"header": {"features": 3}, "seed": 1, "every": 3, "report": 2, "workers": 0, **changed}
    return play(stages(generator(), rounds), fabric=fabric, directory=directory, **settings)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"header": {"features": 4}}, "header.features = 3 and this one asks for 4"),
        ({"seed": 2}, "seed = 1"),
        ({"rounds": 5}, "stages.0.rounds = 4"),
    ],
)
def test_a_run_is_not_resumed_with_other_settings(
    changed: dict[str, Any], said: str, tmp_path: Path, fabric: Fabric
) -> None:
    run(tmp_path, fabric)
    with pytest.raises(Refusal, match=said):
        run(tmp_path, fabric, **changed)


def test_precision_is_a_setting(tmp_path: Path, fabric: Fabric) -> None:
    run(tmp_path, fabric)
    with pytest.raises(Refusal, match='precision = "32-true"'):
        run(tmp_path, Fabric(accelerator="cpu", devices=1, precision="bf16-mixed"))


def test_how_often_it_saves_and_looks_changes_no_weight(tmp_path: Path, fabric: Fabric) -> None:
    def greedy(network: nn.Module) -> dict[str, float]:
        assert not network.training
        return {"drawn": float(torch.rand(10).mean() + network(torch.rand(1, 1, 4, 4, 4)).mean())}

    one = run(tmp_path / "one", fabric, rounds=6)
    two = run(tmp_path / "two", fabric, rounds=6, every=1, report=1, validate=greedy)
    (expected, _), (found, _) = load_weights(one), load_weights(two)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    lines = [json.loads(line) for line in (tmp_path / "two" / "journal.jsonl").read_text().splitlines()]
    assert sum("validation.drawn" in line for line in lines) == 12


def test_a_stage_leaves_its_average_in_the_generator_and_on_disk(tmp_path: Path, fabric: Fabric) -> None:
    network, seen = generator(), []
    first, second = stages(network, 5)

    def game(fabric: Fabric) -> Game:
        seen.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
        return second.game(fabric)

    stage = Stage("second", 5, game, second.examples, 4)
    last = play([first, stage], fabric=fabric, directory=tmp_path, header={"features": 3}, workers=0)
    assert last == tmp_path / "second.safetensors"
    between, header = load_weights(tmp_path / "fidelity.safetensors")
    assert header == {"features": 3, "stage": "fidelity", "rounds": 5}
    assert all(torch.equal(seen[0][name], between[name]) for name in between)
    final, header = load_weights(last)
    assert header["rounds"] == 10
    assert all(torch.equal(tensor, final[name]) for name, tensor in network.state_dict().items())


def test_the_journal_tells_losses_rates_gradients_and_health(tmp_path: Path, fabric: Fabric) -> None:
    run(tmp_path, fabric, rounds=6)
    lines = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert [(line["round"], line["stage"]) for line in lines] == [
        *[(n, "fidelity") for n in (2, 3, 4, 6)],
        *[(n, "adversaries") for n in (8, 9, 10, 12)],
    ]
    assert lines[0].keys() == {
        "round",
        "stage",
        "generator",
        "squared",
        "generator.gradient",
        "generator.rate",
        "seconds",
    }
    more = {"critic", "critic.real", "critic.fake", "critic.accuracy", "critic.gradient", "critic.rate", "adversarial"}
    assert lines[-1].keys() == lines[0].keys() | more
    assert lines[1]["generator.rate"] == pytest.approx(1e-2 * 0.5 ** (2 / 20), rel=1e-5)


def test_training_learns_in_bf16(tmp_path: Path) -> None:
    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    run(tmp_path, fabric, rounds=40)
    losses = [json.loads(line).get("squared") for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: Stage("../up", 1, _never, Noise(), 1), "letters, digits"),
        (lambda: Stage("none", 0, _never, Noise(), 1), "at least one round"),
        (lambda: _play(stages=[]), "a name of their own"),
        (lambda: _play(stages=2 * [Stage("twin", 1, _never, Noise(), 1)]), "twin, twin"),
        (lambda: _play(every=0), "at least one round"),
        (lambda: _play(fabric=Fabric(accelerator="cpu", devices=1, precision="64-true")), "not 64-true"),
    ],
)
def test_nonsense_is_refused(wrong: Callable[[], object], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        wrong()


def _never(fabric: Fabric) -> Game:
    raise AssertionError


def _play(**changed: Any) -> Path:
    settings: dict[str, Any] = {
        "stages": [Stage("one", 1, _never, Noise(), 1)],
        "fabric": Fabric(accelerator="cpu", devices=1),
        "directory": Path("nowhere"),
        "header": {},
        **changed,
    }
    return play(settings.pop("stages"), **settings)
