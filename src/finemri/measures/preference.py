"""Which method readers prefer, from choices between two: Bradley and Terry's model, with intervals over people."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float64

from finemri.refusal import Refusal

RESAMPLES = 499
SEED = 1952
PRIOR = 1e-2
"""Weight of the prior that keeps strengths finite where a method never lost: as of a hundredth of a choice a pair."""


@dataclass(frozen=True)
class Choice:
    """One comparison: who was preferred to whom, on whose image."""

    winner: str
    loser: str
    person: str
    """Whose image was judged; choices about one person are drawn together."""


@dataclass(frozen=True)
class Strength:
    """log-odds that a method is preferred to the mean method, with a 95 % interval (bootstrap over people)."""

    value: float
    low: float
    high: float
    wins: int
    comparisons: int


def strengths(choices: Sequence[Choice], prior: float = PRIOR) -> dict[str, Strength]:
    """P(i preferred to j) = 1 / (1 + e^(θⱼ − θᵢ)), Σ θ = 0 (Bradley & Terry, 1952): θ by maximum likelihood.

    The interval is the percentile bootstrap's over people, with a fixed seed; NaN for fewer than five people, and where
    the methods fall into better ones that never lost and worse ones that never won: no likelihood is largest then
    (Ford, 1957), and how far apart they are is the prior's word. Raises Refusal for methods that were never compared,
    directly or by way of others.
    """
    methods = sorted({name for choice in choices for name in (choice.winner, choice.loser)})
    if len(methods) < 2:
        raise Refusal("Preference takes choices between at least two methods; judge some pairs first.")
    _check_connected(methods, choices)
    place = {method: n for n, method in enumerate(methods)}
    people = sorted({choice.person for choice in choices})
    won = np.zeros((len(people), len(methods), len(methods)))
    for choice in choices:
        won[people.index(choice.person), place[choice.winner], place[choice.loser]] += 1
    whole = _fit(won.sum(axis=0), prior)
    low = high = np.full(len(methods), math.nan)
    if len(people) >= 5 and _mixed(won.sum(axis=0)):
        drawn = np.random.default_rng(SEED).integers(len(people), size=(RESAMPLES, len(people)))
        found = [_fit(won[draw].sum(axis=0), prior) for draw in drawn]
        low, high = np.percentile(found, [2.5, 97.5], axis=0)
    wins = {method: sum(choice.winner == method for choice in choices) for method in methods}
    lost = {method: sum(choice.loser == method for choice in choices) for method in methods}
    return {
        method: Strength(float(whole[n]), float(low[n]), float(high[n]), wins[method], wins[method] + lost[method])
        for method, n in place.items()
    }


def choices_of_ranking(order: Sequence[str], person: str) -> list[Choice]:
    """A ranking from best to worst is a choice between every two."""
    return [Choice(better, worse, person) for better, worse in combinations(order, 2)]


def preferred(strengths: Mapping[str, Strength], first: str, second: str) -> float:
    """The model's probability that one method is preferred to another."""
    return 1 / (1 + math.exp(strengths[second].value - strengths[first].value))


def _fit(won: Float64[np.ndarray, "winners losers"], prior: float) -> Float64[np.ndarray, "methods"]:
    """θ with mean 0."""
    import choix

    theta: np.ndarray = np.asarray(choix.ilsr_pairwise_dense(won, alpha=prior, max_iter=1000), np.float64)
    centred: np.ndarray = theta - theta.mean()
    return centred


def _mixed(won: Float64[np.ndarray, "winners losers"]) -> bool:
    """Whether every method won against every other, directly or by way of others."""
    over = (won > 0) | np.eye(len(won), dtype=bool)
    for _ in won:
        over = (over.astype(int) @ over.astype(int)) > 0
    return bool(over.all())


def _check_connected(methods: Sequence[str], choices: Sequence[Choice]) -> None:
    reached, border = {methods[0]}, [methods[0]]
    while border:
        here = border.pop()
        for choice in choices:
            pair = {choice.winner, choice.loser}
            if here in pair and (new := pair - reached):
                reached |= new
                border += new
    if others := set(methods) - reached:
        raise Refusal(
            f"{sorted(others)[0]} was never compared with {methods[0]}, not even by way of others, so nobody knows "
            "which is preferred; judge such pairs too."
        )
