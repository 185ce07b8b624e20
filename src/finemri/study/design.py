"""The design of a reader study: what is shown, what is asked, and what comes on top to tell careful readers."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from finemri.refusal import Refusal
from finemri.study.question import Question

Role = Literal["training", "main", "repeat", "catch"]


@dataclass(frozen=True)
class Shown:
    """One image of a trial. Never leaves the server."""

    case: str
    """A subject, or one slice of one: subject/slice-12."""
    method: str


@dataclass(frozen=True)
class Trial:
    """What a reader sees at once."""

    role: Role
    shown: tuple[Shown, ...]
    """Pane by pane, from left to right."""
    repeats: int | None = None
    """Place of the trial that this one repeats."""


@dataclass(frozen=True)
class Design:
    """Everything that a protocol depends on. Raises Refusal for what makes no study."""

    question: Question
    cases: tuple[str, ...]
    methods: tuple[str, ...]
    """With the anchor, if the truth is shown among them."""
    anchor: str | None = None
    """The method that is the truth, hidden among the others."""
    training_cases: tuple[str, ...] = ()
    """Shown first, to learn the scale; their answers never count."""
    repeats: float = 0.1
    """Share of the main trials that come a second time, for agreement of a reader with themselves."""
    catches: float = 0.05
    """Share of trials whose answer is known: an image spoilt on purpose."""
    seed: int = 0
    title: str = field(default="Reader study", kw_only=True)
    """What readers see."""

    def __post_init__(self) -> None:
        for what, names in (("cases", self.cases), ("methods", self.methods)):
            if len(set(names)) != len(names):
                raise Refusal(f"Some {what} of the study have the same name; give each a name of its own.")
        if not self.cases:
            raise Refusal("A study needs cases to show; give images of at least one subject.")
        if len(self.methods) < (1 if self.question.kind == "opinion" else 2):
            raise Refusal(f"A study of {self.question.kind} compares at least two methods; give more of them.")
        if self.anchor is not None and self.anchor not in self.methods:
            raise Refusal(f"The anchor {self.anchor} is not among the methods; name one of them, or none.")
        if set(self.training_cases) & set(self.cases):
            raise Refusal("A case that readers train on can't count as well; leave it out of one of the two.")
        if SPOILT in self.methods:
            raise Refusal(f"The name {SPOILT} is taken by catch trials; call the method something else.")
        for name, share in (("repeats", self.repeats), ("catches", self.catches)):
            if not 0 <= share <= 1:
                raise Refusal(f"The share of {name} lies between 0 and 1, not at {share:g}.")

    @property
    def digest(self) -> str:
        """SHA-256 of all settings: another design has another."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Design":
        """The inverse of asdict, after JSON. Raises Refusal for what is no design."""
        try:
            lists = {key: tuple(told[key]) for key in ("cases", "methods", "training_cases")}
            asked: dict[str, Any] = {**told["question"], "criteria": tuple(told["question"]["criteria"])}
            return cls(**{**told, **lists, "question": Question(**asked)})
        except (KeyError, TypeError, AttributeError):
            raise Refusal("This is no design of a study as finemri writes it; was the file edited?") from None


SPOILT = "spoilt"
"""The method of catch trials: the truth, or the first method, with an artefact that nobody overlooks."""
