import numpy as np
import pytest
import torch

from finemri.baselines.reconstruction import ZeroFilled
from finemri.physics.coils import simulate_sensitivities
from finemri.physics.fourier import to_kspace
from finemri.physics.mirror import Axes, mirrored, mirrored_kspace
from finemri.physics.sampling import Sampling
from finemri.shapes import Samples
from tests.physics.heads import head, measured

EVERY = [(True, False), (False, True), (True, True)]


def fourier(stack: Samples) -> Samples:
    kspace: Samples = to_kspace(torch.from_numpy(stack)).numpy()
    return kspace


@pytest.mark.parametrize("axes", EVERY)
@pytest.mark.parametrize("shape", [(8, 6), (7, 5), (8, 5)])
def test_fourier_does_not_notice(shape: tuple[int, int], axes: Axes) -> None:
    rng = np.random.default_rng(0)
    stack = (rng.normal(size=(3, *shape)) + 1j * rng.normal(size=(3, *shape))).astype(np.complex64)
    np.testing.assert_allclose(fourier(mirrored(stack, axes)), mirrored(fourier(stack), axes), atol=1e-5)
    np.testing.assert_array_equal(mirrored(mirrored(stack, axes), axes), stack)
    i, j = (n // 2 for n in shape)
    np.testing.assert_array_equal(mirrored(stack, axes)[:, i, j], stack[:, i, j])
    assert (mirrored(stack, axes) != stack).any()


def test_a_plain_flip_of_an_even_axis_would_be_noticed() -> None:
    stack = np.random.default_rng(0).normal(size=(1, 8, 8)).astype(np.complex64)
    flipped = np.ascontiguousarray(stack[:, ::-1])
    assert np.abs(fourier(flipped) - fourier(stack)[:, ::-1]).max() > 0.1


@pytest.mark.parametrize("axes", EVERY)
def test_a_mirrored_scan_is_one_of_the_mirrored_body(axes: Axes) -> None:
    maps = simulate_sensitivities((32, 24), 4, np.random.default_rng(1))
    mask = Sampling("density-2d", 3, acs=0.3).draw((32, 24), 0)
    body = head((32, 24))
    turned = mirrored_kspace(measured(body, maps).undersampled(mask), axes)
    again = measured(mirrored(body[None], axes)[0], mirrored(maps, axes))
    np.testing.assert_allclose(turned.samples, again.samples * turned.mask, atol=1e-5)
    assert turned.mask.sum() == mask.sum()
    plain = ZeroFilled()(measured(body, maps).undersampled(mask))
    np.testing.assert_allclose(mirrored(ZeroFilled()(turned)[None], axes)[0], plain, atol=1e-6)
