"""The 2D generators of papers 001 and 003: the counts of the papers, sizes, starts, reach, residual learning."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from finemri.networks.dcgan import DCGAN1, DCGAN2, DCGAN3
from finemri.networks.dcsrn2d import DCSRN2D
from finemri.networks.fcn import FCN1, FCN2
from finemri.networks.planes import Chain, Residual
from finemri.networks.slice_srresnet import SliceSRResNet
from finemri.refusal import Refusal
from tests.networks.measured import count

GENERATORS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "srresnet": (SliceSRResNet, 1_221_953),
    "srresnet, to three slices": (lambda: SliceSRResNet(outputs=3), 1_223_107),
    "srresnet, from three slices": (lambda: SliceSRResNet(inputs=3), 1_221_953 + 2 * 9 * 64),
    "fcn1": (FCN1, 308_545),
    "fcn1, 7-7-5-3": (lambda: FCN1((7, 7, 5, 3)), 308_545),
    "fcn2": (FCN2, 155_681),
    "dcsrn": (DCSRN2D, 53_977),
    "dcsrn, last elu": (lambda: DCSRN2D(last_elu=True), 53_977),
    "dcgan1 a": (DCGAN1, 6_885),
    "dcgan1 b": (lambda: DCGAN1("b"), 6_885),
    "dcgan1 c": (lambda: DCGAN1("c"), 6_885),
    "dcgan2": (DCGAN2, 458_385),
    "dcgan3": (DCGAN3, 868_369),
}
DEEP = {"srresnet", "srresnet, to three slices", "srresnet, from three slices"}
BOUNDED: list[Callable[..., nn.Module]] = [SliceSRResNet, FCN1, FCN2, DCSRN2D, DCGAN1, DCGAN2, DCGAN3]


def made(name: str) -> nn.Module:
    torch.manual_seed(0)
    if name == "srresnet, to three slices":
        return SliceSRResNet(outputs=3, features=8, blocks=3)
    if name == "srresnet, from three slices":
        return SliceSRResNet(inputs=3, features=8, blocks=3)
    return SliceSRResNet(features=8, blocks=3) if name in DEEP else GENERATORS[name][0]()


@pytest.mark.parametrize("name", GENERATORS)
def test_counts_are_the_papers(name: str) -> None:
    make, parameters = GENERATORS[name]
    assert count(make()) == parameters


def test_dcgan3_is_dcgan2_and_one_layer() -> None:
    assert count(DCGAN3()) - count(DCGAN2()) == 409_984


def test_srresnet_and_dcgan1_have_the_published_layers() -> None:
    """A count alone would not show where the biases and the batch norms stand."""
    biased = [m.bias is not None for m in SliceSRResNet(blocks=2).modules() if isinstance(m, nn.Conv2d)]
    assert biased == [True, False, False, False, False, False, True]
    normed = {name: [isinstance(m, nn.BatchNorm2d) for m in DCGAN1(name).layers] for name in ("a", "b", "c")}
    assert normed["a"] == [0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0]
    assert normed["b"] == [0, 1, 0] * 4 + [0, 0]
    assert normed["c"] == [0, 1, 0] * 5
    assert not any(isinstance(m, nn.BatchNorm2d) and m.affine for m in DCGAN1("b").modules())
    norm = next(m for m in SliceSRResNet(blocks=1).modules() if isinstance(m, nn.BatchNorm2d))
    assert (norm.momentum, norm.eps) == (0.1, 1e-5)


def test_silenced_blocks_leave_the_way_around_them() -> None:
    """Around each block and around all: what the head made reaches the tail, nothing acts on it in between."""
    network = SliceSRResNet(features=4, blocks=2).eval()
    x = torch.randn(1, 1, 7, 9)
    around = network.tail(network.head(x))
    nn.init.zeros_(network.middle[1].weight)  # type: ignore[arg-type]
    torch.testing.assert_close(network(x), around)
    block = network.blocks[0]
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    maps = torch.randn(1, 4, 7, 9)
    assert torch.equal(block(maps), maps)


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("shape", [(16, 24), (13, 9), (3, 1)])
def test_any_size_comes_back(name: str, shape: tuple[int, int]) -> None:
    inputs, outputs = (3 if f"{way} three" in name else 1 for way in ("from", "to"))
    with torch.inference_mode():
        assert made(name).eval()(torch.randn(2, inputs, *shape)).shape == (2, outputs, *shape)


@pytest.mark.parametrize("name", GENERATORS)
def test_every_parameter_learns(name: str) -> None:
    """In eval mode: in training, a bias before a batch norm is taken off again."""
    network = made(name).eval()
    x = torch.randn(2, 3 if "from three" in name else 1, 16, 16)
    y = network(x)
    (y - torch.randn_like(y)).square().mean().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("name", ["srresnet", "fcn2", "dcsrn", "dcgan3"])
def test_they_start_as_published(name: str) -> None:
    torch.manual_seed(0)
    network = GENERATORS[name][0]()
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            assert module.bias is None or not module.bias.any()
            if module.weight.numel() > 1000:
                assert module.weight.std().item() == pytest.approx(0.02, rel=0.1)
    gains = torch.cat([m.weight for m in network.modules() if isinstance(m, nn.BatchNorm2d)])
    assert gains.mean().item() == pytest.approx(1, abs=0.01)
    assert gains.std().item() == pytest.approx(0.02, rel=0.3)


@pytest.mark.parametrize("name", [n for n in GENERATORS if " three" not in n])
def test_no_output_looks_further_than_the_radius(name: str) -> None:
    """Change one pixel: what changes lies within ``radius`` of it, in one direction right up to it or nearly so."""
    network = made(name).eval()
    for parameter in network.parameters():  # strong weights, so that far influence does not drown
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=(2 / parameter[0].numel()) ** 0.5)
    radius = int(network.radius)  # type: ignore[arg-type]
    size = 2 * radius + 16
    base = torch.randn(1, 1, size, size)
    furthest = 0
    with torch.inference_mode():
        before = network(base)
        for middle in range(radius + 1, radius + 9):  # poolings see some pixels from further away
            changed = base.clone()
            changed[0, 0, middle, middle] += 10
            touched = (network(changed) - before)[0, 0].abs() > 1e-6
            reach = (touched.nonzero() - middle).abs().max()
            furthest = max(furthest, int(reach))
    assert furthest <= radius
    assert furthest >= radius - 4


@pytest.mark.parametrize("make", BOUNDED)
def test_outputs_are_bounded_when_asked(make: Callable[..., nn.Module]) -> None:
    x = 100 * torch.randn(1, 1, 8, 8)
    small = {"features": 8, "blocks": 1} if make is SliceSRResNet else {}
    torch.manual_seed(0)
    with torch.inference_mode():
        plain = make(output="none", **small)
        image = plain(x)
        for output, expected in (
            ("relu", image.relu()),
            ("tanh", image.tanh()),
            ("sigmoid", image.sigmoid()),
        ):
            bounded = make(output=output, **small)
            bounded.load_state_dict(plain.state_dict())
            torch.testing.assert_close(bounded(x), expected)


def test_what_is_learnt_is_added_to_the_middle_slice() -> None:
    for inputs, outputs in ((1, 1), (1, 3), (3, 1), (3, 3), (5, 1)):
        network = Residual(SliceSRResNet(inputs, outputs, features=4, blocks=1))
        x = torch.randn(2, inputs, 6, 7)
        wanted = x if inputs == outputs else x[:, inputs // 2 : inputs // 2 + 1].expand(-1, outputs, -1, -1)
        torch.testing.assert_close(network.eval()(x) - network.network(x), wanted, atol=1e-6, rtol=1e-5)
        for parameter in network.parameters():
            nn.init.zeros_(parameter)
        assert torch.equal(network(x), wanted)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(Refusal, match="odd number of slices, not 2 in"):
        SliceSRResNet(inputs=2)
    with pytest.raises(Refusal, match="give odd ones"):
        Chain((1, 2), (4,))
