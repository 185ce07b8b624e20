"""Laws of k-space: transforms preserve, operators have their adjoints, what was measured stays."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from finemri.physics.coils import simulate_sensitivities
from finemri.physics.consistency import BANDS, SenseOperator, keep_measured, spectrum
from finemri.physics.fourier import to_image, to_kspace
from finemri.physics.kspace import KSpace
from finemri.physics.phase import smooth_phase
from finemri.refusal import Refusal

shapes = st.tuples(st.integers(2, 17), st.integers(2, 17))
seeds = st.integers(0, 2**16)


def noise(shape: tuple[int, ...], seed: int) -> Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy((rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64))


def scanner(shape: tuple[int, int], coils: int, seed: int, batch: int = 2) -> tuple[Tensor, Tensor]:
    """Random mask (batch, 1, i, j), sensitivities (batch, coil, i, j)."""
    rng = np.random.default_rng([seed, 1])
    maps = np.stack([simulate_sensitivities(shape, coils, rng) for _ in range(batch)])
    return torch.from_numpy(rng.random((batch, 1, *shape)) < 0.5), torch.from_numpy(maps)


def inner(a: Tensor, b: Tensor) -> complex:
    return complex((a.conj() * b).sum())


@given(shapes, seeds)
def test_the_transform_is_unitary(shape: tuple[int, int], seed: int) -> None:
    image = noise((2, *shape), seed)
    torch.testing.assert_close(to_image(to_kspace(image)), image)
    torch.testing.assert_close(to_kspace(to_image(image)), image)
    assert float(to_kspace(image).abs().square().sum()) == pytest.approx(float(image.abs().square().sum()), rel=1e-5)


@given(shapes)
def test_dc_is_in_the_middle_of_both_domains(shape: tuple[int, int]) -> None:
    i, j = shape
    dot = torch.zeros(shape, dtype=torch.complex64)
    dot[i // 2, j // 2] = 1
    flat = torch.full(shape, (i * j) ** -0.5, dtype=torch.complex64)
    torch.testing.assert_close(to_kspace(dot), flat)
    torch.testing.assert_close(to_kspace(flat), dot, atol=1e-6, rtol=0)


@given(shapes, st.integers(1, 4), seeds)
def test_the_operator_has_its_adjoint(shape: tuple[int, int], coils: int, seed: int) -> None:
    """⟨A x, y⟩ = ⟨x, Aᴴ y⟩."""
    mask, maps = scanner(shape, coils, seed)
    A = SenseOperator(mask, maps)
    x, y = noise((2, *shape), seed + 1), noise((2, coils, *shape), seed + 2)
    size = float(x.norm() * y.norm())
    assert abs(inner(A.forward(x), y) - inner(x, A.adjoint(y))) < 1e-5 * size


@given(shapes, st.integers(1, 4), seeds)
def test_the_normal_operator_is_both_in_turn(shape: tuple[int, int], coils: int, seed: int) -> None:
    """Aᴴ A, though it leaves out the shifts that centre."""
    mask, maps = scanner(shape, coils, seed)
    A, x = SenseOperator(mask, maps), noise((2, *shape), seed)
    torch.testing.assert_close(A.normal(x), A.adjoint(A.forward(x)), atol=1e-5, rtol=1e-4)


@given(shapes, seeds)
def test_measured_samples_of_one_coil_stay_untouched(shape: tuple[int, int], seed: int) -> None:
    mask, maps = scanner(shape, 1, seed)
    kspace, image = mask * noise((2, 1, *shape), seed), noise((2, *shape), seed + 1)
    kept = keep_measured(image, kspace, mask, maps)
    found = to_kspace(kept)[:, None]
    torch.testing.assert_close(found[mask], kspace[mask], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found[~mask], to_kspace(image)[:, None][~mask], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(keep_measured(kept, kspace, mask, maps), kept, atol=1e-5, rtol=1e-5)


@given(shapes, st.integers(1, 4), seeds)
def test_the_image_that_was_measured_stays(shape: tuple[int, int], coils: int, seed: int) -> None:
    """Of many coils as of one; whatever the samples are trusted."""
    mask, maps = scanner(shape, coils, seed)
    image = noise((2, *shape), seed)
    kspace = SenseOperator(mask, maps).forward(image)
    for weight in (None, 0.0, 0.7, 100.0):
        torch.testing.assert_close(keep_measured(image, kspace, mask, maps, weight), image, atol=1e-5, rtol=1e-5)


@given(shapes, st.integers(2, 4), seeds)
def test_samples_of_many_coils_come_nearer(shape: tuple[int, int], coils: int, seed: int) -> None:
    """Replacing them is a step of a projection: never away from the image that was measured."""
    mask, maps = scanner(shape, coils, seed)
    image, start = noise((2, *shape), seed), noise((2, *shape), seed + 1)
    kept = keep_measured(start, SenseOperator(mask, maps).forward(image), mask, maps)
    assert float((kept - image).norm()) <= float((start - image).norm()) * (1 + 1e-5)


@given(shapes, seeds, st.floats(0, 50))
def test_noisy_samples_are_weighed(shape: tuple[int, int], seed: int, weight: float) -> None:
    """(k + ν F x) / (1 + ν)."""
    mask, maps = scanner(shape, 1, seed)
    kspace, image = mask * noise((2, 1, *shape), seed), noise((2, *shape), seed + 1)
    found = to_kspace(keep_measured(image, kspace, mask, maps, weight))[:, None]
    expected = (kspace + weight * to_kspace(image)[:, None]) / (1 + weight)
    torch.testing.assert_close(found[mask], expected[mask], atol=1e-5, rtol=1e-4)


def test_where_no_coil_listens_the_image_keeps_what_it_had() -> None:
    mask, maps = scanner((9, 8), 3, 0)
    maps[..., :2, :] = 0
    image = noise((2, 9, 8), 0)
    kept = keep_measured(image, noise((2, 3, 9, 8), 1) * mask, mask, maps)
    assert torch.equal(kept[:, :2], image[:, :2])
    assert not torch.allclose(kept[:, 2:], image[:, 2:])


@pytest.mark.parametrize("shape", [(16, 12), (15, 13)])
@pytest.mark.parametrize("coils", [1, 4])
def test_conjugate_gradients_find_the_image_that_was_measured(shape: tuple[int, int], coils: int) -> None:
    """In one step where everything was measured, from anywhere; in more from half of it, if coils are enough."""
    _, maps = scanner(shape, coils, 0)
    image, start = noise((2, *shape), 0), noise((2, *shape), 1)
    A = SenseOperator(torch.ones(2, 1, *shape, dtype=torch.bool), maps)
    right = A.adjoint(A.forward(image))
    torch.testing.assert_close(A.solve(right, start, 1), image, atol=1e-4, rtol=1e-4)
    damped = A.solve(right, torch.zeros_like(image), 1, damping=1.0)
    torch.testing.assert_close(damped, image / 2, atol=1e-4, rtol=1e-4)
    if coils > 1:
        lines = torch.zeros(2, 1, *shape, dtype=torch.bool)
        lines[:, :, ::2] = True
        A = SenseOperator(lines, maps)
        right = A.adjoint(A.forward(image))
        errors = [float((A.solve(right, right, steps) - image).norm() / image.norm()) for steps in (0, 5, 60)]
        assert errors[0] > errors[1] > errors[2]
        assert errors[2] < 0.02


def test_each_slice_of_a_batch_is_solved_by_itself() -> None:
    mask, maps = scanner((12, 10), 3, 5)
    kspace = noise((2, 3, 12, 10), 0) * torch.tensor([1.0, 1e4])[:, None, None, None]
    A = SenseOperator(mask, maps)
    both = A.solve(A.adjoint(kspace), A.adjoint(kspace), 4)
    for n in range(2):
        alone = SenseOperator(mask[n : n + 1], maps[n : n + 1])
        right = alone.adjoint(kspace[n : n + 1])
        torch.testing.assert_close(alone.solve(right, right, 4)[0], both[n], rtol=1e-4, atol=1e-4 * 10.0 ** (4 * n))


@given(shapes, st.integers(1, 8), seeds)
def test_simulated_coils_hear_everything_together(shape: tuple[int, int], coils: int, seed: int) -> None:
    maps = simulate_sensitivities(shape, coils, np.random.default_rng(seed))
    again = simulate_sensitivities(shape, coils, np.random.default_rng(seed))
    np.testing.assert_array_equal(maps, again)
    np.testing.assert_allclose((np.abs(maps) ** 2).sum(0), 1, rtol=1e-5)


def test_a_phase_is_drawn_from_its_generator_alone_and_is_smooth() -> None:
    first, again, other = (smooth_phase((64, 49), np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.5
    for seed in range(30):
        phase = smooth_phase((64, 49), np.random.default_rng(seed))
        assert np.isfinite(phase).all()
        assert max(np.abs(np.diff(phase, axis=axis)).max() for axis in (0, 1)) < np.pi / 2  # nowhere near a wrap
        k = np.abs(to_kspace(torch.from_numpy(np.exp(1j * phase).astype(np.complex64))).numpy()) ** 2
        assert k[22:43, 14:35].sum() > 0.9 * k.sum()  # blurred around its centre, not scattered


def samples(coils: int = 2) -> np.ndarray:
    return noise((coils, 8, 6), 0).numpy()


def test_k_space_without_a_mask_was_measured_where_it_is_not_zero() -> None:
    y = samples()
    y[:, ::2] = 0
    y[0, 1, 1] = 0  # one coil may be silent
    kspace = KSpace.of(y)
    assert kspace.mask.tolist() == [[i % 2 == 1] * 6 for i in range(8)]
    assert (kspace.shape, kspace.coils, kspace.acceleration) == ((8, 6), 2, 2.0)


def test_what_a_mask_leaves_out_is_forgotten() -> None:
    mask = np.zeros((8, 6), dtype=bool)
    mask[3:6] = True
    kspace = KSpace.of(samples()).undersampled(mask)
    assert not kspace.samples[:, ~mask].any()
    np.testing.assert_array_equal(kspace.samples[:, mask], samples()[:, mask])
    other = np.zeros((8, 6), dtype=bool)
    other[4] = True
    assert kspace.undersampled(other).mask.sum() == 6
    assert kspace.undersampled(~other).mask.sum() == 12


def _with(value: complex) -> np.ndarray:
    y = samples()
    y[1, 2, 3] = value
    return y


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"samples": _with(np.nan)}, "not finite"),
        ({"samples": _with(complex(0, np.inf))}, "not finite"),
        ({"samples": np.zeros((2, 8, 6), np.complex64)}, "zero everywhere"),
        ({"mask": np.ones((6, 8), bool)}, "mask is 6×8 and the k-space 8×6"),
        ({"mask": np.zeros((8, 6), bool)}, "zero everywhere|leaves out the centre"),
        ({"mask": np.arange(48).reshape(8, 6) < 6}, "leaves out the centre"),
        ({"sensitivities": np.ones((3, 8, 6), np.complex64)}, "sensitivities are 3×8×6 and the k-space 2×8×6"),
        ({"sensitivities": np.ones((2, 6, 8), np.complex64)}, "give those of these coils"),
    ],
)
def test_k_space_that_cannot_be_is_refused(settings: dict[str, np.ndarray], sentence: str) -> None:
    given = {"samples": samples(), **settings}
    with pytest.raises(Refusal, match=sentence):
        KSpace.of(**given)
    if "mask" not in given:
        with pytest.raises(Refusal, match=sentence):
            KSpace(mask=np.ones((8, 6), bool), **given)


def test_nothing_left_to_reconstruct_is_refused() -> None:
    y = samples()
    y[:, 4] = 0
    line = np.zeros((8, 6), dtype=bool)
    line[4] = True
    with pytest.raises(Refusal, match="zero everywhere"):
        KSpace.of(y).undersampled(line)


def test_the_spectrum_tells_noise_from_signal() -> None:
    """Pure noise is as strong in every ring; twice the noise is ln 2 more; unmeasured samples do not count."""
    chance = torch.Generator().manual_seed(0)
    noise = torch.randn(1, 3, 64, 48, dtype=torch.complex64, generator=chance)
    mask = torch.rand(1, 1, 64, 48, generator=chance) < 0.4
    rings = spectrum(noise * mask, mask)
    assert rings.shape == (1, len(BANDS))
    assert float(rings.max() - rings.min()) < 0.25
    torch.testing.assert_close(spectrum(2 * noise * mask, mask), rings + np.log(2), atol=1e-4, rtol=0)
