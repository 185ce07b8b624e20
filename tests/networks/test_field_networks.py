"""Patch networks and critics of paper 003: counts, sizes, the published U-Net written out, sharpening."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from finemri.networks.field_critics import FieldCritic
from finemri.networks.pix2pix import PatchCritic, Pix2PixUNet
from finemri.networks.sharpen import Sharpen
from finemri.refusal import Refusal
from tests.networks.measured import count

CRITICS: dict[str, tuple[Callable[..., nn.Module], int]] = {
    "b": (lambda **more: FieldCritic("b", **more), 25_633),
    "d": (lambda **more: FieldCritic("d", **more), 175_025),
    "f": (lambda **more: FieldCritic("f", **more), 392_833),
    "h": (PatchCritic, 174_801),
}


def test_counts_are_the_papers() -> None:
    assert count(Pix2PixUNet()) == 1_829_025
    assert count(Pix2PixUNet(32)) == 1_829_025 - 262_400 - 524_544
    assert count(PatchCritic(features=64)) == 2_763_585
    for make, parameters in CRITICS.values():
        assert count(make()) == parameters


class Published(nn.Module):
    """One level of the library's U-Net, with the in-place activations of its day."""

    def __init__(self, outer: int, inner: int, inside: nn.Module | None, first: bool = False) -> None:
        super().__init__()
        down = nn.Conv2d(1 if first else outer, inner, 4, 2, 1, bias=False)
        up = nn.ConvTranspose2d(inner if inside is None else 2 * inner, 1 if first else outer, 4, 2, 1, bias=first)
        leaky, relu = nn.LeakyReLU(0.2, inplace=True), nn.ReLU(inplace=True)
        parts: list[nn.Module]
        if first:
            assert inside is not None
            parts = [down, inside, relu, up, nn.Tanh()]
        elif inside is None:
            parts = [leaky, down, relu, up, nn.BatchNorm2d(outer)]
        else:
            parts = [leaky, down, nn.BatchNorm2d(inner), inside, relu, up, nn.BatchNorm2d(outer)]
        self.model, self.first = nn.Sequential(*parts), first

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.model(x)
        return y if self.first else torch.cat([x, y], 1)


@pytest.mark.parametrize("patch", [64, 32])
def test_the_u_net_is_the_librarys(patch: int) -> None:
    torch.manual_seed(0)
    widths = [(128, 128), (128, 128), (64, 128), (32, 64), (16, 32)][0 if patch == 64 else 1 :]
    inside: Published | None = None
    for outer, inner in widths:
        inside = Published(outer, inner, inside)
    reference, network = Published(1, 16, inside, first=True), Pix2PixUNet(patch)
    ours = [p for level in (*network.down, *reversed(network.up)) for p in level.parameters()]
    for mine, theirs in zip(ours, reference.parameters(), strict=True):
        mine.data.copy_(theirs)
    x = torch.randn(3, 1, patch, patch)
    torch.testing.assert_close(network(x), reference(x))
    network.eval(), reference.eval()
    made = network(x)
    torch.testing.assert_close(made, reference(x))
    assert made.shape == x.shape
    assert made.abs().max() < 1


