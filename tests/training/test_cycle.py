"""Four players, two directions: a round against one written by hand, and whether it learns what nobody showed it."""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from finemri.losses.adversarial import LeastSquares, WassersteinGP
from finemri.refusal import Refusal
from finemri.training.cycle import Cycle
from finemri.training.games import AdversarialRule, Batch, Game
from finemri.training.loop import Stage, play
from finemri.training.player import Player
from finemri.training.weights import load_weights


def generator(seed: int, features: int = 8) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, features, 1), nn.LeakyReLU(0.2), nn.Conv2d(features, 1, 1))


def critic(seed: int, features: int = 8) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, features, 3),
        nn.LeakyReLU(0.2),
        nn.Conv2d(features, features, 3, stride=2),
        nn.LeakyReLU(0.2),
        nn.Conv2d(features, 1, 1),
    )


class Correcting(nn.Module):
    """x + f(x), at first x."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.inner = generator(seed)
        nn.init.zeros_(self.inner[-1].get_parameter("weight"))
        nn.init.zeros_(self.inner[-1].get_parameter("bias"))

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = x + self.inner(x)
        return made


def bent(x: Tensor) -> Tensor:
    """An invertible map of brightness."""
    return 1.2 - 0.9 * (x - 1).square()


class Strangers:
    """Example n: noise, and other noise, bent."""

    def __getitem__(self, n: int) -> dict[str, Tensor]:
        x, y = torch.rand(2, 1, 12, 12, generator=torch.Generator().manual_seed(n))
        return {"coarse": x, "fine": bent(y)}


def cycle(
    networks: Sequence[nn.Module], player: Callable[[nn.Module], Player], rule: AdversarialRule, **settings: Any
) -> Cycle:
    g, b, df, dc = map(player, networks)
    return Cycle(g, b, df, dc, rule, **settings)


def batch(first: int = 0, size: int = 4) -> dict[str, Tensor]:
    examples = [Strangers()[n] for n in range(first, first + size)]
    return {key: torch.stack([e[key] for e in examples]) for key in ("coarse", "fine")}


def sgd(network: nn.Module) -> Player:
    return Player(network, torch.optim.SGD(network.parameters(), 0.05))


def adam(network: nn.Module, rate: float) -> Player:
    return Player(network, torch.optim.Adam(network.parameters(), rate, betas=(0.5, 0.999)))


@pytest.mark.parametrize("rule", [LeastSquares(), WassersteinGP()], ids=lambda rule: type(rule).__name__)
def test_a_round_is_the_published_step(rule: AdversarialRule) -> None:
    """With an empty pool today's fakes are what the critics see."""
    networks = [generator(0), generator(1), critic(2), critic(3)]
    g, b, df, dc = hands = [copy.deepcopy(network) for network in networks]
    game = cycle(networks, sgd, rule, adversarial=0.7, cycle=9.0, identity=4.0)
    given = batch()
    torch.manual_seed(5)
    told = game.round([given])

    torch.manual_seed(5)
    x, y = given["coarse"], given["fine"]
    made, returned = g(x), b(y)
    losses = [rule.critic_loss(df, y, made.detach()), rule.critic_loss(dc, x, returned.detach())]
    adversarial = rule.generator_loss(df, made) + rule.generator_loss(dc, returned)
    cycles = l1_loss(b(made), x) + l1_loss(g(returned), y)
    identities = l1_loss(g(y), y) + l1_loss(b(x), x)
    total = 0.7 * adversarial + 9.0 * cycles + 4.0 * identities
    both = [*g.parameters(), *b.parameters()]
    gradients = [
        (both, torch.autograd.grad(total, both, retain_graph=True)),
        (list(df.parameters()), torch.autograd.grad(losses[0], list(df.parameters()))),
        (list(dc.parameters()), torch.autograd.grad(losses[1], list(dc.parameters()))),
    ]
    with torch.no_grad():
        for parameters, of in gradients:
            for parameter, gradient in zip(parameters, of, strict=True):
                parameter.sub_(0.05 * gradient)
    for network, hand in zip(networks, hands, strict=True):
        for mine, theirs in zip(network.parameters(), hand.parameters(), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(told["generator"], total.detach())
    torch.testing.assert_close(told["critic"], losses[0].detach())
    torch.testing.assert_close(told["back.critic"], losses[1].detach())
    assert {"critic.accuracy", "back.critic.accuracy", "cycle", "back.identity", "back.gradient"} <= told.keys()


@pytest.mark.parametrize("seed", [0, 1])
def test_it_learns_a_map_of_brightness_that_no_pair_showed_it(seed: int) -> None:
    """From noise and other noise. Chance is far off: what leaves the image as it is, and what makes a grey one."""
    networks = [Correcting(seed), Correcting(seed + 10), critic(seed + 2), critic(seed + 3)]
    rates = {id(network): rate for network, rate in zip(networks, (5e-3, 5e-3, 2e-2, 2e-2), strict=True)}
    game = cycle(networks, lambda each: adam(each, rates[id(each)]), LeastSquares(), cycle=2.0, identity=0.0)
    torch.manual_seed(seed)
    for n in range(150):
        game.round([batch(8 * n, 8)])
    x = batch(10_000, 8)["coarse"]
    with torch.no_grad():
        there = networks[0](x)
        error, returned = l1_loss(there, bent(x)), l1_loss(networks[1](there), x)
    chance = min(l1_loss(x, bent(x)), l1_loss(bent(x).mean().expand_as(x), bent(x)))
    assert error < 0.5 * chance
    assert returned < 0.5 * l1_loss(x.mean().expand_as(x), x)


def test_pools_and_all_four_players_survive_a_kill(tmp_path: Path) -> None:
    """Bit for bit; the second life is born with other weights."""

    def train(directory: Path, rounds: int, seed: int) -> dict[str, Tensor]:
        network = generator(seed)

        def game(_: Fabric) -> Game:
            networks = (network, generator(seed + 1), critic(seed + 2), critic(seed + 3))
            return Killable(cycle(networks, lambda each: adam(each, 1e-2), LeastSquares(), pool=3), rounds)

        fabric = Fabric(accelerator="cpu", devices=1)
        stage = Stage("cycle", 8, game, Strangers(), 2)
        path = play([stage], fabric=fabric, directory=directory, header={}, workers=0, every=1)
        return load_weights(path)[0]

    whole = train(tmp_path / "whole", 100, 0)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "killed", 5, 0)
    resumed = train(tmp_path / "killed", 100, 9)
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


class Killable(Cycle):
    """Somebody pulls the plug after so many rounds."""

    def __init__(self, game: Cycle, left: int) -> None:
        self.__dict__.update(game.__dict__)
        self.left = left

    def round(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        return super().round(batches)


def test_terms_without_weight_are_left_out_and_critics_are_needed() -> None:
    networks = [generator(0), generator(1), critic(2), critic(3)]
    told = cycle(networks, sgd, LeastSquares(), cycle=0.0, identity=0.0, pool=0).round([batch()])
    assert "adversarial" in told
    assert not {"cycle", "identity"} & told.keys()
    with pytest.raises(Refusal, match="learns from its critic"):
        cycle(networks, sgd, LeastSquares(), adversarial=0.0)
