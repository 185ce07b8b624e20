"""Cross-validated trust: who is kept aside, and that clean scans are trusted more than noisy ones."""

import numpy as np
import pytest
import torch

from finemri.networks.cascade import Cascade
from finemri.physics.coils import simulate_sensitivities
from finemri.physics.fourier import to_kspace
from finemri.physics.sampling import Pattern, Sampling
from finemri.recipes.lines import chosen_along_j, whole_lines
from finemri.recipes.trust import ASIDE, TRUSTS, cross_validated, kept_aside


@pytest.mark.parametrize("pattern", ["random-1d", "equispaced-1d", "density-2d"])
def test_some_measured_samples_outside_the_centre_are_kept_aside(pattern: Pattern) -> None:
    mask = Sampling(pattern, 4).draw((96, 80), 0)
    aside = kept_aside(mask)
    assert not (aside & ~mask).any()
    assert not aside[48 - 3 : 48 + 3, 40 - 3 : 40 + 3].any()
    assert aside.sum() == pytest.approx(ASIDE * mask.sum(), rel=0.3)
    assert whole_lines(aside) == pattern.endswith("1d")
    assert np.array_equal(aside, kept_aside(mask))


def test_nothing_is_kept_aside_of_a_centre_alone() -> None:
    mask = np.zeros((64, 64), dtype=bool)
    mask[30:34] = True
    assert not kept_aside(mask).any()


def test_lines_are_told_from_columns_and_points() -> None:
    lines = Sampling("random-1d", 4).draw((40, 40), 0)
    assert whole_lines(lines)
    assert chosen_along_j(lines.T.copy())
    assert not chosen_along_j(lines)
    assert not chosen_along_j(np.ones((8, 8), dtype=bool))


@pytest.mark.parametrize(("noise", "trusted"), [(0.0, True), (0.3, False)])
def test_the_cleaner_the_scan_the_more_its_data_are_trusted(noise: float, trusted: bool) -> None:
    """A cascade whose U-Net says nothing, and whose last damping is far too strong for clean data."""
    rng = np.random.default_rng(0)
    y, x = (np.linspace(-1, 1, n) for n in (48, 40))
    disc = ((np.hypot(y[:, None], x[None]) < 0.7) * (1 + 0.5 * np.sin(9 * y[:, None]))).astype(np.complex64)
    maps = torch.from_numpy(simulate_sensitivities((48, 40), 8, rng))[None]
    mask = torch.from_numpy(Sampling("density-2d", 3).draw((48, 40), 0))[None, None]
    grain = rng.normal(size=(2, 8, 48, 40)).astype(np.float32)
    kspace = (to_kspace(maps * torch.from_numpy(disc)) + noise * torch.complex(*torch.from_numpy(grain))) * mask
    network = Cascade(steps=1, features=8, depth=1, start=1).eval()
    for name, weights in network.named_parameters():
        if name == "damping.2.bias":
            torch.nn.init.constant_(weights, -1.0)
    with torch.inference_mode():
        made = cross_validated(network, kspace, mask, maps)
        guess = network.unrolled(kspace, mask, maps)
        chosen = [t for t in TRUSTS if torch.allclose(network.finished(guess, t), made, atol=1e-6)]
    assert (chosen[0] > TRUSTS[0]) == trusted
