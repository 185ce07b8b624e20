"""Classical reconstructions, on numbers that one can work out and on a head of ellipses."""

import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch

from finemri.baselines import RECONSTRUCTORS
from finemri.baselines.compressed import CompressedSensing
from finemri.baselines.dictionary import learn_atoms, sparse_codes
from finemri.baselines.dlmri import DLMRI
from finemri.baselines.reconstruction import ZeroFilled
from finemri.physics.coils import estimate_sensitivities, simulate_sensitivities
from finemri.physics.fourier import to_kspace
from finemri.physics.kspace import KSpace
from finemri.physics.sampling import Sampling
from finemri.rawdata.reconstructor import Reconstructor
from finemri.refusal import Refusal
from tests.physics.heads import head, measured

QUICK = DLMRI(rounds=6, learning_rounds=3)


def error(image: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(image - truth) / np.linalg.norm(truth))


def undersampled(coils: int, seed: int = 0) -> KSpace:
    maps = simulate_sensitivities((48, 48), coils, np.random.default_rng(seed))
    return measured(head((48, 48)), maps, noise=1e-3).undersampled(Sampling("poisson-2d", 3, 0.2).draw((48, 48), seed))


def test_zero_filling_is_the_inverse_transform() -> None:
    """An impulse at DC is a constant of 1/√N."""
    samples = np.zeros((1, 4, 4), dtype=np.complex64)
    samples[0, 2, 2] = 8j
    np.testing.assert_allclose(ZeroFilled()(KSpace.of(samples)), np.full((4, 4), 2j), atol=1e-6)


def test_zero_filling_of_unknown_coils_is_their_root_sum_of_squares() -> None:
    samples = np.zeros((2, 4, 4), dtype=np.complex64)
    samples[:, 2, 2] = 12j, 16
    np.testing.assert_allclose(ZeroFilled()(KSpace.of(samples)), np.full((4, 4), 5), atol=1e-5)
    assert not ZeroFilled().needs_sensitivities


@pytest.mark.parametrize(
    ("method", "coils", "share"),
    [
        (RECONSTRUCTORS["l1-wavelet"](), 1, 0.85),
        (RECONSTRUCTORS["l1-wavelet"](), 4, 0.5),
        (RECONSTRUCTORS["total-variation"](), 1, 0.1),  # a head of flat ellipses is what this prior believes in
        (RECONSTRUCTORS["total-variation"](), 4, 0.1),
        (QUICK, 1, 0.85),
        (QUICK, 4, 0.6),
    ],
)
def test_less_is_wrong_than_with_zero_filling(method: Reconstructor, coils: int, share: float) -> None:
    kspace = undersampled(coils)
    truth = head((48, 48))
    assert error(method(kspace), truth) < share * error(ZeroFilled()(kspace), truth)


def test_estimated_sensitivities_serve_as_well_as_the_true_ones() -> None:
    kspace = undersampled(6)
    truth = np.abs(head((48, 48)))
    method = RECONSTRUCTORS["l1-wavelet"]()
    estimated = method(kspace.with_sensitivities(estimate_sensitivities(kspace)))
    assert error(np.abs(estimated), truth) < 1.5 * error(np.abs(method(kspace)), truth)


def test_dlmri_keeps_what_was_measured() -> None:
    kspace = undersampled(1)
    again = to_kspace(torch.from_numpy(QUICK(kspace))).numpy()
    largest = np.abs(kspace.samples).max()
    np.testing.assert_allclose(again[kspace.mask], kspace.samples[0][kspace.mask], atol=1e-6 * largest)
    assert np.abs(again[~kspace.mask]).max() > 1e-3 * largest


