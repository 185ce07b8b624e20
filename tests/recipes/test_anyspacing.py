"""The recipe anyspacing, and scans that it restores."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy import ndimage

from finemri.networks.restorer import SliceRestorer3D
from finemri.physics.slices import Slices
from finemri.recipes import AnySpacing
from finemri.recipes.network_enhancer import receptive_radius
from finemri.recipes.restoring import Consistency, Restorer, Told, enhancer_for
from finemri.refusal import Refusal
from finemri.volumes.grid import lay_on_grid
from finemri.volumes.thick import Acquisition, slice_axis
from finemri.volumes.volume import Volume

torch.set_num_threads(1)
OBLIQUE = np.array([[0.9, 0.1, -0.8, 5], [-0.1, 0.9, 1.1, -9], [0.2, -0.1, 3.3, 40], [0, 0, 0, 1]])


def network(strength: float = 0.3) -> SliceRestorer3D:
    """One that changes what it is given; at 0, one that does not."""
    torch.manual_seed(0)
    made = SliceRestorer3D(8, 1).eval()
    torch.nn.init.normal_(made.tail.weight, 0.0, 0.01 * strength)
    assert made.tail.bias is not None
    torch.nn.init.zeros_(made.tail.bias)
    return made


def scan(shape: tuple[int, int, int] = (22, 26, 9), affine: np.ndarray = OBLIQUE) -> Volume:
    smooth = ndimage.gaussian_filter(np.random.default_rng(1).random(shape), (1.5, 1.5, 0.7)).astype(np.float32)
    return Volume(900 * (smooth - smooth.min()), affine.astype(np.float64))


def test_the_network_looks_as_far_as_it_says_and_an_untrained_one_changes_little() -> None:
    torch.manual_seed(0)
    made = SliceRestorer3D(8, 2)
    told = enhancer_for(made, Slices(2, 3.0, 3.0))
    assert max(receptive_radius(told._network, (1, 1, 1))) <= made.radius
    assert (
        SliceRestorer3D(AnySpacing().features, AnySpacing().blocks).radius >= 12
    )  # two slices of 6 mm on a grid of 1 mm
    x = torch.rand(1, 6, 7, 9, 5)
    y = made(x)
    assert y.shape == (1, 1, 7, 9, 5)
    assert (y - x[:, :1]).abs().max() < 0.2


def test_without_a_network_it_is_the_spline_on_the_same_grid() -> None:
    """Same field of view, affine and voxels as lay_on_grid; oblique affines as any."""
    still = network(0.0)
    thick = scan()
    made, laid = Restorer(still)(thick, Acquisition(2), (None, None, 1.0)), lay_on_grid(thick, (None, None, 1.0))
    assert made.shape == laid.shape == (22, 26, round(9 * thick.spacing[2]))
    assert_allclose(made.affine, laid.affine)
    assert_allclose(made.voxels, laid.voxels, atol=0.02)


@pytest.mark.parametrize("axis", [0, 1])
def test_any_axis_is_the_last_one_turned(axis: int) -> None:
    restore, thick = Restorer(network()), scan()
    target = [0.8, 0.8, 0.8]
    expected = restore(thick, Acquisition(2, 3.0), target).voxels
    order = np.insert([0, 1], axis, 2)
    affine = thick.affine.copy()
    affine[:, :3] = affine[:, order]
    turned = Volume(np.ascontiguousarray(thick.voxels.transpose(order)), affine)
    made = restore(turned, Acquisition(axis, 3.0), target)
    assert_allclose(made.voxels, expected.transpose(order), atol=1e-2)


def test_in_tiles_or_whole_it_is_the_same() -> None:
    made, thick = network(), scan((40, 44, 6))
    whole = Restorer(made)(thick, Acquisition(2), (None, None, 1.5))
    told: list[tuple[int, int]] = []
    memory = int(enhancer_for(made, Slices()).bytes_per_voxel * whole.shape[2] * 32**2)
    tiled = Restorer(made)(thick, Acquisition(2), (None, None, 1.5), memory=memory, progress=lambda *n: told.append(n))
    assert told[-1][0] == told[-1][1] == len(told) >= 6
    assert np.abs(whole.voxels - lay_on_grid(thick, (None, None, 1.5)).voxels).max() > 1
    assert_allclose(tiled.voxels, whole.voxels, atol=2e-3)
    with pytest.raises(Refusal, match="allow more memory"):
        Restorer(made)(thick, Acquisition(2), (None, None, 1.5), memory=1000)


@pytest.mark.parametrize(("thickness", "profile"), [(None, "gaussian"), (2.0, "sinc"), (5.0, "gaussian")])
def test_consistency_gives_back_the_scan(thickness: float | None, profile: str) -> None:
    """Re-slicing the output gives back the input, and without it does not; damping goes part of the way."""
    thick, acquisition = scan(), Acquisition(2, thickness, profile)  # type: ignore[arg-type]
    left = []
    for consistency in (None, Consistency(0.3), Consistency(0.0)):
        made = Restorer(network())(thick, acquisition, (None, None, 0.9), consistency=consistency)
        sliced = acquisition.slices(thick, made.shape[2])(torch.tensor(made.voxels))
        left.append(np.abs(sliced.numpy() - thick.voxels).mean())
    assert left[0] > left[1] > left[2]
    assert left[2] < 1e-4 * thick.voxels.max()


def test_brightness_goes_through() -> None:
    thick, restore = scan(), Restorer(network())
    made = restore(thick, Acquisition(2), (1.0, 1.0, 1.0))
    bright = restore(thick.with_voxels(thick.voxels * np.float32(1024)), Acquisition(2), (1.0, 1.0, 1.0))
    assert_allclose(bright.voxels, made.voxels * 1024, rtol=1e-4, atol=1)


def test_finer_in_plane_than_asked_for_becomes_coarser_without_aliasing() -> None:
    """A scan of 0.5 mm pixels onto 1 mm: the mean stays, and a pattern that 1 mm cannot hold is gone."""
    pattern = np.indices((40, 40, 6)).sum(0) % 2
    thick = Volume(pattern.astype(np.float32), np.diag([0.5, 0.5, 4.0, 1.0]))
    still = network(0.0)
    made = Restorer(still)(thick, Acquisition(2), (1.0, 1.0, 1.0))
    assert made.shape == (20, 20, 24)
    assert made.spacing == pytest.approx((1.0, 1.0, 1.0))
    assert_allclose(made.voxels[4:-4, 4:-4], 0.5, atol=0.02)


@pytest.mark.parametrize(
    ("shape", "target", "sentence"),
    [
        ((8, 8, 1), (None, None, 1.0), "single slice"),
        ((8, 8, 8), (None, None, 3.5), "does not better"),
        ((8, 8, 8), (None, None, None), "does not better"),
        ((8, 8, 8), (None, 0.0, 1.0), "above 0 mm"),
    ],
)
def test_what_cannot_be_bettered_is_refused(
    shape: tuple[int, int, int], target: tuple[float | None, ...], sentence: str
) -> None:
    with pytest.raises(Refusal, match=sentence):
        Restorer(network())(scan(shape), Acquisition(2), target)


def test_the_slice_axis_is_the_one_of_the_widest_spacing() -> None:
    for axis in range(3):
        spacing = np.insert([0.7, 0.9], axis, 3.0)
        assert slice_axis(Volume(np.ones((3, 3, 3), np.float32), np.diag([*spacing, 1.0]))) == axis
    assert slice_axis(scan()) == 2
    for flat in ([1.0, 1.0, 1.1], [0.5, 2.0, 2.0]):
        with pytest.raises(Refusal, match="name the axis"):
            slice_axis(Volume(np.ones((3, 3, 3), np.float32), np.diag([*flat, 1.0])))


def test_an_acquisition_makes_sense() -> None:
    thick = scan()
    assert Acquisition(2).slices(thick, 31).spacing == pytest.approx(31 / 9)
    assert Acquisition(2).slices(thick, 31).thickness == pytest.approx(31 / 9)
    assert Acquisition(2, 0.1).slices(thick, 31).thickness == 1.0  # as thick as the voxels that see it
    for settings, sentence in (((3,), "0, 1 or 2"), ((2, 0.0), "thicker than 0"), ((2, np.inf), "thicker than 0")):
        with pytest.raises(Refusal, match=sentence):
            Acquisition(*settings)
    with pytest.raises(Refusal, match="Damping"):
        Consistency(-1.0)
    with pytest.raises(Refusal, match="turn the image"):
        enhancer_for(network(), Slices(1, 3.0, 3.0))


def test_stripes_of_two_voxels_take_themselves_away() -> None:
    """tail's bias of +1 at even voxels along the stack and −1 at odd ones, as shuffle puts them."""
    striped = network(0.0)
    assert striped.tail.bias is not None
    with torch.no_grad():
        striped.tail.bias.copy_(torch.tensor([1.0, -1] * 4))
    thick = scan()
    once, twice = (
        Restorer(striped, twice=twice)(thick, Acquisition(2), (None, None, 1.0)).voxels for twice in (False, True)
    )
    laid = lay_on_grid(thick, (None, None, 1.0)).voxels
    assert np.abs(once - laid).mean() > 100
    assert_allclose(twice, laid, atol=0.1)


def test_seen_from_two_starts_a_network_is_still_told_where_slices_lie() -> None:
    class Phase(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, 1:2].float()

    slices = Slices(2, 3.0, 3.0)
    one, two = (Told(Phase(), slices, twice=twice)(torch.zeros(1, 1, 2, 2, 9)) for twice in (False, True))
    torch.testing.assert_close(one, two)
