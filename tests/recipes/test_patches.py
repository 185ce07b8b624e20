"""Cohorts become examples; the published slips can be shown."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from finemri.cohorts.cohort import Cohort, Subject
from finemri.physics.degradation import GaussianBlur
from finemri.recipes.patches import BlurredAcross, patches_of_cohorts
from finemri.refusal import Refusal

plain_patches = partial(
    patches_of_cohorts,
    degradations=[GaussianBlur(2)],
    patch=(6, 6, 6),
    seed=0,
    noise=(0.0, 0.0),
    contrast_jitter=False,
    zoom=(1.0, 1.0),
    normaliser="percentile",
)


class Numbered:
    """Example n is a patch full of n."""

    def __getitem__(self, n: int) -> Mapping[str, Tensor]:
        return {"coarse": torch.full((1, 2, 2, 2), float(n)), "fine": torch.full((1, 4, 4, 4), float(n))}


def test_the_published_blur_mixes_the_patches_of_a_batch_and_of_no_other() -> None:
    mixed = BlurredAcross(Numbered(), batch=2, sigma=1.0)
    expected = ndimage.gaussian_filter(np.array([4.0, 5.0]), 1.0, mode="reflect")
    assert float(mixed[4]["coarse"][0, 0, 0, 0]) == pytest.approx(expected[0])
    assert float(mixed[5]["coarse"][0, 0, 0, 0]) == pytest.approx(expected[1])
    assert expected[0] > 4.2  # the other patch shines through
    assert float(mixed[5]["fine"][0, 0, 0, 0]) == 5.0


def cohort(folder: Path, kind: str) -> Cohort:
    path = folder / f"{kind}.nii.gz"
    labels = np.zeros((40, 40, 40), np.float32)
    labels[8:32, 8:32, 8:32] = 3
    labels[14:26, 14:26, 14:26] = 2
    nib.save(nib.Nifti1Image(labels, np.eye(4)), path)
    return Cohort((Subject("one", (path,)) if kind == "images" else Subject("one", labels=(path,)),))


def test_images_give_real_patches_and_label_maps_alone_give_new_contrasts(tmp_path: Path) -> None:
    cohorts = [cohort(tmp_path, "images"), cohort(tmp_path, "labels")]
    examples = plain_patches(cohorts, [1.0, 1.0])
    tones = [len(torch.unique(examples[n]["fine"])) for n in range(24)]
    assert min(tones) <= 3  # cut from the image: its few grey values as they are
    assert max(tones) > 100  # drawn: texture and bias field


def test_shares_that_do_not_match_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="shares"):
        plain_patches([cohort(tmp_path, "images")], [1.0, 2.0])
