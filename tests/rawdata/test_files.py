"""Axes and domains are named, told or found by the stated rule; bad input is a sentence."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from finemri.rawdata.crimes import IMAGE, MAGNITUDE, PICTURE
from finemri.rawdata.files import LOOKS_LIKE_IMAGE, is_raw, open_mask, open_raw, open_sensitivities
from finemri.rawdata.scan import RawScan
from finemri.refusal import Refusal
from tests.rawdata.scans import kspace, phantom, transform, write_cfl


def saved(folder: Path, array: np.ndarray) -> Path:
    np.save(folder / "a.npy", array)
    return folder / "a.npy"


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0)])
def test_the_coils_are_found_wherever_they_stand(tmp_path: Path, order: tuple[int, ...]) -> None:
    samples = kspace()[0]
    scan = open_raw(saved(tmp_path, samples.transpose(order)))
    np.testing.assert_array_equal(scan.samples[0], samples)


@pytest.mark.parametrize(
    ("axes", "order"),
    [("coil,i,j", (0, 1, 2, 3)), ("slice, coil, i, j", (0, 1, 2, 3)), ("j i coil slice", (3, 2, 1, 0))],
)
def test_axes_can_be_named(tmp_path: Path, axes: str, order: tuple[int, ...]) -> None:
    samples = kspace(slices=1 if axes == "coil,i,j" else 3, coils=20)
    array = samples[0] if axes == "coil,i,j" else samples.transpose(order)
    scan = open_raw(saved(tmp_path, array), axes=axes)
    np.testing.assert_array_equal(scan.samples, samples)
    assert scan.facts["axes"].endswith("(as named)")


@pytest.mark.parametrize("shape", [(20, 32, 24), (32, 32, 32), (100, 256, 256), (2, 8, 32, 32), (5,)])
def test_axes_that_cannot_be_told_are_asked_for(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).normal(size=shape) + 1j
    with pytest.raises(Refusal, match=r"cannot be told; name them, for example --axes coil,i,j"):
        open_raw(saved(tmp_path, array))


@pytest.mark.parametrize("axes", ["coil,x,y", "coil,i,i", "coil,i", "i,j", "slice,coil,i,j", ""])
def test_words_that_do_not_fit_are_refused(tmp_path: Path, axes: str) -> None:
    with pytest.raises(Refusal, match="--axes"):
        open_raw(saved(tmp_path, kspace()[0]), axes=axes)


def test_a_magnitude_image_becomes_kspace_and_is_flagged(tmp_path: Path) -> None:
    magnitude = np.abs(phantom(32, 24))
    path = saved(tmp_path, np.stack([magnitude, 2 * magnitude, magnitude], axis=-1))
    scan = open_raw(path)
    assert (scan.flags, len(scan), scan.coils, scan.facts["domain"]) == ((MAGNITUDE,), 3, 1, "image")
    np.testing.assert_allclose(scan.samples[1, 0], transform((2 * magnitude).astype(np.complex64)), atol=1e-5)
    with pytest.raises(Refusal, match="k-space is complex"):
        open_raw(path, domain="kspace")


def test_a_complex_image_looks_like_one_and_has_to_be_named(tmp_path: Path) -> None:
    image = phantom(64, 48)
    image[:12] = image[-12:] = image[:, :12] = image[:, -12:] = 1e-4j
    path = saved(tmp_path, image)
    assert open_raw(path).flags == (LOOKS_LIKE_IMAGE,)
    scan = open_raw(path, domain="image")
    assert scan.flags == (IMAGE,)
    np.testing.assert_allclose(scan.samples[0, 0], transform(image), atol=1e-6)
    assert open_raw(path, domain="kspace").flags == ()


def test_a_magnitude_image_stored_as_complex_is_seen_through(tmp_path: Path) -> None:
    magnitude = np.abs(phantom(32, 24)).astype(np.complex64)
    assert MAGNITUDE in open_raw(saved(tmp_path, magnitude), domain="image").flags
    assert open_raw(saved(tmp_path, transform(magnitude))).flags == (MAGNITUDE,)


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_picture_is_allowed_and_flagged(tmp_path: Path, name: str) -> None:
    pixels = (np.abs(phantom(32, 24)) * 100).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / name)
    scan = open_raw(tmp_path / name)
    assert PICTURE in scan.flags
    assert scan.shape == (32, 24)
    if name == "a.png":
        np.testing.assert_allclose(scan.samples[0, 0], transform(pixels.astype(np.complex64)), rtol=1e-5)
    colour = np.stack([pixels, pixels // 2, pixels], axis=-1)
    Image.fromarray(colour).save(tmp_path / name)
    with pytest.raises(Refusal, match="colour picture"):
        open_raw(tmp_path / name)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-200])
    with pytest.raises(Refusal, match="truncated"):
        open_raw(tmp_path / name)


def test_a_centre_in_the_corner_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, np.fft.ifftshift(kspace()[0], axes=(1, 2)))
    with pytest.raises(Refusal, match="lies in its corner; shift it"):
        open_raw(path)
    assert open_raw(path, domain="kspace").coils == 4


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_samples_that_are_not_finite_are_refused(tmp_path: Path, bad: float) -> None:
    samples = kspace()[0].astype(np.complex128)
    samples[1, 2, 3] = bad
    for array in (samples, np.abs(samples)):
        with pytest.raises(Refusal, match="not finite"):
            open_raw(saved(tmp_path, array), axes="coil,i,j")


@pytest.mark.parametrize("unit", [1e-38, 1e36])
def test_the_unit_of_the_samples_does_not_matter(tmp_path: Path, unit: float) -> None:
    samples = kspace()[0]
    scan = open_raw(saved(tmp_path, (samples / np.abs(samples).max()).astype(np.complex128) * unit))
    assert (scan.coils, scan.flags) == (4, ())


def test_all_zero_and_empty_kspace_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="zero everywhere"):
        open_raw(saved(tmp_path, np.zeros((4, 32, 24), np.complex64)))
    with pytest.raises(Refusal, match="empty"):
        open_raw(saved(tmp_path, np.zeros((4, 0, 24), np.complex64)))


def test_a_slice_without_samples_is_refused_alone(tmp_path: Path) -> None:
    samples = kspace(slices=3)
    samples[1] = 0
    scan = open_raw(saved(tmp_path, samples), axes="slice,coil,i,j")
    np.testing.assert_array_equal(scan.slice(2).samples, samples[2])
    with pytest.raises(Refusal, match="zero everywhere"):
        scan.slice(1)
    with pytest.raises(Refusal, match="There is no slice 3; the scan has slices 0 to 2"):
        scan.slice(3)


def test_masks_from_a_file(tmp_path: Path) -> None:
    scan = open_raw(saved(tmp_path, kspace()[0]))
    mask = np.zeros((32, 24), dtype=bool)
    mask[10:20] = True
    for values in (mask, mask.astype(np.uint8) * 255, mask.astype(np.complex64)):
        found = open_mask(saved(tmp_path, values))
        np.testing.assert_array_equal(found, mask)
    assert scan.with_mask(found).slice(0).mask.sum() == mask.sum()
    for other in (np.ones((32, 24)), np.arange(9.0).reshape(3, 3), np.ones(3), mask * 1j):
        with pytest.raises(Refusal, match="is no mask"):
            open_mask(saved(tmp_path, np.asarray(other)))
    with pytest.raises(Refusal, match="The mask is 24×32 and the k-space 32×24"):
        scan.with_mask(mask.T)
    with pytest.raises(Refusal, match="leaves out the centre"):
        scan.with_mask(np.roll(mask, 16, axis=0)).slice(0)
    with pytest.raises(Refusal, match="holds a mask and no k-space"):
        open_raw(saved(tmp_path, mask))


def test_sensitivities_from_a_file(tmp_path: Path) -> None:
    samples = kspace(slices=2)
    scan = RawScan(samples)
    write_cfl(tmp_path / "maps", samples[0].transpose(1, 2, 0), (32, 24, 1, 4))
    maps = open_sensitivities(tmp_path / "maps.cfl")
    for n in range(2):
        sensitivities = scan.with_sensitivities(maps).slice(n).sensitivities
        assert sensitivities is not None
        np.testing.assert_array_equal(sensitivities, samples[0])
    with pytest.raises(Refusal, match=r"sensitivities are 3×32×24 and the k-space 4×32×24"):
        scan.with_sensitivities(maps[:, :3])
    with pytest.raises(Refusal, match="sensitivities of 3 slices and k-space of 2"):
        scan.with_sensitivities(np.repeat(maps, 3, axis=0))


def test_what_is_no_kspace_is_refused(tmp_path: Path) -> None:
    (tmp_path / "poem.txt").write_text("Whose woods these are")
    (tmp_path / "poem.h5").write_text("Whose woods these are")
    (tmp_path / "folder").mkdir()
    for name, raw in (("poem.txt", False), ("poem.h5", True), ("folder", False), ("absent.npy", False)):
        assert is_raw(tmp_path / name) == raw
        with pytest.raises(Refusal) as refusal:
            open_raw(tmp_path / name)
        assert str(refusal.value).endswith(".")


@pytest.mark.parametrize(
    ("name", "shape", "kind", "flags"),
    [
        ("brain_8coil_poisson.npy", (1, 8, 230, 180), "coil, i, j", ()),
        ("brain_16coil_full.mat", (1, 16, 96, 96), "i, j, coil", ()),
        ("brain_1coil_full.mat", (1, 1, 160, 220), "i, j", ()),
        ("brain_8coil_every_second_line.cfl", (1, 8, 320, 168), "i, j, coil", ()),
        ("knee_complex_image.hdr", (1, 1, 288, 236), "i, j", (LOOKS_LIKE_IMAGE,)),
    ],
)
def test_real_files(name: str, shape: tuple[int, ...], kind: str, flags: tuple[str, ...], shared_data: Path) -> None:
    scan = open_raw(shared_data / "kspace" / name)
    assert scan.samples.shape == shape
    assert scan.facts["axes"].startswith(f"{kind} (")
    assert scan.flags == flags
    assert scan.slice(0).coils == shape[1]