def test_compressed_sensing_reaches_the_smallest_objective() -> None:
    """½‖m F x − k‖² + λ‖∇x‖₁, differences that wrap around: no image nearby does better."""
    kspace = undersampled(1)
    scale = np.abs(ZeroFilled()(kspace)).max()
    image = CompressedSensing("differences", 0.01, iterations=2000)(kspace) / scale

    def objective(image: np.ndarray) -> float:
        misfit = to_kspace(torch.from_numpy(image)).numpy()[kspace.mask] - kspace.samples[0][kspace.mask] / scale
        edges = sum(np.abs(image - np.roll(image, 1, axis)).sum() for axis in (0, 1))
        return 0.5 * float((np.abs(misfit) ** 2).sum()) + 0.01 * float(edges)

    best = objective(image)
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-2):
        for other in (rng.normal(size=image.shape), image, head((48, 48)) - image):
            for sign in (-1, 1):
                assert objective((image + sign * size * other).astype(np.complex64)) > best * (1 - 1e-4)


def test_matching_pursuit_finds_the_atoms_that_made_a_patch() -> None:
    rng = np.random.default_rng(0)
    atoms = rng.normal(size=(20, 36)) + 1j * rng.normal(size=(20, 36))
    atoms = (atoms / np.linalg.norm(atoms, axis=1, keepdims=True)).astype(np.complex64)
    codes = np.zeros((50, 20), dtype=np.complex64)
    for row in codes:
        row[rng.choice(20, 2, replace=False)] = rng.uniform(1, 2, 2) * np.exp(1j * rng.uniform(0, 6, 2))
    found, left = sparse_codes(codes @ atoms, atoms, most=6, tolerance=1e-4)
    np.testing.assert_allclose(found, codes, atol=1e-4)
    assert np.abs(left).max() < 1e-4


def test_matching_pursuit_projects_onto_what_it_chose() -> None:
    """What is left is orthogonal to each chosen atom, also after the tolerance stopped some patches early."""
    rng = np.random.default_rng(1)
    patches, atoms = ((rng.normal(size=s) + 1j * rng.normal(size=s)).astype(np.complex64) for s in ((30, 9), (9, 9)))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    codes, left = sparse_codes(patches, atoms, most=4, tolerance=1.5)
    np.testing.assert_allclose(codes @ atoms + left, patches, atol=1e-4)
    assert np.abs((left @ atoms.conj().T)[codes != 0]).max() < 1e-4
    counts = (codes != 0).sum(axis=1)
    assert counts.max() == 4
    assert (np.linalg.norm(left, axis=1)[counts < 4] <= 1.5).all()


def test_learning_represents_the_patches_better_than_their_principal_directions() -> None:
    rng = np.random.default_rng(2)
    made_of = rng.normal(size=(12, 16))
    patches = np.zeros((300, 16))
    for patch in patches:
        patch += rng.normal(size=2) @ made_of[rng.choice(12, 2, replace=False)]
    patches_complex = patches.astype(np.complex64)
    left = [
        float(
            (np.abs(sparse_codes(patches_complex, learn_atoms(patches_complex, 12, 2, 0.0, n), 2, 0.0)[1]) ** 2).sum()
        )
        for n in (0, 10)
    ]
    assert left[1] < 0.5 * left[0]
    assert np.allclose(np.linalg.norm(learn_atoms(patches_complex, 12, 2, 0.0, 3), axis=1), 1, atol=1e-4)


@pytest.mark.parametrize(
    "made",
    [
        lambda: CompressedSensing("wavelets", -1),
        lambda: CompressedSensing("wavelets", 1, 0),
        lambda: DLMRI(stride=7),
        lambda: DLMRI(most=40),
        lambda: DLMRI(atoms=37),
    ],
)
def test_nonsense_is_refused(made: Callable[[], object]) -> None:
    with pytest.raises(Refusal):
        made()


def test_an_image_smaller_than_a_patch_is_refused() -> None:
    with pytest.raises(Refusal, match="at least 6×6 voxels, not 5×9"):
        QUICK(KSpace.of(np.ones((1, 5, 9), dtype=np.complex64)))


def test_without_sigpy_one_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sigpy.mri.app", None)
    with pytest.raises(Refusal, match=r"pip install 'finemri\[classical\]'"):
        RECONSTRUCTORS["l1-wavelet"]()(undersampled(1))
