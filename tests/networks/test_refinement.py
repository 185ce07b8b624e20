"""Paper 004, second stage: parameter counts, what the gate lets through, and what stays frozen."""

import copy

import pytest
import torch
from torch import Tensor, nn

from finemri.networks.channels import zero_filled
from finemri.networks.magnitude_critic import MagnitudeCritic
from finemri.networks.recnet import RecNet
from finemri.networks.refinement import RefinementUNet, Refiner
from finemri.refusal import Refusal
from tests.networks.measured import count, measure


def test_counts_are_the_papers() -> None:
    with torch.device("meta"):
        assert count(RefinementUNet()) == 920_033
        assert count(MagnitudeCritic()) == 27_941_697


@pytest.mark.parametrize("shape", [(9, 9), (11, 18), (16, 13)])
def test_the_u_net_keeps_any_size(shape: tuple[int, int]) -> None:
    assert RefinementUNet(4)(torch.randn(2, 2, *shape)).shape == (2, 1, *shape)


def test_the_u_net_starts_orthogonal() -> None:
    layer = next(m for m in RefinementUNet().modules() if isinstance(m, nn.Conv2d))
    rows = layer.weight.detach().flatten(1)
    torch.testing.assert_close(rows @ rows.T, 2 * torch.eye(32), atol=1e-5, rtol=1e-5)


def refiner(gate: float, **settings: bool) -> Refiner:
    torch.manual_seed(0)
    return Refiner(RecNet(blocks=1, features=4), gate, features=4, **settings)


def test_a_closed_gate_is_the_reconstructor() -> None:
    measured = measure((15, 12), coils=2)
    network = refiner(0.0)
    assert torch.equal(network(*measured), network.reconstructor(*measured))


@pytest.mark.parametrize("scaled", [False, True])
def test_the_correction_is_in_units_of_half_the_range_of_the_real_part(scaled: bool) -> None:
    measured = measure((15, 12))
    network = refiner(0.3, scaled_input=scaled)
    with torch.inference_mode():
        made, before = network(*measured), network.reconstructor(*measured)
    assert torch.equal(made.imag, before.imag)
    assert network.correction is not None
    for y, x, v in zip(made.real, before.real, network.correction[:, 0], strict=True):  # as the paper writes it
        low, high = x.min(), x.max()
        refined = 2 * (x - low) / (high - low) - 1 + 0.3 * v
        torch.testing.assert_close(y, (refined + 1) / 2 * (high - low) + low, atol=1e-5, rtol=1e-5)


def test_scaled_input_makes_the_refinement_blind_to_brightness() -> None:
    kspace, mask, maps = measure((12, 12))

    class ZeroFilled(nn.Module):
        def forward(self, kspace: Tensor, mask: Tensor, sensitivities: Tensor) -> Tensor:
            return zero_filled(kspace, mask, sensitivities)

    for scaled in (False, True):
        network = Refiner(ZeroFilled(), 0.5, scaled, features=4).eval()
        with torch.inference_mode():
            same = torch.allclose(4 * network(kspace, mask, maps), network(4 * kspace, mask, maps), atol=1e-4)
        assert same is scaled


def test_the_reconstructor_learns_nothing() -> None:
    network = refiner(1.0).train()
    assert network.unet.training
    assert not network.reconstructor.training
    network(*measure((12, 12))).abs().sum().backward()
    learning = {name.split(".")[0] for name, p in network.named_parameters() if p.grad is not None}
    assert learning == {"unet", "gate"}
    assert all(p.grad is not None for p in network.unet.parameters())


def test_at_a_closed_gate_only_gate_and_penalty_move() -> None:
    network = refiner(0.0).train()
    network(*measure((12, 12))).real.square().sum().backward()
    assert network.gate.grad is not None
    assert network.gate.grad != 0
    assert not any(p.grad is not None and p.grad.any() for p in network.unet.parameters())
    assert network.correction is not None
    network(*measure((12, 12)))
    network.correction.abs().mean().backward()
    assert any(p.grad is not None and p.grad.any() for p in network.unet.parameters())


def test_a_refiner_can_be_copied_after_a_pass() -> None:
    network, measured = refiner(0.2).eval(), measure((12, 12))
    made = network(*measured)
    assert torch.equal(copy.deepcopy(network)(*measured), made)


def test_the_critic_gives_a_logit_a_neighbourhood() -> None:
    critic = MagnitudeCritic(maps=(4, 4, 8, 8, 8, 8)).eval()
    image = torch.rand(1, 1, 512, 160)
    maps = critic.maps(image)
    sizes = [(256, 80), (128, 40), (64, 20), (32, 10), (16, 5), (16, 5), (13, 2)]
    assert [tuple(m.shape[2:]) for m in maps] == sizes
    assert torch.equal(critic(image), maps[-1][:, 0])
    assert MagnitudeCritic(maps=(4, 4, 4))(torch.rand(2, 1, 16, 19)).shape == (2, 1, 1)


def test_features_are_those_after_dropout() -> None:
    """Whole maps vanish from the last three layers in training, none from the others."""
    torch.manual_seed(0)
    critic = MagnitudeCritic(maps=(16, 16, 16, 16, 16)).train()
    maps = critic.maps(torch.rand(4, 1, 64, 64))[:-1]
    dropped = [(m.flatten(2).abs().sum(2) == 0).float().mean().item() for m in maps]
    assert dropped[:2] == [0.0, 0.0]
    assert all(0.2 < share < 0.8 for share in dropped[2:])
    assert all(m.any(dim=(2, 3)).all() for m in critic.eval().maps(torch.rand(4, 1, 64, 64)))


def test_what_is_too_small_is_refused() -> None:
    with pytest.raises(Refusal, match="128×128"):
        MagnitudeCritic(maps=(1,) * 6)(torch.rand(1, 1, 127, 200))
    with pytest.raises(Refusal, match="9×9"):
        RefinementUNet(4)(torch.rand(1, 2, 8, 9))
