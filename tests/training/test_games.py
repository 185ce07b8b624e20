"""Turns against steps written by hand."""

import copy
from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor, nn

from finemri.losses.adversarial import CrossEntropy, LeastSquares, WassersteinGP
from finemri.losses.segmentation import cross_entropy
from finemri.refusal import Refusal
from finemri.training.games import Adversarial, AdversarialRule, Checks, Losses, Supervised
from finemri.training.player import Player
from finemri.training.replay import Replay
from tests.training.tiny import Noise, critic, generator, squared

Batches = list[dict[str, Tensor]]


def batches(number: int) -> Batches:
    noise = Noise()
    return [
        {key: torch.stack([noise[4 * b + n][key] for n in range(4)]) for key in ("coarse", "fine")}
        for b in range(number)
    ]


def sgd(network: nn.Module) -> torch.optim.SGD:
    return torch.optim.SGD(network.parameters(), 0.05)


def same(one: nn.Module, two: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("turns", [1, 3])
@pytest.mark.parametrize(
    "rule", [LeastSquares(), CrossEntropy(), WassersteinGP()], ids=lambda rule: type(rule).__name__
)
def test_a_round_is_the_published_step(rule: AdversarialRule, turns: int, conditional: bool) -> None:
    g, d = generator(plain=True), critic(2 if conditional else 1)
    hand_g, hand_d = copy.deepcopy(g), copy.deepcopy(d)
    game = Adversarial(
        Player(g, sgd(g)), Player(d, sgd(d)), rule, 0.1, {"squared": (2.0, squared)}, turns, conditional=conditional
    )
    given = batches(turns)

    torch.manual_seed(3)
    told = game.round(given)

    torch.manual_seed(3)
    g_step, d_step = sgd(hand_g), sgd(hand_d)

    def shown(batch: dict[str, Tensor], image: Tensor) -> Tensor:
        return torch.cat([batch["coarse"], image], 1) if conditional else image

    for batch in given[:-1]:
        d_step.zero_grad()
        rule.critic_loss(hand_d, shown(batch, batch["fine"]), shown(batch, hand_g(batch["coarse"]).detach())).backward()
        d_step.step()
    last = given[-1]
    real, fake = last["fine"], hand_g(last["coarse"])
    d_loss = rule.critic_loss(hand_d, shown(last, real), shown(last, fake.detach()))
    # The critic as it still is:
    g_loss = 0.1 * rule.generator_loss(hand_d, shown(last, fake)) + 2.0 * squared(fake, real)
    d_gradients = torch.autograd.grad(d_loss, list(hand_d.parameters()), retain_graph=True)
    g_gradients = torch.autograd.grad(g_loss, list(hand_g.parameters()))
    for network, step, gradients in ((hand_d, d_step, d_gradients), (hand_g, g_step, g_gradients)):
        for parameter, gradient in zip(network.parameters(), gradients, strict=True):
            parameter.grad = gradient
        step.step()

    for mine, by_hand in ((g, hand_g), (d, hand_d)):
        for a, b in zip(mine.parameters(), by_hand.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(told["critic"], d_loss.detach())
    torch.testing.assert_close(told["generator"], g_loss.detach())
    length = torch.stack([gradient.norm() for gradient in g_gradients]).norm()
    torch.testing.assert_close(told["generator.gradient"], length)


class Half:
    """A rule of which one side asks for nothing."""

    def __init__(self, silent: str) -> None:
        self.silent = silent

    def critic_loss(self, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
        return (0.0 if self.silent == "critic" else 1.0) * (critic(fake) - critic(real)).mean()

    def generator_loss(self, critic: Callable[[Tensor], Tensor], fake: Tensor) -> Tensor:
        return (0.0 if self.silent == "generator" else -1.0) * critic(fake).mean()


@pytest.mark.parametrize("silent", ["generator", "critic"])
def test_no_turn_moves_the_other(silent: str) -> None:
    networks = {"generator": generator(plain=True), "critic": critic()}
    before = copy.deepcopy(networks)
    g, d = (Player(network, sgd(network)) for network in networks.values())
    game = Adversarial(g, d, Half(silent), 1.0, {}, critic_turns=2)
    for _ in range(3):
        game.round(batches(2))
    assert same(networks[silent], before[silent])
    (other,) = networks.keys() - {silent}
    assert not same(networks[other], before[other])


def test_the_critic_sees_the_pool_and_the_generator_its_own_fake() -> None:
    seen: dict[str, list[Tensor]] = {"critic": [], "generator": []}

    class Watching(Half):
        def critic_loss(self, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
            seen["critic"].append(fake)
            return super().critic_loss(critic, real, fake)

        def generator_loss(self, critic: Callable[[Tensor], Tensor], fake: Tensor) -> Tensor:
            seen["generator"].append(fake.detach())
            return super().generator_loss(critic, fake)

    g, d = generator(plain=True), critic()
    game = Adversarial(Player(g, sgd(g)), Player(d, sgd(d)), Watching(""), 1.0, {}, replay=Replay(4, chance=1.0))
    for batch in batches(3):
        game.round([batch])
    assert torch.equal(seen["critic"][0], seen["generator"][0])
    shown = seen["critic"][2].flatten(1)
    known = torch.cat([*seen["generator"][:2], seen["generator"][2][:3]]).flatten(1)
    assert all(any(torch.equal(image, old) for old in known) for image in shown)
    assert not torch.equal(seen["critic"][2], seen["generator"][2])


def test_a_conditional_critic_sees_each_pooled_fake_with_its_own_input() -> None:
    asked: list[Tensor] = []

    class Watching(Half):
        def critic_loss(self, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
            asked.append(fake)
            return super().critic_loss(critic, real, fake)

    class Thrice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gain = nn.Parameter(torch.tensor(3.0))

        def forward(self, image: Tensor) -> Tensor:
            return self.gain * image

    g, d = Thrice(), critic(2)
    pool = Replay(4, chance=1.0)
    game = Adversarial(
        Player(g, sgd(g)), Player(d, sgd(d)), Watching("generator"), 1.0, {}, replay=pool, conditional=True
    )
    for batch in batches(3):
        game.round([batch])
    assert not torch.equal(asked[2][:, :1], batches(3)[2]["coarse"])  # older ones, drawn from the pool
    for shown in asked:
        torch.testing.assert_close(shown[:, 1:], 3 * shown[:, :1])


def test_health_says_how_often_real_scores_above_fake() -> None:
    class Bright(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gain = nn.Parameter(torch.ones(()))

        def forward(self, image: Tensor) -> Tensor:
            return self.gain * image.mean((1, 3, 4))  # a map of scores

    g, d = nn.Conv3d(1, 1, 1), Bright()
    for bias, expected in ((-1.0, 1.0), (9.0, 0.0)):
        nn.init.zeros_(g.get_parameter("weight"))
        nn.init.constant_(g.get_parameter("bias"), bias)
        game = Adversarial(Player(g, sgd(g)), Player(d, sgd(d)), LeastSquares(), 0.0, {"squared": (1.0, squared)})
        (batch,) = batches(1)
        gain = d.gain.item()
        told = game.round([batch])
        assert told["critic.accuracy"].item() == expected
        assert told["critic.fake"].item() == pytest.approx(gain * bias)
        assert told["critic.real"].item() == pytest.approx(gain * batch["fine"].mean().item(), rel=1e-5)


def test_a_weight_of_zero_is_not_computed() -> None:
    def never(made: Tensor, true: Tensor) -> Tensor:
        raise AssertionError

    network = generator(plain=True)
    told = Supervised(Player(network, sgd(network)), {"a": (1.0, squared), "b": (0.0, never)}).round(batches(1))
    assert set(told) == {"a", "generator", "generator.gradient"}


def test_supervised_is_plain_descent() -> None:
    network = generator(plain=True)
    hand = copy.deepcopy(network)
    (batch,) = batches(1)
    losses: Losses = {"a": (0.5, squared), "b": (2.0, nn.functional.l1_loss)}
    Supervised(Player(network, sgd(network)), losses).round([batch])
    step = sgd(hand)
    made = hand(batch["coarse"])
    (0.5 * squared(made, batch["fine"]) + 2.0 * nn.functional.l1_loss(made, batch["fine"])).backward()
    step.step()
    for a, b in zip(network.parameters(), hand.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)


def test_checks_see_the_whole_batch_in_either_game() -> None:
    """2 ‖M made − M fine‖² with a matrix that only the batch knows, by hand; a weight of zero is not computed."""
    (batch,) = batches(1)
    batch["matrix"] = torch.rand(batch["fine"].shape[-1], 3)

    def through(made: Tensor, given: Mapping[str, Tensor]) -> Tensor:
        return squared(made @ given["matrix"], given["fine"] @ given["matrix"])

    def never(made: Tensor, given: Mapping[str, Tensor]) -> Tensor:
        raise AssertionError

    checks: Checks = {"through": (2.0, through), "never": (0.0, never)}
    for adversarial in (False, True):
        network = generator(plain=True)
        hand = copy.deepcopy(network)
        player, losses = Player(network, sgd(network)), {"a": (1.0, squared)}
        judge = critic()
        game: Supervised | Adversarial = Supervised(player, losses, checks=checks)
        if adversarial:
            game = Adversarial(player, Player(judge, sgd(judge)), LeastSquares(), 0.0, losses, checks=checks)
        told = game.round([batch])
        step, made = sgd(hand), hand(batch["coarse"])
        (squared(made, batch["fine"]) + 2.0 * through(made, batch)).backward()
        step.step()
        torch.testing.assert_close(told["through"], through(made, batch).detach())
        assert "never" not in told
        for a, b in zip(network.parameters(), hand.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
    with pytest.raises(Refusal, match="names of their own"):
        Adversarial(player, Player(judge, sgd(judge)), LeastSquares(), 0.0, losses, checks={"a": (1.0, through)})


def test_games_without_a_goal_are_refused() -> None:
    network, other = generator(), critic()
    with pytest.raises(Refusal, match="at least one loss"):
        Supervised(Player(network, sgd(network)), {"a": (0.0, squared)})
    with pytest.raises(Refusal, match="at least one turn"):
        Adversarial(Player(network, sgd(network)), Player(other, sgd(other)), LeastSquares(), 1.0, {}, critic_turns=0)
    with pytest.raises(Refusal, match="sees one input"):
        Adversarial(
            Player(network, sgd(network)),
            Player(other, sgd(other)),
            LeastSquares(),
            1.0,
            {},
            inputs=("coarse", "mask"),
            conditional=True,
        )
    with pytest.raises(Refusal, match="weight other than 0"):
        Adversarial(
            Player(network, sgd(network)), Player(other, sgd(other)), LeastSquares(), 0.0, {"a": (0.0, squared)}
        )
    with pytest.raises(Refusal, match="adversarial is taken"):
        Adversarial(
            Player(network, sgd(network)),
            Player(other, sgd(other)),
            LeastSquares(),
            1.0,
            {"adversarial": (1.0, squared)},
        )


def test_labels_are_a_target_as_well() -> None:
    network = nn.Conv2d(1, 3, 1)
    game = Supervised(Player(network, sgd(network)), {"entropy": (1.0, cross_entropy)}, "image", "labels")
    image = torch.arange(3.0).reshape(1, 1, 1, 3).expand(2, 1, 5, 3)
    told = [game.round([{"image": image, "labels": image[:, 0].long()}])["entropy"].item() for _ in range(300)]
    assert told[-1] < 0.7 * told[0]
