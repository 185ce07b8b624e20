"""Opinions of several readers about several people's images: means, intervals and tests that know of both.

Cases of one person (slices) are averaged first: the person is the unit, and readers are drawn at random as well.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float64
from scipy import stats

from finemri.measures.effects import holm, rank_biserial
from finemri.measures.statistics import wilcoxon
from finemri.refusal import Refusal

RESAMPLES = 4999
SEED = 2011
FEWEST = 5
"""People that an interval takes, as for every other measure."""
COUNTED = 12
"""People of whom every vector of signs is tried."""
DECIMALS = 9
"""Of differences: thirds of a score that are the same on paper must tie, and those that cancel must be 0."""
Table = Float64[np.ndarray, "readers people"]
"""NaN where a reader judged nothing of a person."""


@dataclass(frozen=True)
class Opinion:
    """One score of one image."""

    reader: str
    person: str
    method: str
    score: float


@dataclass(frozen=True)
class Mean:
    """A mean opinion score, over people of the mean over readers, and its 95 % intervals."""

    mean: float
    people: tuple[float, float]
    """If other people were scanned, and the readers stayed; NaN for fewer than five."""
    readers: tuple[float, float]
    """If others read, and the people stayed; NaN for fewer than three."""
    both: tuple[float, float]
    """If both were others: what a claim about methods takes. NaN unless both of the above are known."""


@dataclass(frozen=True)
class Difference:
    """A method against another: score − score of the same reader, about the same person."""

    method: str
    other: str
    mean: Mean
    p: float
    """Wilcoxon's signed-rank test over people of the mean over readers, as in Seitzer et al. (2018); two-sided."""
    p_holm: float
    """Adjusted for all methods that are held against ``other``, and not over the choice of ``other``."""
    p_ranks: float
    """Rank test of readers × people (see ``sign_flips``), two-sided."""
    p_readers: float
    """Of a mixed model in which the readers were drawn too (see ``mixed_model``); NaN for one reader, and where nobody
    differs. Neither this nor ``p_ranks`` is adjusted."""
    superiority: float
    """P(better) + P(same) / 2, over readers and people: ½ where nobody sees a difference."""
    rank_biserial: float
    people: int
    readers: int


def table_of(opinions: Sequence[Opinion], method: str) -> tuple[Table, list[str], list[str]]:
    """Scores of one method with the names of readers and people, all those of the study."""
    readers, people = (sorted({getattr(o, kind) for o in opinions}) for kind in ("reader", "person"))
    cells: dict[tuple[str, str], list[float]] = {}
    for opinion in opinions:
        if opinion.method == method:
            cells.setdefault((opinion.reader, opinion.person), []).append(opinion.score)
    found = [
        [math.fsum(cell) / len(cell) if (cell := cells.get((r, p))) else math.nan for p in people] for r in readers
    ]
    return np.array(found, np.float64).reshape(len(readers), len(people)), readers, people


def mean_opinions(opinions: Sequence[Opinion]) -> dict[str, Mean]:
    """Method -> its mean opinion score."""
    methods = dict.fromkeys(opinion.method for opinion in opinions)
    return {method: mean_of(table_of(opinions, method)[0]) for method in methods}


def compare(opinions: Sequence[Opinion], other: str) -> list[Difference]:
    """Every method that somebody judged beside ``other``, same person. Raises Refusal where nobody judged ``other``."""
    methods = [m for m in dict.fromkeys(opinion.method for opinion in opinions) if m != other]
    against, _, people = table_of(opinions, other)
    if not np.isfinite(against).any():
        raise Refusal(f"No reader judged {other}, so nothing can be held against it; choose another method.")
    found = []
    for method in methods:
        table: Table = np.round(table_of(opinions, method)[0] - against, DECIMALS)
        known = np.isfinite(table)
        if not known.any():
            continue
        by_person = _by_person(table, people)
        superiority = float(np.mean((table[known] > 0) + 0.5 * (table[known] == 0)))
        ps = wilcoxon(by_person), sign_flips(table), mixed_model(table)
        counts = len(by_person), int(known.any(axis=1).sum())
        found.append(
            Difference(method, other, mean_of(table), ps[0], *ps, superiority, rank_biserial(by_person), *counts)
        )
    adjusted = holm([each.p for each in found])
    return [replace(each, p_holm=p) for each, p in zip(found, adjusted, strict=True)]


def mean_of(table: Table) -> Mean:
    """Mean over people of the mean over readers, with percentile bootstrap intervals (Owen, 2007, for both at once)."""
    table = table[np.isfinite(table).any(axis=1)][:, np.isfinite(table).any(axis=0)]
    readers, people = table.shape
    none = (math.nan, math.nan)
    if table.size == 0:
        return Mean(math.nan, none, none, none)
    few_people, few_readers = people < FEWEST, readers < 3
    return Mean(
        _mean(table),
        none if few_people else _interval(table, readers=False, people=True),
        none if few_readers else _interval(table, readers=True, people=False),
        none if few_people or few_readers else _interval(table, readers=True, people=True),
    )


