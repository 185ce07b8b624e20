import pytest
import torch

from finemri.losses.spectrum import relative_error, spectral_magnitude


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_the_relative_error_is_of_each_image_and_then_the_mean(dtype: torch.dtype) -> None:
    shape = (2, 4, 5) if dtype.is_complex else (2, 1, 4, 5)
    true = torch.randn(shape, dtype=dtype)
    factors = torch.tensor([1.5, 0.9]).reshape(-1, *(1,) * (true.ndim - 1))
    assert float(relative_error(true * factors, true)) == pytest.approx((0.5 + 0.1) / 2, rel=1e-5)
    assert float(relative_error(7 * true * factors, 7 * true)) == pytest.approx(0.3, rel=1e-5)


def test_an_empty_true_image_gives_a_number() -> None:
    assert relative_error(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)).isfinite()


def test_a_constant_has_its_spectrum_in_one_place() -> None:
    """n voxels of c against nothing: |F x̂| is n c at one of n places, so the mean square is n c²."""
    made, true = torch.full((1, 1, 4, 6), 0.5), torch.zeros(1, 1, 4, 6)
    assert float(spectral_magnitude(made, true)) == pytest.approx(24 * 0.25)


def test_the_spectral_magnitude_does_not_see_a_shift() -> None:
    image = torch.randn(2, 6, 8, dtype=torch.complex64)
    assert float(spectral_magnitude(image.roll((1, 3), (1, 2)), image)) == pytest.approx(0.0, abs=1e-8)
    assert float(spectral_magnitude(1.1 * image, image)) > 1e-3


def test_both_have_a_gradient_at_the_true_image() -> None:
    true = torch.zeros(1, 1, 4, 4)
    true[..., 1, 1] = 1.0
    for loss in (relative_error, spectral_magnitude):
        made = true.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(made, true), made)
        assert bool(gradient.isfinite().all())
