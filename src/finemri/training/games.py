"""Whose turn it is, and what the turn asks for."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from finemri.refusal import Refusal
from finemri.training.player import Player
from finemri.training.replay import Replay

Batch = Mapping[str, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]
"""(made, true) to one number."""
Losses = Mapping[str, tuple[float, Loss]]
"""Weight and loss by name. A weight of zero is an ablation: that loss is not computed."""


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


class Supervised:
    """Σ w ℓ(G(input), target): the generator's turn only.

    Args:
        generator: whose network turns `inputs` into `target`.
        losses: weight and loss by name.
        inputs: key of the batch that goes in.
        target: key of the batch to come close to.
    """

    batches_per_round = 1

    def __init__(self, generator: Player, losses: Losses, inputs: str = "coarse", target: str = "fine") -> None:
        if not any(weight for weight, _ in losses.values()):
            raise Refusal("A supervised game needs at least one loss with a weight other than 0.")
        self.players: Mapping[str, Player] = {"generator": generator}
        self.losses = losses
        self.inputs = inputs
        self.target = target

    def round(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        (batch,) = batches
        generator = self.players["generator"]
        generator.network.train()
        generator.zero()
        with generator.autocast():
            total, parts = weigh(self.losses, generator.network(batch[self.inputs]), batch[self.target])
        total.backward()
        return {"generator": total.detach(), **parts, "generator.gradient": generator.step()}

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to remember."""


class Adversarial:
    """critic: rule.critic_loss; generator: a · rule.generator_loss + Σ w ℓ(G(input), target).

    A round is `critic_turns` turns of the critic, each on its own batch, and one of the generator on the last of them,
    with one pass through the generator for both. The generator's gradient is taken against the critic before that
    critic's last step, as the published training loops have it.

    Args:
        generator: whose network turns `inputs` into `target`.
        critic: whose network scores images.
        rule: the two readings of the critic.
        adversarial: a, the weight of the rule in the generator's loss.
        losses: weight and loss by name; may be empty.
        critic_turns: turns of the critic in a round, and batches.
        replay: a pool that the critic's fakes pass through.
        inputs: key of the batch that goes in.
        target: key of the batch that is real.
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
        inputs: str = "coarse",
        target: str = "fine",
    ) -> None:
        if critic_turns < 1:
            raise Refusal(f"A critic has at least one turn a round, not {critic_turns}.")
        self.players: Mapping[str, Player] = {"generator": generator, "critic": critic}
        self.batches_per_round = critic_turns
        self.rule = rule
        self.adversarial = adversarial
        self.losses = losses
        self.replay = replay
        self.inputs = inputs
        self.target = target

    def round(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        generator, critic = self.players["generator"], self.players["critic"]
        generator.network.train()
        critic.network.train()
        *early, last = batches
        for batch in early:
            with torch.no_grad(), generator.autocast():
                fake = generator.network(batch[self.inputs])
            self._criticise(batch[self.target], fake)
            critic.step()
        with generator.autocast():
            fake = generator.network(last[self.inputs])
        heard = self._criticise(last[self.target], fake)
        made = self._generate(last[self.target], fake)  # against the critic as it still is
        return {
            **heard,
            "critic.gradient": critic.step(),
            **made,
            "generator.gradient": generator.step(),
        }

    def _criticise(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """The critic's gradients, and its health."""
        critic = self.players["critic"]
        fake = fake.detach() if self.replay is None else self.replay(fake)
        listener = _Listener(critic.network)
        critic.zero()
        with critic.autocast():
            loss = self.rule.critic_loss(listener, real, fake)
        loss.backward()
        return {"critic": loss.detach(), **listener.health(real, fake)}

    def _generate(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """The generator's gradients."""
        generator, critic = self.players["generator"], self.players["critic"]
        generator.zero()
        with critic.frozen():
            with generator.autocast():
                total, parts = weigh(self.losses, fake, real)
                if self.adversarial:
                    parts["adversarial"] = self.rule.generator_loss(critic.network, fake)
                    total = total + self.adversarial * parts["adversarial"]
            total.backward()
        return {"generator": total.detach(), **{name: part.detach() for name, part in parts.items()}}

    def state_dict(self) -> dict[str, Any]:
        return {} if self.replay is None else {"replay": self.replay.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if self.replay is not None:
            device = next(self.players["generator"].network.parameters()).device
            self.replay.load_state_dict(state["replay"], device)


def weigh(losses: Losses, made: Tensor, true: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Σ w ℓ(made, true), and each ℓ by its name, detached and unweighted."""
    parts = {name: loss(made, true) for name, (weight, loss) in losses.items() if weight}
    total = sum((losses[name][0] * part for name, part in parts.items()), torch.zeros((), device=made.device))
    return total, {name: part.detach() for name, part in parts.items()}


class _Listener:
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

        That share needs no threshold, so it means the same under every rule. Empty when a rule shows the critic
        neither image whole.
        """
        of = {
            name: scores.float().flatten(1).mean(1) if scores.ndim > 1 else scores.float()
            for name, image in (("real", real), ("fake", fake))
            for shown, scores in self.said
            if shown is image
        }
        if len(of) < 2:
            return {}
        above = (of["real"][:, None] > of["fake"]).float().mean()
        return {"critic.real": of["real"].mean(), "critic.fake": of["fake"].mean(), "critic.accuracy": above}
