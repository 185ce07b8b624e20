"""The cascade: true to what was measured, any number of coils, blind to the arbitrary phase of their maps."""

from typing import Any

import pytest
import torch
from torch import Tensor

from finemri.networks.cascade import Cascade
from finemri.physics.consistency import SenseOperator
from tests.networks.measured import measure


def taught(**settings: Any) -> Cascade:
    """A small cascade whose U-Nets, unlike fresh ones, say something."""
    torch.manual_seed(0)
    network = Cascade(steps=2, features=8, depth=2, **settings)
    for name, weights in network.named_parameters():
        if name.endswith("last.weight"):
            torch.nn.init.normal_(weights, std=0.02)
    return network.eval()


def small(coils: int, i: int = 24, j: int = 19) -> tuple[Tensor, Tensor, Tensor]:
    return measure((i, j), coils)


def test_the_shipped_size_has_so_many_parameters() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in Cascade().parameters()) == 1_084_362


@pytest.mark.parametrize("coils", [1, 3])
def test_a_fresh_cascade_is_sense(coils: int) -> None:
    kspace, mask, maps = small(coils)
    made = Cascade(steps=2, features=8, depth=2)(kspace, mask, maps).detach()
    sense = SenseOperator(mask, maps)
    residual = sense.forward(made) - kspace
    assert float(residual.abs().norm() / kspace.abs().norm()) < 0.1


@pytest.mark.parametrize("coils", [1, 4])
def test_the_phase_of_the_maps_is_no_matter(coils: int) -> None:
    kspace, mask, maps = small(coils)
    turn = torch.polar(torch.ones(24, 19), torch.rand(24, 19) * 6)
    network = taught()
    with torch.no_grad():
        plain, turned = network(kspace, mask, maps), network(kspace, mask, maps * turn)
    assert torch.allclose(turned * turn, plain, atol=1e-3 * float(plain.abs().max()))


def test_more_conjugate_gradients_bring_it_nearer_to_the_data() -> None:
    kspace, mask, maps = small(4)
    sense = SenseOperator(mask, maps)
    with torch.no_grad():
        errors = [float((sense.forward(taught(finish=n)(kspace, mask, maps)) - kspace).abs().norm()) for n in (1, 12)]
    assert errors[1] < 0.8 * errors[0]


def test_without_consistency_the_data_are_left_alone_after_the_start() -> None:
    kspace, mask, maps = small(2)
    network = Cascade(steps=1, features=8, depth=2, consistency=False)
    with torch.no_grad():
        assert torch.isfinite(network(kspace, mask, maps).abs()).all()
    assert network(kspace, mask, maps).requires_grad
    assert all(p.grad is None for p in network.damping.parameters())
