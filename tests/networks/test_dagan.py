"""DAGAN, a baseline of paper 004, and the critic that it shares with paper 001."""

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import nn

from finemri.networks.channels import zero_filled
from finemri.networks.dagan import DAGANCritic, DAGANGenerator, levels_for
from finemri.refusal import Refusal
from tests.networks.measured import count, measure


def test_counts_are_the_papers() -> None:
    """The critic's two stand in paper 001; the generator's is the sum over the published table of its layers."""
    down = [1, 64, 128, 256, 512, 512, 512, 512, 512]
    up = [(512, 512), (1024, 1024), (1536, 1024), (1536, 1024), (1536, 256), (512, 128), (256, 64), (128, 64)]
    kernels = sum(16 * a * b + b for a, b in [*pairwise(down), *up]) + 64 + 1
    gains = 2 * (sum(down[2:8]) + sum(b for _, b in up))
    with torch.device("meta"):
        assert count(DAGANGenerator()) == kernels + gains
        assert count(DAGANCritic(head="dense")) == 48_166_209
        assert count(DAGANCritic(head="dense", inputs=3)) == 48_168_257


@pytest.mark.parametrize(("size", "levels"), [(512, 8), (256, 8), (129, 8), (128, 7), (32, 5), (3, 2)])
def test_the_last_level_is_where_a_side_becomes_one(size: int, levels: int) -> None:
    assert levels_for(size, 2 * size) == levels


def silent(network: nn.Module) -> nn.Module:
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    return network


@pytest.fixture
def thin(monkeypatch: pytest.MonkeyPatch) -> Callable[..., DAGANGenerator]:
    """DAGAN of few maps."""
    monkeypatch.setattr("finemri.networks.dagan.DOWN", (4,) * 8)
    monkeypatch.setattr("finemri.networks.dagan.UP", (4, 4, 8, 8, 8, 8, 8, 8))
    return DAGANGenerator


def test_a_silent_refinement_is_the_clipped_magnitude(thin: Callable[..., DAGANGenerator]) -> None:
    kspace, mask, maps = measure((19, 12), coils=3)
    magnitude = zero_filled(kspace, mask, maps).abs()
    made = silent(thin(3))(kspace, mask, maps)
    torch.testing.assert_close(made.real, magnitude.clamp(max=1))
    assert not made.imag.any()
    assert magnitude.max() > 1.5
    torch.testing.assert_close(silent(thin(3, ceiling=9.0))(kspace, mask, maps).real, magnitude, atol=1e-5, rtol=1e-5)
    plain = silent(thin(3, refine=False))(kspace, mask, maps)
    torch.testing.assert_close(plain.real, torch.full_like(magnitude, 0.5))


@pytest.mark.parametrize("shape", [(17, 33), (40, 20), (5, 64)])
def test_any_size_comes_back(shape: tuple[int, int], thin: Callable[..., DAGANGenerator]) -> None:
    made = thin(levels_for(*shape))(*measure(shape))
    assert made.shape == (2, *shape)
    assert made.real.min() >= 0
    assert made.real.max() <= 1


def test_every_level_takes_part(thin: Callable[..., DAGANGenerator]) -> None:
    network = thin(4, ceiling=9.0)
    network(*measure((16, 16))).real.square().sum().backward()
    kernels = [p for p in network.parameters() if p.ndim == 4]
    assert len(kernels) == 9
    assert all(p.grad is not None and p.grad.any() for p in kernels)


def test_a_critic_gives_one_score_an_image() -> None:
    assert DAGANCritic(features=2)(torch.rand(3, 1, 65, 100)).shape == (3,)
    dense = DAGANCritic((64, 130), "dense", features=2)
    assert dense.head.in_features == 16 * 1 * 3
    assert dense(torch.rand(3, 1, 64, 130)).shape == (3,)
    with pytest.raises(Refusal, match="head='pool'"):
        dense(torch.rand(3, 1, 64, 64))


def test_what_makes_no_sense_is_refused(thin: Callable[..., DAGANGenerator]) -> None:
    with pytest.raises(Refusal, match="give DAGAN 4 levels"):
        thin(5)(*measure((40, 16)))
    with pytest.raises(Refusal, match="2 to 8"):
        DAGANGenerator(9)
    with pytest.raises(Refusal, match="above 0"):
        DAGANGenerator(2, ceiling=0.0)