def sign_flips(table: Table) -> float:
    """p of the rank test for readers × people: under the null a person's images could have changed names.

    Differences of each reader become signed ranks among their own (so that no reader's scale counts more), S_p is the
    sum over readers for person p, T = |Σ S_p|, and p the share of all 2ⁿ (beyond COUNTED people, of 9,999 random) sign
    vectors over people that reach T: readers of one person flip together, as they see the same image.
    """
    signed = np.zeros_like(table)
    for n, row in enumerate(table):
        moved = np.isfinite(row) & (row != 0)
        signed[n, moved] = np.sign(row[moved]) * stats.rankdata(np.abs(row[moved])) / (moved.sum() + 1)
    sums = signed.sum(axis=0)
    sums = sums[sums != 0]
    if not sums.size:
        return 1.0
    flips = _flips(sums.size)
    reached = int(np.sum(np.abs(flips @ sums) >= abs(sums.sum()) - 1e-12))
    return reached / len(flips) if sums.size <= COUNTED else (1 + reached) / (1 + len(flips))


def mixed_model(table: Table) -> float:
    """p of difference = μ + reader + person + rest, readers and people both drawn at random: t = mean / √v with
    v = (P + R − E) / (r p), P, R and E the mean squares, and Satterthwaite's freedom (Dorfman, Berbaum & Metz, 1992).

    For readers and people not in the study, which ``wilcoxon`` and ``sign_flips`` say nothing of. Of ``complete``
    readers and people. NaN for fewer than two of either, and where all differ by the same: without spread, no test.
    """
    table = complete(table)
    r, p = table.shape
    if r < 2 or p < 2:
        return math.nan
    by_person, by_reader, mean = table.mean(axis=0), table.mean(axis=1), table.mean()
    P, R = r * by_person.var(ddof=1), p * by_reader.var(ddof=1)
    E = np.square(table - by_person - by_reader[:, None] + mean).sum() / ((r - 1) * (p - 1))
    v = max(P + R - E, P, R) / (r * p)
    if v <= 1e-12 * mean**2:  # everybody says the same
        return 1.0 if mean == 0 else math.nan
    parts = (P**2 / (p - 1) + R**2 / (r - 1) + E**2 / ((r - 1) * (p - 1))) / (r * p) ** 2
    return float(2 * stats.t.sf(abs(mean) / math.sqrt(v), v**2 / parts))


def complete(table: Table) -> Float64[np.ndarray, "whole_readers whole_people"]:
    """The readers and people without a gap that leave the most judgements: who stopped early drops no person."""
    known = np.isfinite(table)
    order = [int(n) for n in np.argsort(-known.sum(axis=1), kind="stable")]
    best = max(range(1, len(order) + 1), key=lambda n: _worth(known[order[:n]]))
    readers = sorted(order[:best])
    found: np.ndarray = table[readers][:, known[readers].all(axis=0)]
    return found


@lru_cache(maxsize=64)
def _flips(count: int) -> Float64[np.ndarray, "flips people"]:
    """Signs: all there are, or a sample of them that is always the same."""
    if count <= COUNTED:
        return 1.0 - 2 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)
    return 1.0 - 2 * np.random.default_rng(SEED).integers(2, size=(9999, count), dtype=np.int8)


def _by_person(table: Table, people: Sequence[str]) -> Mapping[str, float]:
    """Person -> mean over the readers who judged both."""
    known = np.isfinite(table).any(axis=0)
    return {person: round(float(np.nanmean(table[:, n])), DECIMALS) for n, person in enumerate(people) if known[n]}


def _worth(known: Bool[np.ndarray, "readers people"]) -> tuple[bool, int]:
    """Whether there are two of both without a gap, and how many judgements those are."""
    people = int(known.all(axis=0).sum())
    return min(len(known), people) > 1, len(known) * people


def _mean(table: Table) -> float:
    return float(np.nanmean(np.nanmean(table, axis=0)))


def _interval(table: Table, *, readers: bool, people: bool) -> tuple[float, float]:
    """Whoever is drawn counts as often as drawn: weights, not copies."""
    rng, known, filled = np.random.default_rng(SEED), np.isfinite(table), np.nan_to_num(table)
    r, p = table.shape
    by_reader = rng.multinomial(r, np.full(r, 1 / r), size=RESAMPLES) if readers else np.ones((RESAMPLES, r))
    by_person = rng.multinomial(p, np.full(p, 1 / p), size=RESAMPLES) if people else np.ones((RESAMPLES, p))
    with np.errstate(invalid="ignore"):
        each = (by_reader @ filled) / (by_reader @ known)  # a person's mean over the readers drawn
        weight = by_person * np.isfinite(each)
        means = (weight * np.nan_to_num(each)).sum(axis=1) / weight.sum(axis=1)  # NaN: none of them judged any of these
    low, high = np.nanpercentile(means, [2.5, 97.5])
    return float(low), float(high)
