"""How large an effect is, and how sure a test of it can be: for many methods at once, and for few people."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from finemri.refusal import Refusal

ALPHA = 0.05


def holm(ps: Sequence[float]) -> list[float]:
    """p̃₍ᵢ₎ = min(1, max over j ≤ i of (m − j + 1) p₍ⱼ₎), m tests with p₍₁₎ ≤ … ≤ p₍ₘ₎; in the order given (Holm, 1979).

    With p̃ < α for those held to be true, the chance that any of them is false stays below α, however tests depend.
    """
    adjusted, least = [0.0] * len(ps), 0.0
    for rank, n in enumerate(sorted(range(len(ps)), key=lambda n: ps[n])):
        least = max(least, min(1.0, (len(ps) - rank) * ps[n]))
        adjusted[n] = least
    return adjusted


def rank_biserial(people: Mapping[str, float]) -> float:
    """(W⁺ − W⁻) / (W⁺ + W⁻), W± sums of the ranks of |gain| over gains above and below 0; zeros left out (Kerby, 2014).

    From −1, everybody lost, to 1, everybody gained; 0 where nobody did either. The effect size of Wilcoxon's test.
    """
    values = np.array([value for value in people.values() if value != 0], np.float64)
    if not values.size:
        return 0.0
    ranks = stats.rankdata(np.abs(values))
    return float(np.sum(np.sign(values) * ranks) / ranks.sum())


def standardised(people: Mapping[str, float]) -> float:
    """d_z = mean gain / sample standard deviation of the gains (n − 1), over people; NaN where all are the same."""
    values = np.array(list(people.values()), np.float64)
    if len(values) < 2 or np.ptp(values) <= 1e-12 * np.abs(values).max():
        return math.nan
    return float(values.mean() / values.std(ddof=1))


def smallest_p(people: int) -> float:
    """2 · 2⁻ⁿ: what Wilcoxon's two-sided test says where all of n people gained. No p can be smaller; 1 for nobody."""
    return min(1.0, 2.0 ** (1 - people))


def check_enough(people: int, alpha: float = ALPHA, methods: int = 1) -> None:
    """Raises Refusal where n people are too few for any of so many methods, Holm's way, to fall below ``alpha``."""
    least = min(1.0, methods * smallest_p(people))
    if not 0 < alpha < 1:
        raise Refusal(f"A level lies between 0 and 1, as 0.05 does, not {alpha:g}.")
    if least >= alpha:
        needed = next(n for n in range(people, 10_000) if methods * smallest_p(n) < alpha)
        of = f" and {methods} methods" if methods > 1 else ""
        who = "1 person" if people == 1 else f"{people} people"
        raise Refusal(
            f"With {who}{of} no p falls below {least:.2g}, so no test reaches {alpha:g}; judge {needed} people or more."
        )
