"""The mask finds heads made of ellipsoids, and real ones."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from finemri.measures import mask as room
from finemri.measures.mask import head_mask
from finemri.refusal import Refusal
from finemri.shapes import Mask, Voxels

SHAPE = (60, 70, 64)


def ball(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Mask:
    at = np.indices(SHAPE).transpose(1, 2, 3, 0)
    inside: Mask = (((at - centre) / radii) ** 2).sum(-1) <= 1
    return inside


HEAD = ball((30, 35, 32), (22, 26, 24))


def dice(a: Mask, b: Mask) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def phantom(noise: float = 0.02) -> Voxels:
    """A head with a dark skull, an air cavity and an ear canal that opens to the outside."""
    image = 0.6 * HEAD
    image[ball((30, 35, 32), (20, 24, 22)) & ~ball((30, 35, 32), (18, 22, 20))] = 0.0
    image[ball((30, 50, 25), (4, 4, 4))] = 0.0
    image[:12, 34:37, 31:34] = 0.0
    rng = np.random.default_rng(3)
    real, imaginary = noise * rng.normal(size=(2, *SHAPE))
    return np.asarray(np.hypot(image + real, imaginary), dtype=np.float32)


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.03])
@pytest.mark.parametrize("gain", [1.0, 1000.0])
def test_whole_head_with_its_air(noise: float, gain: float) -> None:
    mask = head_mask(phantom(noise) * np.float32(gain))
    assert dice(mask, HEAD) > 0.97
    assert mask[30, 50, 25], "an air cavity is inside the head"
    assert mask[30, 54, 32], "so is the skull"


def test_whole_head_on_a_raised_background() -> None:
    assert dice(head_mask(phantom() + np.float32(5)), HEAD) > 0.97


def test_brain_without_a_skull() -> None:
    brain = ball((30, 35, 32), (18, 22, 20))
    image = np.where(brain, 0.7, 0).astype(np.float32)
    image[ball((30, 35, 32), (4, 5, 4))] = 0.15
    assert dice(head_mask(image), brain) > 0.95


def test_a_crop_of_tissue_is_all_tissue() -> None:
    image = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(34, 40, 34)), 2).astype(np.float32)
    assert head_mask(image / image.std() * 20 + 80).mean() > 0.95


def test_a_loose_bright_piece_is_left_out() -> None:
    image = phantom()
    image[2:5, 2:5, 2:5] = 2.0
    assert not head_mask(image)[3, 3, 3]


def test_in_blocks_it_is_nearly_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = head_mask(phantom())
    monkeypatch.setattr(room, "LARGEST", phantom().size / 8)
    odd = phantom()[:, :69, :63]
    blocks = head_mask(odd)
    assert blocks.shape == odd.shape
    assert dice(blocks, whole[:, :69, :63]) > 0.95


def test_an_image_without_contrast_is_refused() -> None:
    with pytest.raises(Refusal, match="contrast"):
        head_mask(np.full((8, 8, 8), 3, dtype=np.float32))


def test_real_head(shared_data: Path) -> None:
    image = nib.nifti1.Nifti1Image.from_filename(shared_data / "head_t1_1mm" / "t1.nii.gz")
    voxels = np.asarray(image.dataobj)[::2, ::2, ::2].astype(np.float32)
    mask = head_mask(voxels)
    litres = mask.sum() * 8e-6
    assert 3.0 < litres < 4.0, "an adult head and some neck"
    assert voxels[~mask].mean() < 0.02 * voxels[mask].mean()
    _, count = ndimage.label(mask)
    assert count == 1, "one body"
    assert (ndimage.binary_fill_holes(mask) == mask).all(), "without holes"
