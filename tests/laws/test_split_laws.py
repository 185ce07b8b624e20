"""Nobody is on both sides of a split, whatever the cohort."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from finemri.cohorts.cohort import Cohort, Subject
from finemri.cohorts.split import split

NAMES = st.lists(st.text(min_size=1, max_size=6), min_size=3, max_size=40, unique=True)
FRACTIONS = st.sampled_from(
    [(0.8, 0.1, 0.1), (1 / 3, 1 / 3, 1 / 3), (1.0, 0.0, 0.0), (0.5, 0.0, 0.5), (0.05, 0.05, 0.9)]
)


def cohort(names: list[str]) -> Cohort:
    return Cohort(tuple(Subject(name, (Path(f"{number}.nii"),)) for number, name in enumerate(names)))


@given(NAMES, FRACTIONS, st.integers(0, 100))
def test_everybody_is_on_exactly_one_side(names: list[str], parts: tuple[float, float, float], seed: int) -> None:
    dealt = split(cohort(names), parts, seed)
    sides = [dealt.train, dealt.validation, dealt.test]
    assert sorted(name for side in sides for name in side) == sorted(names)
    for side, part in zip(sides, parts, strict=True):
        assert (len(side) > 0) == (part > 0)
        assert abs(len(side) - part * len(names)) < 2.5


@given(NAMES, FRACTIONS, st.randoms())
def test_the_order_of_people_does_not_matter(
    names: list[str], parts: tuple[float, float, float], random: object
) -> None:
    shuffled = names.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert split(cohort(shuffled), parts) == split(cohort(names), parts)
