from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from finemri.recipes.dense import Blend, Dense
from finemri.recipes.slice_enhancer import SliceEnhancer
from finemri.refusal import Refusal
from finemri.shapes import Voxels
from finemri.volumes.layout import lay_tiles
from finemri.volumes.tiles import enhance_voxels


def noise(*shape: int, seed: int = 0) -> Voxels:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def convolutions(channels: int = 1, outputs: int = 1, normalise: bool = False) -> nn.Module:
    torch.manual_seed(channels)
    layers: list[nn.Module] = [nn.Conv2d(channels, 5, (3, 5), padding=(1, 2)), nn.LeakyReLU(0.2)]
    if normalise:
        layers.append(nn.BatchNorm2d(5))
    return nn.Sequential(*layers, nn.Conv2d(5, outputs, 3, padding=1))


class Fixed(nn.Module):
    """Takes 16 × 16 alone, and what it makes of a pixel depends on where in the patch it lies."""

    def __init__(self, edge: int = 16) -> None:
        super().__init__()
        self.edge = edge
        self.pool = nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[2:] == (self.edge, self.edge)
        ramp = torch.linspace(0.5, 1.5, self.edge)
        return x[:, :1] * ramp + nn.functional.interpolate(self.pool(x[:, :1]), scale_factor=2.0)


