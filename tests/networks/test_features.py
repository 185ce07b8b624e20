"""VGG from a file: its layers against a network written out by hand, its colours, its refusals."""

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from finemri.networks.features import Convention, VGGFeatures
from finemri.refusal import Refusal

VGG19 = [
    (0, 3, 64),
    (2, 64, 64),
    (5, 64, 128),
    (7, 128, 128),
    (10, 128, 256),
    (12, 256, 256),
    (14, 256, 256),
    (16, 256, 256),
]
VGG16 = [*VGG19[:7], (17, 256, 512)]


def weights(layers: list[tuple[int, int, int]]) -> dict[str, Tensor]:
    torch.manual_seed(1)
    made: dict[str, Tensor] = {}
    for number, inputs, outputs in layers:
        made[f"features.{number}.weight"] = torch.randn(outputs, inputs, 3, 3) * (2 / (9 * inputs)) ** 0.5
        made[f"features.{number}.bias"] = torch.randn(outputs) * 0.1
    return made


@pytest.fixture(scope="session")
def vgg19(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vgg") / "vgg19.safetensors"
    save_file(weights(VGG19), path, metadata={"order": "BGR"})
    return path


def by_hand(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    """relu2_2, written out."""
    for number, pool in ((0, False), (2, True), (5, False), (7, False)):
        x = functional.relu(
            functional.conv2d(x, w[f"features.{number}.weight"], w[f"features.{number}.bias"], padding=1)
        )
        x = functional.max_pool2d(x, 2) if pool else x
    return x


def test_layers_and_colours_are_those_written_out_by_hand(vgg19: Path) -> None:
    image, w = torch.rand(2, 3, 12, 10), weights(VGG19)
    caffe = 255 * image[:, [2, 1, 0]] - torch.tensor([103.939, 116.779, 123.68])[:, None, None]
    torch.testing.assert_close(VGGFeatures(vgg19, "relu2_2")(image), by_hand(caffe, w))
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    rgb = (image - mean[:, None, None]) / deviation[:, None, None]
    torch.testing.assert_close(VGGFeatures(vgg19, "relu2_2", "torchvision")(image), by_hand(rgb, w))


def test_several_layers_tell_what_each_sees(vgg19: Path) -> None:
    image = torch.rand(1, 1, 16, 16)
    features = VGGFeatures(vgg19, ("relu3_3", "relu1_2", "pool2"))
    seen = features.maps(image)
    assert len(seen) == 3
    for maps, name in zip(seen, ("relu1_2", "pool2", "relu3_3"), strict=True):
        assert torch.equal(maps, VGGFeatures(vgg19, name)(image))
    assert torch.equal(features(image), seen[-1])


@pytest.mark.parametrize("convention", ["torchvision", "caffe"])
def test_a_standardised_image_stands_for_imagenets(vgg19: Path, convention: Convention) -> None:
    """Three colours of ImageNet's mean and deviation, standardised, look as they did (caffe's mean in whole levels)."""
    z = torch.randn(1, 3, 12, 12)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    image = z * deviation[:, None, None] + mean[:, None, None]
    found = VGGFeatures(vgg19, "conv2_2", convention, brightness="standardised")(z)
    expected = VGGFeatures(vgg19, "conv2_2", convention)(image)
    assert (found - expected).abs().max() < 0.03 * expected.std()
    assert expected.std() > 0.5


def test_a_bare_image_goes_into_the_first_convolution_as_it_is(vgg19: Path) -> None:
    """Colours in their order; one channel under the kernels' mean, as Narcomey & Gu's code has it."""
    w, image = weights(VGG19), torch.rand(2, 1, 9, 9)
    bare = VGGFeatures(vgg19, "conv1_1", brightness="bare")
    kernel = w["features.0.weight"].mean(dim=1, keepdim=True)
    expected = functional.conv2d(image, kernel, w["features.0.bias"], padding=1)
    torch.testing.assert_close(bare(image), expected)
    colours = torch.rand(2, 3, 9, 9)
    expected = functional.conv2d(colours, w["features.0.weight"], w["features.0.bias"], padding=1)
    torch.testing.assert_close(bare(colours), expected)


def test_grey_is_all_three_colours(vgg19: Path) -> None:
    grey, features = torch.rand(1, 1, 9, 9), VGGFeatures(vgg19, "conv2_1")
    assert torch.equal(features(grey), features(grey.repeat(1, 3, 1, 1)))


def test_names_tell_before_from_after_the_activation_and_the_pooling(vgg19: Path) -> None:
    image = torch.rand(1, 1, 16, 16)
    before, after = (VGGFeatures(vgg19, name)(image) for name in ("conv3_4", "relu3_4"))
    assert (before < 0).any()
    assert torch.equal(before.clamp(min=0), after)
    assert torch.equal(VGGFeatures(vgg19, "pool3")(image), functional.max_pool2d(after, 2))
    assert VGGFeatures(vgg19, "relu1_1", size=20)(image).shape == (1, 64, 20, 20)


def test_which_vgg_it_is_shows_in_the_names(tmp_path: Path) -> None:
    """In VGG16 the eighth convolution stands behind the third pooling."""
    path = tmp_path / "vgg16.safetensors"
    save_file(weights(VGG16), path, metadata={"order": "RGB"})
    assert VGGFeatures(path, "relu4_1")(torch.rand(1, 1, 16, 16)).shape == (1, 512, 2, 2)
    with pytest.raises(Refusal, match="no layer 'conv3_4'"):
        VGGFeatures(path, "conv3_4")


def test_nothing_of_it_learns_but_the_image_does(vgg19: Path) -> None:
    features, image = VGGFeatures(vgg19, "relu1_2"), torch.rand(1, 1, 8, 8, requires_grad=True)
    assert not any(p.requires_grad for p in features.parameters())
    features(image).square().sum().backward()
    assert image.grad is not None
    assert image.grad.any()


def test_what_cannot_be_is_refused(vgg19: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="reaches pool3 and not relu5_4"):
        VGGFeatures(vgg19, "relu5_4")
    with pytest.raises(Refusal, match="no layer 'fc7'"):
        VGGFeatures(vgg19, "fc7")
    with pytest.raises(Refusal, match="no layer 'relu9_1'"):
        VGGFeatures(vgg19, ("relu1_1", "relu9_1"))
    with pytest.raises(Refusal, match="name one"):
        VGGFeatures(vgg19, ())
    with pytest.raises(Refusal, match="8×8"):
        VGGFeatures(vgg19, "pool3")(torch.rand(1, 1, 7, 9))
    with pytest.raises(Refusal, match="no file"):
        VGGFeatures(tmp_path / "none.safetensors", "relu1_1")
    noise = tmp_path / "noise.safetensors"
    noise.write_bytes(b"not tensors at all")
    with pytest.raises(Refusal, match="cannot be read"):
        VGGFeatures(noise, "relu1_1")
    other = tmp_path / "other.safetensors"
    save_file({"features.0.weight": torch.zeros(64, 1, 3, 3)}, other)
    with pytest.raises(Refusal, match="not VGG's"):
        VGGFeatures(other, "relu1_1")
    save_file({"head.weight": torch.zeros(1)}, other)
    with pytest.raises(Refusal, match="holds no VGG"):
        VGGFeatures(other, "relu1_1")


def test_colours_that_nobody_named_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bare.safetensors"
    save_file(weights(VGG19[:2]), path)
    with pytest.raises(Refusal, match="convention='torchvision'"):
        VGGFeatures(path, "relu1_1")
    assert isinstance(VGGFeatures(path, "relu1_1", "torchvision"), nn.Module)


def test_a_file_that_changed_is_refused(vgg19: Path) -> None:
    digest = hashlib.sha256(vgg19.read_bytes()).hexdigest()
    VGGFeatures(vgg19, "relu1_1", sha256=digest)
    with pytest.raises(Refusal, match=digest):
        VGGFeatures(vgg19, "relu1_1", sha256="0" * 64)


def test_the_real_weights_see_edges(shared_data: Path) -> None:
    """Trained features tell a blurred image from a sharp one further than a shifted brightness of the same error."""
    features = VGGFeatures(shared_data / "weights" / "vgg19_imagenet_to_conv3_4.safetensors", "relu3_4")
    checks = ((torch.arange(48) // 6 + torch.arange(48)[:, None] // 6) % 2).float()[None, None] * 0.6 + 0.2
    blurred = functional.avg_pool2d(checks, 5, 1, 2, count_include_pad=False)
    brighter = checks + (blurred - checks).square().mean().sqrt()
    true = features(checks)
    assert (features(blurred) - true).square().mean() > 2 * (features(brighter) - true).square().mean()
