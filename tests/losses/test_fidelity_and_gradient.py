"""Losses: zero at identity, hand-computed values, gradients to double precision."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from finemri.losses.fidelity import log_squared, mean_absolute, mean_squared
from finemri.losses.gradient import gradient_difference
from finemri.losses.view import real_imaginary

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": mean_squared,
    "l1": mean_absolute,
    "gradient": gradient_difference,
    "mse, summed": partial(mean_squared, reduction="sum"),
    "gradient, summed": partial(gradient_difference, reduction="sum"),
}


@pytest.mark.parametrize("name", LOSSES)
def test_zero_at_identity_and_above_it_elsewhere(name: str) -> None:
    x = torch.randn(2, 1, 4, 5, 6)
    assert float(LOSSES[name](x, x)) == 0.0
    assert float(LOSSES[name](x + torch.randn_like(x), x)) > 0.0


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_matches_a_finite_difference(name: str) -> None:
    torch.manual_seed(0)
    x, step = torch.randn(1, 1, 4, 4, 4, requires_grad=True), 1e-2
    true, direction = torch.randn(1, 1, 4, 4, 4), torch.randn(1, 1, 4, 4, 4)
    (gradient,) = torch.autograd.grad(LOSSES[name](x, true), x)
    with torch.no_grad():
        slope = (LOSSES[name](x + step * direction, true) - LOSSES[name](x - step * direction, true)) / (2 * step)
    torch.testing.assert_close((gradient * direction).sum(), slope, rtol=0.05, atol=0.02)


def test_gradient_difference_by_hand() -> None:
    """True ramp of slope 3 along one axis against a ramp of slope −1: (3 − 1)² there, 0 along the others; no border
    term."""
    ramp = torch.arange(5.0)[:, None, None].expand(5, 4, 4)
    true, made = (3 * ramp)[None, None], (-ramp)[None, None]
    assert float(gradient_difference(made, true)) == pytest.approx(4.0)
    assert float(gradient_difference(made, true, "sum")) == pytest.approx(4.0 * 4 * 4 * 4)


def test_sums_are_means_times_the_number_of_voxels() -> None:
    made, true = torch.randn(2, 1, 4, 5, 6), torch.randn(2, 1, 4, 5, 6)
    torch.testing.assert_close(mean_squared(made, true, "sum"), mean_squared(made, true) * made.numel())


def test_a_complex_voxel_counts_as_two_numbers() -> None:
    made, true = (torch.randn(2, 5, 6, dtype=torch.complex64) for _ in range(2))
    two_made, two_true = real_imaginary(made), real_imaginary(true)
    for loss in (mean_squared, mean_absolute):
        torch.testing.assert_close(loss(made, true), loss(two_made, two_true))
        torch.testing.assert_close(loss(made.conj(), true.conj()), loss(two_made, two_true))
        torch.testing.assert_close(loss(made, true, "sum"), loss(two_made, two_true, "sum"))


@pytest.mark.parametrize("loss", [mean_squared, mean_absolute])
def test_a_complex_image_descends_to_the_true_one_in_both_parts(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    true = torch.tensor([[[1 + 2j, -3 - 1j]]], dtype=torch.complex64)
    made = torch.zeros_like(true, requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(made, true), made)
    assert torch.equal(gradient.real.sign(), -true.real.sign())
    assert torch.equal(gradient.imag.sign(), -true.imag.sign())


def test_the_logarithm_counts_every_image_by_its_psnr() -> None:
    """An image of a hundredth of the error counts as much: half the error of either is ln 2 / 2 less."""
    true = torch.zeros(2, 4, 4, dtype=torch.complex64)
    made = torch.stack([torch.full((4, 4), 0.1), torch.full((4, 4), 0.001)]).to(torch.complex64)
    expected = 0.5 * (np.log(0.1**2 / 2) + np.log(0.001**2 / 2)) / 2
    assert float(log_squared(made, true, floor=0.0)) == pytest.approx(expected, rel=1e-5)
    halved = made * torch.tensor([1.0, 0.5]).reshape(2, 1, 1)
    gained = float(log_squared(made, true, 0.0) - log_squared(halved, true, 0.0))
    assert gained == pytest.approx(np.log(2) / 2, rel=1e-4)
