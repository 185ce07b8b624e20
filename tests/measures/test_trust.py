import numpy as np
import pytest
import torch
from torch import Tensor

from finemri.baselines import BASELINES
from finemri.measures.trust import (
    amplification,
    energy_share,
    inconsistency,
    null_space,
    null_space_energy,
    null_space_energy_by_steps,
    seen_part,
)
from finemri.physics.coils import simulate_sensitivities
from finemri.physics.consistency import SenseOperator
from finemri.physics.degradation import GaussianBlur, KSpaceTruncation, SliceProfile
from finemri.refusal import Refusal
from finemri.volumes.grid import spline_matrix

SHAPE = (12, 8, 10)
OPERATORS = [
    GaussianBlur(2),
    GaussianBlur(4, 0.7),
    KSpaceTruncation(2),
    KSpaceTruncation(2, "mirror"),
    SliceProfile(1, 3.0, 1.0, "box"),
]


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape or SHAPE).astype(np.float32)


def dense(operator: GaussianBlur | KSpaceTruncation | SliceProfile) -> np.ndarray:
    """A itself, a column for each fine voxel."""
    units = torch.eye(int(np.prod(SHAPE)), dtype=torch.float64).reshape(-1, *SHAPE)
    return operator(units).reshape(len(units), -1).T.numpy()


@pytest.mark.parametrize("operator", OPERATORS, ids=repr)
def test_the_null_space_is_that_of_the_dense_matrix(operator: GaussianBlur) -> None:
    A, x = dense(operator), noise()
    flat = x.ravel().astype(np.float64)
    expected = flat - np.linalg.pinv(A, rcond=1e-6) @ (A @ flat)
    found = null_space(x, operator)
    np.testing.assert_allclose(found.ravel(), expected, atol=2e-6)
    assert null_space_energy(x, operator) == pytest.approx((expected**2).sum() / (flat**2).sum(), rel=1e-4)
    assert float(operator(torch.from_numpy(found)).abs().max()) < 2e-6  # A does not see it


@pytest.mark.parametrize("operator", OPERATORS, ids=repr)
def test_what_comes_of_the_rows_alone_has_no_null_space(operator: GaussianBlur) -> None:
    coarse = operator(torch.from_numpy(noise()))
    made = operator.adjoint(coarse, SHAPE).numpy()  # the adjoint's image is the row space
    assert null_space_energy(made, operator) < 1e-11


@pytest.mark.parametrize("operator", OPERATORS, ids=repr)
def test_what_is_added_unseen_is_found_with_its_energy_and_contradicts_nothing(operator: GaussianBlur) -> None:
    seen = operator.adjoint(operator(torch.from_numpy(noise())), SHAPE).numpy()
    unseen = null_space(noise(seed=1), operator)
    image, measured = seen + unseen, operator(torch.from_numpy(seen))
    share = float((unseen**2).sum() / (image**2).sum())
    assert null_space_energy(image, operator) == pytest.approx(share, rel=1e-4)
    assert inconsistency(torch.from_numpy(image), measured, operator) < 1e-5
    np.testing.assert_allclose(null_space(image, operator), unseen, atol=1e-5)


def test_pieces_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = null_space(noise(), GaussianBlur(2))
    monkeypatch.setattr("finemri.measures.trust.PIECE", 100)
    np.testing.assert_allclose(null_space(noise(), GaussianBlur(2)), whole, atol=1e-6)


def test_steps_find_what_matrices_say() -> None:
    operator, x = GaussianBlur(2), torch.from_numpy(noise()).double()
    seen = seen_part(x, lambda z: operator.adjoint(operator(z), SHAPE), steps=200, tolerance=1e-10)
    np.testing.assert_allclose((x - seen).numpy(), null_space(noise(), operator), atol=1e-6)


