"""What holds for every network that reconstructs: one interface, any size, one coil or several, half precision."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from finemri.networks.dagan import DAGANGenerator
from finemri.networks.gancs import GANCSGenerator
from finemri.networks.recnet import RecNet
from finemri.networks.refinement import Refiner
from tests.networks.measured import measure

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "gancs": lambda: GANCSGenerator(8, 1),
    "recnet": lambda: RecNet(2, 8),
    "refiner": lambda: Refiner(RecNet(1, 4), 0.5, features=4),
    "dagan": lambda: DAGANGenerator(3),
}


@pytest.mark.parametrize("coils", [1, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_an_image_of_the_size_of_its_k_space(name: str, coils: int) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name]()
    made = network(*measure((13, 18), coils))
    assert made.shape == (2, 13, 18)
    assert made.dtype == torch.complex64
    made.abs().square().sum().backward()
    kernels = [p for p in network.parameters() if p.ndim == 4 and p.requires_grad]
    assert kernels
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in kernels)


@pytest.mark.parametrize("name", NETWORKS)
def test_half_precision_inside_and_full_outside(name: str) -> None:
    torch.manual_seed(0)
    network, measured = NETWORKS[name]().eval(), measure((16, 16), coils=2)
    with torch.inference_mode():
        full = network(*measured)
        with torch.autocast("cpu", torch.bfloat16):
            half = network(*measured)
    assert half.dtype == torch.complex64
    assert not torch.equal(half, full)
    assert (half - full).abs().mean() < 0.05 * full.abs().mean()


@pytest.mark.parametrize("name", NETWORKS)
def test_what_was_not_measured_is_not_looked_at(name: str) -> None:
    """Samples outside the mask change nothing, were they there by mistake."""
    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    kspace, mask, maps = measure((16, 12))
    with torch.inference_mode():
        torch.testing.assert_close(network(kspace + 5 * ~mask, mask, maps), network(kspace, mask, maps))
