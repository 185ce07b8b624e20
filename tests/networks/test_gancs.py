"""Paper 000: parameter counts, measured samples, sizes as TensorFlow makes them, and where the weights start."""

import math

import pytest
import torch
from torch import nn

from finemri.networks.gancs import GANCSCritic, GANCSGenerator
from finemri.networks.planes import same
from finemri.physics.fourier import to_kspace
from finemri.refusal import Refusal
from tests.networks.measured import count, measure


def test_counts_are_the_papers() -> None:
    with torch.device("meta"):
        assert count(GANCSGenerator()) == 371_650
        assert count(GANCSGenerator(head=1)) == 337_858
        assert count(GANCSCritic()) == 34_172
        assert count(GANCSCritic(normalise=False)) == 33_924


@pytest.mark.parametrize("shape", [(16, 12), (13, 17)])
def test_measured_samples_stay_unless_consistency_is_off(shape: tuple[int, int]) -> None:
    kspace, mask, maps = measure(shape)
    kept = to_kspace(GANCSGenerator(8, 1)(kspace, mask, maps).detach())[:, None] * mask
    torch.testing.assert_close(kept, kspace, atol=1e-5, rtol=1e-5)
    free = to_kspace(GANCSGenerator(8, 1, consistency=False)(kspace, mask, maps).detach())[:, None] * mask
    assert (free - kspace).abs().max() > 0.1


def test_several_coils_make_one_image() -> None:
    kspace, mask, maps = measure((14, 11), coils=3)
    image = GANCSGenerator(8, 1)(kspace, mask, maps)
    assert image.shape == (2, 14, 11)
    assert image.dtype == torch.complex64


def test_an_image_depends_on_its_neighbours_only_when_asked_to() -> None:
    kspace, mask, maps = measure((12, 12))
    for asked in (False, True):
        network = GANCSGenerator(8, 1, batch_statistics_at_test=asked).eval()
        for block in network.blocks.modules():  # strong enough to be seen
            if isinstance(block, nn.Conv2d):
                nn.init.normal_(block.weight)
        with torch.inference_mode():
            alone, together = network(kspace[:1], mask[:1], maps[:1]), network(kspace, mask, maps)[:1]
        assert torch.allclose(alone, together, atol=1e-4) is not asked


def test_weights_start_as_published() -> None:
    """Deviations √(f/(√(c_in c_out) k²)), less what is cut at two of them; the residual blocks all but silent."""
    torch.manual_seed(0)
    network = GANCSGenerator()
    cut = 0.8796  # deviation of a unit normal cut at ±2
    for part, factor, spread in (
        (network.blocks, 1e-3, 64 * 9),
        (network.post, 2.0, 64 * 9),
        (network.tail, 1.0, math.sqrt(128) * 9),
    ):
        for layer in part.modules():
            if isinstance(layer, nn.Conv2d):
                deviation = math.sqrt(factor / spread)
                assert layer.weight.std().item() == pytest.approx(cut * deviation, rel=0.06)
                assert layer.weight.abs().max() <= 2 * deviation
                assert layer.bias is not None
                assert not layer.bias.any()
    x = torch.randn(1, 64, 9, 9)
    assert (network.blocks(x) - x).std() < 0.1


def test_the_critic_halves_as_tensorflow_and_scores_by_the_mean() -> None:
    critic = GANCSCritic()
    maps = critic.maps(torch.randn(3, 2, 64, 40))
    sizes = [(32, 20), (16, 10), (8, 5), (4, 3), (4, 3), (4, 3), (4, 3)]
    assert [tuple(m.shape[2:]) for m in maps] == sizes
    assert [m.shape[1] for m in maps] == [4, 8, 16, 32, 32, 32, 32]
    assert all((m >= 0).all() for m in maps[:-1])
    assert (maps[-1] < 0).any()
    image = torch.randn(3, 2, 33, 17)
    torch.testing.assert_close(critic(image), critic.maps(image)[-1].flatten(1).mean(1))


def test_a_critic_for_the_gradient_penalty_has_no_batch_statistics() -> None:
    critic, images = GANCSCritic(normalise=False), torch.randn(3, 2, 16, 16)
    torch.testing.assert_close(critic(images)[0], critic(images[:1])[0])


@pytest.mark.parametrize(("size", "first"), [(6, 0 + 1 + 2), (7, 0 + 1)])
def test_same_padding_puts_the_odd_row_behind(size: int, first: int) -> None:
    """A sum over three at stride 2: an even line starts at sample 0, an odd one half outside."""
    layer = same(1, 1, 3, stride=2, bias=False)
    nn.init.ones_(layer[1].weight)  # type: ignore[arg-type]
    line = torch.arange(float(size)).expand(1, 1, 3, size)[:, :, :1]
    made = layer(line)
    assert made.shape[-1] == math.ceil(size / 2)
    assert made.flatten()[0] == first


def test_another_head_is_refused() -> None:
    with pytest.raises(Refusal, match="5×5"):
        GANCSGenerator(head=5)
