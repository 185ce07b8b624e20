from dataclasses import dataclass

import numpy as np
import pytest

from finemri.baselines.interpolation import Interpolation
from finemri.refusal import Refusal
from finemri.shapes import FineVoxels, Voxels
from finemri.volumes.enhancer import Enhancer
from finemri.volumes.ensemble import Disagreement, Ensemble, Turned, turnings
from finemri.volumes.intensity import Normaliser
from finemri.volumes.tiles import enhance_voxels

VOXELS = np.random.default_rng(0).uniform(0, 100, (9, 10, 11)).astype(np.float32)


@dataclass(frozen=True)
class Leaning:
    """x[i, j, k] + part · x[i + 1, j, k], twice as many voxels along j: nothing about it is symmetric."""

    part: float = 0.5
    scale: tuple[int, int, int] = (1, 2, 1)
    tile: tuple[int, int, int] = (4, 5, 6)
    margin: tuple[int, int, int] = (1, 0, 0)
    bytes_per_voxel: float = 12.0
    normaliser: str = "none"

    def __call__(self, image: Voxels) -> FineVoxels:
        after = np.concatenate([image[1:], image[-1:]])
        return (image + np.float32(self.part) * after).repeat(2, axis=1)


def test_every_turning_of_an_equivariant_enhancer_is_the_same() -> None:
    linear = Interpolation(2, order=1)
    members = turnings(linear, swap=True)
    assert len({(member.mirrored, member.order) for member in members}) == 48
    for member in members:
        np.testing.assert_allclose(member(VOXELS), linear(VOXELS), atol=2e-4)
    mean, deviation = Ensemble(members).mean_and_deviation(VOXELS)
    np.testing.assert_allclose(mean, linear(VOXELS), atol=2e-4)
    assert deviation.max() < 1e-4


def test_a_turned_enhancer_leans_the_other_way() -> None:
    back = Turned(Leaning(), (True, False, False))(VOXELS)
    before = np.concatenate([VOXELS[:1], VOXELS[:-1]])
    np.testing.assert_allclose(back, (VOXELS + 0.5 * before).repeat(2, 1), rtol=1e-6)
    swapped = Turned(Leaning(), order=(2, 0, 1))
    assert (swapped.scale, swapped.tile, swapped.margin) == ((2, 1, 1), (5, 6, 4), (0, 0, 1))
    after = np.concatenate([VOXELS[:, :, 1:], VOXELS[:, :, -1:]], axis=2)
    np.testing.assert_allclose(swapped(VOXELS), (VOXELS + 0.5 * after).repeat(2, 0), rtol=1e-6)


def test_mean_and_deviation_are_numpys() -> None:
    members: list[Enhancer] = [Leaning(part) for part in (0.1, 0.5, 0.9, -0.4)]
    images = np.stack([member(VOXELS) for member in members]).astype(np.float64)
    mean, deviation = Ensemble(members).mean_and_deviation(VOXELS)
    np.testing.assert_allclose(mean, images.mean(0), rtol=1e-5)
    np.testing.assert_allclose(deviation, images.std(0, ddof=1), rtol=1e-4)
    np.testing.assert_array_equal(Ensemble(members)(VOXELS), mean)


def test_the_map_is_in_the_units_of_the_scan_and_knows_no_tiles() -> None:
    units = Normaliser(20.0, 40.0)
    worker = Disagreement(Ensemble(turnings(Leaning())), units)
    whole = worker(VOXELS)
    before, after = np.concatenate([VOXELS[:1], VOXELS[:-1]]), np.concatenate([VOXELS[1:], VOXELS[-1:]])
    expected = (0.25 * np.abs(before - after) * np.sqrt(8 / 7)).repeat(2, 1)  # four members lean to either side
    np.testing.assert_allclose(whole, expected, atol=1e-3)
    np.testing.assert_allclose(enhance_voxels(worker, VOXELS, tile=(7, 8, 9)), whole, atol=1e-3)


def test_what_makes_no_ensemble_is_refused() -> None:
    with pytest.raises(Refusal, match="two members"):
        Ensemble([Leaning()])
    with pytest.raises(Refusal, match="one grid"):
        Ensemble([Leaning(), Interpolation(2)])
    with pytest.raises(Refusal, match="flips alone"):
        turnings(Leaning(), swap=True)
    with pytest.raises(Refusal, match="once each"):
        Turned(Leaning(), order=(0, 0, 1))
