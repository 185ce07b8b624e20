import torch

from finemri.losses.view import components, magnitude, real_imaginary


def test_views_by_hand() -> None:
    image = torch.tensor([[[3 + 4j, -1j]]], dtype=torch.complex64)
    assert real_imaginary(image).tolist() == [[[[3.0, 0.0]], [[4.0, -1.0]]]]
    assert magnitude(image).tolist() == [[[[5.0, 1.0]]]]
    assert components(image.conj()).tolist() == [[[[3.0, -4.0], [0.0, 1.0]]]]


def test_the_magnitude_of_nothing_has_a_gradient() -> None:
    """|x| = √(re² + im²) written out would have NaN here: the background of most images."""
    image = torch.zeros(1, 3, 3, dtype=torch.complex64, requires_grad=True)
    (gradient,) = torch.autograd.grad(magnitude(image).sum(), image)
    assert torch.equal(gradient, torch.zeros_like(gradient))


def test_real_images_stay_and_are_float32() -> None:
    image = torch.randn(2, 1, 4, 5)
    assert components(image) is image
    assert components(image.to(torch.bfloat16)).dtype == torch.float32
