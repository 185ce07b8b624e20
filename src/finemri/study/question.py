"""What readers are asked, and which answers there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from finemri.refusal import Refusal

Kind = Literal["opinion", "forced-choice", "ranking"]
WORDS = {4: ("poor", "fair", "good", "very good"), 5: ("bad", "poor", "fair", "good", "excellent")}
"""For scales of the mean opinion score: 1–4 as in Seitzer et al. (2018), 1–5 as in ITU-R BT.500."""
Answer = Mapping[str, int | tuple[int, ...]]
"""Criterion -> a score, the pane chosen (0 left, 1 right), or the panes from best to worst."""


@dataclass(frozen=True)
class Question:
    """What is asked of every trial, criterion by criterion. Raises Refusal for what can't be answered."""

    kind: Kind = "opinion"
    criteria: tuple[str, ...] = ("overall quality",)
    """Each answered by itself."""
    scores: int = 4
    """Of opinions: from 1 to this."""

    def __post_init__(self) -> None:
        if not self.criteria or any(not name.strip() for name in self.criteria):
            raise Refusal("A study asks by at least one criterion, and each has a name; give them.")
        if len(set(self.criteria)) != len(self.criteria):
            raise Refusal("Two criteria have the same name; give each its own.")
        if not 2 <= self.scores <= 10:
            raise Refusal(f"Opinions go from 1 to something between 2 and 10, not to {self.scores}.")

    @property
    def words(self) -> tuple[str, ...]:
        """What the scores are called, from the lowest; numbers alone where nobody named them."""
        return WORDS.get(self.scores, tuple(str(n + 1) for n in range(self.scores)))

    def check(self, answer: Answer, panes: int) -> None:
        """Raises Refusal for an answer that is none to this question, about so many panes."""
        if set(answer) != set(self.criteria):
            raise Refusal("Every criterion takes an answer, and only those that were asked.")
        for value in answer.values():
            if self.kind == "opinion":
                sound = isinstance(value, int) and 1 <= value <= self.scores
            elif self.kind == "forced-choice":
                sound = isinstance(value, int) and 0 <= value < panes
            else:
                sound = isinstance(value, tuple) and sorted(value) == list(range(panes))
            if not sound or isinstance(value, bool):
                raise Refusal("This is no answer to what was asked; choose one of those that are offered.")
