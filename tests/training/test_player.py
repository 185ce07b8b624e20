import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from finemri.refusal import Refusal
from finemri.training.checkpoint import pack, unpack
from finemri.training.player import Player
from tests.training.tiny import generator


def learn(player: Player, steps: int, seed: int) -> None:
    torch.manual_seed(seed)
    for n in range(steps):
        player.begin(n)
        player.zero()
        x = torch.randn(2, 1, 4, 4, 4)
        (player.network(x) - x).square().mean().backward()
        player.step()


def player(optimiser: str, *, channels_last: bool = False) -> Player:
    network = generator(seed=2)
    makers: dict[str, Callable[[], torch.optim.Optimizer]] = {
        "adam": lambda: torch.optim.Adam(network.parameters(), 1e-3, betas=(0.5, 0.9), amsgrad=True),
        "adamw": lambda: torch.optim.AdamW(network.parameters(), 1e-3),
        "sgd": lambda: torch.optim.SGD(network.parameters(), 1e-2, momentum=0.9),
        "rmsprop": lambda: torch.optim.RMSprop(network.parameters(), 1e-3, centered=True),
    }
    chosen = makers[optimiser]()
    return Player(network, chosen, clip=1.0, schedule=lambda n: 0.9**n, ema=0.9, channels_last=channels_last)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("optimiser", ["adam", "adamw", "sgd", "rmsprop"])
def test_a_player_restored_from_a_file_learns_on_bit_for_bit(
    optimiser: str, channels_last: bool, tmp_path: Path
) -> None:
    one, two = (player(optimiser, channels_last=channels_last) for _ in range(2))
    learn(one, 3, seed=0)
    file = tmp_path / "player.safetensors"
    file.write_bytes(pack(one.state_dict()))
    two.load_state_dict(unpack(file))
    for each in (one, two):
        learn(each, 3, seed=1)
    assert two.optimiser.state_dict()["param_groups"] == one.optimiser.state_dict()["param_groups"]
    for mine, theirs in zip(two.network.parameters(), one.network.parameters(), strict=True):
        assert mine.stride() == theirs.stride()
    for name in ("network", "average"):
        expected, found = one.state_dict()[name], two.state_dict()[name]
        assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_the_gradient_is_clipped_to_a_length_and_its_own_length_told() -> None:
    network = nn.Linear(3, 1, bias=False)
    one = Player(network, torch.optim.SGD(network.parameters(), 1.0), clip=0.5)
    before = network.weight.detach().clone()
    one.zero()
    (network.weight * torch.tensor([[3.0, 0.0, 4.0]])).sum().backward()
    assert one.step().item() == pytest.approx(5.0)
    torch.testing.assert_close(before - network.weight.detach(), torch.tensor([[0.3, 0.0, 0.4]]))


def test_the_schedule_scales_the_first_rate_and_not_the_last() -> None:
    network = nn.Linear(1, 1)
    one = Player(network, torch.optim.SGD(network.parameters(), 0.1), schedule=lambda n: 0.5**n)
    for n in (3, 0, 2):
        one.begin(n)
        assert one.rate == pytest.approx(0.1 * 0.5**n)


def test_frozen_lets_a_gradient_through_and_keeps_none() -> None:
    network = nn.Linear(2, 1)
    network.bias.requires_grad = False
    one = Player(network, torch.optim.SGD(network.parameters(), 0.1))
    x = torch.ones(1, 2, requires_grad=True)
    with one.frozen():
        network(x).sum().backward()
    assert x.grad is not None
    assert network.weight.grad is None
    assert network.weight.requires_grad
    assert not network.bias.requires_grad  # as it was


def test_channels_last_moves_the_weights_about_and_changes_none() -> None:
    network = nn.Sequential(nn.Conv3d(3, 3, 3), nn.Conv2d(3, 3, 3), nn.Linear(3, 3))
    before = copy.deepcopy(network)
    Player(network, torch.optim.SGD(network.parameters(), 0.1), channels_last=True)
    deep, flat, _ = (layer.get_parameter("weight") for layer in network)
    assert deep.is_contiguous(memory_format=torch.channels_last_3d)
    assert flat.is_contiguous(memory_format=torch.channels_last)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), before.parameters(), strict=True))


@pytest.mark.parametrize("wrong", [{"clip": 0.0}, {"clip": -1.0}, {"ema": 1.0}, {"ema": -0.1}])
def test_nonsense_is_refused(wrong: dict[str, float]) -> None:
    network = nn.Linear(1, 1)
    with pytest.raises(Refusal):
        Player(network, torch.optim.SGD(network.parameters(), 0.1), clip=wrong.get("clip"), ema=wrong.get("ema"))
