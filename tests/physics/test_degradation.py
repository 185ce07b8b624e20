"""Degradation against the Fourier transform and against SciPy, and what it refuses."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from finemri.physics.degradation import (
    GaussianBlur,
    KSpaceTruncation,
    SliceProfile,
    add_gaussian_noise,
    add_rician_noise,
)
from finemri.refusal import Refusal


def test_truncation_is_a_crop_of_kspace_read_half_a_cell_further() -> None:
    """An oracle in numpy: crop the centred spectrum, shift by (r − 1)/2 fine voxels, transform back."""
    n, r = 27, 3  # nine lines kept: an odd number, so that no line at the edge has to be shared out
    x = np.random.default_rng(0).standard_normal((n, n, n))
    k = np.arange(n // r) - n // (2 * r)
    low = (n - n // r) // 2
    kept = np.fft.fftshift(np.fft.fftn(x))[(slice(low, low + n // r),) * 3]
    shift = np.exp(2j * np.pi * k * (r - 1) / (2 * n))
    shifted = kept * shift[:, None, None] * shift[None, :, None] * shift[None, None, :]
    expected = np.fft.ifftn(np.fft.ifftshift(shifted)).real / r**3
    np.testing.assert_allclose(KSpaceTruncation(r)(torch.from_numpy(x)).numpy(), expected, atol=1e-10)


def test_truncation_keeps_what_is_below_the_cut_and_drops_what_is_above() -> None:
    n, r = 32, 2
    at = torch.arange(n, dtype=torch.float64)
    centres = r * torch.arange(n // r, dtype=torch.float64) + (r - 1) / 2
    for cycles in range(n // 2):
        wave = torch.cos(2 * torch.pi * cycles * at / n)[:, None, None].expand(n, 4, 4)
        coarse = KSpaceTruncation(r)(wave.contiguous())[:, 0, 0]
        expected = torch.cos(2 * torch.pi * cycles * centres / n) * (
            1.0 if cycles < n / 4 else 0.5 if cycles == n / 4 else 0.0
        )
        torch.testing.assert_close(coarse, expected, atol=1e-12, rtol=0)


def test_blur_is_scipys_gaussian_read_at_the_cell_centres() -> None:
    """With an odd factor the centres are voxels, and SciPy can be asked directly."""
    x = np.random.default_rng(1).random((15, 18, 21))
    expected = ndimage.gaussian_filter(x, 1.3, mode="reflect", truncate=8)[1::3, 1::3, 1::3]
    np.testing.assert_allclose(GaussianBlur(3, 1.3)(torch.from_numpy(x)).numpy(), expected, atol=1e-6)


def test_a_box_slice_is_the_mean_of_the_voxels_it_covers() -> None:
    x = torch.rand(4, 5, 12, dtype=torch.float64)
    coarse = SliceProfile(axis=2, thickness=3.0, gap=1.0, profile="box")(x)
    first = 0.5 * x[..., 0] + x[..., 1] + x[..., 2] + 0.5 * x[..., 3]
    torch.testing.assert_close(coarse[..., 0], first / 3)


def test_noise_has_the_deviation_that_was_asked_for() -> None:
    draw = torch.Generator().manual_seed(0)
    flat = torch.full((64, 64, 64), 100.0)
    assert float((add_gaussian_noise(flat, 3.0, draw) - 100).std()) == pytest.approx(3.0, rel=0.01)
    assert float(add_rician_noise(flat, 3.0, draw).mean()) == pytest.approx((100**2 + 3.0**2) ** 0.5, rel=1e-3)
    air = add_rician_noise(torch.zeros(64, 64, 64), 3.0, draw)
    assert float(air.mean()) == pytest.approx(3.0 * (np.pi / 2) ** 0.5, rel=0.01)  # Rayleigh
    assert float(air.min()) >= 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: GaussianBlur(0),
        lambda: GaussianBlur(2, 0.0),
        lambda: KSpaceTruncation(0),
        lambda: SliceProfile(axis=3),
        lambda: SliceProfile(thickness=2.5, gap=0.0),
    ],
)
def test_settings_without_meaning_are_refused(make: object) -> None:
    with pytest.raises(Refusal):
        make()  # type: ignore[operator]


def test_an_image_smaller_than_a_cell_is_refused() -> None:
    with pytest.raises(Refusal, match="too short"):
        GaussianBlur(4)(torch.zeros(3, 8, 8))
