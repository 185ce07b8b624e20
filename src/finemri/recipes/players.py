"""How a recipe's networks become players."""

import math
from collections.abc import Callable
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import nn

from finemri.refusal import Refusal
from finemri.training.player import Player


@runtime_checkable
class Learning(Protocol):
    """The settings of a recipe that a player needs."""

    @property
    def beta1(self) -> float:
        """Adam's first decay."""

    @property
    def clip(self) -> float | None:
        """Largest gradient norm."""

    @property
    def schedule(self) -> Literal["constant", "cosine"]:
        """How the learning rate goes down."""


def player(
    settings: Learning,
    network: nn.Module,
    rate: float,
    rounds: int,
    ema: float | None = None,
    *,
    beta2: float = 0.999,
    factor: Callable[[int], float] | None = None,
) -> Player:
    """A network with Adam over the weights that may learn, the recipe's schedule (or `factor` in its place) and
    clipping; channels last, which convolutions on this hardware like best."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if not learning:
        raise Refusal("Every weight of this network is frozen: there is nothing to train.")
    optimiser = torch.optim.Adam(learning, lr=rate, betas=(settings.beta1, beta2))
    if factor is None and settings.schedule == "cosine":
        factor = cosine(rounds)
    return Player(network, optimiser, clip=settings.clip, schedule=factor, ema=ema, channels_last=True)


def cosine(rounds: int, warm_up: int = 100, lowest: float = 0.01) -> Callable[[int], float]:
    """Round -> factor: linear warm-up, then half a cosine from 1 down to ``lowest``."""
    warm_up = min(warm_up, max(1, rounds // 10))

    def factor(number: int) -> float:
        if number < warm_up:
            return (number + 1) / warm_up
        progress = (number - warm_up) / max(1, rounds - warm_up)
        return lowest + (1 - lowest) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))

    return factor


def halving(every: int) -> Callable[[int], float]:
    """Round -> ½^⌊round / every⌋."""
    return lambda number: 0.5 ** (number // every)


def switched(at: int, factor: float) -> Callable[[int], float]:
    """Round -> 1, and ``factor`` from round ``at`` on."""
    return lambda number: factor if number >= at else 1.0
