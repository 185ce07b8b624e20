"""Two generators that undo each other, and a critic of either side: learning without pairs (Zhu et al., 2017)."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import l1_loss

from finemri.refusal import Refusal
from finemri.training.games import AdversarialRule, Batch, Listener, Part, weigh
from finemri.training.player import Player
from finemri.training.replay import Replay


class Cycle:
    """a · (g_f(G x) + g_c(B y)) + λ (‖B G x − x‖₁ + ‖G B y − y‖₁) + ι (‖G y − y‖₁ + ‖B x − x‖₁), x and y of different
    people; each critic: rule.critic_loss of its side, its fakes drawn from a pool.

    G, the "generator", makes y's kind of image of x's, B, "back", the other way; g_f and g_c are the rule's readings of
    "critic", which sees images of y's kind, and of "back.critic". Norms are means. All gradients are taken before any
    step, as in Adversarial. Generators with batch normalisation see three kinds of images in a round and keep
    statistics of them all: give them none.

    Args:
        generator: from `inputs` to `target`.
        back: from `target` to `inputs`.
        critic: of `target`.
        back_critic: of `inputs`.
        rule: the two readings of a critic; the paper's is LeastSquares.
        adversarial: a.
        cycle: λ.
        identity: ι; the paper's is λ / 2, where brightness is to be kept.
        pool: fakes that each critic's pool holds; 0: none, today's fakes alone.
        inputs: key of the batch that goes in.
        target: key of images of the kind that is to be made.
    """

    batches_per_round = 1

    def __init__(
        self,
        generator: Player,
        back: Player,
        critic: Player,
        back_critic: Player,
        rule: AdversarialRule,
        *,
        adversarial: float = 1.0,
        cycle: float = 10.0,
        identity: float = 5.0,
        pool: int = 50,
        inputs: str = "coarse",
        target: str = "fine",
    ) -> None:
        if min(adversarial, cycle, identity) < 0 or not adversarial:
            raise Refusal(
                "Without pairs a generator learns from its critic: adversarial is above 0, the others from 0."
            )
        self.players: Mapping[str, Player] = {
            "generator": generator,
            "back": back,
            "critic": critic,
            "back.critic": back_critic,
        }
        self.rule = rule
        self.adversarial, self.cycle, self.identity = adversarial, cycle, identity
        self.pools = {name: Replay(pool) for name in ("critic", "back.critic")} if pool else {}
        self.inputs, self.target = inputs, target

    def round(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        (batch,) = batches
        x, y = batch[self.inputs], batch[self.target]
        generator, back = self.players["generator"], self.players["back"]
        for player in self.players.values():
            player.network.train()
        with generator.autocast():
            made, returned = generator.network(x), back.network(y)
        heard = {**self._criticise("critic", y, made), **self._criticise("back.critic", x, returned)}
        told = self._generate(x, y, made, returned)  # against the critics as they still are
        return {**heard, **told, **{f"{name}.gradient": player.step() for name, player in self.players.items()}}

    def _criticise(self, name: str, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """A critic's gradients, and its health."""
        critic = self.players[name]
        fake = self.pools[name](fake) if name in self.pools else fake.detach()
        listener = Listener(critic.network)
        critic.zero()
        with critic.autocast():
            loss = self.rule.critic_loss(listener, real, fake)
        loss.backward()
        health = {key.replace("critic", name, 1): number for key, number in listener.health(real, fake).items()}
        return {name: loss.detach(), **health}

    def _generate(self, x: Tensor, y: Tensor, made: Tensor, returned: Tensor) -> dict[str, Tensor]:
        """The gradients of both generators, of one loss."""
        generator, back = self.players["generator"], self.players["back"]
        critic, back_critic = self.players["critic"], self.players["back.critic"]
        generator.zero()
        back.zero()
        with critic.frozen(), back_critic.frozen():
            with generator.autocast():
                parts: dict[str, Part] = {
                    "adversarial": (self.adversarial, self.rule.generator_loss(critic.network, made)),
                    "back.adversarial": (self.adversarial, self.rule.generator_loss(back_critic.network, returned)),
                }
                if self.cycle:
                    parts["cycle"] = (self.cycle, _apart(back.network(made), x))
                    parts["back.cycle"] = (self.cycle, _apart(generator.network(returned), y))
                if self.identity:
                    parts["identity"] = (self.identity, _apart(generator.network(y), y))
                    parts["back.identity"] = (self.identity, _apart(back.network(x), x))
                total = weigh(parts)
            total.backward()
        return {"generator": total.detach(), **{name: part.detach() for name, (_, part) in parts.items()}}

    def state_dict(self) -> dict[str, Any]:
        return {name: pool.state_dict() for name, pool in self.pools.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        device = next(self.players["generator"].network.parameters()).device
        for name, pool in self.pools.items():
            pool.load_state_dict(state[name], device)


def _apart(made: Tensor, true: Tensor) -> Tensor:
    return l1_loss(made.to(torch.promote_types(made.dtype, torch.float32)), true)