@dataclass(eq=False)
class Spy(nn.Module):
    """The identity on the middle channel; remembers how many images it saw at once."""

    seen: list[tuple[int, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def __deepcopy__(self, _: object) -> "Spy":
        return self

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(tuple(x.shape))
        return x[:, x.shape[1] // 2][:, None]


def identity(**more: object) -> SliceEnhancer:
    return SliceEnhancer(Spy(), normaliser="none", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("axes", [(2,), (0, 1, 2), (1,)])
@pytest.mark.parametrize("neighbours", [0, 2])
def test_it_says_what_the_network_says_of_every_slice(axes: tuple[int, ...], neighbours: int) -> None:
    network = convolutions(1 + 2 * neighbours, outputs=3).eval()
    image = noise(7, 9, 8)
    enhanced = SliceEnhancer(network, normaliser="none", axes=axes, neighbours=neighbours)(image)
    expected = np.zeros_like(image)
    for axis in axes:
        for n in range(image.shape[axis]):
            around = [min(max(m, 0), image.shape[axis] - 1) for m in range(n - neighbours, n + neighbours + 1)]
            x = torch.from_numpy(np.stack([image.take(m, axis) for m in around]))[None]
            with torch.no_grad():
                where = [slice(None)] * 3
                where[axis] = n  # type: ignore[call-overload]
                expected[tuple(where)] += network(x)[0, 1].numpy() / len(axes)
    np.testing.assert_allclose(enhanced, expected, atol=1e-5)


def test_margin_and_tile_tell_how_slices_are_looked_at() -> None:
    plain = SliceEnhancer(convolutions(), normaliser="none")
    assert (plain.scale, plain.margin, plain.tile[2]) == ((1, 1, 1), (2, 3, 0), 1)
    deep = SliceEnhancer(convolutions(5), normaliser="none", neighbours=2)
    assert deep.margin == (2, 3, 2)
    assert deep.tile[2] > 1
    assert SliceEnhancer(convolutions(), normaliser="none", axes=(0,)).margin == (0, 2, 3)
    assert SliceEnhancer(convolutions(), normaliser="none", axes=(1,)).margin == (2, 0, 3)
    assert SliceEnhancer(convolutions(), normaliser="none", axes=(0, 1, 2)).margin == (2, 3, 3)


ENHANCERS = {
    "slices": SliceEnhancer(convolutions(normalise=True), normaliser="percentile"),
    "neighbours": SliceEnhancer(convolutions(3), normaliser="none", neighbours=1),
    "three axes": SliceEnhancer(convolutions(), normaliser="none", axes=(0, 1, 2)),
    "neighbours on three axes": SliceEnhancer(convolutions(3), normaliser="max", axes=(0, 1, 2), neighbours=1),
}


@settings(max_examples=8)
@given(
    shape=st.tuples(*(st.integers(1, 22),) * 3),
    tile=st.tuples(*(st.integers(9, 16),) * 3),
    more=st.tuples(*(st.integers(0, 2),) * 3),
)
@pytest.mark.parametrize("name", ENHANCERS)
def test_tiled_equals_whole(
    name: str, shape: tuple[int, int, int], tile: tuple[int, int, int], more: tuple[int, int, int]
) -> None:
    enhancer = ENHANCERS[name]
    overlap = [min(2 * m + extra, t - 1) for m, extra, t in zip(enhancer.margin, more, tile, strict=True)]
    voxels = 300 * noise(*shape)
    tiled = enhance_voxels(enhancer, voxels, tile=tile, overlap=overlap)
    np.testing.assert_allclose(tiled, enhance_voxels(enhancer, voxels), atol=1e-5 * max(1, np.abs(tiled).max()))


@pytest.mark.parametrize("blend", ["blend", "published"])
@pytest.mark.parametrize("axes", [(2,), (1,), (0, 1, 2)])
def test_patches_are_never_cut_by_tiles(blend: Blend, axes: tuple[int, ...]) -> None:
    """Where they lie depends on the whole slice: a budget cuts between slices only, and what comes out is the same."""
    enhancer = SliceEnhancer(Fixed(), normaliser="none", axes=axes, patch=16, stride=6, border=2, blend=blend)
    voxels = noise(20, 45, 33)
    whole = enhancer(voxels)
    shape = (20, 45, 33)
    memory = 10**9
    layout = lay_tiles(shape, enhancer, memory=memory)
    for axis, (tile, length) in enumerate(zip(layout.tile, shape, strict=True)):
        assert tile == length or axes == (axis,)
    np.testing.assert_allclose(enhance_voxels(enhancer, voxels), whole, atol=1e-6)


@given(length=st.integers(8, 90), data=st.data(), blend=st.sampled_from(["blend", "published"]))
def test_weights_of_patches_add_up_to_one_everywhere(length: int, data: st.DataObject, blend: Blend) -> None:
    patch, border = data.draw(st.integers(8, min(length, 32))), data.draw(st.integers(0, 3))
    dense = Dense(patch, data.draw(st.integers(1, patch - 2 * border)), border, blend)
    total = np.zeros(length)
    for window in dense.windows(length):
        assert 0 <= window.start <= length - patch
        assert window.weights.min() >= 0
        total[window.start : window.start + patch] += window.weights
        if window.start > 0:  # what lies on a cut has not been used
            assert not window.weights[:border].any()
        if window.start < length - patch:
            assert not window.weights[patch - border :].any()
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_the_published_way_by_hand() -> None:
    """64 every 20, 4 px off each inner end: a row of 90 has patches at 0, 20 and 26, and pixel 30 is in all three."""
    windows = Dense(64, 20, 4, "published").windows(90)
    assert [window.start for window in windows] == [0, 20, 26]

    def at(pixel: int) -> list[float]:
        return [float(w.weights[pixel - w.start]) if 0 <= pixel - w.start < 64 else 0.0 for w in windows]

    np.testing.assert_allclose(at(10), [1, 0, 0])
    np.testing.assert_allclose(at(24), [1 / 2, 1 / 2, 0])
    np.testing.assert_allclose(at(30), [1 / 3, 1 / 3, 1 / 3])
    np.testing.assert_allclose(at(60), [0, 1 / 2, 1 / 2])
    np.testing.assert_allclose(at(80), [0, 0, 1])


@pytest.mark.parametrize("shape", [(35, 51, 3), (1, 1, 1), (64, 70, 2), (130, 5, 2)])
@pytest.mark.parametrize("blend", ["blend", "published"])
@pytest.mark.parametrize("axes", [(2,), (0, 1, 2)])
def test_the_identity_returns_volumes_of_any_size(
    shape: tuple[int, int, int], blend: Blend, axes: tuple[int, ...]
) -> None:
    enhancer = identity(patch=64, blend=blend, neighbours=1, axes=axes)
    voxels = noise(*shape)
    np.testing.assert_allclose(enhancer(voxels), voxels, atol=1e-5)


def test_small_slices_are_mirrored_not_blackened() -> None:
    """A network that averages its patch would darken at the ends of a crop that zeros surround."""
    enhancer = SliceEnhancer(Mean(), normaliser="none", patch=64)
    np.testing.assert_allclose(enhancer(np.full((35, 51, 2), 3, np.float32)), 3, atol=1e-6)


class Mean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3), keepdim=True).expand_as(x)


@pytest.mark.parametrize("patch", [None, 64])
def test_passes_are_bounded(patch: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finemri.recipes.slice_enhancer.AT_A_TIME", 5 * 4 * 64**2)
    spy = Spy()
    enhancer = SliceEnhancer(spy, normaliser="none", patch=patch)
    object.__setattr__(enhancer, "_bytes_per_pixel", 4.0)
    voxels = noise(64, 64, 13)
    np.testing.assert_allclose(enhancer(voxels), voxels, atol=1e-6)
    assert [shape[0] for shape in spy.seen] == [5, 5, 3]


def test_work_is_counted_by_the_width_of_the_network() -> None:
    narrow, wide = (SliceEnhancer(nn.Conv2d(1, n, 1), normaliser="none").bytes_per_voxel for n in (10, 1000))
    assert 4 * 10 <= narrow <= 4 * 10 + 40
    assert 4 * 1000 <= wide <= 4 * 1000 + 40


def test_the_network_is_copied_and_batch_statistics_rest() -> None:
    network = convolutions(normalise=True).train()
    enhancer = SliceEnhancer(network, normaliser="none")
    image = noise(6, 7, 2)
    before = enhancer(image)
    np.testing.assert_array_equal(enhancer(image), before)
    np.testing.assert_allclose(enhancer(image[:, :, :1]), before[:, :, :1], atol=1e-6)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    np.testing.assert_array_equal(enhancer(image), before)
    assert network.training


def test_it_tells_how_it_works() -> None:
    told = identity(patch=64, blend="published", axes=(0, 1, 2), neighbours=1).settings
    assert told["axes"] == "0 1 2"
    assert told["neighbours"] == "1"
    assert told["patches"] == "64 every 20, border 4"
    assert told["stitching"] == "published"
    assert told["device"] == "cpu"
    assert "patches" not in identity().settings


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"axes": ()}, "0, 1 or 2"),
        ({"axes": (2, 2)}, "once at most"),
        ({"axes": (3,)}, "0, 1 or 2"),
        ({"patch": 64, "stride": 60}, "leave gaps"),
        ({"patch": 8, "border": 4}, "leave gaps"),
        ({"device": "abacus"}, "no kind of device"),
    ],
)
def test_what_makes_no_sense_is_refused(more: dict[str, object], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        identity(**more)


@pytest.mark.parametrize("layer", [nn.MaxPool2d(2), nn.Conv2d(1, 1, 2, stride=2)])
def test_a_network_that_pools_works_on_patches(layer: nn.Module) -> None:
    with pytest.raises(Refusal, match="give it a patch"):
        SliceEnhancer(nn.Sequential(layer), normaliser="none")


def test_a_network_that_shrinks_is_refused() -> None:
    with pytest.raises(Refusal, match="at scale 1"):
        SliceEnhancer(nn.Conv2d(1, 1, 3), normaliser="none")(noise(8, 8, 2))
