"""Implicit data crimes of images are seen where they are, and nowhere else."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from finemri.volumes.crimes import blocky_plane, coarse_levels, crimes_of, cut_off
from finemri.volumes.files import open_volume

SHAPE = (72, 80, 40)


def scan(seed: int = 0) -> np.ndarray:
    """Textured tissue in air, as rough as a scan is, and noise."""
    rng = np.random.default_rng(seed)
    at = np.indices(SHAPE).transpose(1, 2, 3, 0)
    inside = ((((at - np.array(SHAPE) / 2) / (0.4 * np.array(SHAPE))) ** 2).sum(-1) <= 1).astype(np.float64)
    texture = sum(s * ndimage.gaussian_filter(rng.normal(size=SHAPE), s) for s in (0.7, 1.5, 3.0, 6.0))
    image = inside * (3 + texture) * 100 + rng.normal(size=SHAPE)
    return np.asarray(np.abs(image), dtype=np.float32)


def padded(image: np.ndarray, axis: int, size: int) -> np.ndarray:
    """k-space with zeros around it along an axis; the magnitude."""
    kspace = np.fft.fftshift(np.fft.fft(image, axis=axis), axes=axis)
    before = (size - image.shape[axis]) // 2
    margin = [(0, 0)] * 3
    margin[axis] = (before, size - image.shape[axis] - before)
    kspace = np.pad(kspace, margin)
    made = np.abs(np.fft.ifft(np.fft.ifftshift(kspace, axes=axis), axis=axis))
    return np.asarray(made.astype(np.float32))


def as_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Each slice along k as a picture, and back."""
    grey = np.round(255 * np.clip(image / image.max(), 0, 1)).astype(np.uint8)
    made = np.empty(image.shape, np.float32)
    for k in range(image.shape[2]):
        stream = io.BytesIO()
        Image.fromarray(grey[:, :, k]).save(stream, "JPEG", quality=quality)
        made[:, :, k] = np.asarray(Image.open(stream))
    return made


@pytest.mark.parametrize("seed", range(3))
def test_a_scan_is_innocent(seed: int) -> None:
    assert crimes_of(scan(seed)) == ()
    assert crimes_of(ndimage.gaussian_filter(scan(seed), 0.8)) == (), "blurred is no crime"
    assert crimes_of(np.round(scan(seed))) == (), "12 bits"


@pytest.mark.parametrize(("axis", "size"), [(0, 96), (0, 108), (1, 112), (1, 160)])
def test_zero_padding_is_told_with_axis_and_sizes(axis: int, size: int) -> None:
    made = padded(scan(), axis, size)
    share = cut_off(made, axis)
    assert share is not None
    assert share == pytest.approx(SHAPE[axis] / size, abs=0.08)
    (said,) = crimes_of(made)
    assert f"along axis {'ijk'[axis]}" in said
    assert f"to {size} voxels (implicit data crime)" in said
    assert all(cut_off(made, other) is None for other in range(3) if other != axis)


def test_eight_bits_are_counted_whatever_the_unit() -> None:
    image = scan()
    grey = np.round(255 * np.clip(image / np.percentile(image, 99.9), 0, 1))
    for made in (grey, grey * 0.137 + 20, (grey / 255) ** 0.7):
        levels = coarse_levels(made.astype(np.float32))
        assert levels is not None
        assert levels == np.unique(grey).size <= 256
    assert coarse_levels(image) is None
    dark = np.round(image * (400 / image.max())).astype(np.float32)
    dark[dark > 200] = np.round(dark[dark > 200] / 4) * 4
    assert np.unique(dark).size <= 256
    assert coarse_levels(dark) is None, "few levels on 400 whole steps: a dark scan of 12 bits"
    assert coarse_levels(np.zeros((20, 20, 20), np.float32)) is None, "constant"


def test_blocks_of_jpeg_are_found_in_their_plane() -> None:
    assert blocky_plane(as_jpeg(scan(), 75)) == "ij"
    assert blocky_plane(np.moveaxis(as_jpeg(scan(), 75), 0, 2)) == "ik"
    assert blocky_plane(scan()) is None
    assert any("JPEG" in said for said in crimes_of(as_jpeg(scan(), 60)))


def test_real_scans(shared_data: Path) -> None:
    def found(name: str) -> str:
        return "; ".join(crimes_of(open_volume(shared_data / name).voxels))

    assert found("head_t1_1mm/t1.nii.gz") == "8-bit origin: 256 grey levels (implicit data crime)"
    assert found("head_slabs/images/head_01.nii.gz") == ""
    interpolated = found("thick_multicontrast/visit1_flair.nii.gz")
    assert "along axis i, interpolated from about 198 to 320 voxels" in interpolated
