"""Seeds as a factor: how much of a method is chance. Methods whose files differ in nothing but their seed are one.

Never told by their names: what a training writes into the header of its weights tells.
"""

import hashlib
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finemri.measures.tidy import Row

PASSING = frozenset({"seed", "recipe", "portrait", "learnt_from"})
"""Of a header: what another seed changes. ``recipe`` is a name, which a sweep may have counted; its settings stand
beside it. ``portrait`` is measured on what was drawn."""


@dataclass(frozen=True)
class Family:
    """Methods that differ in seed alone, as far as their files tell."""

    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    """In the order of the methods, each once."""


@dataclass(frozen=True)
class Spread:
    """One family in one measure, one mask and one setting, over the people that all its seeds were judged on."""

    degradation: str
    scale: int
    mask: str
    measure: str
    family: Family
    people: int
    mean: float
    """Over seeds, of the mean over people."""
    std: float
    """Over seeds (n − 1)."""
    min: float
    """The seed with the least mean over people."""
    max: float


def families(headers: Mapping[str, Mapping[str, Any]], digests: Mapping[str, str]) -> list[Family]:
    """Method -> header, and the digest of its file -> families of two seeds or more.

    A header that names other weights, which it began with, is of the same family as another where those weights are.
    Where a seed stands twice, something else differs that headers do not tell, so there is no family.
    """
    by_digest = {digests[method]: method for method in headers if digests.get(method)}
    groups: dict[str, list[str]] = {}
    for method in sorted(headers):
        if isinstance(headers[method].get("seed"), int):
            groups.setdefault(_kin(headers[method], headers, by_digest, depth=0), []).append(method)
    found = []
    for methods in groups.values():
        members = sorted(methods, key=lambda method: headers[method]["seed"])
        seeds = tuple(headers[method]["seed"] for method in members)
        if len(set(seeds)) == len(seeds) > 1:
            found.append(Family(tuple(members), seeds))
    return found


def spreads(rows: Sequence[Row], found: Sequence[Family]) -> list[Spread]:
    """What seeds do to every number; over people whom every seed of a family was judged on, and who are finite."""
    groups: dict[tuple[str, int, str, str], dict[str, dict[str, list[float]]]] = {}
    for row in rows:
        group = groups.setdefault((row.degradation, row.scale, row.contract.mask, row.measure), {})
        group.setdefault(row.method, {}).setdefault(row.person, []).append(row.value)
    told = []
    for key, methods in groups.items():
        for family in found:
            people = [{p: statistics.fmean(v) for p, v in methods.get(m, {}).items()} for m in family.methods]
            common = {p for p in people[0] if all(math.isfinite(each.get(p, math.nan)) for each in people)}
            if not common:
                continue
            means = [math.fsum(each[p] for p in common) / len(common) for each in people]
            spread = statistics.stdev(means)
            told.append(Spread(*key, family, len(common), statistics.fmean(means), spread, min(means), max(means)))
    return told


def _kin(header: Mapping[str, Any], headers: Mapping[str, Any], by_digest: Mapping[str, str], depth: int) -> str:
    """A digest of all but what passes; digests of known weights give way to those weights' own kin."""
    told = {}
    for key, value in header.items():
        if key in PASSING:
            continue
        known = by_digest.get(value) if isinstance(value, str) and depth < len(headers) else None
        told[key] = _kin(headers[known], headers, by_digest, depth + 1) if known else value
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
