"""NIfTI in and out, against nibabel."""

import gzip
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from finemri.refusal import Refusal
from finemri.volumes import nifti
from finemri.volumes.files import describe_series, open_volume, save_volume
from finemri.volumes.volume import Volume
from tests.volumes.scans import affines, oblique, ramp

SHAPE = (4, 3, 5)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@given(affine=affines(), voxels=arrays(np.float32, SHAPE, elements={"allow_nan": False, "allow_infinity": False}))
@settings(max_examples=15)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, affine: np.ndarray, voxels: np.ndarray
) -> None:
    path = tmp_path_factory.mktemp("nifti") / f"scan{suffix}"
    save_volume(Volume(voxels, affine), path)
    again, others = open_volume(path), nib.Nifti1Image.from_filename(path)
    np.testing.assert_array_equal(again.voxels, voxels)
    np.testing.assert_allclose(again.affine, affine, rtol=1e-6, atol=3e-5)  # the format holds float32
    np.testing.assert_array_equal(others.get_fdata(dtype=np.float32), voxels)
    np.testing.assert_allclose(others.header.get_qform(), affine, rtol=0, atol=5e-3)  # quaternions are coarse
    assert others.header.get_xyzt_units()[0] == "mm"
    assert others.header.get_data_dtype() == np.float32
    assert int(others.header["sform_code"]) == int(others.header["qform_code"]) > 0


def test_equal_results_are_equal_bytes(tmp_path: Path) -> None:
    volume = Volume(ramp(), oblique())
    save_volume(volume, tmp_path / "a.nii.gz")
    save_volume(volume, tmp_path / "another name.nii.gz")
    first = (tmp_path / "a.nii.gz").read_bytes()
    assert first == (tmp_path / "another name.nii.gz").read_bytes()
    assert first[4:8] == b"\0\0\0\0"  # no time
    assert b"a.nii" not in first


def test_a_sheared_grid_keeps_its_sform_and_gets_no_wrong_qform(tmp_path: Path) -> None:
    affine = oblique()
    affine[:3, 2] += 0.4 * affine[:3, 0]
    save_volume(Volume(ramp(), affine), tmp_path / "a.nii")
    np.testing.assert_allclose(open_volume(tmp_path / "a.nii").affine, affine, atol=1e-5)
    assert int(nib.Nifti1Image.from_filename(tmp_path / "a.nii").header["qform_code"]) == 0


