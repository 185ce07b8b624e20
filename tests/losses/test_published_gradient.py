"""The 2D gradient loss as published: by hand, its border, and what the border cannot see."""

import pytest
import torch
from torch.nn import functional

from finemri.losses.gradient import Border, gradient_difference_published

BORDERS: list[Border] = ["zero", "none"]


@pytest.mark.parametrize("pad", BORDERS)
def test_zero_at_identity_and_above_it_elsewhere(pad: Border) -> None:
    x = torch.randn(2, 1, 5, 6)
    assert float(gradient_difference_published(x, x, pad)) == 0.0
    assert float(gradient_difference_published(x + torch.randn_like(x), x, pad)) > 0.0


def test_by_hand() -> None:
    """Rows [1 3] against [0 0]: along j 1, 2, 3 with zeros around; along i 1 3, 1 3: 14 + 10 + … of two pixels."""
    true, made = torch.tensor([[[[1.0, 3.0]]]]), torch.zeros(1, 1, 1, 2)
    along_j = 1 + 4 + 9
    along_i = (1 + 9) + (1 + 9)
    assert float(gradient_difference_published(made, true)) == pytest.approx((along_j + along_i) / 2)
    assert float(gradient_difference_published(made, true, "none")) == pytest.approx(4 / 2)


def test_it_is_the_two_published_convolutions() -> None:
    """[-1, 1] along one axis, [1, -1] along the other, one zero on both sides: n + 1 differences of n pixels."""
    torch.manual_seed(0)
    made, true = torch.randn(2, 1, 5, 7), torch.randn(2, 1, 5, 7)
    expected = torch.zeros(())
    for kernel, padding in ((torch.tensor([[[[-1.0, 1.0]]]]), (0, 1)), (torch.tensor([[[[1.0], [-1.0]]]]), (1, 0))):
        a, b = (functional.conv2d(image, kernel, padding=padding).abs() for image in (made, true))
        expected = expected + (a - b).square().sum()
    torch.testing.assert_close(gradient_difference_published(made, true), expected / (2 * 5 * 7))


def test_the_border_term_is_of_the_outermost_pixels_and_nothing_else_differs() -> None:
    torch.manual_seed(0)
    made, true = torch.randn(2, 1, 5, 7), torch.randn(2, 1, 5, 7)
    squared = (made.abs() - true.abs()).square()
    border = sum(edge.sum() for edge in (squared[..., 0], squared[..., -1], squared[..., 0, :], squared[..., -1, :]))
    difference = gradient_difference_published(made, true) - gradient_difference_published(made, true, "none")
    torch.testing.assert_close(difference, border / made.numel())


def test_the_border_is_blind_to_the_sign_and_nothing_is_to_the_brightness() -> None:
    """A background of −1 made as +1 costs nothing, made as −0.5 it costs the border; without a border, neither."""
    true = torch.full((1, 1, 6, 6), -1.0)
    assert float(gradient_difference_published(-true, true)) == 0.0
    assert float(gradient_difference_published(true / 2, true)) == pytest.approx(24 * 0.25 / 36)
    assert float(gradient_difference_published(true / 2, true, "none")) == 0.0


@pytest.mark.parametrize("pad", BORDERS)
def test_gradient_matches_a_finite_difference(pad: Border) -> None:
    torch.manual_seed(0)
    x, step = torch.randn(1, 1, 6, 6, requires_grad=True), 1e-3
    true, direction = torch.randn(1, 1, 6, 6), torch.randn(1, 1, 6, 6)
    (gradient,) = torch.autograd.grad(gradient_difference_published(x, true, pad), x)
    with torch.no_grad():
        after = gradient_difference_published(x + step * direction, true, pad)
        before = gradient_difference_published(x - step * direction, true, pad)
    torch.testing.assert_close((gradient * direction).sum(), (after - before) / (2 * step), rtol=0.05, atol=0.02)
