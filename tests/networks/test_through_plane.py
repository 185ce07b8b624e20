"""The network that cuts thick slices into thin ones."""

import numpy as np
import pytest
import torch

from finemri.networks.through_plane import SliceFilters, ThroughPlane, interleave
from finemri.refusal import Refusal
from finemri.volumes.grid import spline_resize


def test_its_shape_whatever_the_size() -> None:
    network = ThroughPlane(phases=8, features=4, blocks=2)
    for rows, slices in ((1, 2), (7, 5), (16, 9)):
        assert network(torch.rand(2, 1, rows, slices)).shape == (2, 1, rows, 8 * slices)


def test_sub_slices_lie_in_order() -> None:
    phases = torch.arange(3.0)[None, :, None, None] + 10 * torch.arange(2.0)
    assert interleave(phases)[0, 0, 0].tolist() == [0, 1, 2, 10, 11, 12]


@pytest.mark.parametrize("phases", [2, 3, 8])
def test_the_linear_path_starts_as_the_cubic_spline(phases: int) -> None:
    x = torch.randn(1, 1, 3, 24, generator=torch.Generator().manual_seed(0))
    made = SliceFilters(phases)(x)[0, 0].detach().numpy()
    spline = spline_resize(x[0].numpy(), (1, 1, phases))[0]
    inner = slice(6 * phases, -6 * phases)
    assert np.abs(made - spline)[:, inner].max() < 0.02 * np.abs(spline).max()


def test_a_constant_stays_constant_to_the_ends() -> None:
    made = SliceFilters(8)(torch.full((1, 1, 2, 3), 0.7))
    torch.testing.assert_close(made, torch.full_like(made, 0.7))


def test_one_sub_slice_is_refused() -> None:
    with pytest.raises(Refusal, match="at least 2"):
        ThroughPlane(phases=1)
