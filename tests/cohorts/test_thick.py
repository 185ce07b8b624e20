"""Examples of thick slices."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.testing import assert_close

from finemri.cohorts.regions import VolumeRegions
from finemri.cohorts.thick import ThickPatches, interleaved, within
from finemri.physics.slices import Slices
from finemri.refusal import Refusal
from finemri.volumes.thick import lay

torch.set_num_threads(1)
PATCH = (10, 12, 24)


@pytest.fixture(scope="module")
def regions() -> VolumeRegions:
    smooth = ndimage.gaussian_filter(np.random.default_rng(0).random((70, 60, 64)), 1.5).astype(np.float32)
    return VolumeRegions([100 * (smooth - smooth.min())])


@pytest.fixture
def clean(regions: VolumeRegions) -> ThickPatches:
    return ThickPatches(regions, PATCH, 0, in_plane=(1, 1), noise=0.0, motion=0.0, jumps=0.0, contrast_jitter=False)


def told(example: dict[str, torch.Tensor]) -> tuple[float, float]:
    """Thickness and spacing, as the network is told."""
    thickness, spacing = (5 * (example["coarse"][n, 0, 0, 0].item() + 1) for n in (3, 4))
    return thickness, spacing


def test_shapes_and_purity(regions: VolumeRegions) -> None:
    patches = ThickPatches(regions, PATCH, 3)
    for n in range(12):
        example, again = patches[n], ThickPatches(regions, PATCH, 3)[n]
        assert {key: tuple(map_.shape) for key, map_ in example.items()} == {
            "coarse": (6, *PATCH),
            "fine": (1, *PATCH),
            "slices": (24, 24),
        }
        for key, tensor in example.items():
            assert tensor.dtype == torch.float32
            assert torch.isfinite(tensor).all()
            assert torch.equal(tensor, again[key])
    assert not torch.equal(patches[0]["fine"], replace(patches, seed=4)[0]["fine"])


def test_protocols_lie_in_their_ranges(regions: VolumeRegions) -> None:
    found = np.array([told(ThickPatches(regions, PATCH, 0)[n]) for n in range(40)])
    gaps = found[:, 1] / found[:, 0] - 1
    assert (found[:, 0] > 1.99).all()
    assert (found[:, 0] < 7.01).all()
    assert gaps.min() < -0.02  # some overlap, some leave gaps, many neither; a stack is a whole number of slices
    assert gaps.max() > 0.2
    assert (abs(gaps) < 0.1).mean() > 0.3


def test_the_patch_s_own_slices_are_those_of_the_scan(clean: ThickPatches) -> None:
    """A fine = y: at a slice's centre the spline passes through what the slice measured."""
    slices_seen = 0
    for n in range(10):
        example = clean[n]
        a = example["slices"][example["slices"].sum(1) > 0.5]
        _, spacing = told(example)
        measured, laid = example["fine"][0] @ a.T, example["coarse"][0]
        centres = a @ torch.arange(24.0)
        phase = example["coarse"][1, 0, 0].numpy()
        for row, centre in enumerate(centres.tolist()):
            assert np.interp(centre, np.arange(24), phase) > 0.99 * np.cos(np.pi / spacing) - 0.01
            if abs(centre - round(centre)) < 0.02:
                slices_seen += 1
                assert_close(laid[..., round(centre)], measured[..., row], atol=0.02, rtol=0)
    assert slices_seen > 2


def test_nuisances_touch_the_scan_and_not_the_truth(clean: ThickPatches) -> None:
    for settings in ({"noise": 0.1}, {"motion": 0.5}, {"jumps": 0.2}, {"in_plane": (1.5, 1.5)}):
        spoilt = replace(clean, **settings)
        moved = 0
        for n in range(8):
            ours, theirs = spoilt[n], clean[n]
            if told(ours) == told(theirs) and torch.equal(ours["fine"], theirs["fine"]):
                moved += not torch.allclose(ours["coarse"][0], theirs["coarse"][0], atol=1e-3)
        assert moved >= 1, settings


def test_interleaves_differ_more_than_slices_within() -> None:
    rng = np.random.default_rng(0)
    between, inside = [], []
    for _ in range(200):
        (numbers,) = interleaved(24, 1, rng)
        neighbours, repeats = np.diff(numbers), np.concatenate([numbers[6:] - numbers[:-6]])
        between.append(np.square(neighbours).mean())
        inside.append(np.square(repeats).mean())  # six slices on is the same interleave, of two or of three
    assert np.mean(inside) == pytest.approx(2 / 9, rel=0.1)
    assert np.mean(between) > 4 * np.mean(inside)


def test_only_slices_that_lie_within_are_kept() -> None:
    whole = Slices(2, 4.0, 3.0).matrix(40)
    square = within(whole, 10, 20)
    kept = square[square.sum(1) > 0.5]
    assert square.shape == (20, 20)
    assert 2 <= len(kept) <= 5
    assert_close(kept.sum(1), torch.ones(len(kept)), atol=2e-3, rtol=0)
    assert torch.equal(within(whole, 0, 40)[:10], whole.float())


def test_lay_keeps_a_line_where_it_is() -> None:
    line = torch.arange(30.0)[None, None].expand(4, 4, -1).contiguous()
    for size in (75, 22):
        step = 30 / size
        inside = slice(round(8 / step), -round(8 / step))
        expected = (step * (torch.arange(size) + 0.5) - 0.5)[inside]
        assert_close(lay(line, (4, 4, size))[0, 0, inside], expected, atol=0.02, rtol=0)


@pytest.mark.parametrize(
    "settings", [{"thickness": (3.0, 2.0)}, {"gap": (-1.0, 0.0)}, {"patch": (8, 8, 1)}, {"noise": -1.0}]
)
def test_settings_without_meaning_are_refused(regions: VolumeRegions, settings: dict[str, object]) -> None:
    with pytest.raises(Refusal):
        replace(ThickPatches(regions, PATCH, 0), **settings)  # type: ignore[arg-type]
