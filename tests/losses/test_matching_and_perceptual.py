"""Losses that ask another network."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from finemri.losses.matching import feature_matching
from finemri.losses.perceptual import LayeredPerceptual, Perceptual
from finemri.losses.view import standardised, unit
from finemri.networks.features import VGGFeatures


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


class Twofold(nn.Module):
    """Two maps: the image, and ten times half of its pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(10.0))

    def maps(self, image: Tensor) -> list[Tensor]:
        return [image, self.gain * image[..., ::2]]


def test_layers_are_summed_each_by_its_mean_difference() -> None:
    made, true = torch.full((2, 1, 4, 4), 0.5, requires_grad=True), torch.zeros(2, 1, 4, 4)
    loss = LayeredPerceptual(Twofold(), seen=lambda image: image)
    value = loss(made, true)
    assert value.item() == pytest.approx(0.5 + 5.0)
    value.backward()
    assert made.grad is not None
    assert loss.features.gain.grad is None  # type: ignore[attr-defined]
    assert float(loss(true, true)) == 0.0


def test_brightness_and_contrast_of_an_image_do_not_count() -> None:
    torch.manual_seed(0)
    loss, true = LayeredPerceptual(Twofold()), torch.rand(2, 1, 6, 6)
    assert float(loss(3 * true + 7, true)) == pytest.approx(0.0, abs=1e-4)
    assert float(loss(-true, true)) > 1.0


def test_standardised_images_have_mean_0_and_deviation_1_each_for_itself() -> None:
    torch.manual_seed(0)
    image = torch.stack([torch.rand(1, 8, 9), 50 + 9 * torch.randn(1, 8, 9)])
    z = standardised(image)
    torch.testing.assert_close(z.mean(dim=(1, 2, 3)), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.std(dim=(1, 2, 3), correction=0), torch.ones(2))


def test_an_empty_patch_asks_for_a_bounded_change() -> None:
    made = torch.full((1, 1, 8, 8), 0.3, requires_grad=True)
    LayeredPerceptual(Twofold())(made, torch.rand(1, 1, 8, 8)).backward()
    assert made.grad is not None
    assert made.grad.isfinite().all()
    assert made.grad.abs().max() < 2 * 10 / 32 / 1e-2 + 1 / 64 / 1e-2


def test_unit_brings_tanh_to_brightness() -> None:
    assert unit(torch.tensor([[[[-1.0, 0.0, 1.0]]]])).tolist() == [[[[0.0, 0.5, 1.0]]]]


def test_of_two_images_of_one_error_the_blurred_one_costs_more(shared_data: Path) -> None:
    """Trained features, shown standardised images: zero at identity, and structure counts for more than brightness."""
    path = shared_data / "weights" / "vgg19_imagenet_to_conv3_4.safetensors"
    loss = LayeredPerceptual(VGGFeatures(path, ("relu1_2", "relu2_2", "relu3_3"), brightness="standardised"))
    checks = ((torch.arange(48) // 6 + torch.arange(48)[:, None] // 6) % 2).float()[None, None] * 0.6 + 0.2
    blurred = nn.functional.avg_pool2d(checks, 5, 1, 2, count_include_pad=False).requires_grad_()
    brighter = checks + (blurred.detach() - checks).square().mean().sqrt()
    cost = loss(blurred, checks)
    assert float(loss(checks, checks)) == 0.0
    assert float(cost.detach()) > 100 * float(loss(brighter, checks))
    cost.backward()
    assert blurred.grad is not None
    assert blurred.grad.any()
