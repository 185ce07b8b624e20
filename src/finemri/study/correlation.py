"""Which measure do readers agree with? Of every person the methods are ranked by readers and by the measure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from finemri.measures import better_of
from finemri.measures.readers import Opinion
from finemri.measures.statistics import FEWEST, TRUTH, bootstrap_interval
from finemri.measures.tidy import Row


@dataclass(frozen=True)
class Correlation:
    """Mean over people of Spearman's ρ over methods, between the mean opinion and one measure."""

    measure: str
    mask: str
    degradation: str
    scale: int
    rho: float
    low: float
    """Of the 95 % interval, BCa over people; NaN for few."""
    high: float
    people: int
    methods: int
    """At most, of one person."""


def correlations(opinions: Sequence[Opinion], rows: Sequence[Row]) -> list[Correlation]:
    """Every measure of which at least three methods of a person have numbers and opinions, the best agreement first.

    A measure where less is better is turned round, so that 1 is agreement for all. Within a person, so that a measure
    gains nothing by telling easy people from hard ones.
    """
    seen: dict[tuple[str, str], list[float]] = {}
    for opinion in opinions:
        seen.setdefault((opinion.person, opinion.method), []).append(opinion.score)
    mean = {key: math.fsum(scores) / len(scores) for key, scores in seen.items()}
    groups: dict[tuple[str, str, str, int], dict[str, dict[str, list[float]]]] = {}
    for row in rows:
        if row.method != TRUTH and (row.person, row.method) in mean:
            people = groups.setdefault((row.measure, row.contract.mask, row.degradation, row.scale), {})
            people.setdefault(row.person, {}).setdefault(row.method, []).append(row.value)
    found = [_of(key, people, mean) for key, people in groups.items()]
    return sorted((each for each in found if each is not None), key=lambda each: -each.rho)


def _of(
    key: tuple[str, str, str, int],
    people: Mapping[str, Mapping[str, Sequence[float]]],
    mean: Mapping[tuple[str, str], float],
) -> Correlation | None:
    rhos: dict[str, float] = {}
    for person, methods in people.items():
        values = np.array([_goodness(key[0], math.fsum(v) / len(v)) for v in methods.values()])
        scores = np.array([mean[person, method] for method in methods])
        if len(values) >= 3 and np.isfinite(values).all() and np.ptp(values) > 0 and np.ptp(scores) > 0:
            rhos[person] = float(stats.spearmanr(values, scores).statistic)
    if not rhos:
        return None
    low, high = bootstrap_interval(rhos) if len(rhos) >= FEWEST else (math.nan, math.nan)
    rho = math.fsum(rhos.values()) / len(rhos)
    return Correlation(*key, rho, low, high, len(rhos), max(len(people[person]) for person in rhos))


def _goodness(name: str, value: float) -> float:
    """More is better, whatever the measure; NaN where nobody says what is."""
    better, best = better_of(name)
    if better is None:
        return math.nan
    if better == "nearer":
        return -abs(value - best)
    return value if better == "higher" else -value
