"""Readers × people: against hand-computed values, and laws that a test has to keep."""

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from finemri.measures.readers import Opinion, compare, complete, mean_of, mean_opinions, mixed_model, sign_flips
from finemri.refusal import Refusal


def opinions(effect: float, readers: int = 4, people: int = 8, seed: int = 0) -> list[Opinion]:
    rng = np.random.default_rng(seed)
    found = []
    for r, p in product(range(readers), range(people)):
        base = 2.5 + 0.5 * r + rng.normal(0, 0.3)
        found += [Opinion(f"r{r}", f"p{p}", "old", base), Opinion(f"r{r}", f"p{p}", "new", base + effect)]
        found.append(Opinion(f"r{r}", f"p{p}", "same", base))
    return found


def test_means_by_hand() -> None:
    """Two slices of a person are averaged first; a person whom one reader skipped counts as everybody else."""
    told = [Opinion("a", "x", "m", 1), Opinion("a", "x", "m", 3), Opinion("b", "x", "m", 4), Opinion("a", "y", "m", 1)]
    assert mean_opinions(told)["m"].mean == pytest.approx(((2 + 4) / 2 + 1) / 2)


def test_a_difference_that_everybody_sees() -> None:
    new, same = compare(opinions(1.0), "old")
    assert new.mean.mean == pytest.approx(1)
    assert new.mean.both == pytest.approx((1, 1))
    assert new.p == pytest.approx(2 / 2**8)
    assert new.p_holm == pytest.approx(4 / 2**8)
    assert new.p_ranks == pytest.approx(2 / 2**8)
    assert (new.superiority, new.rank_biserial, new.people, new.readers) == (1, 1, 8, 4)
    assert (same.mean.mean, same.p, same.p_ranks, same.superiority) == (0, 1, 1, 0.5)


def test_both_at_once_is_wider_than_either() -> None:
    """Readers who differ: the interval over people alone would promise too much."""
    rng = np.random.default_rng(1)
    table = rng.normal(0, 1, (5, 1)) + rng.normal(0, 1, (1, 12)) + rng.normal(0, 0.2, (5, 12))
    found = mean_of(table)
    widths = [high - low for low, high in (found.people, found.readers, found.both)]
    assert widths[2] > max(widths[:2])
    assert found.mean == pytest.approx(table.mean())
    exact = stats.bootstrap((table.mean(axis=0),), np.mean, method="percentile", rng=np.random.default_rng(3))
    assert found.people == pytest.approx(tuple(exact.confidence_interval), abs=0.03)


def test_few_readers_and_few_people_give_no_interval() -> None:
    found = mean_of(np.arange(6.0).reshape(2, 3))
    assert all(math.isnan(value) for pair in (found.people, found.readers, found.both) for value in pair)
    assert not math.isnan(mean_of(np.ones((1, 5))).people[0])


def test_the_rank_test_keeps_its_level_where_readers_copy_each_other() -> None:
    """Twenty readers who say the same are one: a test that counted judgements would be sure of chance."""
    rng = np.random.default_rng(7)
    seen = [sign_flips(np.repeat(rng.normal(0, 1, (1, 8)), 20, axis=0)) for _ in range(200)]
    assert np.mean(np.array(seen) <= 0.05) <= 0.1
    one = np.array([[3.0, -1, 2, 4, 5, -6, 7, 8]])
    assert sign_flips(np.repeat(one, 20, axis=0)) == sign_flips(one) == pytest.approx(stats.wilcoxon(one[0]).pvalue)


def test_the_mixed_model_is_that_of_two_way_variance() -> None:
    """One reader's column repeated with their own offsets: P, R and E by hand; all alike: nothing left to doubt."""
    table = np.add.outer([0.0, 1.0], [1.0, 2.0, 6.0])
    P, R = 2 * np.var([1.5, 2.5, 6.5], ddof=1), 3 * np.var([3.0, 4.0], ddof=1)
    v = (P + R) / 6
    freedom = v**2 / ((P**2 / 2 + R**2) / 36)
    assert mixed_model(table) == pytest.approx(2 * stats.t.sf(3.5 / math.sqrt(v), freedom))
    assert mixed_model(np.zeros((2, 3))) == 1
    assert math.isnan(mixed_model(np.ones((2, 3)))), "six scores that are the same are no proof, let alone p = 0"
    assert math.isnan(mixed_model(np.ones((1, 3))))


def test_many_people_are_drawn_and_not_counted_out() -> None:
    assert sign_flips(np.full((2, 14), 1.0)) == pytest.approx(2 / 2**14, abs=5e-4)


def test_nobody_judged_it() -> None:
    with pytest.raises(Refusal, match="No reader judged"):
        compare(opinions(0), "nobody")


def test_thirds_of_a_score_cancel_and_tie() -> None:
    """Three slices a person: 7/3 − 2 of one reader and 1 − 4/3 of the other are 0 together, and the same in size."""
    told = []
    for n in range(6):
        for method, by_reader in (("new", ((2, 2, 3), (1, 1, 1))), ("old", ((2, 2, 2), (1, 1, 2)))):
            told += [Opinion(f"r{r}", f"p{n}", method, s) for r, scores in enumerate(by_reader) for s in scores]
    (new,) = compare(told, "old")
    assert (new.mean.mean, new.p, new.rank_biserial, new.p_ranks) == (0, 1, 0, 1)


def test_who_stopped_early_drops_nobody() -> None:
    """A third reader who judged one person: the mixed model is that of the two who judged all."""
    table = np.add.outer([0.0, 1.0], [1.0, 2.0, 6.0])
    gone = np.vstack([table, [[math.nan, 4.0, math.nan]]])
    rare = np.vstack([np.tile([2.0, 3.0], (2, 3)), [[1.0] + [math.nan] * 5]])
    assert mean_of(rare).both[0] < mean_of(rare).mean < mean_of(rare).both[1], "though some draws judged nobody at all"
    assert complete(gone) == pytest.approx(table)
    assert mixed_model(gone) == mixed_model(table)
    assert complete(np.array([[math.nan, math.nan]])).size == 0


def test_methods_that_share_no_person_are_not_compared() -> None:
    told = [Opinion("r", "p1", "a", 1), Opinion("r", "p2", "b", 2), Opinion("r", "p1", "c", 3)]
    assert [each.method for each in compare(told, "a")] == ["c"]
