"""Paper 004, first stage: parameter count, measured samples after the cascade, and where the weights start."""

import math

import pytest
import torch
from torch import nn

from finemri.networks.recnet import RecNet
from finemri.physics.fourier import to_image, to_kspace
from finemri.refusal import Refusal
from tests.networks.measured import count, measure


def test_count_is_the_papers() -> None:
    with torch.device("meta"):
        assert count(RecNet()) == 31_302
        assert count(RecNet(residual=True)) == 31_302


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("shape", [(16, 12), (13, 17)])
def test_measured_samples_stay(shape: tuple[int, int], residual: bool) -> None:
    kspace, mask, maps = measure(shape)
    made = to_kspace(RecNet(features=8, residual=residual)(kspace, mask, maps).detach())[:, None]
    torch.testing.assert_close(made * mask, kspace, atol=1e-5, rtol=1e-5)
    assert (made * ~mask).abs().max() > 1e-2


def test_silent_blocks_leave_the_zero_filled_image() -> None:
    """Blocks that say nothing: with or without the residual path, what was not measured stays zero."""
    kspace, mask, maps = measure((15, 12))
    for residual in (False, True):
        network = RecNet(features=4, residual=residual)
        for parameter in network.parameters():
            nn.init.zeros_(parameter)
        torch.testing.assert_close(network(kspace, mask, maps), to_image(kspace)[:, 0], atol=1e-5, rtol=1e-5)


def test_everything_measured_gives_the_image_back_from_several_coils() -> None:
    image = torch.randn(1, 12, 10, dtype=torch.complex64)
    _, mask, maps = measure((12, 10), coils=4, batch=1)
    made = RecNet(features=4)(to_kspace(maps * image.unsqueeze(1)), torch.ones_like(mask), maps)
    torch.testing.assert_close(made, image, atol=1e-5, rtol=1e-5)


def test_weights_start_as_published() -> None:
    torch.manual_seed(0)
    layers = [m for m in RecNet().modules() if isinstance(m, nn.Conv2d)]
    for first, middle, last in zip(layers[::3], layers[1::3], layers[2::3], strict=True):
        bound = math.sqrt(6 / (9 * (2 + 32)))
        assert 0.98 * bound < first.weight.abs().max() <= bound
        for layer in (middle, last):
            assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / (1 + 0.01**2) / (9 * 32)), rel=0.1)


def test_a_cascade_of_nothing_is_refused() -> None:
    with pytest.raises(Refusal, match="block"):
        RecNet(blocks=0)
