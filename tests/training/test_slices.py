"""Training on complex slices: everything that a game can ask for, broken off and resumed."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from finemri.losses.adversarial import CrossEntropy, Patchwise
from finemri.losses.balance import Balance
from finemri.losses.fidelity import mean_absolute, mean_squared
from finemri.losses.matching import feature_matching
from finemri.losses.view import magnitude
from finemri.training.checkpoint import pack, unpack
from finemri.training.feed import feed
from finemri.training.games import Adversarial, Game, Supervised
from finemri.training.loop import Stage, play
from finemri.training.player import Player
from finemri.training.replay import Replay
from finemri.training.weights import load_weights, read_tensors

INPUTS = ("kspace", "mask", "sensitivities")


class Slices:
    """Example n: complex noise, half of it measured."""

    def __init__(self, until: int | None = None) -> None:
        self.until = until

    def __getitem__(self, n: int) -> dict[str, Tensor]:
        if self.until is not None and n >= self.until:
            raise KeyboardInterrupt
        draw = torch.Generator().manual_seed(n)
        sensitivities, image = (torch.randn(c, 8, 8, dtype=torch.complex64, generator=draw) for c in (2, 1))
        mask = torch.rand(1, 8, 8, generator=draw) > 0.5
        return {"kspace": mask * sensitivities * image, "mask": mask, "sensitivities": sensitivities, "image": image[0]}


class Combined(nn.Module):
    """Coils combined, then two layers; remembers what it added, and the types it worked in."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 3, padding=1))
        self.correction = torch.zeros(1)
        self.types: list[torch.dtype] = []

    def forward(self, kspace: Tensor, mask: Tensor, sensitivities: Tensor) -> Tensor:
        combined = (mask * sensitivities.conj() * kspace).sum(1)
        correction = self.layers(torch.stack((combined.real, combined.imag), 1))
        self.types = [kspace.dtype, mask.dtype, sensitivities.dtype, correction.dtype]
        self.correction = correction.float()
        return combined + torch.complex(self.correction[:, 0], self.correction[:, 1])


