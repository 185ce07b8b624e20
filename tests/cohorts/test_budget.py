import pytest
from hypothesis import given
from hypothesis import strategies as st

from finemri.cohorts.budget import labelled
from finemri.refusal import Refusal

PEOPLE = tuple(f"p{n:02d}" for n in range(17))


@given(st.permutations(PEOPLE), st.integers(1, 17), st.integers(0, 99))
def test_a_budget_is_nested_and_knows_no_order(shuffled: list[str], budget: int, seed: int) -> None:
    chosen = labelled(shuffled, budget, seed)
    assert len(set(chosen)) == budget
    assert set(chosen) == set(labelled(PEOPLE, budget, seed))
    assert all(set(labelled(PEOPLE, fewer, seed)) <= set(chosen) for fewer in range(1, budget))
    assert list(chosen) == sorted(chosen, key=shuffled.index)


def test_the_seed_matters_and_who_joins_moves_few() -> None:
    assert len({labelled(PEOPLE, 3, seed) for seed in range(10)}) > 5
    assert len(set(labelled(PEOPLE, 6)) - set(labelled((*PEOPLE, "new"), 6))) <= 1


@pytest.mark.parametrize("budget", [0, -1, 18])
def test_more_people_than_there_are_is_refused(budget: int) -> None:
    with pytest.raises(Refusal, match="choose 1 to 17"):
        labelled(PEOPLE, budget)
