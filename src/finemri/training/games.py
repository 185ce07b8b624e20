"""Whose turn it is, and what the turn asks for."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from finemri.refusal import Refusal
from finemri.training.player import Player
from finemri.training.replay import Replay

Batch = Mapping[str, Tensor]
Keys = str | tuple[str, ...]
Loss = Callable[[Tensor, Tensor], Tensor]
"""(made, true) to one number."""
Losses = Mapping[str, tuple[float, Loss]]
"""Weight and loss by name. A weight of zero is an ablation: that loss is not computed."""
Checks = Mapping[str, tuple[float, Callable[[Tensor, Batch], Tensor]]]
"""Weight and check by name: (made, batch) to one number, for what takes more of an example than its target."""
Matching = Callable[[Any, Tensor, Tensor], Tensor]
"""(critic, real, fake) to one number."""
Penalties = Mapping[str, tuple[float, Callable[[Any], Tensor]]]
"""Weight and penalty by name: what a network remembers of its last pass, to one number."""
Part = tuple[float, Tensor]
"""A weight, and what it weighs."""


@runtime_checkable
class Game(Protocol):
    """Players and rules. `players` has a "generator": the one whose weights a stage leaves behind."""

    players: Mapping[str, Player]
    batches_per_round: int

    def round(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        """Everybody's turn, once. Returns what there is to journal: single numbers by name, left on the device."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What the game remembers from round to round beside its players."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


@runtime_checkable
class AdversarialRule(Protocol):
    """Two readings of a critic; any callable from images to scores is one."""

    def critic_loss(self, critic: Any, real: Tensor, fake: Tensor) -> Tensor: ...

    def generator_loss(self, critic: Any, fake: Tensor) -> Tensor: ...


@runtime_checkable
class Balancing(Protocol):
    """Scales the parts of a loss, by name; `share` is the mean of a number over all machines."""

    def __call__(self, parts: Mapping[str, Tensor], share: Callable[[Tensor], Tensor]) -> Mapping[str, Tensor]: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


def _itself(image: Tensor) -> Tensor:
    return image


