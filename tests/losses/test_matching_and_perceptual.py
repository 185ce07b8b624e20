"""Losses that ask another network."""

import pytest
import torch
from torch import Tensor, nn

from finemri.losses.matching import feature_matching
from finemri.losses.perceptual import Perceptual


class Doubling(nn.Module):
    """Its maps: the image, and twice the image's sum over places."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(2.0))

    def maps(self, image: Tensor) -> list[Tensor]:
        return [image, self.gain * image.sum((2, 3))]

    def forward(self, image: Tensor) -> Tensor:
        return self.maps(image)[-1]


def test_matching_is_the_mean_over_maps_of_mean_differences() -> None:
    real, fake = torch.zeros(2, 1, 3, 4), torch.full((2, 1, 3, 4), 0.5)
    assert feature_matching(Doubling(), real, fake).item() == pytest.approx((0.5 + 2 * 6.0) / 2)
    assert feature_matching(Doubling(), fake, fake).item() == 0.0


def test_matching_asks_nothing_of_the_real_image() -> None:
    real, fake = (torch.randn(2, 1, 3, 4, requires_grad=True) for _ in range(2))
    feature_matching(Doubling(), real, fake).backward()
    assert real.grad is None
    assert fake.grad is not None


def test_perceptual_is_the_mean_square_between_maps_of_magnitudes() -> None:
    features = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(features.weight, 3.0)
    loss = Perceptual(features)
    made = torch.full((2, 4, 4), 3 + 4j, dtype=torch.complex64, requires_grad=True)
    true = torch.full((2, 4, 4), 1j, dtype=torch.complex64)
    value = loss(made, true)
    assert value.item() == pytest.approx((3 * 5 - 3 * 1) ** 2)
    value.backward()
    assert made.grad is not None
    assert float(loss(true, true)) == 0.0


def test_the_other_network_does_not_learn() -> None:
    features = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Dropout(0.5)).train()
    before = {name: tensor.clone() for name, tensor in features.state_dict().items()}
    loss = Perceptual(features, seen=lambda image: image)
    made = torch.randn(2, 2, 6, 6, requires_grad=True)
    loss(made, torch.randn(2, 2, 6, 6)).backward()
    assert all(parameter.grad is None for parameter in features.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in features.state_dict().items())


def test_images_come_to_the_size_that_the_other_network_knows() -> None:
    sizes: list[tuple[int, ...]] = []

    class Watching(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            sizes.append(tuple(image.shape))
            return image

    image = torch.full((1, 5, 7), 2.0, dtype=torch.complex64)
    assert float(Perceptual(Watching(), size=(8, 9))(image, torch.zeros_like(image))) == pytest.approx(4.0)
    assert sizes == [(1, 1, 8, 9)] * 2
