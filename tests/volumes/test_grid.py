"""A scan on a finer grid: the same field of view, the same spline, and never a coarser one."""

import numpy as np
import pytest
from scipy import ndimage

from finemri.refusal import Refusal
from finemri.volumes.grid import lay_on_grid, spline_resize, spline_slabs
from finemri.volumes.volume import Volume

AFFINE = np.array([[0, -2, 0, 40], [1.5, 0, 0, -30], [0, 0, 3, 7], [0, 0, 0, 1]], np.float64)


def scan(*shape: int, affine: np.ndarray = AFFINE) -> Volume:
    return Volume(np.random.default_rng(0).normal(size=shape).astype(np.float32), affine)


def corners(volume: Volume) -> np.ndarray:
    """Millimetres of the field of view's outer corners."""
    ends = np.array([[-0.5, n - 0.5] for n in volume.shape])
    at = np.stack(np.meshgrid(*ends, indexing="ij")).reshape(3, -1)
    found: np.ndarray = volume.affine[:3, :3] @ at + volume.affine[:3, 3:]
    return found


@pytest.mark.parametrize("shape", [(14, 13, 12), (3, 1, 15)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_slabs_are_the_spline_of_the_baseline(shape: tuple[int, int, int], order: str) -> None:
    voxels = np.asarray(scan(*shape).voxels, order=order)  # type: ignore[call-overload]
    slabs = list(spline_slabs(voxels, [2 * n for n in shape], depth=5))
    assert [slab.shape[2] for slab in slabs] == [5] * (2 * shape[2] // 5) + ([2 * shape[2] % 5] if shape[2] % 5 else [])
    np.testing.assert_allclose(np.concatenate(slabs, axis=2), spline_resize(voxels, (2, 2, 2)), atol=1e-5)


@pytest.mark.parametrize("shape", [(14, 17, 20), (9, 2, 1)])
def test_the_field_of_view_is_kept_at_any_factor(shape: tuple[int, int, int]) -> None:
    coarse = scan(*shape)
    fine = lay_on_grid(coarse, (1.1, None, 0.7))
    assert fine.shape == (round(shape[0] * 1.5 / 1.1), shape[1], round(shape[2] * 3 / 0.7))
    np.testing.assert_allclose(corners(fine), corners(coarse), atol=1e-9)
    assert fine.spacing == pytest.approx((1.1, 2, 0.7), rel=0.1)


def test_a_smooth_function_of_millimetres_is_found_where_it_was() -> None:
    affine = AFFINE @ np.array([[0.9, 0.3, 0, 0], [-0.3, 0.9, 0.1, 0], [0, 0.1, 1, 0], [0, 0, 0, 1]])

    def bump(volume: Volume) -> np.ndarray:
        at = np.indices(volume.shape).reshape(3, -1)
        place = volume.affine[:3, :3] @ at + volume.affine[:3, 3:]
        middle = affine @ [15, 14, 10, 1]
        value: np.ndarray = np.exp(-((place - middle[:3, None]) ** 2).sum(0) / 2 / 9**2).reshape(volume.shape)
        return value.astype(np.float32)

    empty = scan(30, 28, 20, affine=affine)
    fine = lay_on_grid(empty.with_voxels(bump(empty)), [mm / 1.37 for mm in empty.spacing])
    assert fine.shape == (41, 38, 27)
    np.testing.assert_allclose(fine.voxels, bump(fine), atol=2e-3)


def test_non_integer_factors_equal_scipy() -> None:
    coarse = scan(20, 21, 22)
    fine = lay_on_grid(coarse, (1.5 * 20 / 27, 2 * 21 / 30, 3.0))
    expected = ndimage.zoom(
        coarse.voxels.astype(np.float64), (27 / 20, 30 / 21, 1), order=3, mode="reflect", grid_mode=True
    )
    np.testing.assert_allclose(fine.voxels, expected, atol=1e-5)


def test_a_grid_that_it_has_already_changes_nothing() -> None:
    coarse = scan(9, 8, 7)
    assert lay_on_grid(coarse, (None, None, None)) is coarse
    assert lay_on_grid(coarse, (1.5000001, 2, 3)) is coarse


def test_a_coarser_grid_is_refused() -> None:
    with pytest.raises(Refusal, match=r"1\.5 × 2 × 3 mm, and a grid of 1 × 2\.5 × 3 mm would be coarser"):
        lay_on_grid(scan(9, 8, 7), (1, 2.5, None))


@pytest.mark.parametrize("spacing", [(1, 1), (1, 0, 1), (1, float("nan"), 1), (1, -1, None)])
def test_spacings_that_are_none_are_refused(spacing: tuple[float, ...]) -> None:
    with pytest.raises(Refusal, match="three spacings"):
        lay_on_grid(scan(9, 8, 7), spacing)
