"""A claims file: what a paper says, as data, so that a program can hold it against the rows of an exam.

TOML: a ``title``, and as many ``[[claim]]`` as are made. Each says who is better than whom, in what, and by how much.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from finemri.refusal import Refusal

DIRECTIONS = ("higher", "lower", "within")
EVIDENCE = ("measure", "mask", "a", "b", "direction")
"""What it takes to test a claim."""


@dataclass(frozen=True)
class Claim:
    """A against B in one measure; A and B are methods of the CSV, or families of seeds."""

    id: str
    """Letters, digits and hyphens; once a file."""
    text: str
    """The claim in the paper's words, short."""
    source: str
    """Where it says so: a table, a figure, a section."""
    paper_a: float | None = None
    paper_b: float | None = None
    """The paper's own numbers, by its own contract."""
    job: str = ""
    """The folder with measures.csv, seen from the one that is reported on; "" for that itself."""
    measure: str = ""
    mask: str = ""
    a: tuple[str, ...] = ()
    """Names as the CSV has them; ``*`` stands for the seed: "gan-7-seed*"."""
    b: tuple[str, ...] = ()
    direction: str = ""
    """higher: A − B is above the margin. lower: below −margin. within: between −margin and margin."""
    margin: float = 0.0
    """In the measure's unit. Below 0 of higher and lower: A may be so much worse, and is still as good."""
    not_testable: str = ""
    """Why no verdict is given, if none is; numbers are shown where A and B are named."""
    optional: bool = False
    """Whether nobody minds that A or B was not judged."""
    note: str = ""
    """What the reader has to know of the test."""

    @property
    def holds(self) -> tuple[float, float]:
        """Between which differences A − B the claim is true."""
        return {
            "higher": (self.margin, math.inf),
            "lower": (-math.inf, 0.0 - self.margin),
            "within": (-self.margin, self.margin),
        }[self.direction]


@dataclass(frozen=True)
class Claims:
    """A file of them."""

    title: str
    """Whose claims they are."""
    claims: tuple[Claim, ...]
    about: str = ""
    """What the exam is, and how it differs from the paper's."""


def read_claims(path: Path) -> Claims:
    """A claims file. Raises Refusal for what is none: unknown or missing keys, wrong types, an id that stands twice."""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as trouble:
        raise Refusal(f"There is no claims file {path} ({trouble.strerror}).") from None
    except ValueError as trouble:
        raise Refusal(f"{path} is not TOML: {trouble}.") from None
    if unknown := told.keys() - {"title", "about", "claim"}:
        raise Refusal(f"{path}: a claims file has title, about and [[claim]], and no {min(unknown)}.")
    entries = told.get("claim")
    if not (isinstance(entries, list) and entries and all(isinstance(entry, dict) for entry in entries)):
        raise Refusal(f"{path} makes no claims; write one below a line [[claim]].")
    claims = tuple(_claim(entry, f"{path}, claim {entry.get('id', n)!r}") for n, entry in enumerate(entries, 1))
    ids = [claim.id for claim in claims]
    if twice := [name for name in ids if ids.count(name) > 1]:
        raise Refusal(f"{path}: {twice[0]!r} is the id of two claims; name them apart.")
    texts = {key: told.get(key, "") for key in ("title", "about")}
    if not all(isinstance(text, str) for text in texts.values()) or not texts["title"]:
        raise Refusal(f"{path}: title says in words whose claims these are; write one, and about as text if at all.")
    return Claims(texts["title"], claims, texts["about"])


def _claim(entry: Mapping[str, Any], where: str) -> Claim:
    """One entry, checked. Raises Refusal."""
    known = {field.name: field.default for field in fields(Claim)}
    if unknown := entry.keys() - known.keys():
        raise Refusal(f"{where}: there is no key {min(unknown)}; the keys are {', '.join(known)}.")
    settings = dict(entry)
    for side in {"a", "b"} & entry.keys():
        names = [entry[side]] if isinstance(entry[side], str) else entry[side]
        if not (isinstance(names, list) and names and all(isinstance(name, str) and name for name in names)):
            raise Refusal(f"{where}: {side} is the name of a method, or a list of names that differ in their seed.")
        settings[side] = tuple(names)
    for key in {"paper_a", "paper_b", "margin"} & entry.keys():
        value = entry[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise Refusal(f"{where}: {key} is a number, not {value!r}.")
        settings[key] = float(value)
    for key in {"id", "text", "source", "job", "measure", "mask", "direction", "not_testable", "note"} & entry.keys():
        if not isinstance(entry[key], str):
            raise Refusal(f"{where}: {key} is text, not {entry[key]!r}.")
    if not isinstance(entry.get("optional", False), bool):
        raise Refusal(f"{where}: optional is true or false, not {entry['optional']!r}.")
    if missing := [key for key in ("id", "text", "source") if not settings.get(key)]:
        raise Refusal(f"{where}: {missing[0]} is missing.")
    if not all(part.isalnum() and part.isascii() for part in settings["id"].split("-")):
        raise Refusal(f"{where}: an id is made of letters, digits and single hyphens.")
    _check_evidence(claim := Claim(**settings), where)
    return claim


def _check_evidence(claim: Claim, where: str) -> None:
    """Raises Refusal where something is missing that the test takes, or what is there makes no sense."""
    missing = [key for key in EVIDENCE if not getattr(claim, key)]
    if missing and (not claim.not_testable or len(missing) < len(EVIDENCE)):
        raise Refusal(f'{where}: {missing[0]} is missing; a claim that cannot be tested says not_testable = "why".')
    if claim.direction and claim.direction not in DIRECTIONS:
        raise Refusal(f"{where}: direction is one of {', '.join(DIRECTIONS)}, not {claim.direction!r}.")
    if claim.direction == "within" and claim.margin <= 0:
        raise Refusal(f"{where}: within takes a margin above 0, such as margin = 0.1.")
