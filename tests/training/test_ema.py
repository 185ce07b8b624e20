import pytest
import torch
from torch import nn

from finemri.training.ema import Average


@pytest.mark.parametrize("decay", [0.0, 0.15, 0.9])
def test_young_averages_forget_quickly_and_old_ones_as_asked(decay: float) -> None:
    network = nn.Linear(1, 1, bias=False).double()
    average = Average(network, decay)
    expected = network.weight.item()
    for n in range(40):
        network.weight.data.fill_(float(n) ** 2)
        average.update(network)
        d = min(decay, (1 + n) / (10 + n))
        expected = d * expected + (1 - d) * float(n) ** 2
        assert average.network.get_parameter("weight").item() == pytest.approx(expected, rel=1e-12)


def test_statistics_are_averaged_and_counters_copied() -> None:
    network = nn.BatchNorm1d(2)
    average = Average(network, 0.9)
    network(torch.randn(8, 2))
    running = network.get_buffer("running_mean")
    average.update(network)
    torch.testing.assert_close(average.network.get_buffer("running_mean"), 0.9 * running)  # 0.1 of the zeros before
    assert average.network.get_buffer("num_batches_tracked").item() == 1


def test_the_average_is_a_copy_for_use_not_for_learning() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    average = Average(network, 0.9)
    assert not average.network.training
    assert not any(p.requires_grad for p in average.network.parameters())
    assert network.training
    assert all(p.requires_grad for p in network.parameters())