class Supervised:
    """Σ w ℓ(G(input), target): the generator's turn only.

    Args:
        generator: whose network turns `inputs` into `target`.
        losses: weight and loss by name.
        inputs: key of the batch that goes in, or keys, in the order in which the network takes them.
        target: key of the batch to come close to.
        checks: weight and check by name; may be empty.
    """

    batches_per_round = 1

    def __init__(
        self,
        generator: Player,
        losses: Losses,
        inputs: Keys = "coarse",
        target: str = "fine",
        *,
        checks: Checks | None = None,
    ) -> None:
        if not any(weight for weight, _ in losses.values()):
            raise Refusal("A supervised game needs at least one loss with a weight other than 0.")
        self.players: Mapping[str, Player] = {"generator": generator}
        self.losses = losses
        self.inputs = inputs
        self.target = target
        self.checks: Checks = {} if checks is None else checks

    def round(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        (batch,) = batches
        generator = self.players["generator"]
        generator.network.train()
        generator.zero()
        with generator.autocast():
            made = generator.network(*pick(batch, self.inputs))
            parts = compare(self.losses, made, batch[self.target]) | check(self.checks, made, batch)
            total = weigh(parts)
        total.backward()
        told = {name: part.detach() for name, (_, part) in parts.items()}
        return {"generator": total.detach(), **told, "generator.gradient": generator.step()}

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to remember."""


class Adversarial:
    """critic: rule.critic_loss; generator: Σ w ℓ(G(input), target) + a · rule.generator_loss + m · matching + Σ w p(G).

    A round is `critic_turns` turns of the critic, each on its own batch, and one of the generator on the last of them,
    with one pass through the generator for both. The generator's gradient is taken against the critic before that
    critic's last step, as the published training loops have it. Where `losses` and `matching` are left out, nothing
    compares an input with its own target: the two may be of different people.

    Args:
        generator: whose network turns `inputs` into `target`.
        critic: whose network scores images.
        rule: the two readings of the critic.
        adversarial: a, the weight of the rule in the generator's loss.
        losses: weight and loss by name; may be empty.
        critic_turns: turns of the critic in a round, and batches.
        replay: a pool that the critic's fakes pass through, as the critic sees them.
        inputs: key of the batch that goes in, or keys, in the order in which the network takes them.
        target: key of the batch that is real.
        seen: what the critic sees of an image; `losses` get the image itself.
        matching: m, and what compares the critic's maps of the target with those of what was made.
        penalties: weight and penalty by name: what the generator's network is asked for after its pass.
        checks: weight and check by name: what was made against the whole batch.
        balance: scales the parts of the generator's loss, named as in the journal, before they are weighed.
        conditional: the critic sees the input before the image, as channels: cat(input, image), of real and fake
            alike; `inputs` is then one key, of images on the grid of the target.
    """

    def __init__(
        self,
        generator: Player,
        critic: Player,
        rule: AdversarialRule,
        adversarial: float,
        losses: Losses,
        critic_turns: int = 1,
        replay: Replay | None = None,
        inputs: Keys = "coarse",
        target: str = "fine",
        *,
        seen: Callable[[Tensor], Tensor] = _itself,
        matching: tuple[float, Matching] | None = None,
        penalties: Penalties | None = None,
        checks: Checks | None = None,
        balance: Balancing | None = None,
        conditional: bool = False,
    ) -> None:
        self.players: Mapping[str, Player] = {"generator": generator, "critic": critic}
        self.batches_per_round = critic_turns
        self.rule = rule
        self.adversarial = adversarial
        self.losses = losses
        self.replay = replay
        self.inputs = inputs
        self.target = target
        self.seen = seen
        self.matching = matching
        self.penalties: Penalties = {} if penalties is None else penalties
        self.checks: Checks = {} if checks is None else checks
        self.balance = balance
        self.conditional = conditional
        self._refuse_nonsense()

    def _refuse_nonsense(self) -> None:
        if self.batches_per_round < 1:
            raise Refusal(f"A critic has at least one turn a round, not {self.batches_per_round}.")
        if self.conditional and not isinstance(self.inputs, str):
            raise Refusal(f"A conditional critic sees one input, not {len(self.inputs)}; give one key.")
        names = ["generator", "critic", "adversarial", "matching", *self.losses, *self.penalties, *self.checks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise Refusal(f"Losses and penalties need names of their own in the journal; {', '.join(twice)} is taken.")
        terms = [
            *self.losses.values(),
            *self.penalties.values(),
            *self.checks.values(),
            (self.adversarial, None),
            self.matching or (0.0, None),
        ]
        if not any(weight for weight, _ in terms):
            raise Refusal("The generator of an adversarial game needs at least one weight other than 0.")

    def round(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        generator, critic = self.players["generator"], self.players["critic"]
        generator.network.train()
        critic.network.train()
        *early, last = batches
        for batch in early:
            with torch.no_grad(), generator.autocast():
                shown = self._shown(batch, generator.network(*pick(batch, self.inputs)))
            self._criticise(self._shown(batch, batch[self.target]), shown)
            critic.step()
        real = self._shown(last, last[self.target])
        with generator.autocast():
            fake = generator.network(*pick(last, self.inputs))
            shown = self._shown(last, fake)
        heard = self._criticise(real, shown)
        made = self._generate(last, fake, real, shown)  # against the critic as it still is
        return {
            **heard,
            "critic.gradient": critic.step(),
            **made,
            "generator.gradient": generator.step(),
        }

    def _shown(self, batch: Batch, image: Tensor) -> Tensor:
        """What the critic is asked about an image that was made of the batch's input, or is its target."""
        return torch.cat((*pick(batch, self.inputs), self.seen(image)), 1) if self.conditional else self.seen(image)

    def _criticise(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """The critic's gradients, and its health."""
        critic = self.players["critic"]
        fake = fake.detach() if self.replay is None else self.replay(fake)
        listener = Listener(critic.network)
        critic.zero()
        with critic.autocast():
            loss = self.rule.critic_loss(listener, real, fake)
        loss.backward()
        return {"critic": loss.detach(), **listener.health(real, fake)}

    def _generate(self, batch: Batch, made: Tensor, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """The generator's gradients; `real` and `fake` are the target and `made` as the critic sees them."""
        generator, critic = self.players["generator"], self.players["critic"]
        generator.zero()
        with critic.frozen():
            with generator.autocast():
                parts = compare(self.losses, made, batch[self.target]) | check(self.checks, made, batch)
                if self.adversarial:
                    parts["adversarial"] = (self.adversarial, self.rule.generator_loss(critic.network, fake))
                if self.matching is not None and self.matching[0]:
                    parts["matching"] = (self.matching[0], self.matching[1](critic.network, real, fake))
                for name, (weight, penalty) in self.penalties.items():
                    if weight:
                        parts[name] = (weight, penalty(generator.network))
                total = weigh(self._balanced(parts))
            total.backward()
        return {"generator": total.detach(), **{name: part.detach() for name, (_, part) in parts.items()}}

    def _balanced(self, parts: Mapping[str, Part]) -> Mapping[str, Part]:
        if self.balance is None:
            return parts
        share = self.players["generator"].mean_over_machines
        scaled = self.balance({name: part for name, (_, part) in parts.items()}, share)
        return {name: (weight, scaled[name]) for name, (weight, _) in parts.items()}

    def state_dict(self) -> dict[str, Any]:
        held = {"replay": self.replay, "balance": self.balance}
        return {name: each.state_dict() for name, each in held.items() if each is not None}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if self.replay is not None:
            device = next(self.players["generator"].network.parameters()).device
            self.replay.load_state_dict(state["replay"], device)
        if self.balance is not None:
            self.balance.load_state_dict(state["balance"])


def pick(batch: Batch, keys: Keys) -> tuple[Tensor, ...]:
    """What a network is called with."""
    return tuple(batch[key] for key in ((keys,) if isinstance(keys, str) else keys))


def compare(losses: Losses, made: Tensor, true: Tensor) -> dict[str, Part]:
    """w and ℓ(made, true) by name; what has no weight is not computed."""
    return {name: (weight, loss(made, true)) for name, (weight, loss) in losses.items() if weight}


def check(checks: Checks, made: Tensor, batch: Batch) -> dict[str, Part]:
    """w and c(made, batch) by name; what has no weight is not computed."""
    return {name: (weight, each(made, batch)) for name, (weight, each) in checks.items() if weight}


def weigh(parts: Mapping[str, Part]) -> Tensor:
    """Σ w ℓ, of one part at least."""
    return functools.reduce(torch.add, [weight * part for weight, part in parts.values()])


class Listener:
    """A critic that remembers what it said of which image, so that its health costs no pass of its own."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.said: list[tuple[Tensor, Tensor]] = []

    def __call__(self, image: Tensor) -> Tensor:
        scores: Tensor = self.network(image)
        self.said.append((image, scores.detach()))
        return scores

    def health(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Mean score of either, and how often a real image of the batch scores above a fake one.

        That share needs no threshold, so it means the same under every rule. A rule that shows pieces of the images
        shows the real ones' first; empty when the critic was asked only once.
        """
        if len(self.said) < 2:
            return {}
        order = dict(zip(("real", "fake"), (scores for _, scores in self.said), strict=False))
        whole = {
            name: scores
            for name, image in (("real", real), ("fake", fake))
            for shown, scores in self.said
            if shown is image
        }
        of = {
            name: scores.float().flatten(1).mean(1) if scores.ndim > 1 else scores.float()
            for name, scores in (whole if len(whole) == 2 else order).items()
        }
        above = (of["real"][:, None] > of["fake"]).float().mean()
        return {"critic.real": of["real"].mean(), "critic.fake": of["fake"].mean(), "critic.accuracy": above}
