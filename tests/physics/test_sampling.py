"""Masks: exactly as many samples as asked for, the centre among them, the same from the same seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finemri.physics.sampling import ACS, PATTERNS, Pattern, Sampling
from finemri.refusal import Refusal

each = pytest.mark.parametrize("pattern", PATTERNS)
planes_only = pytest.mark.parametrize("pattern", [p for p in PATTERNS if p.endswith("2d")])
shapes = st.tuples(st.integers(48, 70), st.integers(48, 70))


@given(shapes, st.sampled_from(PATTERNS), st.sampled_from((1.0, 2.0, 3.7, 4.0, 6.0)), st.integers(0, 999))
def test_counts_are_exact_and_the_centre_is_measured(
    shape: tuple[int, int], pattern: Pattern, acceleration: float, seed: int
) -> None:
    i, j = shape
    mask = Sampling(pattern, acceleration).draw(shape, seed)
    assert mask.shape == shape
    assert mask.dtype == np.bool_
    if pattern.endswith("1d"):
        assert mask.sum() == round(i / acceleration) * j
        assert (mask == mask[:, :1]).all()  # whole lines along i
        width = max(round(ACS[pattern] * i), 1)
        first = i // 2 - width // 2
        assert mask[first : first + width].all()
    else:
        assert mask.sum() == round(i * j / acceleration)
        y, x = np.ogrid[:i, :j]
        radius = np.hypot((y - i // 2) / (i / 2), (x - j // 2) / (j / 2))
        assert mask[radius <= ACS[pattern]].all()
    assert mask[i // 2, j // 2]


@each
def test_a_seed_draws_the_same_mask_and_another_another(pattern: Pattern) -> None:
    sampling = Sampling(pattern, 4)
    masks = [sampling.draw((48, 40), seed) for seed in range(4)]
    np.testing.assert_array_equal(masks[3], sampling.draw((48, 40), 3))
    assert len({mask.tobytes() for mask in masks}) > 1  # a comb of every fourth line has few offsets


@each
def test_random_places_change_and_the_state_of_nothing_else_does(pattern: Pattern) -> None:
    np.random.seed(7)
    before = np.random.get_state()[1].copy()  # type: ignore[index]
    Sampling(pattern, 4).draw((64, 64), 0)
    assert (np.random.get_state()[1] == before).all()  # type: ignore[index]


@each
def test_the_centre_is_as_large_as_asked_for(pattern: Pattern) -> None:
    mask = Sampling(pattern, 2, acs=0.25).draw((64, 64), 0)
    if pattern.endswith("1d"):
        assert mask[24:40].all()
    else:
        assert mask[24:41, 32].all()
        assert mask[32, 24:41].all()


@pytest.mark.parametrize("pattern", ["gaussian-1d", "density-1d", "density-2d", "poisson-2d"])
def test_the_centre_is_denser_than_the_edge(pattern: Pattern) -> None:
    often = np.mean([Sampling(pattern, 4).draw((48, 32), seed) for seed in range(8)], axis=0)
    middle, edge = often[14:20].mean(), often[:6].mean()  # beside the fully sampled centre
    assert middle > 1.5 * edge


def test_uniform_lines_are_uniform() -> None:
    often = np.mean([Sampling("random-1d", 4).draw((64, 8), seed)[:, 0] for seed in range(400)], axis=0)
    outside = np.r_[often[:28], often[36:]]
    assert abs(outside[:28].mean() - outside[28:].mean()) < 0.03
    assert outside.max() < 2 * outside.min()


def test_equispaced_lines_are_equally_spaced() -> None:
    lines = np.flatnonzero(Sampling("equispaced-1d", 4, acs=0.0).draw((64, 8), 5)[:, 0])
    steps = np.diff(lines[lines != 32])
    assert np.percentile(steps, 90) - np.percentile(steps, 10) <= 1


def test_discs_keep_their_distance_and_random_places_do_not() -> None:
    """Poisson: next to no two neighbours outside the centre."""

    def neighbours(pattern: Pattern) -> float:
        total = 0.0
        for seed in range(3):
            mask = Sampling(pattern, 6, acs=0.1).draw((48, 48), seed)
            y, x = np.ogrid[:48, :48]
            mask &= np.hypot((y - 24) / 24, (x - 24) / 24) > 0.35
            total += float((mask[1:] & mask[:-1]).sum() + (mask[:, 1:] & mask[:, :-1]).sum()) / float(mask.sum())
        return total / 3

    assert neighbours("poisson-2d") < 0.5 * neighbours("density-2d")


@planes_only
def test_all_of_k_space_can_be_measured(pattern: Pattern) -> None:
    assert Sampling(pattern, 1).draw((33, 24), 0).all()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"acceleration": 0.5}, "in 1..64, not 0.5"),
        ({"acceleration": 65.0}, "in 1..64, not 65"),
        ({"acs": 1.5}, "in 0..1, not 1.5"),
        ({"acs": -0.1}, "in 0..1, not -0.1"),
    ],
)
def test_settings_without_meaning_are_refused(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        Sampling(**{"pattern": "random-1d", **settings})  # type: ignore[arg-type]


@each
def test_a_centre_larger_than_all_that_is_measured_is_refused(pattern: Pattern) -> None:
    with pytest.raises(Refusal, match="lower acceleration or a smaller centre"):
        Sampling(pattern, 8, acs=0.9).draw((64, 64), 0)


def test_names_tell_apart() -> None:
    assert Sampling("poisson-2d", 4).name == "poisson-2d x4"
    assert Sampling("poisson-2d", 4, acs=0.1).name == "poisson-2d x4 acs 0.1"
