"""Interleaves of unequal brightness."""

import numpy as np
import pytest
from scipy import ndimage

from finemri.volumes.evening import DOUBT, alternation, evened
from finemri.volumes.volume import Volume


def head(axis: int = 2, seed: int = 0) -> Volume:
    """Anatomy that changes from slice to slice, in air."""
    shape = [24, 26, 28]
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.0)
    inside = np.linalg.norm(np.indices(shape).T - np.array(shape) / 2, axis=-1).T < 12
    image = (np.where(inside, 500 * np.exp(2 * smooth), 3)).astype(np.float32)
    return Volume(np.ascontiguousarray(np.moveaxis(image, 2, axis)), np.eye(4))


def striped(scan: Volume, axis: int, a: float) -> Volume:
    gains = np.exp(a * (-1.0) ** np.arange(scan.shape[axis])).reshape([-1 if n == axis else 1 for n in range(3)])
    return scan.with_voxels((scan.voxels * gains).astype(np.float32))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("a", [0.05, -0.03])
def test_an_alternation_is_found_and_taken_away(axis: int, a: float) -> None:
    scan = head(axis)
    spoilt = striped(scan, axis, a)
    assert alternation(spoilt, axis) - alternation(scan, axis) == pytest.approx(a, abs=1e-3)
    left = np.abs(np.log(evened(spoilt, axis).voxels / scan.voxels)).max()
    assert left < 0.3 * abs(a)
    assert abs(alternation(evened(spoilt, axis), axis)) < 1e-6


def test_a_scan_without_one_stays_as_it_is() -> None:
    for seed in range(4):
        scan = head(seed=seed)
        assert abs(alternation(scan, 2)) < DOUBT
        assert evened(scan, 2) is scan


def test_a_slope_along_the_stack_is_no_alternation() -> None:
    scan = head()
    sloped = scan.with_voxels(scan.voxels * np.linspace(0.5, 1.5, 28, dtype=np.float32))
    assert alternation(sloped, 2) == pytest.approx(alternation(scan, 2), abs=2e-3)


def test_short_and_empty_stacks_are_left_alone() -> None:
    short = Volume(head().voxels[:, :, 10:16].copy(), np.eye(4))
    empty = Volume(np.zeros((20, 20, 12), np.float32), np.eye(4))
    for scan in (striped(short, 2, 0.1), empty):
        assert alternation(scan, 2) == 0
        assert evened(scan, 2) is scan
