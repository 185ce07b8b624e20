"""The segmenter of paper 004: 13.33 M parameters, any size, where its weights start."""

import pytest
import torch
from torch import nn

from finemri.networks.segmenter import SegmenterUNet
from finemri.refusal import Refusal
from tests.networks.measured import count


def test_count_is_the_papers() -> None:
    with torch.device("meta"):
        assert count(SegmenterUNet()) == 13_334_498


@pytest.mark.parametrize(("shape", "scales"), [((17, 33), 5), ((32, 16), 4), ((9, 14), 3)])
def test_every_pixel_gets_its_logits(shape: tuple[int, int], scales: int) -> None:
    network = SegmenterUNet(classes=3, features=4, scales=scales).eval()
    with torch.inference_mode():
        assert network(torch.rand(2, 1, *shape)).shape == (2, 3, *shape)


def test_an_image_and_its_mirrored_continuation_are_told_the_same() -> None:
    """Padding is the mirrored image and is cut off where it was put."""
    network, image = SegmenterUNet(features=4, scales=3).eval(), torch.rand(1, 1, 18, 15)
    with torch.inference_mode():
        whole = network(nn.functional.pad(image, (0, 1, 0, 2), mode="reflect"))
        assert torch.equal(network(image), whole[..., :18, :15])


def test_gains_start_in_their_band() -> None:
    gains = torch.cat([m.weight for m in SegmenterUNet(features=8).modules() if isinstance(m, nn.BatchNorm2d)])
    assert 0.98 <= gains.min() < 0.981
    assert 1.019 < gains.max() <= 1.02


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(Refusal, match="17×17"):
        SegmenterUNet(features=2)(torch.rand(1, 1, 16, 40))
    with pytest.raises(Refusal, match="classes"):
        SegmenterUNet(classes=1)
