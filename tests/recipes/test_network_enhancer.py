import numpy as np
import pytest
import torch
from torch import Tensor, nn

from finemri.networks.rrdb import RRDBNet3D
from finemri.networks.srresnet import ResidualSR3D, SRResNet3D
from finemri.recipes.network_enhancer import Ledger, NetworkEnhancer, receptive_radius
from finemri.refusal import Refusal


def convolutions(*sizes: int, dilation: int = 1) -> nn.Module:
    """Convolutions of these widths one after the other; with zeros for weights, which still look."""
    layers = [nn.Conv3d(1, 1, n, padding=dilation * (n // 2), dilation=dilation) for n in sizes]
    for layer in layers:
        nn.init.zeros_(layer.weight)
    return nn.Sequential(*layers)


class Uneven(nn.Module):
    """Three voxels wide along i, seven along j, one along k."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(1, 1, (3, 7, 1), padding=(1, 3, 0))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return y


class Everywhere(nn.Module):
    """Subtracts the mean of the image."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean()


@pytest.mark.parametrize(
    ("network", "scale", "radius"),
    [
        (nn.Identity(), 1, (0, 0, 0)),
        (convolutions(3, 5), 1, (3, 3, 3)),
        (convolutions(3, 3, dilation=20), 1, (40, 40, 40)),
        (Uneven(), 1, (1, 3, 0)),
        (nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv3d(1, 1, 3, padding=1)), 2, (1, 1, 1)),
        (ResidualSR3D(2, 4, 3), 2, (8, 8, 8)),
        (SRResNet3D(2, "sub-pixel", features=8, blocks=1), 2, (6, 6, 6)),
        (RRDBNet3D(2, 4, 2, 1), 2, (18, 18, 18)),
    ],
)
def test_the_receptive_radius_is_how_far_the_network_looks(
    network: nn.Module, scale: int, radius: tuple[int, int, int]
) -> None:
    assert receptive_radius(network.eval(), (scale, scale, scale)) == radius


def test_a_network_that_looks_everywhere_is_refused() -> None:
    with pytest.raises(Refusal, match="whole image"):
        receptive_radius(Everywhere(), (1, 1, 1))


def test_the_ledger_counts_what_is_alive_at_one_time() -> None:
    with Ledger() as ledger:
        for _ in range(5):
            x = torch.zeros(1000)  # the next one is made before this one goes
        del x
        y = torch.zeros(500)
        z = y.view(50, 10)
    assert ledger.most == 8000
    assert ledger.held == 2000
    assert z.shape == (50, 10)


def test_bytes_per_voxel_follow_width_and_precision() -> None:
    narrow, wide = (NetworkEnhancer(ResidualSR3D(2, n, 2), scale=2, normaliser="none") for n in (16, 64))
    assert 3 < wide.bytes_per_voxel / narrow.bytes_per_voxel < 4.2
    assert wide.bytes_per_voxel > 3 * 4 * 64  # the trunk's start, a block's input and output


def test_the_network_is_copied_and_goes_on_training() -> None:
    network = ResidualSR3D(2, 4, 1).train()
    enhancer = NetworkEnhancer(network, scale=2, normaliser="none")
    image = np.random.default_rng(0).random((6, 7, 8), np.float32)
    before = enhancer(image)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    np.testing.assert_array_equal(enhancer(image), before)
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_it_says_what_the_network_says() -> None:
    network = ResidualSR3D(2, 4, 1).eval()
    image = np.random.default_rng(0).random((5, 6, 7), np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(image)[None, None])[0, 0].numpy()
    enhanced = NetworkEnhancer(network, scale=2, normaliser="none")(image)
    assert enhanced.shape == (10, 12, 14)
    np.testing.assert_allclose(enhanced, expected, atol=1e-6)


def test_bf16_keeps_the_interpolation_in_full_precision() -> None:
    """With a correction of zero, nothing may be lost: bfloat16 would be wrong by 1 in 256."""
    network = ResidualSR3D(2, 8, 1)
    nn.init.zeros_(network.tail.weight)
    nn.init.zeros_(network.tail.bias)  # type: ignore[arg-type]
    image = np.random.default_rng(0).random((9, 9, 9), np.float32)
    half, full = (NetworkEnhancer(network, scale=2, normaliser="none", precision=p)(image) for p in ("bf16", "fp32"))
    np.testing.assert_allclose(half, full, atol=1e-6)


def test_a_device_that_is_not_there_is_refused() -> None:
    for device in ("cuda:7", "toaster"):
        with pytest.raises(Refusal, match="device"):
            NetworkEnhancer(nn.Identity(), scale=1, normaliser="none", device=device)


def test_settings_tell_what_it_runs_on() -> None:
    enhancer = NetworkEnhancer(nn.Identity(), scale=1, normaliser="none", precision="fp32")
    assert enhancer.settings == {"device": "cpu", "precision": "fp32"}
