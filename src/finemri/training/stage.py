"""What is to be played: a game, its examples, and for how long."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from lightning_fabric import Fabric
from torch import Tensor, nn

from finemri.refusal import Refusal
from finemri.training.games import Game

Validate = Callable[[nn.Module], Mapping[str, float]]
"""The generator to keep, in eval mode, to numbers for the journal."""


@runtime_checkable
class Examples(Protocol):
    """Example n is a pure function of (a seed, n), for any n: a resume goes on at n, and workers cannot change it."""

    def __getitem__(self, n: int, /) -> Mapping[str, Tensor]: ...


@dataclass(frozen=True)
class Stage:
    """A game, for a number of rounds.

    `game` is called when the stage begins, after the stage before has left its averaged weights in its generator: fresh
    optimisers, fresh critic. `batch` counts examples over all processes together.
    """

    name: str
    rounds: int
    game: Callable[[Fabric], Game]
    examples: Examples
    batch: int
    validate: Validate | None = None

    def __post_init__(self) -> None:
        if not self.name or not self.name.replace("-", "").replace("_", "").isalnum():
            raise Refusal(f"A stage's name becomes a file's: letters, digits, - and _ only, not {self.name!r}.")
        if self.rounds < 1 or self.batch < 1:
            raise Refusal(f"Stage {self.name} needs at least one round of at least one example.")