def test_tanh_and_dropout_are_settings() -> None:
    torch.manual_seed(0)
    bounded, free = Pix2PixUNet(32), Pix2PixUNet(32, tanh=False)
    free.load_state_dict(bounded.state_dict())
    x = torch.randn(2, 1, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(bounded.eval()(x), free.eval()(x).tanh())
        dropping = Pix2PixUNet(64, dropout=0.5)
        assert [m.p for m in dropping.modules() if isinstance(m, nn.Dropout)] == [0.5]
        x = torch.randn(2, 1, 64, 64)
        dropping(x)
        assert torch.equal(dropping.eval()(x), dropping(x))


@pytest.mark.parametrize("make", [Pix2PixUNet, *(make for make, _ in CRITICS.values())])
def test_every_parameter_learns(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    network = make().eval()
    network(torch.randn(3, 1, 64, 64)).sin().sum().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("kind", CRITICS)
@pytest.mark.parametrize("normalise", [True, False])
def test_critics_score_patches_of_one_channel_or_two(kind: str, normalise: bool) -> None:
    make, _ = CRITICS[kind]
    for patch, places in ((64, (6, 6)), (32, (2, 2))):
        critic = make(inputs=2, normalise=normalise, **({} if kind == "h" else {"patch": patch}))
        scores = critic(torch.randn(3, 2, patch, patch))
        assert scores.shape == (3, *(places if kind == "h" else ()))
        assert any(isinstance(m, nn.BatchNorm2d) for m in critic.modules()) == normalise
        assert not any(isinstance(m, nn.Sigmoid) for m in critic.modules())


@pytest.mark.parametrize("kind", CRITICS)
def test_without_normalisation_a_score_is_of_its_image_alone(kind: str) -> None:
    """As the gradient penalty needs; and a critic that starts so still sees the image."""
    torch.manual_seed(0)
    critic = CRITICS[kind][0](normalise=False)
    image = torch.randn(4, 1, 64, 64)
    scores = critic(image)
    torch.testing.assert_close(scores[:1], critic(image[:1]), atol=1e-5, rtol=1e-4)
    assert scores.std() > 1e-3


def test_a_critic_of_places_takes_any_size_from_24() -> None:
    critic = PatchCritic()
    for i, j in ((24, 24), (64, 100), (33, 47)):
        assert critic(torch.randn(2, 1, i, j)).shape == (2, i // 8 - 2, j // 8 - 2)


@pytest.mark.parametrize("pad", ["zeros", "edge"])
@pytest.mark.parametrize("size", [3, 5])
def test_sharpening_keeps_constants_and_steepens_edges(size: int, pad: str) -> None:
    sharpen = Sharpen(size, pad)  # type: ignore[arg-type]
    assert sharpen.kernel.sum().item() == pytest.approx(1.0, abs=1e-6)
    assert not list(sharpen.parameters())
    assert not sharpen.state_dict()
    flat = sharpen(torch.full((2, 3, 12, 9), 0.7))
    edge = size // 2
    torch.testing.assert_close(flat[..., edge:-edge, edge:-edge], torch.full((2, 3, 12 - 2 * edge, 9 - 2 * edge), 0.7))
    assert (float((flat - 0.7).abs().max()) > 0.1) == (pad == "zeros")
    step = torch.zeros(1, 1, 8, 8)
    step[..., 4:] = 1
    rise = sharpen(step)[0, 0, 4]
    assert rise[4] > 1
    assert rise[3] < 0


def test_the_sharpening_kernels_are_the_printed_ones() -> None:
    point = torch.zeros(1, 1, 7, 7, requires_grad=True)
    with torch.no_grad():
        point[0, 0, 3, 3] = 1
    small, large = Sharpen(3)(point)[0, 0], Sharpen(5)(point)[0, 0]
    assert small[2:5, 2:5].tolist() == [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]
    assert (-256 * large[1:6, 1:6]).tolist() == [
        [1, 4, 6, 4, 1],
        [4, 16, 24, 16, 4],
        [6, 24, -476, 24, 6],
        [4, 16, 24, 16, 4],
        [1, 4, 6, 4, 1],
    ]
    Sharpen(3)(point)[0, 0, 3, 3].backward()
    assert point.grad is not None
    assert point.grad[0, 0, 3, 3] == 5


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(Refusal, match="64×64 or 32×32, not 48×48"):
        Pix2PixUNet(48)
    with pytest.raises(Refusal, match="patches of 64×64, not 64×32; cut"):
        Pix2PixUNet()(torch.zeros(1, 1, 64, 32))
    with pytest.raises(Refusal, match="no level that drops maps"):
        Pix2PixUNet(32, dropout=0.5)
    with pytest.raises(Refusal, match="24×24 and more, not 24×23"):
        PatchCritic()(torch.zeros(1, 1, 24, 23))
    with pytest.raises(Refusal, match="40×40"):
        FieldCritic("b", patch=40)
    with pytest.raises(Refusal, match="patches of 64×64, not 32×32"):
        FieldCritic("d")(torch.zeros(2, 1, 32, 32))
    with pytest.raises(Refusal, match="not 7×7"):
        Sharpen(7)
