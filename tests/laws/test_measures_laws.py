"""Every measure on the shelf: perfect at identity, worse with every change, blind to units and to a flip of axes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finemri.measures import MEASURES
from finemri.measures.fidelity import reference_range

shapes = st.tuples(*[st.integers(13, 17)] * 3)
seeds = st.integers(0, 2**32 - 1)


def pair(shape: tuple[int, int, int], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=shape).cumsum(0).astype(np.float32)
    mask = rng.random(shape) < 0.5
    mask[5:8, 5:8, 5:8] = True
    return truth, (truth + rng.normal(size=shape) * 0.3).astype(np.float32), mask


@pytest.mark.parametrize("name", MEASURES)
@given(shape=shapes, seed=seeds, masked=st.booleans())
def test_perfect_at_identity_and_only_there(name: str, shape: tuple[int, int, int], seed: int, masked: bool) -> None:
    truth, image, mask = pair(shape, seed)
    measure, inside, peak = MEASURES[name], mask if masked else None, reference_range(truth)
    assert measure(truth, truth, inside, peak=peak, axis=1) == pytest.approx(measure.best, abs=1e-12)
    value = measure(image, truth, inside, peak=peak, axis=1)
    worse = {"higher": value < measure.best, "lower": value > measure.best, "nearer": value != measure.best}
    assert worse[measure.better]


@pytest.mark.parametrize("name", MEASURES)
@given(shape=shapes, seed=seeds, gain=st.floats(0.01, 1000))
def test_the_unit_of_brightness_does_not_matter(name: str, shape: tuple[int, int, int], seed: int, gain: float) -> None:
    truth, image, mask = pair(shape, seed)
    measure, peak = MEASURES[name], reference_range(truth)
    value = measure(image, truth, mask, peak=peak, axis=0)
    other = measure(image * np.float32(gain), truth * np.float32(gain), mask, peak=peak * gain, axis=0)
    assert other == pytest.approx(value, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("name", MEASURES)
@given(shape=shapes, seed=seeds, axis=st.integers(0, 2))
def test_a_flip_does_not_matter(name: str, shape: tuple[int, int, int], seed: int, axis: int) -> None:
    truth, image, mask = pair(shape, seed)
    measure, peak = MEASURES[name], reference_range(truth)
    value = measure(image, truth, mask, peak=peak, axis=2)
    flipped = measure(np.flip(image, axis), np.flip(truth, axis), np.flip(mask, axis), peak=peak, axis=2)
    assert flipped == pytest.approx(value, rel=1e-9)
