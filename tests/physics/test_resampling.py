import pytest
import torch

from finemri.physics.resampling import Kernel, resample
from finemri.refusal import Refusal


@pytest.mark.parametrize("kernel", ["lanczos", "gaussian", "linear"])
@pytest.mark.parametrize("step", [0.5, 1.0, 1.7])
def test_constants_stay_constant_up_to_the_corners(kernel: Kernel, step: float) -> None:
    image = torch.full((7, 9, 8), 3.0)
    torch.testing.assert_close(resample(image, (6, 5, 4), [step] * 3, kernel=kernel), torch.full((6, 5, 4), 3.0))


@pytest.mark.parametrize("kernel", ["lanczos", "linear"])
def test_step_one_copies(kernel: Kernel) -> None:
    image = torch.randn(2, 6, 7, 8)
    torch.testing.assert_close(resample(image, (6, 7, 8), [1, 1, 1], kernel=kernel), image, atol=1e-6, rtol=0)


@pytest.mark.parametrize("kernel", ["lanczos", "gaussian", "linear"])
def test_a_ramp_keeps_its_place(kernel: Kernel) -> None:
    ramp = torch.arange(40.0).reshape(40, 1, 1).expand(40, 3, 3)
    coarse = resample(ramp, (20, 3, 3), [2, 1, 1], kernel=kernel, sigma=1.0)
    expected = 2 * torch.arange(20.0) + 0.5
    torch.testing.assert_close(coarse[5:-5, 1, 1], expected[5:-5], atol=0.02, rtol=0)


def test_an_offset_moves_the_field_of_view() -> None:
    image = torch.randn(12, 6, 6)
    torch.testing.assert_close(resample(image, (4, 6, 6), [1, 1, 1], offset=[3, 0, 0]), image[3:7], atol=1e-6, rtol=0)


def test_waves_too_fine_for_the_new_grid_vanish() -> None:
    wave = torch.cos(torch.pi * torch.arange(64.0)).reshape(64, 1, 1)
    assert resample(wave, (32, 1, 1), [2, 1, 1])[4:-4].abs().max() < 0.05


def test_a_step_of_nothing_is_refused() -> None:
    with pytest.raises(Refusal, match="positive"):
        resample(torch.zeros(4, 4, 4), (2, 2, 2), [0, 1, 1])
