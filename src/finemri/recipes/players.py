"""How a recipe's networks become players."""

import math
from collections.abc import Callable
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import nn

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


def player(settings: Learning, network: nn.Module, rate: float, rounds: int, ema: float | None = None) -> Player:
    """A network with Adam, the recipe's schedule and clipping; channels last, which convolutions on this hardware
    like best."""
    network = network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # torch's stubs know 4D only
    optimiser = torch.optim.Adam(network.parameters(), lr=rate, betas=(settings.beta1, 0.999))
    factor = cosine(rounds) if settings.schedule == "cosine" else None
    return Player(network, optimiser, clip=settings.clip, schedule=factor, ema=ema)


def cosine(rounds: int, warm_up: int = 100, lowest: float = 0.01) -> Callable[[int], float]:
    """Round -> factor: linear warm-up, then half a cosine from 1 down to ``lowest``."""
    warm_up = min(warm_up, max(1, rounds // 10))

    def factor(number: int) -> float:
        if number < warm_up:
            return (number + 1) / warm_up
        progress = (number - warm_up) / max(1, rounds - warm_up)
        return lowest + (1 - lowest) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))

    return factor
