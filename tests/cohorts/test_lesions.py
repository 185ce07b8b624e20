"""Lesions that are drawn into fine regions to learn from."""

import numpy as np
import pytest
import torch

from finemri.cohorts import lesions
from finemri.cohorts.lesions import with_lesions


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many that every draw has some."""
    monkeypatch.setattr(lesions, "APART", 2_000)


@pytest.mark.usefixtures("crowded")
def test_bright_and_dark_ones_of_many_sizes_and_never_below_air() -> None:
    region = torch.full((40, 40, 40), 0.3)
    drawn = [with_lesions(region, np.random.default_rng(n)) - region for n in range(20)]
    changes = torch.stack(drawn)
    assert changes.max() > 0.2
    assert changes.min() == pytest.approx(-0.3, abs=1e-6)
    shares = (changes.abs() > 0.02).flatten(1).float().mean(1)
    assert 0.01 < shares.min() < shares.max() / 2 < 0.2
    assert torch.equal(region, torch.full((40, 40, 40), 0.3))


@pytest.mark.usefixtures("crowded")
def test_none_in_air() -> None:
    region = torch.full((40, 40, 40), 0.05)
    assert torch.equal(with_lesions(region, np.random.default_rng(0)), region)


def test_the_same_numbers_draw_the_same() -> None:
    region = torch.full((60, 50, 40), 0.5)
    one, other, third = (with_lesions(region, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert torch.equal(one, other)
    assert not torch.equal(one, third)


def test_one_has_the_size_that_was_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lesions, "RADIUS", (4.0, 4.0))
    monkeypatch.setattr(lesions, "EDGE", (0.25, 0.25))
    monkeypatch.setattr(lesions, "CONTRAST", (0.2, 0.2))

    class One(np.random.Generator):
        def poisson(self, *_: object, **__: object) -> int:  # type: ignore[override]
            return 1

        def uniform(self, low: float = 0, high: float = 1, size: object = None) -> np.ndarray:  # type: ignore[override]
            return np.full(3, 20.0) if np.size(high) == 3 else np.asarray(super().uniform(low, high))

        def normal(self, *_: object, size: object = None, **__: object) -> np.ndarray:  # type: ignore[override]
            return np.zeros(3) if size == 3 else np.eye(3)

    region = torch.full((41, 41, 41), 0.5)
    change = (with_lesions(region, One(np.random.PCG64(1))) - region).abs()
    assert float(change[20, 20, 20]) == pytest.approx(0.2, abs=1e-3)
    assert float((change > 0.1).sum()) == pytest.approx(4 / 3 * np.pi * 4**3, rel=0.08)
