"""How sure a gain is: over people, never over their scans or slices.

A gain is the mean over people of value − value of a baseline, same person, with a 95 % bootstrap interval and a paired
test. Pure functions of the tidy rows.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from finemri.measures.effects import holm, rank_biserial, standardised
from finemri.measures.tidy import Row
from finemri.refusal import Refusal

FEWEST = 5
"""People that an interval takes: of fewer, a bootstrap knows nothing."""
RESAMPLES = 9999
LEVEL = 0.95
SEED = 20190
TRUTH = "truth"
"""The method that is none: what others are measured with, such as a segmenter, on the true images."""
SLICED = re.compile(r"(?i)^(.+?)[\W_]*(?:slice|slc|plane)[\W_]*\d+$")
"""A name of a slice, and whose it is."""


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
    p_holm: float
    """p, adjusted for the methods that are held against the same baseline in the same measure, mask and setting."""
    rank_biserial: float
    """−1 … 1: everybody lost … everybody gained."""
    standardised: float
    """Mean over standard deviation of the gains."""

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
        family = []
        for method, own in methods.items():
            if method in (baseline, TRUTH) or baseline not in methods:
                continue
            people = gains_by_person([*own, *methods[baseline]], method, baseline)
            if len(people) >= fewest and all(map(math.isfinite, people.values())):
                low, high = bootstrap_interval(people)
                mean, p = math.fsum(people.values()) / len(people), wilcoxon(people)
                sizes = rank_biserial(people), standardised(people)
                family.append(Gain(*key, method, baseline, len(people), mean, low, high, p, p, *sizes))
        adjusted = holm([gain.p for gain in family])
        found += [replace(gain, p_holm=p) for gain, p in zip(family, adjusted, strict=True)]
    return found


def check_persons(rows: Sequence[Row]) -> None:
    """Raises Refusal where rows are of single slices, so that a person would count as often as there are slices."""
    owners: dict[str, str] = {}
    for row in rows:
        contract = row.contract
        if contract.aggregation.startswith("per slice") and "mean over" not in contract.aggregation:
            raise Refusal(
                f"The {row.measure} of {row.subject} is of a single slice, and slices of one person are not "
                "independent; average over each person first."
            )
        if (match := SLICED.match(row.person)) and owners.setdefault(match[1].casefold(), row.person) != row.person:
            raise Refusal(
                f"{owners[match[1].casefold()]} and {row.person} look like slices of one person, who would count as "
                "several; average over each person first."
            )


def gains_by_person(rows: Sequence[Row], method: str, baseline: str) -> dict[str, float]:
    """Person -> value of the method − value of the baseline; the mean over the scans that both were judged on.

    A person's second scan (person#2) never counts as somebody else. Raises Refusal for rows of several measures, masks
    or settings, for a number that stands twice, where one person goes by two names that differ in case alone, and as
    ``check_persons``.
    """
    kinds = {(row.degradation, row.scale, row.contract.mask, row.measure) for row in rows}
    if len(kinds) > 1:
        raise Refusal("These rows are of several measures, masks or settings; a gain is of one of each.")
    check_persons(rows)
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
