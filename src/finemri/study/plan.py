"""``finemri study plan``: how many readers and people a study takes, by simulating it many times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from finemri.measures.effects import smallest_p
from finemri.measures.readers import Table, mixed_model, sign_flips
from finemri.refusal import Refusal

SEED = 2018
TESTS = ("wilcoxon", "ranks", "readers-too")
"""Over people: Wilcoxon's, and that of signed ranks by reader; and one for which the readers were drawn as well."""


@dataclass(frozen=True)
class Readings:
    """How opinions of two methods come about, on a continuous scale that readers round to 1 … ``scores``:

    score = 1 + (scores − 1)/2 + person + reader ± (difference + taste of the reader + case)/2 + noise.
    Standard deviations are in points of the scale. Raises Refusal for what makes no sense.
    """

    difference: float
    """Wanted: points by which one method is better than the other in the mean."""
    scores: int = 4
    person: float = 0.5
    """Some people's images are better than others', by any method."""
    reader: float = 0.4
    """Some readers are stricter than others."""
    taste: float = 0.2
    """Readers differ in how much the better method pleases them."""
    case: float = 0.3
    """The gain differs from person to person."""
    noise: float = 0.5
    """Of a reader who sees the same image again."""

    def __post_init__(self) -> None:
        spreads = (self.person, self.reader, self.taste, self.case, self.noise)
        if not abs(self.difference) < self.scores - 1 or min(spreads) < 0:
            raise Refusal("A difference is smaller than the length of the scale, and no spread is negative.")

    def draw(self, readers: int, people: int, rng: np.random.Generator) -> Table:
        """Score of the better method − of the other, by reader and person, after rounding."""
        common = rng.normal(0, self.person, (1, people)) + rng.normal(0, self.reader, (readers, 1))
        gain = self.difference + rng.normal(0, self.taste, (readers, 1)) + rng.normal(0, self.case, (1, people))
        middle = 1 + (self.scores - 1) / 2
        noise = rng.normal(0, self.noise, (2, readers, people))
        better, other = (
            np.clip(np.rint(middle + common + side * gain / 2 + n), 1, self.scores)
            for side, n in zip((1, -1), noise, strict=True)
        )
        apart: Table = better - other
        return apart


@dataclass(frozen=True)
class Power:
    """How often such a study would be sure of a difference, and how often of one that is not there."""

    readers: int
    people: int
    found: Mapping[str, float]
    """Test -> share of studies with a difference as wanted that are sure of it."""
    alarms: Mapping[str, float]
    """Test -> share of studies without any that are sure all the same. Tests over people keep the level for the readers
    at hand alone: where tastes differ, other readers may disagree, and this exceeds the level."""


def plan(
    readings: Readings,
    readers: Sequence[int],
    people: Sequence[int],
    *,
    methods: int = 2,
    level: float = 0.05,
    runs: int = 500,
) -> list[Power]:
    """Every number of readers with every number of people. ``methods``: so many share the level, which Holm divides by
    methods − 1 at worst. Raises Refusal for numbers with which nothing can be found."""
    if methods < 2 or runs < 1 or not 0 < level < 1 or not readers or not people or min(*readers, *people) < 1:
        raise Refusal("A plan takes at least two methods, one reader, one person and one run, and a level below 1.")
    if readings.difference == 0:
        raise Refusal("No study is large enough to find a difference of 0; say which one matters.")
    none = replace(readings, difference=0.0)
    return [
        Power(r, p, *(_shares(each, r, p, level / (methods - 1), runs) for each in (readings, none)))
        for r in readers
        for p in people
    ]


def fewest(powers: Sequence[Power], test: str, power: float = 0.8) -> Power | None:
    """The smallest study that is sure often enough: fewest judgements, then fewest readers."""
    good = [each for each in powers if each.found[test] >= power]
    return min(good, key=lambda each: (each.readers * each.people, each.readers)) if good else None


def _shares(readings: Readings, readers: int, people: int, level: float, runs: int) -> dict[str, float]:
    rng = np.random.default_rng((SEED, readers, people))
    sure = [_sure(readings.draw(readers, people, rng), level) for _ in range(runs)]
    return dict(zip(TESTS, np.mean(sure, axis=0).tolist(), strict=True))


def _sure(table: Table, level: float) -> tuple[bool, bool, bool]:
    """Wilcoxon's p by its normal limit: with ties, which means of a few readers are full of, the exact one takes
    seconds, and this is asked thousands of times."""
    by_person, wilcoxon, ranks = table.mean(axis=0), False, False
    if smallest_p(len(by_person)) <= level and by_person.any():
        wilcoxon = bool(stats.wilcoxon(by_person[by_person != 0], method="asymptotic").pvalue <= level)
        ranks = sign_flips(table) <= level
    return wilcoxon, ranks, mixed_model(table) <= level
