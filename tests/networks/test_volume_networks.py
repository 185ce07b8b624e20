"""Parameter counts of paper 002, sizes, and where each network starts."""

import pytest
import torch
from torch import nn

from finemri.networks.blocks import PhaseFilters, SubPixelNN, shuffle
from finemri.networks.critics import VolumeCritic
from finemri.networks.rrdb import RRDBNet3D
from finemri.networks.srresnet import ResidualSR3D, SRResNet3D
from finemri.refusal import Refusal


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("scale", "upsampler", "parameters"),
    [
        (2, "resize-conv", 529_377),
        (2, "sub-pixel", 417_209),
        (2, "sub-pixel-nn", 805_793),
        (4, "resize-conv", 750_689),
        (4, "sub-pixel", 431_097),
        (4, "sub-pixel-nn", 1_690_593),
    ],
)
def test_generators_have_the_papers_parameter_counts(scale: int, upsampler: str, parameters: int) -> None:
    with torch.device("meta"):
        assert count(SRResNet3D(scale, upsampler)) == parameters


def test_the_critic_has_the_papers_parameter_counts() -> None:
    with torch.device("meta"):
        critic = VolumeCritic(head="dense")
        assert count(critic.convolutions) == 3_514_976
        assert count(critic.head) == 100_665_345
        assert count(VolumeCritic(head="pool")) == 3_514_976 + 257


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("make", [SRResNet3D, ResidualSR3D, RRDBNet3D, lambda s: SRResNet3D(s, "sub-pixel-nn")])
def test_any_odd_size_comes_out_scale_times_finer(make: type[nn.Module], scale: int) -> None:
    network = make(scale).eval()
    with torch.inference_mode():
        assert network(torch.randn(1, 1, 5, 7, 3)).shape == (1, 1, 5 * scale, 7 * scale, 3 * scale)


@pytest.mark.parametrize(
    "make", [SRResNet3D, ResidualSR3D, lambda s: RRDBNet3D(s, blocks=1), lambda s: SRResNet3D(s, "sub-pixel-nn")]
)
def test_no_output_looks_further_than_the_radius(make: type[nn.Module]) -> None:
    """Change one coarse voxel: what changes lies within ``radius`` of it; and the radius is not a wild guess."""
    torch.manual_seed(0)
    network = make(2).eval()
    for parameter in network.parameters():  # strong weights, so that far influence does not drown
        if parameter.ndim > 1:
            nn.init.orthogonal_(parameter, gain=2.0)
    radius = int(network.radius)  # type: ignore[arg-type]
    line = torch.randn(1, 1, 2 * radius + 9, 3, 3)
    other = line.clone()
    middle = line.shape[2] // 2
    other[0, 0, middle] += 1.0
    with torch.inference_mode():
        changed = (network.double()(line.double()) - network(other.double())).abs().amax(dim=(0, 1, 3, 4)).nonzero()
    reach = max(middle - int(changed.min()) // 2, int(changed.max()) // 2 - middle)
    assert radius - 3 <= reach <= radius


def test_subpixel_nn_starts_as_nearest_neighbour() -> None:
    """All eight phases of its output are alike at the start: no checkerboard before one is learnt."""
    layer = SubPixelNN(3, 4)
    made = layer(torch.randn(1, 3, 6, 6, 6))
    blocks = made[..., 2:-2, 2:-2, 2:-2].unfold(2, 2, 2).unfold(3, 2, 2).unfold(4, 2, 2).flatten(-3)
    kernel = layer.conv.weight.detach()
    assert torch.equal(kernel[..., ::2, ::2, ::2], kernel[..., 1::2, 1::2, 1::2])
    spread = (blocks.amax(-1) - blocks.amin(-1)).mean()
    assert spread < blocks.std() * 1.5


def test_shuffle_puts_every_map_in_its_place() -> None:
    x = torch.arange(2 * 8 * 2 * 2 * 2, dtype=torch.float32).reshape(1, 16, 2, 2, 2)
    made = shuffle(x, 2)
    assert made.shape == (1, 2, 4, 4, 4)
    for p in range(2):
        for q in range(2):
            for r in range(2):
                assert torch.equal(made[0, 1, p::2, q::2, r::2], x[0, 8 + 4 * p + 2 * q + r])


@pytest.mark.parametrize("scale", [2, 4])
def test_phase_filters_start_as_interpolation(scale: int) -> None:
    """Exact on a ramp, in the cell-centred grid; a constant stays constant up to the corners."""
    filters = PhaseFilters(scale)
    flat = filters(torch.full((1, 1, 5, 6, 7), 3.0))
    torch.testing.assert_close(flat, torch.full_like(flat, 3.0))
    ramp = torch.arange(9.0)[:, None, None].expand(9, 5, 5)[None, None]
    fine = (torch.arange(9 * scale) + 0.5) / scale - 0.5
    made = filters(ramp)[0, 0, :, 4, 4]
    inner = slice(2 * scale, -2 * scale)
    torch.testing.assert_close(made[inner], fine[inner])


@pytest.mark.parametrize("head", ["dense", "pool"])
def test_a_critic_gives_one_score_an_image(head: str) -> None:
    critic = VolumeCritic((20, 17, 16), head, features=4)  # type: ignore[arg-type]
    assert critic(torch.randn(3, 1, 20, 17, 16)).shape == (3,)


def test_a_critic_for_the_gradient_penalty_has_no_batch_statistics() -> None:
    critic = VolumeCritic((16, 16, 16), features=4, normalise=False)
    images = torch.randn(3, 1, 16, 16, 16)
    torch.testing.assert_close(critic(images)[0], critic(images[:1])[0])


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(Refusal, match="2 or 4"):
        SRResNet3D(3)
    with pytest.raises(Refusal, match="upsampler"):
        SRResNet3D(2, "bicubic")


def test_on_one_grid_they_correct_what_they_are_given() -> None:
    """Scale 1: coarse and fine lie on one grid; the way that every correction is added to is the image itself."""
    torch.manual_seed(0)
    x = torch.randn(1, 1, 5, 7, 3)
    torch.testing.assert_close(PhaseFilters(1)(x), x)
    for network in (SRResNet3D(1), ResidualSR3D(1), RRDBNet3D(1, blocks=1)):
        assert network(x).shape == x.shape
    with pytest.raises(Refusal, match="1, 2 or 4 times finer, not 3"):
        ResidualSR3D(3)
