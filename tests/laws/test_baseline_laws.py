"""Every baseline on the shelf: a constant stays constant, and places in millimetres stay where they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finemri.baselines import BASELINES
from finemri.volumes.grid import scaled_affine


def millimetres(affine: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Where every voxel lies: (3, i, j, k)."""
    at = np.indices(tuple(shape)).reshape(3, -1)
    places: np.ndarray = (affine[:3, :3] @ at + affine[:3, 3:]).reshape(3, *shape)
    return places.astype(np.float32)


shapes = st.tuples(*[st.integers(1, 9)] * 2, st.integers(10, 14))
scales = st.integers(1, 3)


@pytest.mark.parametrize("name", BASELINES)
@settings(max_examples=10)
@given(shape=shapes, scale=scales, level=st.floats(-1000, 1000, width=32))
def test_a_constant_stays_constant_up_to_the_corners(
    name: str, shape: tuple[int, int, int], scale: int, level: float
) -> None:
    fine = BASELINES[name](scale)(np.full(shape, level, dtype=np.float32))
    np.testing.assert_allclose(fine, level, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in BASELINES if name != "nearest"])
@settings(max_examples=6)
@given(scale=scales, axis=st.integers(0, 2), seed=st.integers(0, 1000))
def test_a_ramp_in_millimetres_stays_that_ramp(name: str, scale: int, axis: int, seed: int) -> None:
    """Brightness = a coordinate in millimetres, on both grids; the borders, where it is mirrored, do not count."""
    affine = np.eye(4)
    affine[:3] = np.random.default_rng(seed).normal(size=(3, 4)) * 2
    shape = np.where(np.arange(3) == axis, 40, 33)
    coarse = millimetres(affine, shape)[axis]
    fine = BASELINES[name](scale)(coarse)
    expected = millimetres(scaled_affine(affine, (float(scale),) * 3), shape * scale)[axis]
    inner = (slice(16 * scale, -16 * scale),) * 3
    np.testing.assert_allclose(fine[inner], expected[inner], atol=1e-4 * (1 + np.abs(expected).max()))


@given(scale=st.integers(1, 4), size=st.integers(1, 8), seed=st.integers(0, 1000))
def test_nearest_keeps_each_voxel_in_its_own_field_of_view(scale: int, size: int, seed: int) -> None:
    coarse = np.random.default_rng(seed).normal(size=(size, 2, 3)).astype(np.float32)
    fine = BASELINES["nearest"](scale)(coarse)
    np.testing.assert_array_equal(fine, np.kron(coarse, np.ones((scale,) * 3, dtype=np.float32)))


@pytest.mark.parametrize("name", BASELINES)
@settings(max_examples=6)
@given(scale=scales, cut=st.integers(1, 38), seed=st.integers(0, 1000))
def test_a_tile_with_its_margin_equals_the_whole(name: str, scale: int, cut: int, seed: int) -> None:
    enhancer = BASELINES[name](scale)
    coarse = np.random.default_rng(seed).normal(size=(40, 3, 4)).astype(np.float32)
    low = max(0, cut - enhancer.margin[0])
    tile = enhancer(np.ascontiguousarray(coarse[low:]))[(cut - low) * scale :]
    np.testing.assert_allclose(tile, enhancer(coarse)[cut * scale :], atol=2e-6)