class Critic(nn.Module):
    """A score a place, of one channel."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.last = nn.Conv2d(1, 3, 3), nn.Conv2d(3, 1, 1)

    def maps(self, image: Tensor) -> list[Tensor]:
        hidden = nn.functional.leaky_relu(self.first(image), 0.2)
        return [hidden, self.last(hidden)]

    def forward(self, image: Tensor) -> Tensor:
        return self.maps(image)[-1]


def added(network: Combined) -> Tensor:
    return network.correction.abs().mean()


def adam(network: nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam(network.parameters(), 1e-3)


def refinement(network: nn.Module, critic: nn.Module) -> Adversarial:
    return Adversarial(
        Player(network, adam(network), ema=0.9, channels_last=True),
        Player(critic, adam(critic), channels_last=True),
        CrossEntropy(real=(0.9, 0.9)),
        0.5,
        {"l1": (1.0, mean_absolute)},
        replay=Replay(6),
        inputs=INPUTS,
        target="image",
        seen=magnitude,
        matching=(0.5, feature_matching),
        penalties={"added": (0.1, added)},
        balance=Balance(["adversarial", "matching", "added"]),
    )


def batch(number: int = 0, size: int = 4) -> dict[str, Tensor]:
    examples = [Slices()[size * number + n] for n in range(size)]
    return {key: torch.stack([example[key] for example in examples]) for key in examples[0]}


def trained(directory: Path, fabric: Fabric, examples: Slices) -> Path:
    def game(_: Fabric) -> Game:
        return refinement(Combined(), Critic())

    return play([Stage("a", 9, game, examples, 4)], fabric=fabric, directory=directory, header={}, workers=0, every=3)


def test_a_broken_run_equals_an_unbroken_one(tmp_path: Path, fabric: Fabric) -> None:
    trained(tmp_path / "unbroken", fabric, Slices())
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "broken", fabric, Slices(until=4 * 7 + 1))
    trained(tmp_path / "broken", fabric, Slices())
    paths = [tmp_path / name for name in ("unbroken", "broken")]
    expected, found = (load_weights(path / "a.safetensors")[0] for path in paths)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    last = [path / "checkpoints" / "round-000009" for path in paths]
    (whole, nest), (other, other_nest) = (read_tensors(path / "shared.safetensors") for path in last)
    assert nest == other_nest
    assert all(torch.equal(other[name], tensor) for name, tensor in whole.items())
    one, two = (unpack(path / "own-000.safetensors")["game"] for path in last)
    assert one["balance"] == two["balance"]
    assert len(one["balance"]["first"]) == 3
    assert all(torch.equal(a, b) for a, b in zip(one["replay"]["images"], two["replay"]["images"], strict=True))


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_complex_batches_arrive_as_they_are(precision: Literal["32-true", "bf16-mixed"], tmp_path: Path) -> None:
    fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
    network = Combined()

    def game(_: Fabric) -> Game:
        losses = {"mse": (1.0, mean_squared), "l1": (1.0, mean_absolute)}
        return Supervised(Player(network, adam(network)), losses, inputs=INPUTS, target="image")

    play([Stage("a", 2, game, Slices(), 4)], fabric=fabric, directory=tmp_path, header={}, workers=0)
    within = torch.bfloat16 if precision == "bf16-mixed" else torch.float32
    assert network.types == [torch.complex64, torch.bool, torch.complex64, within]


def test_other_processes_send_complex_slices(fabric: Fabric) -> None:
    def game(_: Fabric) -> Game:
        raise AssertionError

    for number, (found,) in enumerate(feed(Stage("a", 2, game, Slices(), 4), 1, fabric, workers=1)):
        expected = batch(number)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], tensor) for key, tensor in expected.items())


def test_complex_tensors_survive_a_checkpoint(tmp_path: Path) -> None:
    state = {"image": torch.randn(2, 3, dtype=torch.complex64), "mask": torch.tensor([True, False])}
    (tmp_path / "file").write_bytes(pack(state))
    found = unpack(tmp_path / "file")
    assert all(torch.equal(found[key], tensor) for key, tensor in state.items())


def test_the_parts_of_the_generators_loss_are_weighed_and_balanced_as_said() -> None:
    network, critic = Combined(), Critic()
    game = refinement(network, critic)
    first = game.round([batch(0)])
    assert first["generator"].item() == pytest.approx(first["l1"].item() + 0.5 + 0.5 + 0.1, rel=1e-5)
    second = game.round([batch(1)])
    parts = {name: (second[name] / first[name]).item() for name in ("adversarial", "matching", "added")}
    expected = second["l1"].item() + 0.5 * parts["adversarial"] + 0.5 * parts["matching"] + 0.1 * parts["added"]
    assert second["generator"].item() == pytest.approx(expected, rel=1e-5)


def test_the_generator_descends_on_each_part() -> None:
    """Against a step by hand, with plain descent and no pool."""
    network, critic = Combined(), Critic()
    hand = Combined()
    given = batch(0)
    game = Adversarial(
        Player(network, torch.optim.SGD(network.parameters(), 0.05)),
        Player(critic, torch.optim.SGD(critic.parameters(), 0.05)),
        CrossEntropy(),
        0.5,
        {},
        inputs=INPUTS,
        target="image",
        seen=magnitude,
        matching=(2.0, feature_matching),
        penalties={"added": (3.0, added), "never": (0.0, _never)},
    )
    game.round([given])

    before, made = Critic(), hand(*(given[key] for key in INPUTS))
    fake, real = made.abs()[:, None], given["image"].abs()[:, None]
    adversarial = CrossEntropy().generator_loss(before, fake)
    matching = feature_matching(before, real, fake)
    (0.5 * adversarial + 2.0 * matching + 3.0 * added(hand)).backward()
    torch.optim.SGD(hand.parameters(), 0.05).step()
    for mine, by_hand in zip(network.parameters(), hand.parameters(), strict=True):
        torch.testing.assert_close(mine, by_hand, rtol=1e-5, atol=1e-6)


def _never(network: nn.Module) -> Tensor:
    raise AssertionError


@pytest.mark.parametrize("average", ["squares", "scores"])
def test_patches_have_a_health_as_well(average: Literal["squares", "scores"]) -> None:
    """A critic that scores brightness tells the true slices, which are bright, from what is made."""

    class Bright(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gain = nn.Parameter(torch.ones(()))

        def forward(self, image: Tensor) -> Tensor:
            return self.gain * image.mean((1, 2, 3))

    for shift, accuracy in ((100.0, 1.0), (-100.0, 0.0)):
        network, critic = Combined(), Bright()
        given = batch(0)
        game = Adversarial(
            Player(network, adam(network)),
            Player(critic, adam(critic)),
            Patchwise(CrossEntropy(), 2, average),
            1.0,
            {},
            inputs=INPUTS,
            target="image",
            seen=lambda image: image.real[:, None],
        )
        told = game.round([{**given, "image": given["image"] + shift}])
        assert told["critic.accuracy"].item() == accuracy
        assert told["critic.real"].item() == pytest.approx(shift, abs=5)


def test_the_pool_holds_what_the_critic_sees() -> None:
    game = refinement(Combined(), Critic())
    game.round([batch(0)])
    assert game.replay is not None
    assert [(image.dtype, tuple(image.shape)) for image in game.replay.images] == [(torch.float32, (1, 8, 8))] * 4


def test_input_and_target_may_be_of_different_people() -> None:
    """Nothing is compared: the order of the targets changes nothing of what the generator learns."""

    def step(change: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]) -> list[Tensor]:
        network, critic = Combined(), Critic()
        one, two = (Player(each, torch.optim.SGD(each.parameters(), 0.1)) for each in (network, critic))
        game = Adversarial(one, two, CrossEntropy(), 1.0, {}, inputs=INPUTS, target="image", seen=magnitude)
        for number in range(3):
            game.round([change(batch(number))])
        return list(network.parameters())

    paired = step(lambda given: given)
    unpaired = step(lambda given: {**given, "image": given["image"].flip(0)})
    torch.testing.assert_close(paired, unpaired)