def test_one_coil_does_not_see_what_was_not_sampled() -> None:
    rng = np.random.default_rng(0)
    image = torch.from_numpy((rng.normal(size=(1, 16, 12)) + 1j * rng.normal(size=(1, 16, 12))).astype(np.complex64))
    mask = torch.from_numpy(rng.random((1, 1, 16, 12)) < 0.4)
    operator = SenseOperator(mask, torch.ones(1, 1, 16, 12, dtype=torch.complex64))
    kspace = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image[0].numpy()), norm="ortho"))
    share = (np.abs(kspace[~mask[0, 0].numpy()]) ** 2).sum() / (np.abs(kspace) ** 2).sum()
    assert null_space_energy_by_steps(image, operator.normal) == pytest.approx(float(share), rel=1e-4)
    assert inconsistency(image, operator.forward(image), operator.forward) < 1e-6
    assert inconsistency(torch.zeros_like(image), operator.forward(image), operator.forward) == 1


def test_many_coils_see_between_the_samples() -> None:
    rng = np.random.default_rng(1)
    maps = torch.from_numpy(simulate_sensitivities((16, 12), 4, rng))[None]
    mask = torch.zeros(1, 1, 16, 12, dtype=torch.bool)
    mask[..., ::2, :] = True
    operator = SenseOperator(mask, maps)
    image = torch.from_numpy((rng.normal(size=(1, 16, 12)) + 0j).astype(np.complex64))
    units = torch.eye(192, dtype=torch.complex64).reshape(192, 16, 12)
    A = SenseOperator(mask.expand(192, 1, 16, 12), maps.expand(192, 4, 16, 12)).forward(units).reshape(192, -1).T
    A64, x = A.numpy().astype(np.complex128), image.numpy().ravel().astype(np.complex128)
    left = x - np.linalg.pinv(A64, rcond=1e-4) @ (A64 @ x)
    share = float((np.abs(left) ** 2).sum() / (np.abs(x) ** 2).sum())
    assert null_space_energy_by_steps(image, operator.normal, steps=400) == pytest.approx(share, abs=2e-3)
    single = SenseOperator(mask, torch.ones(1, 1, 16, 12, dtype=torch.complex64))
    assert null_space_energy_by_steps(image, single.normal) > 0.3 + share


def test_a_spline_is_nearly_consistent_with_a_smooth_scan_and_a_shift_is_not() -> None:
    grid = np.stack(np.meshgrid(*[np.linspace(0, np.pi, n) for n in (32, 32, 32)], indexing="ij"))
    truth = (2 + np.cos(grid).prod(0)).astype(np.float32)
    operator = GaussianBlur(2)
    coarse = operator(torch.from_numpy(truth))
    fine = BASELINES["spline"](2)(coarse.numpy())
    assert inconsistency(torch.from_numpy(fine), coarse, operator) < 5e-3
    shifted = torch.from_numpy(np.roll(fine, 3, axis=0))
    assert inconsistency(shifted, coarse, operator) > 0.1


def test_noise_is_amplified_as_the_matrix_of_a_linear_method_says() -> None:
    size = 24
    W = spline_matrix(size, 2 * size).astype(np.float64)
    expected = ((W**2).sum() / (2 * size)) ** 1.5  # var of W n per output voxel, along three axes
    spline = BASELINES["spline"](2)
    found = amplification(spline, 100 * noise(size, size, size), 0.5)
    assert found == pytest.approx(expected, rel=0.02)
    assert amplification(lambda x: 3 * x, noise(4, 4, 4), 0.1) == pytest.approx(3, rel=1e-4)


def test_what_has_no_answer_is_refused() -> None:
    coarse = torch.ones(4, 4, 4)
    with pytest.raises(Refusal, match="the measurement"):
        inconsistency(torch.ones(4, 4, 4), coarse, GaussianBlur(2))
    with pytest.raises(Refusal, match="zero everywhere"):
        inconsistency(torch.ones(8, 8, 8), torch.zeros(4, 4, 4), GaussianBlur(2))
    with pytest.raises(Refusal, match="zero everywhere"):
        energy_share(np.zeros((2, 2, 2), np.float32), np.zeros((2, 2, 2), np.float32))
    with pytest.raises(Refusal, match="above 0"):
        amplification(lambda x: x, np.ones((2, 2, 2), np.float32), 0.0)
    with pytest.raises(Refusal, match="zero everywhere"):
        null_space_energy_by_steps(torch.zeros(3), _same)


def _same(x: Tensor) -> Tensor:
    return x
