"""Phases: smooth where they are drawn, found where they are coarse; and fields that brighten towards the coils."""

import numpy as np
import torch

from finemri.physics.coils import simulate_sensitivities
from finemri.physics.fourier import to_kspace
from finemri.physics.phase import coarse_phase, receive_field, smooth_phase


def disc(shape: tuple[int, int]) -> np.ndarray:
    y, x = (np.linspace(-1, 1, n) for n in shape)
    inside: np.ndarray = np.hypot(y[:, None], x[None]) < 0.8
    return inside


def test_a_drawn_phase_is_pure_in_its_rng_and_smooth() -> None:
    first, again, other = (smooth_phase((64, 49), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)
    assert np.abs(np.diff(first, axis=0)).max() < 1
    assert np.abs(np.diff(first, axis=1)).max() < 1


def test_the_coarse_phase_of_a_full_scan_is_nearly_its_phase() -> None:
    rng = np.random.default_rng(0)
    inside, phase = disc((128, 112)), smooth_phase((128, 112), rng)
    maps = torch.from_numpy(simulate_sensitivities((128, 112), 4, rng))[None]
    image = torch.from_numpy((inside * np.exp(1j * phase)).astype(np.complex64))
    found = coarse_phase(to_kspace(maps * image), maps)[0]
    assert torch.allclose(found.abs(), torch.ones(128, 112), atol=1e-5)
    left = torch.angle(found.conj() * image)[torch.from_numpy(inside)]
    assert float(left.abs().median()) < 0.1


def test_maps_of_another_phase_turn_the_coarse_phase_the_other_way() -> None:
    rng = np.random.default_rng(3)
    maps = torch.from_numpy(simulate_sensitivities((40, 33), 3, rng))[None]
    kspace = torch.randn(1, 3, 40, 33, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    turn = torch.from_numpy(np.exp(1j * rng.uniform(-3, 3, (40, 33))).astype(np.complex64))
    expected = coarse_phase(kspace, maps) * turn.conj()
    assert torch.allclose(coarse_phase(kspace, maps * turn), expected, atol=1e-3)


def test_the_field_is_positive_and_brightest_at_the_rim() -> None:
    fields = [receive_field((32, 40), np.random.default_rng(seed)) for seed in range(20)]
    assert min(field.min() for field in fields) > 0
    rim = np.mean([np.mean([field[0], field[-1]]) for field in fields])
    assert rim > 1.2 * np.mean([field[16, 20] for field in fields])
