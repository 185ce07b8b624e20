"""Forms that readers send: checked against the question before anything is stored."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from finemri.refusal import Refusal
from finemri.study.question import Answer, Question

LONGEST_LOG = 8_000
"""Letters; of a longer one the beginning is not kept either, so that what is kept is whole."""


@dataclass(frozen=True)
class Sent:
    """An answer as it came."""

    trial: int
    back: bool
    answer: Answer
    seconds: float
    log: list[Any]


def read_answer(form: Mapping[str, Any], question: Question, panes: int) -> Sent:
    """The fields of POST /study/answer. Raises Refusal for what is no answer."""
    trial = trial_of(form)
    try:
        answer = {name: _value(str(form[f"answer-{n}"]), question) for n, name in enumerate(question.criteria)}
        seconds = float(str(form.get("seconds", "0")) or 0)
    except (KeyError, ValueError):
        raise Refusal("Every question takes an answer; choose one of those that are offered.") from None
    question.check(answer, panes)
    if not (math.isfinite(seconds) and seconds >= 0):
        seconds = 0.0
    return Sent(trial, str(form.get("back")) == "1", answer, min(seconds, 86_400.0), _log(str(form.get("log", ""))))


def trial_of(form: Mapping[str, Any]) -> int:
    """Which trial is answered. Raises Refusal where none is named."""
    try:
        return int(str(form["trial"]))
    except (KeyError, ValueError):
        raise Refusal("This answer names no trial; open the page again.") from None


def _value(text: str, question: Question) -> int | tuple[int, ...]:
    return tuple(int(part) for part in text.split(",")) if question.kind == "ranking" else int(text)


def _log(text: str) -> list[Any]:
    """Window, level and zoom over time: numbers alone; anything else is not kept."""
    if len(text) > LONGEST_LOG:
        return [{"left_out": len(text)}]
    try:
        entries = json.loads(text or "[]", parse_int=float)
    except (ValueError, RecursionError):
        return []
    if not isinstance(entries, list):
        return []
    kept = [
        {key: value for key, value in entry.items() if isinstance(value, float)}
        for entry in entries
        if isinstance(entry, dict)
    ]
    return [{key: value for key, value in entry.items() if len(key) <= 8 and math.isfinite(value)} for entry in kept]
