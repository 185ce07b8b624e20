"""Coils: simulated ones are found again, combined ones give the image, fewer ones hold most of the energy."""

import importlib
from typing import Literal

import numpy as np
import pytest
import torch

from finemri.physics.coils import (
    combine,
    compress,
    estimate_sensitivities,
    known_sensitivities,
    root_sum_of_squares,
    simulate_sensitivities,
)
from finemri.physics.fourier import to_image, to_kspace
from finemri.physics.kspace import KSpace
from finemri.physics.sampling import Pattern, Sampling
from finemri.refusal import Refusal
from tests.physics.heads import head, measured


@pytest.mark.parametrize("coils", [1, 2, 7])
def test_simulated_coils_see_the_whole_image_together(coils: int) -> None:
    maps = simulate_sensitivities((31, 40), coils, np.random.default_rng(0))
    np.testing.assert_allclose((np.abs(maps) ** 2).sum(axis=0), 1, rtol=1e-5)
    image = head((31, 40))
    np.testing.assert_allclose(combine(maps * image, maps), image, atol=1e-5)
    np.testing.assert_allclose(root_sum_of_squares(maps * image), np.abs(image), atol=1e-5)


@pytest.mark.parametrize("shape", [(64, 64), (61, 48)])
@pytest.mark.parametrize("pattern", ["full", "poisson-2d", "random-1d"])
def test_simulated_sensitivities_are_found_up_to_phase(
    shape: tuple[int, int], pattern: Pattern | Literal["full"]
) -> None:
    """From 8 coils and a little noise, inside the head; the phase that is free is the same in all coils."""
    maps = simulate_sensitivities(shape, 8, np.random.default_rng(3))
    image = head(shape)
    kspace = measured(image, maps, noise=1e-3)
    if pattern != "full":
        kspace = kspace.undersampled(Sampling(pattern, 3, acs=0.18).draw(shape, 0))
    found = estimate_sensitivities(kspace)
    np.testing.assert_allclose((np.abs(found) ** 2).sum(axis=0), 1, rtol=1e-4)
    inside = np.abs(image) > 0.1
    alike = np.abs((found.conj() * maps).sum(axis=0))[inside]
    assert np.median(alike) > 0.999
    assert alike.min() > 0.97


def test_the_same_maps_as_sigpys(shared_data: object) -> None:
    """Of a real head, 16 coils, 24×24 samples of calibration; sigpy's phase is that of the first coil."""
    import h5py

    with h5py.File(f"{shared_data}/kspace/brain_16coil_full.mat") as file:
        raw = file["raw"][:, 0]
    samples = (raw["real"] + 1j * raw["imag"]).astype(np.complex64)
    found = estimate_sensitivities(KSpace.of(samples))
    sigpys = importlib.import_module("sigpy.mri.app").EspiritCalib(samples, crop=0, show_pbar=False).run()
    magnitude = root_sum_of_squares(to_image(torch.from_numpy(samples)).numpy())
    inside = magnitude > 0.1 * magnitude.max()
    assert np.abs((found.conj() * sigpys).sum(axis=0))[inside].min() > 0.999


def test_sensitivities_know_nothing_of_brightness() -> None:
    maps = simulate_sensitivities((32, 32), 4, np.random.default_rng(0))
    kspace = measured(head((32, 32)), maps, noise=1e-3)
    bright = KSpace.of(kspace.samples * np.float32(2**20))
    np.testing.assert_array_equal(estimate_sensitivities(bright), estimate_sensitivities(kspace))


def test_one_coil_listens_evenly() -> None:
    kspace = KSpace.of(np.ones((1, 4, 5), dtype=np.complex64))
    np.testing.assert_array_equal(estimate_sensitivities(kspace), np.ones((1, 4, 5)))
    np.testing.assert_array_equal(known_sensitivities(kspace), np.ones((1, 4, 5)))


def test_a_small_centre_is_refused() -> None:
    samples = to_kspace(torch.from_numpy(np.tile(head((32, 32)), (2, 1, 1)))).numpy()
    lines = np.zeros((32, 32), dtype=bool)
    lines[::2] = True
    with pytest.raises(Refusal, match="centre of 8×8"):
        estimate_sensitivities(KSpace.of(samples, lines))
    with pytest.raises(Refusal, match="sensitivities of the 2 coils"):
        known_sensitivities(KSpace.of(samples))


def test_compressed_coils_hold_the_energy_and_see_the_same_image() -> None:
    """Two coils that are mixtures of two others hold everything."""
    maps = simulate_sensitivities((24, 20), 3, np.random.default_rng(1))
    kspace = measured(head((24, 20)), maps)
    mixed = np.concatenate([kspace.samples, kspace.samples[:2] * np.complex64(1 - 2j)])
    fewer = compress(KSpace.of(mixed), 3)
    np.testing.assert_allclose((np.abs(fewer.samples) ** 2).sum(), (np.abs(mixed) ** 2).sum(), rtol=1e-5)
    all_turned = compress(kspace.with_sensitivities(maps), 3)
    assert all_turned.sensitivities is not None
    images = to_image(torch.from_numpy(all_turned.samples)).numpy()
    np.testing.assert_allclose(combine(images, all_turned.sensitivities), head((24, 20)), atol=1e-5)
    energies = [(np.abs(compress(kspace, n).samples) ** 2).sum() for n in (1, 2, 3)]
    assert energies[0] > energies[2] / 3
    assert energies == sorted(energies)
    for coils in (0, 4):
        with pytest.raises(Refusal, match=r"1\.\.3 coils"):
            compress(kspace, coils)
