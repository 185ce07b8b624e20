"""How sure a gain is: over people, never over their scans or slices.

A gain is the mean over people of value − value of a baseline, same person, with a 95 % bootstrap interval and a paired
test. Pure functions of the tidy rows.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from finemri.measures.tidy import Row
from finemri.refusal import Refusal

FEWEST = 5
"""People that an interval takes: of fewer, a bootstrap knows nothing."""
RESAMPLES = 9999
LEVEL = 0.95
SEED = 20190


@dataclass(frozen=True)
class Gain:
    """One method over a baseline, in one measure, one mask and one setting."""

    degradation: str
    scale: int
    mask: str
    measure: str
    method: str
    baseline: str
    people: int
    mean: float
    low: float
    """Of the 95 % bootstrap interval by person (BCa: Efron, 1987)."""
    high: float
    p: float
    """Two-sided, of Wilcoxon's signed-rank test over people; 1 where nobody gained or lost."""

    @property
    def sure(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def gains(rows: Sequence[Row], baseline: str, fewest: int = FEWEST) -> list[Gain]:
    """Every method over the baseline, wherever at least ``fewest`` people have both and all their gains are finite.

    Raises Refusal as ``gains_by_person`` does.
    """
    groups: dict[tuple[str, int, str, str], dict[str, list[Row]]] = {}
    for row in rows:
        group = groups.setdefault((row.degradation, row.scale, row.contract.mask, row.measure), {})
        group.setdefault(row.method, []).append(row)
    found = []
    for key, methods in groups.items():
        for method, own in methods.items():
            if method == baseline or baseline not in methods:
                continue
            people = gains_by_person([*own, *methods[baseline]], method, baseline)
            if len(people) >= fewest and all(map(math.isfinite, people.values())):
                low, high = bootstrap_interval(people)
                mean = math.fsum(people.values()) / len(people)
                found.append(Gain(*key, method, baseline, len(people), mean, low, high, wilcoxon(people)))
    return found


def gains_by_person(rows: Sequence[Row], method: str, baseline: str) -> dict[str, float]:
    """Person -> value of the method − value of the baseline; the mean over the scans that both were judged on.

    A person's second scan (person#2) never counts as somebody else. Raises Refusal for rows of several measures, masks
    or settings, for a number that stands twice, and where one person goes by two names that differ in case alone.
    """
    kinds = {(row.degradation, row.scale, row.contract.mask, row.measure) for row in rows}
    if len(kinds) > 1:
        raise Refusal("These rows are of several measures, masks or settings; a gain is of one of each.")
    values: dict[str, dict[str, float]] = {method: {}, baseline: {}}
    for row in rows:
        if row.method not in values:
            continue
        if row.subject in values[row.method]:
            raise Refusal(f"{row.subject} has two numbers of one kind by {row.method}, and a scan counts once.")
        values[row.method][row.subject] = row.value
    scans: dict[str, list[float]] = {}
    for row in rows:
        if row.method == method and row.subject in values[baseline]:
            gain = row.value - values[baseline][row.subject]
            scans.setdefault(row.person, []).append(gain)
    spelt: dict[str, str] = {}
    for person in scans:
        if spelt.setdefault(person.strip().casefold(), person) != person:
            raise Refusal(
                f"{person} and {spelt[person.strip().casefold()]} look like one person, who would count twice; "
                "name them apart."
            )
    return {person: math.fsum(each) / len(each) for person, each in scans.items()}


def bootstrap_interval(people: Mapping[str, float], level: float = LEVEL) -> tuple[float, float]:
    """(low, high) of the mean, BCa over people, with a fixed seed: the same numbers give the same interval.

    People whose numbers are all the same give that number twice. Raises Refusal for fewer than two.
    """
    values = np.array([people[person] for person in sorted(people)], np.float64)
    if len(values) < 2:
        raise Refusal(f"An interval takes several people, not {len(values)}; judge more.")
    if np.ptp(values) <= 1e-12 * np.abs(values).max():
        return float(values.mean()), float(values.mean())
    found = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=level,
        method="BCa",
        vectorized=True,
        batch=max(1, 2**22 // len(values)),
        random_state=np.random.default_rng(SEED),  # as SciPy before 1.15 calls it, and later ones still understand
    ).confidence_interval
    return float(found.low), float(found.high)


def wilcoxon(people: Mapping[str, float]) -> float:
    """p of Wilcoxon's signed-rank test, two-sided: whether gains lie symmetrically about 0. Zeros are left out."""
    values = np.array([value for value in people.values() if value != 0], np.float64)
    return float(stats.wilcoxon(values).pvalue) if values.size else 1.0
