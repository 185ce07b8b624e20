"""A landmark keeps its place in millimetres: through any scale, and through any file."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finemri.volumes.files import open_volume, save_volume
from finemri.volumes.grid import scaled_affine
from finemri.volumes.volume import Volume
from tests.volumes.scans import affines

scales = st.tuples(*[st.floats(0.125, 8)] * 3)
whole_scales = st.tuples(*[st.integers(1, 4)] * 3)
places = st.tuples(*[st.floats(-0.5, 300)] * 3)


def millimetres(affine: np.ndarray, place: np.ndarray) -> np.ndarray:
    return np.asarray(affine[:3, :3] @ place + affine[:3, 3])


@given(affine=affines(), scale=scales, place=places)
def test_through_any_scale(affine: np.ndarray, scale: tuple[float, ...], place: tuple[float, ...]) -> None:
    finer_place = (np.array(place) + 0.5) * scale - 0.5  # cell-centred: edges, not centres, coincide
    found = millimetres(scaled_affine(affine, scale), finer_place)
    np.testing.assert_allclose(found, millimetres(affine, np.array(place)), rtol=0, atol=1e-9)


@given(affine=affines(), scale=scales)
def test_both_grids_cover_the_same_field_of_view(affine: np.ndarray, scale: tuple[float, ...]) -> None:
    shape = np.array([31, 18, 7])
    finer = scaled_affine(affine, scale)
    for corner in (np.zeros(3), np.ones(3)):
        outer = millimetres(affine, corner * shape - 0.5)
        np.testing.assert_allclose(millimetres(finer, corner * shape * scale - 0.5), outer, rtol=0, atol=1e-9)


@given(affine=affines(), scale=scales)
def test_the_voxels_shrink_by_the_scale_and_undoing_it_returns_the_grid(
    affine: np.ndarray, scale: tuple[float, ...]
) -> None:
    finer = scaled_affine(affine, scale)
    spacing = np.linalg.norm(finer[:3, :3], axis=0) * scale
    np.testing.assert_allclose(spacing, np.linalg.norm(affine[:3, :3], axis=0), rtol=1e-12)
    np.testing.assert_allclose(scaled_affine(finer, [1 / s for s in scale]), affine, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize(("name", "tolerance"), [("fine.nii", 1e-4), ("fine.nii.gz", 1e-4), ("fine", 1e-9)])
@given(affine=affines(), scale=whole_scales, mark=st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 2)))
@settings(max_examples=12)
def test_through_enlarging_saving_and_opening(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    tolerance: float,
    affine: np.ndarray,
    scale: tuple[int, ...],
    mark: tuple[int, ...],
) -> None:
    path = tmp_path_factory.mktemp("landmark") / name
    voxels = np.zeros((4, 3, 3), np.float32)
    voxels[mark] = 100
    for axis, factor in enumerate(scale):
        voxels = voxels.repeat(factor, axis=axis)
    save_volume(Volume(voxels, scaled_affine(affine, scale)), path)
    again = open_volume(path)
    centre = np.argwhere(again.voxels > 50).mean(axis=0)  # of the block that the bright voxel became
    found = millimetres(again.affine, centre)
    np.testing.assert_allclose(found, millimetres(affine, np.array(mark)), rtol=0, atol=tolerance)
