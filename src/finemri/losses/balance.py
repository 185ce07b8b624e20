"""Losses of different size, made comparable by what they are at the start."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from torch import Tensor

from finemri.refusal import Refusal


class Balance:
    """ℓ / |ℓ₀|, ℓ₀ the loss on the first batch, the same ever after (Seitzer et al., 2018).

    A weight before a balanced loss is then what that loss contributes at the start.

    Args:
        names: the losses to be divided; others pass as they are.
    """

    def __init__(self, names: Collection[str]) -> None:
        self.names = frozenset(names)
        self.first: dict[str, float] = {}

    def __call__(
        self, parts: Mapping[str, Tensor], share: Callable[[Tensor], Tensor] = lambda number: number
    ) -> dict[str, Tensor]:
        """`parts` by name, divided; `share` is the mean over machines, so that all divide by the same.

        Raises:
            Refusal: a first loss is 0.
        """
        for name in sorted(self.names & parts.keys() - self.first.keys()):
            first = abs(float(share(parts[name].detach().float())))
            if first == 0:
                raise Refusal(f"The first {name} loss is 0, so it cannot be balanced; give it a fixed weight.")
            self.first[name] = first
        return {name: part / self.first[name] if name in self.first else part for name, part in parts.items()}

    def state_dict(self) -> dict[str, Any]:
        return {"first": dict(self.first)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.first = {name: float(first) for name, first in state["first"].items()}
