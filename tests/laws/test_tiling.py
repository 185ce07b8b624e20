"""Cutting and blending change nothing: identity, constants, and networks that look no farther than their margin."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from finemri.baselines import BASELINES
from finemri.recipes.network_enhancer import NetworkEnhancer
from finemri.shapes import FineVoxels, Voxels
from finemri.volumes.layout import lay_spans
from finemri.volumes.tiles import enhance_slabs, enhance_voxels

Triple = tuple[int, int, int]


@dataclass
class Nearest:
    """The identity at any scale; remembers what it was given."""

    scale: Triple = (1, 1, 1)
    tile: Triple = (32, 32, 32)
    margin: Triple = (0, 0, 0)
    bytes_per_voxel: float = 40.0
    normaliser: str = "none"
    seen: list[Triple] = field(default_factory=list)

    def __call__(self, image: Voxels) -> FineVoxels:
        i, j, k = image.shape
        self.seen.append((i, j, k))
        return nearest(image, self.scale)


def nearest(image: Voxels, scale: Triple) -> FineVoxels:
    for axis, factor in enumerate(scale):
        image = image.repeat(factor, axis)
    return image


def triples(low: int, high: int) -> st.SearchStrategy[Triple]:
    return st.tuples(*(st.integers(low, high),) * 3)


@st.composite
def cuts(draw: st.DrawFn) -> tuple[Triple, Triple]:
    """A tile, and an overlap that leaves it some way to go."""
    pairs = [draw(st.integers(1, 14).flatmap(lambda t: st.tuples(st.just(t), st.integers(0, t - 1)))) for _ in range(3)]
    (a, x), (b, y), (c, z) = pairs
    return (a, b, c), (x, y, z)


def noise(shape: Triple, seed: int = 0) -> Voxels:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@given(
    length=st.integers(1, 80),
    tile=st.integers(1, 30),
    data=st.data(),
    margin=st.integers(0, 12),
    scale=st.integers(1, 4),
)
def test_weights_of_an_axis_add_up_to_one_everywhere(
    length: int, tile: int, data: st.DataObject, margin: int, scale: int
) -> None:
    overlap = data.draw(st.integers(0, tile - 1))
    total = np.zeros(length * scale)
    for span in lay_spans(length, tile, overlap, margin):
        assert 0 <= span.start <= span.first < span.last <= span.stop <= length
        weights = span.weights(scale)
        assert weights.min() > 0
        total[span.first * scale : span.last * scale] += weights
        if overlap >= 2 * margin:  # what a tile keeps lies its margin away from where it was cut
            assert span.start == 0 or span.first - span.start >= margin
            assert span.stop == length or span.stop - span.last >= margin
    np.testing.assert_allclose(total, 1, atol=1e-6)


@given(shape=triples(1, 24), cut=cuts(), scale=triples(1, 3), margin=triples(0, 5))
def test_the_identity_returns_the_volume_corners_included(
    shape: Triple, cut: tuple[Triple, Triple], scale: Triple, margin: Triple
) -> None:
    voxels = noise(shape)
    enhanced = enhance_voxels(Nearest(scale, margin=margin), voxels, tile=cut[0], overlap=cut[1])
    np.testing.assert_allclose(enhanced, nearest(voxels, scale), atol=1e-6)


@given(shape=triples(1, 24), cut=cuts(), scale=triples(1, 3), normaliser=st.sampled_from(["none", "max", "percentile"]))
def test_a_constant_stays_constant_up_to_the_corners(
    shape: Triple, cut: tuple[Triple, Triple], scale: Triple, normaliser: str
) -> None:
    voxels = np.full(shape, 812.5, np.float32)
    enhanced = enhance_voxels(Nearest(scale, normaliser=normaliser), voxels, tile=cut[0], overlap=cut[1])
    np.testing.assert_allclose(enhanced, 812.5, rtol=1e-6)


def small_network(scale: int) -> nn.Module:
    """Zero padding, four convolutions, one of them on the fine grid."""
    torch.manual_seed(scale)
    layers: list[nn.Module] = [nn.Conv3d(1, 6, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv3d(6, 6, 3, padding=1)]
    layers += [nn.Upsample(scale_factor=scale, mode="nearest")] if scale > 1 else []
    return nn.Sequential(*layers, nn.Conv3d(6, 6, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv3d(6, 1, 1))


NETWORKS = {scale: NetworkEnhancer(small_network(scale), scale=scale, normaliser="percentile") for scale in (1, 2)}


@settings(max_examples=12)
@given(shape=triples(3, 24), scale=st.sampled_from(sorted(NETWORKS)), tile=triples(11, 20), more=triples(0, 4))
def test_tiled_equals_whole_for_a_network_with_zero_padding(
    shape: Triple, scale: int, tile: Triple, more: Triple
) -> None:
    network = NETWORKS[scale]
    i, j, k = (min(2 * m + extra, t - 1) for m, extra, t in zip(network.margin, more, tile, strict=True))
    voxels = 300 * noise(shape)
    tiled = enhance_voxels(network, voxels, tile=tile, overlap=(i, j, k))
    np.testing.assert_allclose(tiled, enhance_voxels(network, voxels), atol=1e-5 * np.abs(tiled).max())


def test_an_overlap_below_the_margin_does_not_equal_the_whole() -> None:
    """The law above can fail: the margin is what makes it hold."""
    voxels = noise((24, 24, 24))
    tiled = enhance_voxels(NETWORKS[2], voxels, tile=(12, 12, 12), overlap=(0, 0, 0))
    assert np.abs(tiled - enhance_voxels(NETWORKS[2], voxels)).max() > 1e-2


@pytest.mark.parametrize("name", sorted(BASELINES))
def test_tiled_equals_whole_for_every_baseline(name: str) -> None:
    method = BASELINES[name](2)
    voxels = noise((47, 20, 50))
    tile = [2 * m + 13 for m in method.margin]
    tiled = enhance_voxels(method, voxels, tile=tile, overlap=[2 * m for m in method.margin])
    np.testing.assert_allclose(tiled, method(voxels), atol=1e-5)


@given(shape=triples(1, 12), scale=triples(1, 2))
def test_a_flat_method_sees_one_slice_at_a_time(shape: Triple, scale: Triple) -> None:
    flat = Nearest(scale, tile=(8, 8, 1), margin=(2, 2, 0))
    voxels = noise(shape)
    np.testing.assert_allclose(enhance_voxels(flat, voxels), nearest(voxels, scale), atol=1e-6)
    assert {seen[2] for seen in flat.seen} == {1}


@given(shape=triples(1, 24), cut=cuts(), scale=triples(1, 3))
def test_slabs_follow_one_another_along_k_and_make_the_whole(
    shape: Triple, cut: tuple[Triple, Triple], scale: Triple
) -> None:
    voxels = noise(shape)
    slabs = [slab.copy() for slab in enhance_slabs(Nearest(scale), voxels, tile=cut[0], overlap=cut[1])]
    np.testing.assert_allclose(np.concatenate(slabs, axis=2), nearest(voxels, scale), atol=1e-6)
