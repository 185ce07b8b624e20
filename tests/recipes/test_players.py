from dataclasses import dataclass
from typing import Literal

import pytest
import torch
from torch import nn

from finemri.recipes.players import halving, player
from finemri.refusal import Refusal


@dataclass(frozen=True)
class Settings:
    beta1: float = 0.5
    clip: float | None = 1.0
    schedule: Literal["constant", "cosine"] = "constant"


def test_flat_and_deep_convolutions_are_laid_out_for_this_hardware() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv3d(3, 4, 3))
    player(Settings(), network, 1e-3, 10)
    flat, deep = network
    assert flat.get_parameter("weight").is_contiguous(memory_format=torch.channels_last)
    assert deep.get_parameter("weight").is_contiguous(memory_format=torch.channels_last_3d)


def test_the_optimiser_is_adam_as_the_recipe_has_it() -> None:
    made = player(Settings(), nn.Conv2d(1, 1, 1), 2e-4, 10, beta2=0.9)
    assert isinstance(made.optimiser, torch.optim.Adam)
    assert made.optimiser.param_groups[0]["betas"] == (0.5, 0.9)
    assert made.clip == 1.0
    made.begin(9)
    assert made.rate == 2e-4


def test_a_factor_of_its_own_takes_the_schedules_place() -> None:
    made = player(Settings(schedule="cosine"), nn.Conv2d(1, 1, 1), 1.0, 10, factor=halving(3))
    rates = []
    for number in range(7):
        made.begin(number)
        rates.append(made.rate)
    assert rates == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25]


def test_what_is_frozen_stays() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Conv2d(2, 1, 1))
    network[0].requires_grad_(requires_grad=False)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    made = player(Settings(), network, 0.1, 10, ema=0.5)
    for _ in range(3):
        made.zero()
        network(torch.ones(1, 1, 4, 4)).square().sum().backward()
        made.step()
    for weights in (network.state_dict(), made.average.state_dict()):
        same = {name: torch.equal(tensor, before[name]) for name, tensor in weights.items()}
        assert same == {"0.weight": True, "0.bias": True, "1.weight": False, "1.bias": False}
    again = player(Settings(), network, 0.1, 10, ema=0.5)
    again.load_state_dict(made.state_dict())
    assert list(again.state_dict()["optimiser"]) == ["0", "1"]


def test_a_network_all_frozen_is_refused() -> None:
    with pytest.raises(Refusal, match="nothing to train"):
        player(Settings(), nn.Conv2d(1, 1, 1).requires_grad_(requires_grad=False), 1e-3, 10)
