import math

import numpy as np
import pytest
import torch

from finemri.baselines import BASELINES
from finemri.measures.lesion import Lesion, score_lesion, try_lesion
from finemri.physics.degradation import GaussianBlur
from finemri.refusal import Refusal
from finemri.shapes import FineVoxels, Voxels

SPACING = (1.0, 1.0, 2.0)
LESION = Lesion((16.0, 15.5, 12.0), (9.0, 7.0, 10.0), 0.5)
TRUTH = np.random.default_rng(0).uniform(1, 2, (32, 32, 24)).astype(np.float32)


def same(voxels: Voxels) -> Voxels:
    return voxels


def blurred(voxels: Voxels) -> FineVoxels:
    coarse: FineVoxels = GaussianBlur(2)(torch.from_numpy(voxels)).numpy()
    return coarse


def test_an_ellipsoid_has_its_volume_in_millimetres() -> None:
    p = LESION.profile((32, 32, 24), SPACING)
    volume = float(p.sum()) * math.prod(SPACING)
    assert volume == pytest.approx(math.pi / 6 * math.prod(LESION.diameters), rel=0.02)
    centre = [float((p.sum(axis=tuple(a for a in range(3) if a != axis)) * np.arange(n)).sum() / p.sum())
              for axis, n in enumerate(p.shape)]  # fmt: skip
    np.testing.assert_allclose(centre, LESION.centre, atol=1e-3)
    assert p.max() == 1
    assert float((LESION.put_into(TRUTH, SPACING) - TRUTH).max()) == pytest.approx(0.5, abs=1e-6)


def test_the_identity_keeps_it_and_invents_nothing() -> None:
    scores = try_lesion(TRUTH, LESION, SPACING, degrade=same, enhance=same, scale=(1, 1, 1))
    assert scores.recovery == pytest.approx(1, abs=1e-5)
    assert scores.dice > 0.95  # {p ≥ ½ max} of a p that is rounded
    assert scores.elsewhere == 0
    assert scores.invented == 0


def test_a_method_that_halves_it_or_drops_it_is_told_so() -> None:
    found = TRUTH + 0.5 * (LESION.put_into(TRUTH, SPACING) - TRUTH)
    half = score_lesion(TRUTH, TRUTH, found, LESION, SPACING, scale=(2, 2, 2))
    assert half.recovery == pytest.approx(0.5, abs=1e-5)
    assert half.dice > 0.95
    gone = score_lesion(TRUTH, TRUTH, TRUTH, LESION, SPACING, scale=(2, 2, 2))
    assert (gone.recovery, gone.dice) == (0, 0)


def test_one_that_is_invented_is_found_with_its_strength() -> None:
    other = Lesion((8.0, 7.5, 7.0), LESION.diameters, 0.4)
    image = other.put_into(TRUTH, SPACING)
    scores = score_lesion(TRUTH, image, LESION.put_into(image, SPACING), LESION, SPACING, scale=(1, 1, 1))
    assert scores.invented == pytest.approx(0.8, abs=1e-4)
    assert scores.recovery == pytest.approx(1, abs=1e-5)
    dark = score_lesion(TRUTH, 2 * TRUTH - image, TRUTH, LESION, SPACING, scale=(1, 1, 1))
    assert dark.invented < 0.1  # a hole passes for no bright lesion


def test_what_changes_far_away_is_elsewhere() -> None:
    found = LESION.put_into(TRUTH, SPACING)
    found[2, 3, 4] += 0.1
    found[16, 15, 12] += 0.3
    scores = score_lesion(TRUTH, TRUTH, found, LESION, SPACING, scale=(2, 2, 2))
    assert scores.elsewhere == pytest.approx(0.2, abs=1e-5)


def test_a_spline_blurs_a_small_one_more_than_a_large_one() -> None:
    spline = BASELINES["spline"](2)
    smooth = np.ones_like(TRUTH)
    large, small = (
        try_lesion(smooth, Lesion((16, 16, 12), (d, d, 2 * d), 0.5), SPACING, degrade=blurred, enhance=spline,
                   scale=(2, 2, 2))
        for d in (9, 3)
    )  # fmt: skip
    assert 0.75 < large.recovery < 1
    assert small.recovery < large.recovery - 0.2
    assert large.dice > 0.85
    assert abs(large.invented) < 1e-3


def test_what_is_no_lesion_is_refused() -> None:
    with pytest.raises(Refusal, match="a contrast"):
        Lesion((1, 1, 1), (2, 2, 2), 0)
    with pytest.raises(Refusal, match="reaches out"):
        Lesion((1, 16, 12), (9, 9, 9), 1).profile((32, 32, 24), SPACING)
    with pytest.raises(Refusal, match="one grid"):
        score_lesion(TRUTH, TRUTH[1:], TRUTH, LESION, SPACING, scale=(1, 1, 1))
