"""Who there is to take slices of, and what is held of each."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from finemri.refusal import Refusal

Held = TypeVar("Held")


@dataclass(frozen=True, eq=False)
class Roll(Generic[Held]):
    """Everybody's scans, or places in them, by name. Raises Refusal where there is nobody, or nothing of somebody."""

    held: Mapping[str, tuple[Held, ...]]

    def __post_init__(self) -> None:
        if not self.held:
            raise Refusal("There is nobody to take slices of; give a cohort of at least one person.")
        for person, of in self.held.items():
            if not of:
                raise Refusal(
                    f"There is no slice of {person} to be had; leave this person out, or ask for less tissue."
                )

    @property
    def people(self) -> tuple[str, ...]:
        """Names, in the cohort's order."""
        return tuple(self.held)

    def only(self, people: Iterable[str]) -> "Roll[Held]":
        """Those of these names, in the order held. Raises Refusal for an unknown name, and where nobody is left."""
        wanted = set(people)
        unknown = sorted(wanted - set(self.held))
        if unknown:
            raise Refusal(f"There are no slices of {unknown[0]}; choose people of this cohort.")
        if not wanted:
            raise Refusal("There is nobody to take slices of; choose at least one person.")
        return Roll({name: of for name, of in self.held.items() if name in wanted})

    def draw(self, rng: np.random.Generator) -> tuple[str, Held]:
        """Somebody, every person equally often, and something of theirs."""
        person = self.people[rng.integers(len(self.held))]
        return person, self.held[person][rng.integers(len(self.held[person]))]

    def every(self) -> Iterator[tuple[str, Held]]:
        """Everything of everybody, in order."""
        for person, of in self.held.items():
            for one in of:
                yield person, one
