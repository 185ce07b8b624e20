"""How far readers agree: with each other, and with themselves. Scores lie in a table, one row a case, one column a
reader; NaN where a reader has not judged a case."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64
from scipy import stats

from finemri.refusal import Refusal

Scores = Float64[np.ndarray, "cases readers"]


@dataclass(frozen=True)
class ICC:
    """An intraclass correlation with its interval; −∞ … 1, 1 where readers agree exactly."""

    value: float
    low: float
    high: float


def weighted_kappa(first: Sequence[int], second: Sequence[int], scores: int) -> float:
    """κ = 1 − Σ w o / Σ w e with w = (i − j)², o and e the observed and chance frequencies of scores i and j in
    1 … ``scores`` (Cohen, 1968). NaN where all are one score, so that nothing could disagree."""
    from sklearn.metrics import cohen_kappa_score

    if len(first) != len(second) or not first:
        raise Refusal("Kappa compares two judgements of each of the same cases, at least one; judge more.")
    if len({*first, *second}) == 1:
        return math.nan
    return float(cohen_kappa_score(first, second, labels=range(1, scores + 1), weights="quadratic"))


def ordinal_alpha(scores: Scores) -> float:
    """Krippendorff's α = 1 − D_o / D_e with the ordinal distance: any number of readers, gaps allowed (Krippendorff,
    2011). NaN where all scores are one."""
    import krippendorff

    known = scores[np.isfinite(scores)]
    if np.unique(known).size < 2 or (np.isfinite(scores).sum(axis=1) > 1).sum() == 0:
        return math.nan
    return float(krippendorff.alpha(reliability_data=scores.T, level_of_measurement="ordinal"))


def icc(scores: Scores, kind: Literal["agreement", "consistency"] = "agreement", level: float = 0.95) -> ICC:
    """Of single scores, cases and readers drawn at random: mean squares B of cases, J of readers, E of the rest,

    agreement: ICC(2,1) = (B − E) / (B + (k − 1) E + k (J − E) / n), blind to nothing;
    consistency: ICC(3,1) = (B − E) / (B + (k − 1) E), blind to readers who are stricter throughout
    (Shrout & Fleiss, 1979; intervals: McGraw & Wong, 1996). Cases that somebody has not judged are left out. Raises
    Refusal for fewer than two complete cases or two readers.
    """
    table = scores[np.isfinite(scores).all(axis=1)]
    n, k = table.shape
    if n < 2 or k < 2:
        raise Refusal(f"Intraclass correlation takes two readers and two cases that both judged, not {k} and {n}.")
    mean = table.mean()
    B = k * np.square(table.mean(axis=1) - mean).sum() / (n - 1)
    J = n * np.square(table.mean(axis=0) - mean).sum() / (k - 1)
    rest = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0, keepdims=True) + mean
    E = np.square(rest).sum() / ((n - 1) * (k - 1))
    if max(B, J, 1e-300) * 1e-12 >= E:  # rounding alone
        E = 0.0
    tail = 1 - (1 - level) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "consistency":
            value = (B - E) / (B + (k - 1) * E)
            F, free = B / E, ((n - 1), (n - 1) * (k - 1))
            low, high = F / stats.f.ppf(tail, *free), F * stats.f.ppf(tail, *free[::-1])
            return _icc(value, (low - 1) / (low + k - 1), (high - 1) / (high + k - 1))
        value = (B - E) / (B + (k - 1) * E + k * (J - E) / n)
        a, b = k * value / (n * (1 - value)), 1 + k * value * (n - 1) / (n * (1 - value))
        v = (a * J + b * E) ** 2 / ((a * J) ** 2 / (k - 1) + (b * E) ** 2 / ((n - 1) * (k - 1)))
        below, above = stats.f.ppf(tail, n - 1, v), stats.f.ppf(tail, v, n - 1)
        spread = k * J + (k * n - k - n) * E
        low = n * (B - below * E) / (below * spread + n * B)
        high = n * (above * B - E) / (spread + n * above * B)
    return _icc(value, low, high)


def _icc(value: float, low: float, high: float) -> ICC:
    """Exact agreement leaves nothing to be unsure of; a table of one score says nothing."""
    if math.isnan(value) or value == 1:
        return ICC(float(value), float(value), float(value))
    return ICC(float(value), float(low), float(high))
