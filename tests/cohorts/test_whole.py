"""Whole scans: what the exam does to a scan is what the examples show, up to the very edge."""

import numpy as np
import pytest
import torch

from finemri.cohorts.whole import WholeScans
from finemri.physics.degradation import GaussianBlur, KSpaceTruncation
from finemri.refusal import Refusal
from tests.cohorts.people import brain


@pytest.mark.parametrize("degradation", [GaussianBlur(2), KSpaceTruncation(2)])
def test_a_patch_as_large_as_the_scan_is_the_scan_made_coarse(degradation: GaussianBlur | KSpaceTruncation) -> None:
    cube = brain((17, 16, 17))[:16, :16, :16]
    scans = WholeScans([cube], degradations=[degradation], patch=(8, 8, 8), seed=3, contrast_jitter=False)

    example = scans[5]

    torch.testing.assert_close(example["coarse"][0], degradation(example["fine"][0]))
    assert example["fine"].shape == (1, 16, 16, 16)


def test_examples_repeat_differ_and_come_from_everybody() -> None:
    people = [np.full((12, 14, 10), value, np.float32) * brain((12, 14, 10), n) for n, value in enumerate((1.0, 1.0))]
    scans = WholeScans(people, degradations=[GaussianBlur(2)], patch=(4, 4, 4), seed=0, noise=(0.0, 0.1))

    assert torch.equal(scans[7]["coarse"], scans[7]["coarse"])
    assert not torch.equal(scans[7]["coarse"], scans[8]["coarse"])
    assert scans[7]["coarse"].shape == (1, 4, 4, 4)


def test_coarse_and_fine_are_cut_at_the_same_place() -> None:
    ramp = np.stack(np.meshgrid(*(np.arange(20.0),) * 3, indexing="ij")).sum(0).astype(np.float32) + 10
    scans = WholeScans([ramp], degradations=[GaussianBlur(2)], patch=(4, 4, 4), seed=1, contrast_jitter=False)

    for n in range(20):
        example = scans[n]
        means = example["fine"].unfold(1, 2, 2).unfold(2, 2, 2).unfold(3, 2, 2).mean((-1, -2, -3))
        inner = (slice(None), slice(1, -1), slice(1, -1), slice(1, -1))
        assert (means - example["coarse"])[inner].abs().max() < 0.02


def test_a_patch_too_large_is_refused_with_the_size_that_fits() -> None:
    with pytest.raises(Refusal, match=r"--recipe\.patch 5 5 5"):
        WholeScans([brain((12, 14, 10))], degradations=[GaussianBlur(2)], patch=(6, 6, 6), seed=0)
    with pytest.raises(Refusal, match="at least one"):
        WholeScans([], degradations=[GaussianBlur(2)], patch=(6, 6, 6), seed=0)
