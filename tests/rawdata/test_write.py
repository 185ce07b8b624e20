"""Reconstructed slices on the disk: what was computed, whole or not at all, with a sidecar that tells how."""

import hashlib
import json
from pathlib import Path

import h5py
import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from finemri.rawdata.files import open_raw
from finemri.rawdata.write import NO_ORIENTATION, NO_SPACING, check_slice_output, save_slice_image
from finemri.refusal import Refusal
from tests.rawdata.scans import kspace, phantom

OUTPUTS = ["a.npy", "a.h5", "a.nii", "a.nii.gz", "a.png"]


@pytest.fixture
def images() -> np.ndarray:
    return np.stack([phantom(20, 16, seed=n) * np.float32(n + 1) for n in range(3)])


def test_numpy_keeps_every_bit(tmp_path: Path, images: np.ndarray) -> None:
    assert save_slice_image(images, tmp_path / "a.npy") == ()
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), images)


def test_hdf5_has_magnitude_and_complex(tmp_path: Path, images: np.ndarray) -> None:
    assert save_slice_image(images, tmp_path / "a.h5") == ()
    with h5py.File(tmp_path / "a.h5") as root:
        np.testing.assert_array_equal(root["reconstruction"][()], np.abs(images))
        np.testing.assert_array_equal(root["reconstruction_complex"][()], images)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_nifti_has_the_spacing_or_says_that_it_is_unknown(tmp_path: Path, name: str, images: np.ndarray) -> None:
    warnings = save_slice_image(images, tmp_path / name, spacing=(0.5, 0.75, 4.0), provenance={})
    assert warnings == (NO_ORIENTATION,)
    nifti = nib.nifti1.load(tmp_path / name)
    np.testing.assert_array_equal(np.asanyarray(nifti.dataobj), np.abs(images).transpose(1, 2, 0))
    np.testing.assert_allclose(nifti.header.get_zooms(), (0.5, 0.75, 4.0))
    np.testing.assert_allclose(nifti.affine @ [9.5, 7.5, 1, 1], [0, 0, 0, 1], atol=1e-6)
    assert save_slice_image(images, tmp_path / name, force=True, provenance={}) == (NO_ORIENTATION, NO_SPACING)
    assert json.loads((tmp_path / "a.json").read_text())["warnings"] == [NO_ORIENTATION, NO_SPACING]


def test_png_is_black_to_the_percentile_and_slices_stand_side_by_side(tmp_path: Path, images: np.ndarray) -> None:
    save_slice_image(images, tmp_path / "a.png")
    pixels = np.asarray(Image.open(tmp_path / "a.png"))
    assert pixels.shape == (40, 32)
    expected = np.clip(np.abs(images) / np.percentile(np.abs(images), 99.9) * 255, 0, 255)
    for place, slice_ in zip([(0, 0), (0, 16), (20, 0)], expected, strict=True):
        np.testing.assert_allclose(pixels[place[0] : place[0] + 20, place[1] : place[1] + 16], slice_, atol=0.51)
    assert not pixels[20:, 16:].any()


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_sidecar_tells_method_source_flags_and_digest(tmp_path: Path, name: str, images: np.ndarray) -> None:
    np.save(tmp_path / "in.npy", kspace()[0])
    source = open_raw(tmp_path / "in.npy").source
    told_before = {"method": "zero-filled", "warnings": ["slow"]}
    save_slice_image(images, tmp_path / name, source=source, flags=("zero-padded",), provenance=told_before)
    told = json.loads((tmp_path / "a.json").read_text())
    assert told["input"] == {
        "format": "arrays",
        "files": 1,
        "sha256": hashlib.sha256((tmp_path / "in.npy").read_bytes()).hexdigest(),
        "flags": ["zero-padded"],
    }
    assert told["output"]["sha256"] == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    assert told["method"] == "zero-filled"
    assert told["warnings"][0] == "slow"


@pytest.mark.parametrize("name", OUTPUTS)
def test_equal_results_are_equal_bytes(tmp_path: Path, name: str, images: np.ndarray) -> None:
    save_slice_image(images, tmp_path / name)
    before = (tmp_path / name).read_bytes()
    with pytest.raises(Refusal, match=r"exists already.*--force"):
        save_slice_image(images * 2, tmp_path / name)
    assert (tmp_path / name).read_bytes() == before
    save_slice_image(images, tmp_path / name, force=True)
    assert (tmp_path / name).read_bytes() == before


@pytest.mark.parametrize("name", OUTPUTS)
def test_what_is_not_finite_is_not_saved(tmp_path: Path, name: str, images: np.ndarray) -> None:
    images[1, 2, 3] = np.nan
    with pytest.raises(Refusal, match="not finite"):
        save_slice_image(images, tmp_path / name, provenance={})
    assert not list(tmp_path.iterdir())


def test_the_source_and_its_neighbours_stay(tmp_path: Path, images: np.ndarray) -> None:
    np.save(tmp_path / "in.npy", kspace()[0])
    source = open_raw(tmp_path / "in.npy").source
    with pytest.raises(Refusal, match="replace its own source"):
        save_slice_image(images, tmp_path / "in.npy", source=source, force=True)
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(Refusal, match=r"a.json exists already"):
        save_slice_image(images, tmp_path / "a.npy", provenance={})
    assert not (tmp_path / "a.npy").exists()


@pytest.mark.parametrize("name", ["a", "a.jpg", "a.mat", ".npy", "a.json"])
def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refusal, match=r"name a \.npy"):
        check_slice_output(tmp_path / name)


def test_a_sidecar_takes_only_what_is_on_its_list(tmp_path: Path, images: np.ndarray) -> None:
    with pytest.raises(Refusal, match="no place for patient"):
        save_slice_image(images, tmp_path / "a.npy", provenance={"patient": "Doe"})
    assert not list(tmp_path.iterdir())


def test_darkness_is_a_black_picture(tmp_path: Path) -> None:
    save_slice_image(np.zeros((1, 8, 8), np.complex64), tmp_path / "a.png")
    assert not np.asarray(Image.open(tmp_path / "a.png")).any()
