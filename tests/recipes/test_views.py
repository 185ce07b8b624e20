"""Views of planes: turned and turned back, combined in Fourier space."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from finemri.networks.through_plane import ThroughPlane
from finemri.recipes.views import Combine, restore
from finemri.refusal import Refusal
from finemri.shapes import Voxels
from finemri.volumes.grid import spline_resize

CPU = torch.device("cpu")


def noise(*shape: int) -> Voxels:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def linear(phases: int = 8) -> nn.Module:
    """The linear path alone."""
    network = ThroughPlane(phases, features=2, blocks=1)
    nn.init.zeros_(network.tail.weight)
    return network


class Left(nn.Module):
    """Brighter towards the first row of a plane: what it makes depends on the side that it is seen from."""

    def forward(self, x: Tensor) -> Tensor:
        ramp = torch.linspace(1.0, 0.0, x.shape[2])[:, None]
        return (x * ramp).repeat_interleave(3, dim=3)


@pytest.mark.parametrize("views", [2, 4])
@pytest.mark.parametrize("combine", ["mean", "maximum"])
def test_a_linear_network_makes_the_spline_from_every_side(views: int, combine: Combine) -> None:
    voxels = noise(7, 9, 14)
    made = restore(linear(), voxels, 42, views=views, combine=combine, device=CPU)
    spline = spline_resize(voxels, (1, 1, 3))
    inner = slice(12, -12)  # at the ends the spline mirrors the scan, the network repeats its last slice
    assert made.shape == spline.shape
    assert np.abs(made - spline)[:, :, inner].max() < 0.05 * np.abs(spline).max()


def test_views_see_the_scan_from_different_sides() -> None:
    voxels = np.ones((5, 9, 6), np.float32)
    mean = restore(Left(), voxels, 18, views=2, combine="mean", device=CPU)
    along_i, along_j = np.linspace(1, 0, 5)[:, None], np.linspace(0, 1, 9)
    np.testing.assert_allclose(mean, np.broadcast_to(((along_i + along_j) / 2)[..., None], mean.shape), atol=1e-5)
    np.testing.assert_allclose(restore(Left(), voxels, 18, views=4, combine="mean", device=CPU), 0.5, atol=1e-5)


def test_maximum_takes_each_frequency_from_the_view_that_has_most_of_it() -> None:
    voxels = noise(6, 6, 5)
    X, Y = (np.fft.fftn(_one(voxels, turn)) for turn in (0, 1))
    expected = np.fft.ifftn(np.where(np.abs(Y) > np.abs(X), Y, X)).real
    made = restore(Left(), voxels, 15, views=2, combine="maximum", device=CPU)
    np.testing.assert_allclose(made, expected, atol=1e-5)


def _one(voxels: Voxels, turn: int) -> Voxels:
    """What the network makes of one view alone."""
    turned = np.rot90(voxels, turn)
    ramp = np.linspace(1.0, 0.0, turned.shape[0], dtype=np.float32)[:, None, None]
    made: Voxels = np.rot90(np.repeat(turned * ramp, 3, axis=2), -turn)
    return made


def test_a_number_of_views_that_there_is_not() -> None:
    with pytest.raises(Refusal, match="quarter turns"):
        restore(linear(), noise(4, 4, 4), 12, views=3, device=CPU)
