"""One person under two names is found, two people are not."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from finemri.cohorts.cohort import Subject
from finemri.cohorts.duplicates import ALIKE, Fingerprint, find_alike, fingerprint, likeness, refuse_alike
from finemri.cohorts.layouts import find_cohort
from finemri.refusal import Refusal
from finemri.volumes.files import open_volume
from finemri.volumes.volume import Volume

SHAPE = (44, 52, 40)
AFFINE = np.array([[0, 0, -1.0, 40], [-1, 0, 0, 30], [0, 1.2, 0, -20], [0, 0, 0, 1]])


def anatomy(seed: int) -> NDArray[np.float32]:
    """A head of its own: folds a few voxels wide, in air."""
    rng = np.random.default_rng(seed)
    at = np.indices(SHAPE).transpose(1, 2, 3, 0)
    inside = ((((at - np.array(SHAPE) / 2) / (0.42 * np.array(SHAPE))) ** 2).sum(-1) <= 1).astype(np.float64)
    folds = ndimage.gaussian_filter(rng.normal(size=SHAPE), 1.6)
    image = ndimage.gaussian_filter(inside * (1 + 6 * folds), 0.6) * 100
    return np.asarray(image.clip(0).astype(np.float32))


def print_of(voxels: NDArray[np.float32], affine: NDArray[np.float64] = AFFINE) -> Fingerprint:
    found = fingerprint(Volume(voxels.astype(np.float32), affine))
    assert found is not None
    return found


def altered(kind: str, x: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    affine, rng = AFFINE.copy(), np.random.default_rng(1)
    if kind == "turned":
        affine[:3, 3] += affine[:3, 0] * (x.shape[0] - 1)
        affine[:3, 0] *= -1
        return np.swapaxes(x[::-1], 0, 2), affine[:, [2, 1, 0, 3]]
    made: NDArray[np.floating] = {
        "as it is": x,
        "another unit": 0.013 * x + 7,
        "8 bits": np.round(255 * x / x.max()),
        "noise": np.abs(x + 0.02 * x.max() * rng.normal(size=x.shape)),
        "moved": np.roll(x, 1, axis=(0, 1)),
        "padded": np.pad(x, 3),
        "gamma": (x / x.max()) ** 0.8,
        "blurred": ndimage.gaussian_filter(x, 0.8),
    }[kind]
    return made.astype(np.float32), affine


KINDS = ("as it is", "another unit", "8 bits", "noise", "moved", "padded", "gamma", "blurred", "turned")


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_is_the_same_person(kind: str) -> None:
    own = anatomy(0)
    assert likeness(print_of(own), print_of(*altered(kind, own))) > ALIKE


def test_two_people_are_two() -> None:
    prints = [print_of(anatomy(seed)) for seed in range(5)]
    assert max(likeness(prints[i], prints[j]) for i in range(5) for j in range(i)) < 0.5
    assert fingerprint(Volume(np.full((9, 9, 9), 3.0, np.float32), np.eye(4))) is None


def people(folder: Path, seeds: list[int]) -> tuple[Subject, ...]:
    folder.mkdir()
    for n, seed in enumerate(seeds):
        nib.nifti1.Nifti1Image(anatomy(seed), AFFINE).to_filename(folder / f"{folder.name}{n}.nii.gz")
    return find_cohort(folder).subjects


def test_whoever_stands_on_both_sides_is_named(tmp_path: Path) -> None:
    learnt, judged = people(tmp_path / "a", [0, 1, 2]), people(tmp_path / "b", [3, 4])
    assert find_alike(learnt, judged) == []
    refuse_alike(learnt, judged)
    refuse_alike(learnt, ())
    again = people(tmp_path / "c", [5, 1])
    (found,) = find_alike(learnt, again)
    assert (found.one, found.other) == ("a1", "c1")
    assert found.likeness == pytest.approx(1, abs=1e-3)
    with pytest.raises(Refusal, match="a1, who is learnt from, and c1, who is held out"):
        refuse_alike(learnt, again)


def test_people_warped_to_one_template_are_told_apart_by_what_is_left(tmp_path: Path) -> None:
    """All share most of one anatomy, so that likeness alone would make all of them one."""

    def side(name: str, seeds: list[int]) -> tuple[Subject, ...]:
        (tmp_path / name).mkdir()
        for n, seed in enumerate(seeds):
            image = anatomy(100) + 0.5 * (anatomy(seed) if seed else 0)
            nib.nifti1.Nifti1Image(np.asarray(image, np.float32), AFFINE).to_filename(
                tmp_path / name / f"{name}{n}.nii"
            )
        return find_cohort(tmp_path / name).subjects

    learnt, judged = side("a", [1, 2, 3]), side("b", [4, 5, 6])
    prints = [[fingerprint(open_volume(person.images[0])) for person in each] for each in (learnt, judged)]
    between = [
        likeness(one, other) for one in prints[0] for other in prints[1] if one is not None and other is not None
    ]
    assert max(between) > 0.7
    assert find_alike(learnt, judged) == []
    assert [(pair.one, pair.other) for pair in find_alike(learnt, side("c", [7, 2, 8]))] == [("a1", "c1")]


def test_real_people(shared_data: Path) -> None:
    files = sorted((shared_data / "hippocampus" / "imagesTr").glob("*.nii.gz"))[:40]
    scans = [open_volume(file) for file in files]
    prints = [print_of(scan.voxels, scan.affine) for scan in scans]
    assert max(likeness(prints[i], prints[j]) for i in range(40) for j in range(i)) < ALIKE
    for scan, own in list(zip(scans, prints, strict=True))[:5]:
        noisy = scan.voxels + 0.02 * scan.voxels.max() * np.random.default_rng(0).normal(size=scan.shape)
        assert likeness(own, print_of(np.roll(noisy, 1, axis=0), scan.affine)) > ALIKE
