"""Surface distances: by hand where the answer is plain, and as MONAI has them."""

import math

import numpy as np
import pytest
import torch
from monai.metrics.hausdorff_distance import compute_hausdorff_distance
from monai.metrics.surface_distance import compute_average_surface_distance
from scipy import ndimage

from finemri.measures.surface import surface_distances
from finemri.refusal import Refusal

SPACING = (1.5, 1.0, 0.5)


def plane(at: int) -> np.ndarray:
    labels = np.zeros((9, 6, 5), np.uint16)
    labels[at] = 3
    return labels


def test_two_parallel_planes_are_as_far_apart_as_they_are() -> None:
    distances = surface_distances(plane(2), plane(6), 3, SPACING)
    assert distances.mean == distances.hausdorff95 == 4 * 1.5
    same = surface_distances(plane(2), plane(2), 3, SPACING)
    assert same.mean == same.hausdorff95 == 0


def test_a_cube_that_was_shifted_by_one_voxel() -> None:
    """Of 27 voxels 26 are surface, and all but ten of them lie on the surface of the other."""
    a, b = np.zeros((8, 8, 8), np.uint16), np.zeros((8, 8, 8), np.uint16)
    a[2:5, 2:5, 2:5], b[3:6, 2:5, 2:5] = 1, 1
    distances = surface_distances(a, b, 1, (1, 1, 1))
    there = sorted(distances.there.tolist())
    assert len(there) == 26
    assert sum(there) == 9 + 1, "the face i = 2, and the middle of the face i = 4, which lies inside of b"
    assert distances.mean == pytest.approx(10 / 26)
    assert distances.hausdorff95 == 1


def blob(seed: int) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(18, 15, 13)), 2.5)
    labels: np.ndarray = np.digitize(noise, np.quantile(noise, [0.5, 0.75])).astype(np.uint16)
    return labels


@pytest.mark.filterwarnings("ignore:monai.metrics:FutureWarning")  # MONAI calls its own parts as it will not later
@pytest.mark.parametrize("label", [1, 2])
def test_as_monai_has_them(label: int) -> None:
    found, truth = blob(0), blob(1)
    ours = surface_distances(found, truth, label, SPACING)
    a, b = (torch.from_numpy(each == label)[None, None].float() for each in (found, truth))
    mean = compute_average_surface_distance(a, b, include_background=True, symmetric=True, spacing=SPACING)
    largest = compute_hausdorff_distance(a, b, include_background=True, percentile=95, spacing=SPACING)
    assert ours.mean == pytest.approx(mean.item(), rel=1e-5)
    assert ours.hausdorff95 == pytest.approx(largest.item(), rel=1e-5)


def test_what_is_missing_has_no_distance_and_what_nobody_has_is_refused() -> None:
    distances = surface_distances(plane(2), np.zeros_like(plane(2)), 3, SPACING)
    assert math.isnan(distances.mean)
    assert math.isnan(distances.hausdorff95)
    with pytest.raises(Refusal, match="Neither"):
        surface_distances(plane(2), plane(2), 4, SPACING)
    with pytest.raises(Refusal, match="one grid"):
        surface_distances(plane(2), plane(2)[1:], 3, SPACING)