@pytest.mark.parametrize("kind", ["u1", "<i2", ">i2", "<u2", "<i4", ">f4", "<f8", "<i8"])
@pytest.mark.parametrize("version", [nib.Nifti1Image, nib.Nifti2Image])
def test_every_type_and_both_versions_are_read(tmp_path: Path, kind: str, version: type) -> None:
    voxels, header = ramp((6, 4, 5)), version.header_class(endianness=kind[0] if kind[0] in "<>" else "<")  # type: ignore[attr-defined]
    header.set_data_dtype(np.dtype(kind))
    nib.save(version(voxels.astype(kind), oblique(), header), tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(open_volume(tmp_path / "a.nii.gz").voxels, voxels)


def test_slabs_that_do_not_divide_the_depth_are_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nifti, "SLAB_BYTES", 2 * 5 * 4 * 4)  # two slices a time, of seven
    save_volume(Volume(ramp((5, 4, 7)), oblique()), tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(open_volume(tmp_path / "a.nii.gz").voxels, ramp((5, 4, 7)))


def test_the_slope_is_applied_and_a_slope_of_zero_or_nan_is_none(tmp_path: Path) -> None:
    image = nib.Nifti1Image(ramp().astype(np.int16), oblique())
    for slope, factor in ((0.25, 0.25), (0.0, 1.0), (np.nan, 1.0)):
        nib.save(image, tmp_path / "a.nii")
        raw = bytearray((tmp_path / "a.nii").read_bytes())
        raw[112:120] = np.array([slope, 0 if factor == 1 else -3], "<f4").tobytes()
        (tmp_path / "a.nii").write_bytes(raw)
        expected = ramp() * factor + (0 if factor == 1 else -3)
        np.testing.assert_allclose(open_volume(tmp_path / "a.nii").voxels, expected, rtol=1e-6)


def test_units_of_metres_and_micrometres_become_millimetres(tmp_path: Path) -> None:
    for unit, factor in (("meter", 1000), ("micron", 0.001), ("unknown", 1)):
        image = nib.Nifti1Image(ramp(), oblique())
        image.header.set_xyzt_units(unit)
        nib.save(image, tmp_path / "a.nii")
        expected = np.diag([factor] * 3 + [1]) @ image.affine
        np.testing.assert_allclose(open_volume(tmp_path / "a.nii").affine, expected, rtol=1e-5)


def test_one_volume_in_four_axes_and_a_single_slice_are_volumes(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(ramp()[..., None, None], oblique()), tmp_path / "five.nii")
    nib.save(nib.Nifti1Image(ramp()[:, :, 0], oblique()), tmp_path / "two.nii")
    assert open_volume(tmp_path / "five.nii").shape == (5, 4, 6)
    assert open_volume(tmp_path / "two.nii").shape == (5, 4, 1)


def of_kind(kind: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        voxels = np.zeros(SHAPE, np.dtype([(c, "u1") for c in "RGB"]) if kind == "RGB" else kind)
        nib.save(nib.Nifti1Image(voxels, np.eye(4)), path)

    return make


def of_voxels(voxels: np.ndarray, affine: np.ndarray | None = None) -> Callable[[Path], None]:
    return lambda path: nib.save(nib.Nifti1Image(voxels, np.eye(4) if affine is None else affine), path)


def with_bytes(change: Callable[[bytearray], bytes | bytearray]) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        plain = path.with_name("plain.nii")
        nib.save(nib.Nifti1Image(ramp(), oblique()), plain)
        changed = bytes(change(bytearray(plain.read_bytes())))
        path.write_bytes(gzip.compress(changed) if path.suffix == ".gz" else changed)

    return make


def put(start: int, value: bytes) -> Callable[[bytearray], bytearray]:
    def change(raw: bytearray) -> bytearray:
        raw[start : start + len(value)] = value
        return raw

    return change


HUGE = np.array([3, 2000, 2000, 1000], "<i2").tobytes()
REFUSED: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "4D": ("a.nii", of_voxels(np.zeros((3, 3, 3, 7), np.float32)), "holds 7 volumes"),
    "vectors": ("a.nii", of_voxels(np.zeros((3, 3, 3, 1, 3), np.float32)), "holds 3 volumes"),
    "colour": ("a.nii", of_kind("RGB"), "colour picture"),
    "complex": ("a.nii", of_kind("c8"), "complex numbers"),
    "NaN": ("a.nii", of_voxels(np.full(SHAPE, np.nan, np.float32)), "not finite"),
    "too large for float32": ("a.nii", of_voxels(np.full(SHAPE, 1e300)), "not finite"),
    "flat affine": ("a.nii", with_bytes(put(280, np.zeros(4, "<f4").tobytes())), "cannot be inverted"),
    "not NIfTI": ("a.nii", with_bytes(lambda _: b"a letter to a friend" * 40), "not a NIfTI"),
    "empty": ("a.nii", with_bytes(lambda _: b""), "not a NIfTI"),
    "pair": ("a.nii", with_bytes(put(344, b"ni1\0")), "half of a .hdr/.img pair"),
    "truncated": ("a.nii", with_bytes(lambda raw: raw[:-9]), "truncated"),
    "truncated inside gzip": ("a.nii.gz", with_bytes(lambda raw: raw[:-9]), "truncated"),
    "huge": ("a.nii.gz", with_bytes(put(40, HUGE)), "truncated"),
    "huger": ("a.nii", with_bytes(put(40, np.array([3, *[32767] * 3], "<i2").tobytes())), "more than any scan"),
    "no axes": ("a.nii", with_bytes(put(40, b"\0\0")), "sensible shape"),
    "negative axis": ("a.nii", with_bytes(put(42, b"\xff\xff")), "sensible shape"),
    "bits": ("a.nii", with_bytes(put(70, b"\x01\0")), "data type 1"),
    "unknown type": ("a.nii", with_bytes(put(70, b"\x77\x77")), "data type 30583"),
    "voxels in the header": ("a.nii", with_bytes(put(108, np.float32(12).tobytes())), "where its voxels begin"),
    "bad qform": ("a.nii", with_bytes(put(252, b"\1\0\0\0" + np.full(3, 5, "<f4").tobytes())), "no rotation"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_sound_volume_is_refused_in_a_sentence(tmp_path: Path, case: str) -> None:
    name, make, sentence = REFUSED[case]
    make(tmp_path / name)
    with pytest.raises(Refusal, match=sentence):
        open_volume(tmp_path / name)


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_gzip_is_refused_wherever_it_ends(tmp_path: Path, cut: float) -> None:
    rng = np.random.default_rng(0)
    save_volume(Volume(rng.random((9, 9, 9), np.float32), oblique()), tmp_path / "a.nii.gz")
    raw = (tmp_path / "a.nii.gz").read_bytes()
    (tmp_path / "a.nii.gz").write_bytes(raw[: int(cut * len(raw))])
    with pytest.raises(Refusal, match=r"truncated|damaged"):
        open_volume(tmp_path / "a.nii.gz")


def test_a_flipped_bit_inside_gzip_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    save_volume(Volume(rng.random((9, 9, 9), np.float32), oblique()), tmp_path / "a.nii.gz")
    raw = bytearray((tmp_path / "a.nii.gz").read_bytes())
    raw[len(raw) // 2] ^= 16
    (tmp_path / "a.nii.gz").write_bytes(raw)
    with pytest.raises(Refusal, match="damaged"):
        open_volume(tmp_path / "a.nii.gz")


def test_a_header_that_lies_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> np.ndarray:
        raise AssertionError("memory was taken for voxels that cannot be there")

    with_bytes(put(40, HUGE))(tmp_path / "a.nii.gz")
    monkeypatch.setattr(np, "empty", never)
    with pytest.raises(Refusal, match="truncated"):
        open_volume(tmp_path / "a.nii.gz")


def test_a_series_of_a_nifti_file_is_refused(tmp_path: Path) -> None:
    save_volume(Volume(ramp(), oblique()), tmp_path / "a.nii")
    with pytest.raises(Refusal, match="single series"):
        open_volume(tmp_path / "a.nii", series="3")


def test_an_axis_longer_than_nifti_counts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="cannot hold an axis of 40000"):
        save_volume(Volume(np.zeros((40000, 1, 1), np.float32), np.eye(4)), tmp_path / "a.nii")
    assert not list(tmp_path.iterdir())


def test_description(tmp_path: Path) -> None:
    image = nib.Nifti1Image(ramp().astype(np.int16), oblique((0.5, 0.75, 3)))
    nib.save(image, tmp_path / "a.nii.gz")
    (description,) = describe_series(tmp_path / "a.nii.gz")
    assert (description.shape, description.slices, description.stored) == ((5, 4, 6), 6, "int16")
    assert description.spacing == pytest.approx((0.5, 0.75, 3))
    assert str(description) == "image, 6 slices of 5 × 4, 0.5 × 0.75 × 3 mm"
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3, 7)), np.eye(4)), tmp_path / "b.nii")
    assert "holds 7 volumes" in describe_series(tmp_path / "b.nii")[0].refusal
