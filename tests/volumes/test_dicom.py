"""DICOM in: order, geometry, intensities, choice, and a sentence for everything that is amiss."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from pydicom import Dataset, dcmread
from pydicom.uid import (
    BasicTextSRStorage,
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    RLELossless,
    generate_uid,
)

from finemri.refusal import Refusal
from finemri.volumes import dicom_pixels, dicom_scan
from finemri.volumes.files import describe_series, open_volume
from tests.volumes.scans import SECRET, SERIES, Edit, affines, along_normal, oblique, ramp, write_series


@given(affine=affines())
@settings(max_examples=15)
def test_slices_are_sorted_along_their_normal_and_the_affine_is_exact(
    tmp_path_factory: pytest.TempPathFactory, affine: np.ndarray
) -> None:
    folder = tmp_path_factory.mktemp("series")
    write_series(folder, ramp(), affine)
    volume = open_volume(folder)
    voxels, expected = along_normal(ramp(), affine)
    np.testing.assert_array_equal(volume.voxels, voxels)
    np.testing.assert_allclose(volume.affine, expected, rtol=1e-9, atol=1e-9)


def test_every_slice_has_its_own_rescale(tmp_path: Path) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = str(0.5 * (k + 1)), str(-k)

    write_series(tmp_path, ramp(), oblique(), edit)
    k = np.arange(6)
    np.testing.assert_allclose(open_volume(tmp_path).voxels, ramp() * 0.5 * (k + 1) - k)


@pytest.mark.parametrize("low", [0, -300])
def test_monochrome1_is_turned_over_so_that_bright_is_high(tmp_path: Path, low: int) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        dataset.PhotometricInterpretation = "MONOCHROME1"

    write_series(tmp_path, ramp() + low, oblique(), edit)
    np.testing.assert_array_equal(open_volume(tmp_path).voxels, (-1 if low else 65535) - (ramp() + low))


@pytest.mark.parametrize("signed", [0, 1])
def test_bits_above_the_stored_ones_do_not_count(tmp_path: Path, signed: int) -> None:
    stored = ramp() - 60 * signed

    def edit(dataset: Dataset, k: int) -> None:
        dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 12, 11, signed
        pixels = stored[:, :, k].T.astype("<i2").view("<u2")
        dataset.PixelData = ((pixels & 0x0FFF) | 0x5000).tobytes()  # an overlay lies above

    write_series(tmp_path, stored, oblique(), edit)
    np.testing.assert_array_equal(open_volume(tmp_path).voxels, stored)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compressed_slices_are_read_where_there_is_a_decoder(tmp_path: Path, syntax: str) -> None:
    voxels = np.random.default_rng(0).integers(0, 4000, (40, 36, 3)).astype(np.float32)
    write_series(tmp_path, voxels, oblique(), syntax=syntax)
    np.testing.assert_array_equal(open_volume(tmp_path).voxels, voxels)
    assert describe_series(tmp_path)[0].stored.startswith("uint16, ")


def test_subfolders_are_searched_and_other_files_counted(tmp_path: Path) -> None:
    for path in write_series(tmp_path / "deep" / "deeper", ramp(), oblique())[:2]:
        path.rename(tmp_path / path.name)
    (tmp_path / "notes.txt").write_text("not DICOM")
    (tmp_path / "deep" / "picture.png").write_bytes(bytes(400))
    assert open_volume(tmp_path).shape == (5, 4, 6)
    assert describe_series(tmp_path)[0].skipped == 2


def test_reports_and_indices_are_not_images(tmp_path: Path) -> None:
    paths = write_series(tmp_path, ramp(), oblique())
    report = dcmread(paths[0])
    del report.Rows, report.PixelData
    report.SeriesInstanceUID, report.Modality = "1.2.3.4", "SR"
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = BasicTextSRStorage
    report.save_as(tmp_path / "report")
    (description,) = describe_series(tmp_path)
    assert (description.modality, description.skipped) == ("MR", 1)


def test_one_slice_stands_for_its_series(tmp_path: Path) -> None:
    paths = write_series(tmp_path, ramp(), oblique())
    write_series(tmp_path / "other", ramp(), oblique(), in_series("1.2.3.4", 5))
    for path in (tmp_path / "other").iterdir():
        path.rename(tmp_path / f"other-{path.name}")
    assert open_volume(paths[2]).shape == (5, 4, 6)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    paths = write_series(tmp_path / "elsewhere", ramp(), oblique())
    inside = tmp_path / "inside"
    inside.mkdir()
    for path in paths:
        (inside / path.name).symlink_to(path)
    with pytest.raises(Refusal, match=r"no DICOM image in this folder \(6 other"):
        open_volume(inside)


def test_the_user_picks_among_several_series(tmp_path: Path) -> None:
    write_series(tmp_path / "a", ramp(), oblique())
    write_series(tmp_path / "b", ramp((7, 4, 3)), oblique(), in_series("1.2.3.4", 12))
    with pytest.raises(Refusal, match=r"holds 2 series.*--series.*4: MR, 6 slices of 5 × 4.*12: MR, 3 slices of 7 × 4"):
        open_volume(tmp_path)
    assert open_volume(tmp_path, series="12").shape == (7, 4, 3)
    assert open_volume(tmp_path, series=SERIES).shape == (5, 4, 6)
    with pytest.raises(Refusal, match=r"No series has this number.*4: MR"):
        open_volume(tmp_path, series="5")


def test_series_without_numbers_of_their_own_are_counted(tmp_path: Path) -> None:
    write_series(tmp_path / "a", ramp(), oblique())
    write_series(tmp_path / "b", ramp((7, 4, 3)), oblique(), in_series("1.2.3.4", 4))
    assert [each.number for each in describe_series(tmp_path)] == ["1", "2"]
    assert open_volume(tmp_path, series="1").shape == (7, 4, 3)  # 1.2.3.4 sorts first


def in_series(uid: str, number: int) -> Edit:
    def edit(dataset: Dataset, k: int) -> None:
        dataset.SeriesInstanceUID, dataset.SeriesNumber = uid, number

    return edit


def setting(only: int | None = None, **values: object) -> Edit:
    """Spoil one slice, or all; None deletes."""

    def edit(dataset: Dataset, k: int) -> None:
        if only in (None, k):
            for keyword, value in values.items():
                if value is None:
                    delattr(dataset, keyword)
                else:
                    setattr(dataset, keyword, value)

    return edit


def looked_up(dataset: Dataset, k: int) -> None:
    dataset.ModalityLUTSequence = [Dataset()]


def shifted(dataset: Dataset, k: int) -> None:
    if k == 3:
        row = np.array(dataset.ImageOrientationPatient[:3], float)
        dataset.ImagePositionPatient = [str(round(x, 9)) for x in np.array(dataset.ImagePositionPatient) + 4 * row]


def nested(dataset: Dataset, k: int) -> None:
    """Sequences in sequences, as a file would have them that wants a reader to run out of stack."""
    inner = dataset
    for _ in range(40):
        item = Dataset()
        inner.DerivationCodeSequence = [item]
        inner = item


SPOILT: dict[str, tuple[Edit, str]] = {
    "modality": (setting(Modality="CT"), "modality CT, not MR"),
    "enhanced": (setting(SOPClassUID="1.2.840.10008.5.1.4.1.1.4.1"), "enhanced"),
    "frames": (setting(NumberOfFrames="3"), "multi-frame"),
    "colour": (setting(SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0), "colour"),
    "lookup table": (looked_up, "lookup table"),
    "bits": (setting(BitsAllocated=1), "unusual number of bits"),
    "no position": (setting(only=2, ImagePositionPatient=None), "do not tell where"),
    "no orientation": (setting(only=2, ImageOrientationPatient=None), "do not tell where"),
    "no spacing": (setting(only=2, PixelSpacing=None), "do not tell where"),
    "zero spacing": (setting(PixelSpacing=["0", "1"]), "not a length"),
    "size": (setting(only=1, Rows=5, PixelData=bytes(2 * 5 * 5)), "differ in matrix"),
    "pixel size": (setting(only=1, PixelSpacing=["0.9", "0.7"]), "differ in matrix or pixel size"),
    "orientation": (setting(only=1, ImageOrientationPatient=["1", "0", "0", "0", "0", "1"]), "different orientations"),
    "no directions": (setting(ImageOrientationPatient=["1", "0", "0", "1", "0", "0"]), "perpendicular"),
    "shifted": (shifted, "shifted against each other by up to 4.00 mm"),
    "huge": (setting(Rows=60000, Columns=60000), "unlike any scan"),
    "empty slice": (setting(Rows=0), "unlike any scan"),
    "truncated pixels": (setting(only=2, PixelData=bytes(10)), r"truncated or damaged \(number 3"),
    "no pixels": (setting(only=2, PixelData=None), r"truncated or damaged \(number 3"),
    "bad slope": (setting(RescaleSlope="1e999", RescaleIntercept="0"), "not finite"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOILT)
def test_what_is_no_sound_series_is_refused_in_a_sentence(tmp_path: Path, case: str) -> None:
    edit, sentence = SPOILT[case]
    write_series(tmp_path, ramp(), oblique(), edit)
    with pytest.raises(Refusal, match=sentence) as refusal:
        open_volume(tmp_path)
    assert not any(secret in str(refusal.value) for secret in ("Doe", "SECRET", "1952", "slice-"))


def test_missing_slices_are_refused_with_their_place(tmp_path: Path) -> None:
    paths = write_series(tmp_path, ramp((5, 4, 9)), oblique())
    paths[4].unlink()
    along = (np.diag([-1, -1, 1]) @ oblique()[:3, 3]) @ np.cross(*directions(paths[0])) + 3 * 1.2
    place = rf"after slice 4 of 8, at {along:.2f} mm along the stack, the next is 2.40 mm away where 1.20 mm is usual"
    with pytest.raises(Refusal, match=place):
        open_volume(tmp_path)
    assert place[:20] in describe_series(tmp_path)[0].refusal


def directions(path: Path) -> np.ndarray:
    return np.array(dcmread(path).ImageOrientationPatient, float).reshape(2, 3)


@pytest.mark.parametrize(("drift", "fine"), [(0.01, True), (0.05, False)])
def test_distances_may_differ_by_two_per_cent(tmp_path: Path, drift: float, fine: bool) -> None:
    affine = np.diag([1.0, 1.0, 2.0, 1.0])

    def edit(dataset: Dataset, k: int) -> None:
        dataset.ImagePositionPatient = ["0", "0", str(2 * k + (2 * drift if k == 3 else 0))]

    write_series(tmp_path, ramp(), affine, edit)
    if fine:
        np.testing.assert_allclose(open_volume(tmp_path).spacing, (1, 1, 2))
    else:
        with pytest.raises(Refusal, match="missing or uneven: after slice 3"):
            open_volume(tmp_path)


def test_a_slice_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    paths = write_series(tmp_path, ramp(), oblique())
    shutil.copy(paths[2], tmp_path / "copy")
    with pytest.raises(Refusal, match="more than once"):
        open_volume(tmp_path)


def test_two_images_at_one_place_are_refused(tmp_path: Path) -> None:
    paths = write_series(tmp_path, ramp(), oblique())
    again(paths[2], tmp_path / "again")
    with pytest.raises(Refusal, match="1 of 6 positions hold several images"):
        open_volume(tmp_path)


def test_a_4d_series_is_refused(tmp_path: Path) -> None:
    for path in write_series(tmp_path, ramp(), oblique()):
        for echo in (2, 3):
            again(path, tmp_path / f"{path.name}-{echo}")
    with pytest.raises(Refusal, match="3 images at every position"):
        open_volume(tmp_path)


def again(path: Path, new: Path) -> None:
    dataset = dcmread(path)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.save_as(new)


def test_one_slice_without_thickness_is_refused(tmp_path: Path) -> None:
    write_series(tmp_path, ramp((5, 4, 1)), oblique(), setting(SliceThickness=None))
    with pytest.raises(Refusal, match="single slice"):
        open_volume(tmp_path)


def test_one_slice_with_thickness_is_a_volume(tmp_path: Path) -> None:
    write_series(tmp_path, ramp((5, 4, 1)), oblique())
    np.testing.assert_allclose(open_volume(tmp_path).affine, oblique(), atol=1e-9)


def test_no_images_at_all(tmp_path: Path) -> None:
    for look in (open_volume, describe_series):
        with pytest.raises(Refusal, match="no DICOM image in this folder"):
            look(tmp_path)


@pytest.mark.parametrize("cut", [140, 200, 400])
def test_a_file_cut_in_its_header_is_refused(tmp_path: Path, cut: int) -> None:
    paths = write_series(tmp_path, ramp(), oblique())
    paths[2].write_bytes(paths[2].read_bytes()[:cut])
    with pytest.raises(Refusal, match="1 DICOM files cannot be read"):
        open_volume(tmp_path)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compressed_file_cut_in_its_pixels_is_refused(tmp_path: Path, syntax: str) -> None:
    voxels = np.random.default_rng(0).integers(0, 4000, (40, 36, 3)).astype(np.float32)
    paths = write_series(tmp_path, voxels, oblique(), syntax=syntax)
    paths[1].write_bytes(paths[1].read_bytes()[:-700])
    with pytest.raises(Refusal, match=r"truncated or damaged \(number 2"):
        open_volume(tmp_path)


def test_a_compression_without_a_decoder_is_named(tmp_path: Path) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        dataset.file_meta.TransferSyntaxUID = JPEGLossless
        dataset.PixelData = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\2\0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
        dataset["PixelData"].is_undefined_length = True
        dataset["PixelData"].VR = "OB"

    write_series(tmp_path, ramp(), oblique(), edit)
    with pytest.raises(Refusal, match=r"compressed with JPEG Lossless.*no decoder.*decompress"):
        open_volume(tmp_path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compressed_picture_larger_than_its_header_says_is_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    voxels = ramp((40, 36, 2))
    for path in write_series(tmp_path, voxels, oblique(), syntax=JPEG2000Lossless):
        raw = bytearray(path.read_bytes())
        place = raw.index(b"\xff\x4f\xff\x51") + 8
        raw[place : place + 8] = (60000).to_bytes(4) * 2
        path.write_bytes(raw)

    def never(*_: object) -> np.ndarray:
        raise AssertionError("decoded")

    monkeypatch.setattr(Dataset, "pixel_array", property(never))
    with pytest.raises(Refusal, match="truncated or damaged"):
        open_volume(tmp_path)


@pytest.mark.parametrize(
    ("frame", "size"),
    [
        (b"\xff\xd8\xff\xe0\0\4ab\xff\xc3\0\x0b\x10\x01\x00\x02\x00\1\1\x11\0", (512, 256)),
        (b"\xff\xd8\xff\xf7\0\x0b\x10\x01\x00\x02\x00\1\1\x11\0", (512, 256)),
        (b"\xff\xd8\xff\xc4\0\4ab\xff\xda", None),
        (b"\0\1\2\3", None),
    ],
)
def test_the_size_that_a_jpeg_tells(frame: bytes, size: tuple[int, int] | None) -> None:
    assert dicom_pixels.coded_size(frame + bytes(8)) == size


def test_files_far_too_large_or_deflated_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        if k == 1:
            dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian

    write_series(tmp_path, ramp(), oblique(), edit)
    with pytest.raises(Refusal, match="1 DICOM files cannot be read"):
        open_volume(tmp_path)
    monkeypatch.setattr(dicom_scan, "MAX_FILE_BYTES", 100)
    with pytest.raises(Refusal, match="0 other and 6 damaged"):
        open_volume(tmp_path)


def test_an_archive_is_not_searched_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_series(tmp_path, ramp(), oblique())
    monkeypatch.setattr(dicom_scan, "MAX_FILES", 5)
    with pytest.raises(Refusal, match="more than 5 files"):
        open_volume(tmp_path)


def test_a_file_nested_without_end_does_not_crash_the_reader(tmp_path: Path) -> None:
    path = write_series(tmp_path, ramp(), oblique())[1]
    raw = path.read_bytes()
    place = raw.index(b"\x08\x00\x18\x00UI")  # just before SOPInstanceUID
    deep = (b"\x08\x00\x17\x22SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff") * 5000
    path.write_bytes(raw[:place] + deep)
    with pytest.raises(Refusal, match="1 DICOM files cannot be read"):
        open_volume(tmp_path)


def test_moderate_nesting_is_fine(tmp_path: Path) -> None:
    write_series(tmp_path, ramp(), oblique(), nested)
    assert open_volume(tmp_path).shape == (5, 4, 6)


def test_a_description_names_nobody(tmp_path: Path) -> None:
    write_series(tmp_path, ramp(), oblique())
    (description,) = describe_series(tmp_path)
    assert str(description) == "4: MR, 6 slices of 5 × 4, 0.7 × 0.8 × 1.2 mm"
    assert SECRET.split("^")[0] not in repr(description)
    assert "SECRET" not in repr(description)


Look = Callable[[Path], object]


@pytest.mark.parametrize("look", [open_volume, describe_series])
def test_a_path_that_is_nothing_of_ours(tmp_path: Path, look: Look) -> None:
    (tmp_path / "letter.txt").write_text("Dear doctor")
    with pytest.raises(Refusal, match=r"letter.txt is neither NIfTI .* nor DICOM"):
        look(tmp_path / "letter.txt")
    with pytest.raises(Refusal, match="There is nothing at"):
        look(tmp_path / "gone.nii")
