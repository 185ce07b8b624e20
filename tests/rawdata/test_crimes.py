"""Implicit data crimes are seen where they are, and nowhere else."""

import numpy as np
import pytest

from finemri.physics.coils import simulate_sensitivities
from finemri.physics.sampling import Sampling
from finemri.rawdata.crimes import MAGNITUDE, detect
from tests.rawdata.scans import kspace, phantom, transform

SIZES = [(32, 24), (33, 25), (32, 25)]


def everything(samples: np.ndarray) -> np.ndarray:
    return np.ones(samples.shape[1:], dtype=bool)


@pytest.mark.parametrize("size", SIZES)
def test_what_was_measured_is_innocent(size: tuple[int, int]) -> None:
    for samples in (transform(phantom(*size))[None], kspace(1, 4, *size)[0]):
        assert detect(samples, everything(samples)) == ()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bits", [8, 32])
def test_a_magnitude_image_is_symmetric_whatever_its_phase(size: tuple[int, int], bits: int) -> None:
    magnitude = np.abs(phantom(*size))
    magnitude = np.round(magnitude * 100).astype(np.float32) if bits == 8 else magnitude
    for turn in (1, np.exp(0.7j)):
        samples = transform((magnitude * turn).astype(np.complex64))[None]
        assert detect(samples, everything(samples)) == (MAGNITUDE,)
        mask = Sampling("random-1d", 2.0).draw(size, 0)
        assert MAGNITUDE in detect(np.where(mask, samples, 0), mask)


@pytest.mark.parametrize("size", SIZES)
def test_zero_padding_is_told_with_its_sizes(size: tuple[int, int]) -> None:
    i, j = size
    samples = np.zeros((1, 48, 40), np.complex64)
    samples[0, 24 - i // 2 : 24 - i // 2 + i, 20 - j // 2 : 20 - j // 2 + j] = transform(phantom(i, j))
    said = (f"zero-padded from {i}×{j} to 48×40 (implicit data crime)",)
    assert detect(samples, samples[0] != 0) == said
    again = transform(
        transform(samples[:, ::-1, ::-1])[:, ::-1, ::-1]
    )  # through the image and back: zeros but for rounding
    assert 0 < np.abs(again[0, 0]).max() < 1e-5
    assert len(detect(again, everything(again))) == 1


@pytest.mark.parametrize("pattern", ["gaussian-1d", "density-1d", "density-2d", "poisson-2d", "random-1d"])
def test_a_mask_is_no_padding(pattern: str) -> None:
    samples = kspace(1, 2, 48, 40)[0]
    for seed in range(2):
        mask = Sampling(pattern, 4.0).draw((48, 40), seed)  # type: ignore[arg-type]  # a name from the list
        assert detect(np.where(mask, samples, 0), mask) == ()


def test_partial_fourier_is_no_padding() -> None:
    samples = kspace(1, 2)[0]
    samples[:, :8] = 0
    assert detect(samples, (samples != 0).any(axis=0)) == ()


def test_a_magnitude_image_behind_simulated_coils_of_no_phase_is_seen() -> None:
    maps = np.abs(simulate_sensitivities((32, 24), 4, np.random.default_rng(0)))
    samples = transform((np.abs(phantom(32, 24)) * maps).astype(np.complex64))
    assert detect(samples, everything(samples)) == (MAGNITUDE,)
