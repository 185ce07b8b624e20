import numpy as np
import pytest
import torch
from torch import nn

from finemri.recipes.network_enhancer import NetworkEnhancer
from finemri.refusal import Refusal
from finemri.shapes import FineVoxels, Voxels
from finemri.volumes.tiles import enhance_slabs, enhance_voxels, plan, resident_bytes


class Doubler:
    """Twice as fine by nearest neighbour; counts what it did."""

    scale = (2, 2, 2)
    tile = (64, 64, 64)
    margin = (1, 1, 1)
    bytes_per_voxel = 40.0
    normaliser = "percentile"

    def __init__(self) -> None:
        self.calls = 0
        self.brightest = 0.0

    def __call__(self, image: Voxels) -> FineVoxels:
        self.calls += 1
        self.brightest = max(self.brightest, float(image.max()))
        assert image.flags.c_contiguous
        return image.repeat(2, 0).repeat(2, 1).repeat(2, 2)


def ramp(*shape: int) -> Voxels:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def test_intensities_are_normalised_by_the_whole_volume_and_come_back() -> None:
    enhancer, voxels = Doubler(), np.asfortranarray(ramp(9, 8, 7)) * 3
    fine = enhance_voxels(enhancer, voxels, tile=(5, 5, 5), overlap=(2, 2, 2))
    assert enhancer.brightest == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(fine[::2, ::2, ::2], voxels, rtol=1e-5, atol=1e-3)


def test_slabs_leave_before_the_last_tile_is_done() -> None:
    enhancer = Doubler()
    slabs = enhance_slabs(enhancer, ramp(6, 6, 40), tile=(6, 6, 8), overlap=(0, 0, 2))
    first = next(slabs)
    assert enhancer.calls == 1
    depth = first.shape[2] + sum(slab.shape[2] for slab in slabs)
    assert first.shape == (12, 12, first.shape[2])
    assert depth == 80


def test_a_slab_does_not_change_when_the_next_one_is_made() -> None:
    slabs = enhance_slabs(Doubler(), ramp(6, 6, 40), tile=(6, 6, 8), overlap=(0, 0, 2))
    first = next(slabs)
    kept = first.copy()
    next(slabs)
    np.testing.assert_array_equal(first, kept)


def test_progress_counts_to_the_number_of_tiles() -> None:
    heard: list[tuple[int, int]] = []
    enhance_voxels(
        Doubler(), ramp(10, 10, 10), tile=(6, 6, 6), overlap=(2, 2, 2), progress=lambda *numbers: heard.append(numbers)
    )
    assert heard == [(number, 8) for number in range(1, 9)]


def test_a_budget_below_what_the_process_holds_is_refused_before_anything_is_computed() -> None:
    enhancer = Doubler()
    with pytest.raises(Refusal, match="--memory"):
        enhance_slabs(enhancer, ramp(10, 10, 10), memory=resident_bytes())
    assert enhancer.calls == 0


def test_the_output_counts_where_it_stands_in_memory() -> None:
    voxels = ramp(64, 64, 64)
    budget = resident_bytes() + 230 * 2**20
    assert plan(Doubler(), voxels, memory=budget).count >= 1
    with pytest.raises(Refusal):
        plan(Doubler(), voxels, memory=budget, held=300 * 2**20)


def test_an_enhancer_that_lies_about_its_scale_is_caught() -> None:
    class Liar(Doubler):
        scale = (3, 3, 3)

    with pytest.raises(ValueError, match="at a scale of"):
        enhance_voxels(Liar(), ramp(4, 4, 4))


def test_a_network_in_bf16_equals_itself_in_tiles_as_well() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv3d(1, 16, 3, padding=1), nn.LeakyReLU(0.1), nn.Conv3d(16, 1, 3, padding=1))
    enhancer = NetworkEnhancer(network, scale=1, normaliser="none", precision="bf16")
    voxels = np.random.default_rng(0).normal(size=(21, 22, 23)).astype(np.float32)
    tiled = enhance_voxels(enhancer, voxels, tile=(12, 12, 12), overlap=(6, 6, 6))
    np.testing.assert_allclose(tiled, enhancer(voxels), atol=0.02)
