"""DICOM out: what comes back, what a PACS needs, and what must not travel."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydicom import Dataset, dcmread

from finemri.refusal import Refusal
from finemri.volumes.files import open_volume, save_volume
from finemri.volumes.grid import scaled_affine, spline_resize
from finemri.volumes.volume import Volume
from tests.volumes.scans import SERIES, affines, along_normal, oblique, ramp, write_series

TOLD = {"method": "volume-srgan-resize-x2", "scale": [2, 2, 2], "weights_sha256": "ab" * 32}


@pytest.fixture
def strict() -> Iterator[None]:
    """pydicom as strict as it can be."""
    before = pydicom.config.settings.reading_validation_mode, pydicom.config.settings.writing_validation_mode
    pydicom.config.settings.reading_validation_mode = pydicom.config.RAISE
    pydicom.config.settings.writing_validation_mode = pydicom.config.RAISE
    yield
    pydicom.config.settings.reading_validation_mode, pydicom.config.settings.writing_validation_mode = before


@pytest.fixture
def source(tmp_path: Path) -> Volume:
    """A series as a scanner wrote it."""
    write_series(tmp_path / "in", ramp(), oblique())
    return open_volume(tmp_path / "in")


@pytest.fixture
def derived(tmp_path: Path, source: Volume) -> list[Dataset]:
    """Its super-resolved series, in the order of the file names."""
    finer = Volume(spline_resize(source.voxels, (2, 2, 2)) / 3, scaled_affine(source.affine, (2, 2, 2)), source.source)
    save_volume(finer, tmp_path / "out", provenance=TOLD)
    return [dcmread(path) for path in sorted((tmp_path / "out").iterdir())]


@given(
    affine=affines(),
    voxels=arrays(np.float32, (4, 3, 5), elements=st.floats(-3e4, 7e4, width=32)),
    factor=st.sampled_from([1e-6, 1.0, 1e6]),
)
@settings(max_examples=20)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, affine: np.ndarray, voxels: np.ndarray, factor: float
) -> None:
    folder = tmp_path_factory.mktemp("dicom") / "series"
    voxels = (voxels * factor).astype(np.float32)
    save_volume(Volume(voxels, affine), folder)
    again, (expected, grid) = open_volume(folder), along_normal(voxels, affine)
    slope = float(dcmread(folder / "IM-0001.dcm").RescaleSlope)
    span = max(float(voxels.max()), 0) - min(float(voxels.min()), 0)
    assert slope <= max(2 * span / 65534, 1)
    np.testing.assert_allclose(again.voxels, expected, rtol=1e-6, atol=slope / 2 * (1 + 1e-4))
    np.testing.assert_allclose(again.affine, grid, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("low", [0, -50])
def test_whole_numbers_come_back_exactly(tmp_path: Path, low: int) -> None:
    save_volume(Volume(ramp() + low, oblique()), tmp_path / "out")
    np.testing.assert_array_equal(open_volume(tmp_path / "out").voxels, ramp() + low)


def test_a_constant_stays_constant(tmp_path: Path) -> None:
    for name, value in (("zero", 0), ("small", 1e-7), ("negative", -0.3)):
        save_volume(Volume(np.full((3, 4, 5), value, np.float32), oblique()), tmp_path / name)
        np.testing.assert_allclose(open_volume(tmp_path / name).voxels, value, rtol=1e-6)


def test_an_odd_number_of_bytes_is_no_problem(tmp_path: Path) -> None:
    save_volume(Volume(ramp((3, 3, 3)), oblique()), tmp_path / "out")
    np.testing.assert_array_equal(open_volume(tmp_path / "out").voxels, ramp((3, 3, 3)))


def test_one_rescale_and_one_window_for_the_whole_series(derived: list[Dataset]) -> None:
    for keyword in ("RescaleSlope", "RescaleIntercept", "RescaleType", "WindowCenter", "WindowWidth"):
        assert len({str(dataset[keyword].value) for dataset in derived}) == 1
    darkest = derived[0].WindowCenter - derived[0].WindowWidth / 2
    assert -2 < darkest < 2
    assert 35 < darkest + derived[0].WindowWidth < 42  # of 0 … 119/3


def test_a_narrow_window_is_said_to_be_exact(tmp_path: Path) -> None:
    save_volume(Volume(ramp() / 1e4, oblique()), tmp_path / "out")
    dataset = dcmread(tmp_path / "out" / "IM-0001.dcm")
    assert dataset.WindowWidth < 1
    assert dataset.VOILUTFunction == "LINEAR_EXACT"


def test_it_is_filed_with_its_patient_and_told_apart_from_its_source(tmp_path: Path, derived: list[Dataset]) -> None:
    source = dcmread(next((tmp_path / "in").iterdir()))
    for keyword in (
        "PatientName",
        "PatientID",
        "StudyInstanceUID",
        "FrameOfReferenceUID",
        "AccessionNumber",
        "EchoTime",
    ):
        assert {str(dataset[keyword].value) for dataset in derived} == {str(source[keyword].value)}
    assert {dataset.SeriesInstanceUID for dataset in derived} != {SERIES}
    assert len({dataset.SeriesInstanceUID for dataset in derived}) == 1
    assert len({dataset.SOPInstanceUID for dataset in derived}) == len(derived) == 12
    assert [dataset.InstanceNumber for dataset in derived] == list(range(1, 13))
    assert all(dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID for dataset in derived)
    first = derived[0]
    assert list(first.ImageType) == ["DERIVED", "SECONDARY", "OTHER"]
    assert first.SeriesNumber == 401
    assert first.SeriesDescription == "finemri x2 volume-srgan-resize-x2"
    assert "ab" * 32 in first.DerivationDescription
    assert first.Manufacturer == "finemri"
    assert first.ContributingEquipmentSequence[0].Manufacturer == "A scanner"


def test_every_slice_refers_to_the_two_source_slices_around_it(tmp_path: Path, derived: list[Dataset]) -> None:
    place = {each.SOPInstanceUID: each for each in map(dcmread, (tmp_path / "in").iterdir())}
    for dataset in derived:
        assert dataset.ReferencedSeriesSequence[0].SeriesInstanceUID == SERIES
        named = [place[item.ReferencedSOPInstanceUID] for item in dataset.SourceImageSequence]
        normal = np.cross(*np.array(dataset.ImageOrientationPatient, float).reshape(2, 3))
        here = np.array(dataset.ImagePositionPatient, float) @ normal
        assert len(named) == 2
        assert min(abs(np.array(s.ImagePositionPatient, float) @ normal - here) for s in named) == pytest.approx(0.3)


def test_private_and_unlisted_tags_stay_behind(tmp_path: Path, derived: list[Dataset]) -> None:
    for path, dataset in zip(sorted((tmp_path / "out").iterdir()), derived, strict=True):
        raw = path.read_bytes()
        assert raw[:128] == bytes(128)
        assert not any(element.tag.is_private for element in dataset.iterall())
        assert "PatientAddress" not in dataset
        for secret in (b"private secret", b"PRIVATE MAKER", b"Secret Street"):
            assert secret not in raw


def test_a_preamble_with_a_program_in_it_is_not_handed_on(tmp_path: Path) -> None:
    for path in write_series(tmp_path / "in", ramp(), oblique()):
        raw = path.read_bytes()
        path.write_bytes(b"MZ a program" + bytes(116) + raw[128:])
    save_volume(open_volume(tmp_path / "in"), tmp_path / "out")
    assert all(path.read_bytes()[:128] == bytes(128) for path in (tmp_path / "out").iterdir())


def test_nothing_but_dicom_knows_the_patient(tmp_path: Path, derived: list[Dataset]) -> None:
    sidecar = (tmp_path / "out.json").read_text()
    names = " ".join(path.name for path in tmp_path.rglob("*"))
    for secret in ("Doe", "SECRET", "19520314", "1952-03-14", "ACC-77", SERIES, "1.2.826", "scanner", str(tmp_path)):
        assert secret not in sidecar
        assert secret not in names
    assert {path.name for path in (tmp_path / "out").iterdir()} == {f"IM-{n:04d}.dcm" for n in range(1, 13)}


def test_it_satisfies_pydicom_at_its_strictest(tmp_path: Path, source: Volume, strict: None) -> None:
    save_volume(source, tmp_path / "out", provenance=TOLD)  # the source's age is not valid, so it may not come along
    for path in sorted((tmp_path / "out").iterdir()):
        dataset = dcmread(path)
        assert len([element.value for element in dataset.iterall()]) > 50  # looking at a value validates it
        assert "PatientAge" not in dataset
        dataset.save_as(tmp_path / "again", enforce_file_format=True)


def test_a_name_in_another_alphabet_survives(tmp_path: Path) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        dataset.SpecificCharacterSet, dataset.PatientName = "ISO_IR 144", "Люкceмбypг"

    write_series(tmp_path / "in", ramp(), oblique(), edit)
    save_volume(open_volume(tmp_path / "in"), tmp_path / "out", provenance={"method": "naïve\\ × method"})
    dataset = dcmread(tmp_path / "out" / "IM-0001.dcm")
    assert dataset.PatientName == "Люкceмбypг"
    assert dataset.SeriesDescription == "finemri na_ve_ _ method"


def test_only_the_name_of_a_checkpoint_is_told_not_its_folder(tmp_path: Path, source: Volume) -> None:
    save_volume(source, tmp_path / "out", provenance={"method": "/home/doe/jane/best.safetensors", "scale": [2, 2, 1]})
    assert dcmread(tmp_path / "out" / "IM-0001.dcm").SeriesDescription == "finemri x2x2x1 best.safetensors"


def test_a_nifti_source_becomes_a_study_of_nobody_the_same_for_every_result(tmp_path: Path) -> None:
    save_volume(Volume(ramp(), oblique()), tmp_path / "in.nii")
    for name in ("a", "b"):
        save_volume(open_volume(tmp_path / "in.nii"), tmp_path / name)
    a, b = (dcmread(tmp_path / name / "IM-0001.dcm") for name in ("a", "b"))
    assert str(a.PatientName) == ""
    assert a.PatientID.startswith("FINEMRI-")
    for keyword in ("PatientID", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert a[keyword].value == b[keyword].value
    assert a.SeriesInstanceUID != b.SeriesInstanceUID
    assert "SourceImageSequence" not in a


def test_lossy_once_is_said_for_ever(tmp_path: Path) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        dataset.LossyImageCompression, dataset.LossyImageCompressionRatio = "01", "12.5"

    write_series(tmp_path / "in", ramp(), oblique(), edit)
    save_volume(open_volume(tmp_path / "in"), tmp_path / "out")
    dataset = dcmread(tmp_path / "out" / "IM-0001.dcm")
    assert (dataset.LossyImageCompression, dataset.LossyImageCompressionRatio) == ("01", 12.5)


def test_a_value_that_is_no_number_stays_behind(tmp_path: Path) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        dataset.RepetitionTime = "2500"

    for path in write_series(tmp_path / "in", ramp(), oblique(), edit):
        path.write_bytes(path.read_bytes().replace(b"DS\4\x002500", b"DS\4\x00long"))
    save_volume(open_volume(tmp_path / "in"), tmp_path / "out")
    dataset = dcmread(tmp_path / "out" / "IM-0001.dcm")
    assert (dataset.RepetitionTime, dataset.EchoTime) == (None, 4.5)


def test_a_sheared_grid_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    affine = oblique()
    affine[:3, 1] += 0.1 * affine[:3, 0]
    with pytest.raises(Refusal, match="sheared"):
        save_volume(Volume(ramp(), affine), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_stack_leaning_over_keeps_its_affine(tmp_path: Path) -> None:
    affine = oblique()
    affine[:3, 2] += 0.3 * affine[:3, 1]
    save_volume(Volume(ramp(), affine), tmp_path / "out")
    np.testing.assert_allclose(open_volume(tmp_path / "out").affine, affine, rtol=1e-9, atol=1e-9)
    assert dcmread(tmp_path / "out" / "IM-0001.dcm").SpacingBetweenSlices == pytest.approx(1.2)  # along the normal


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="65535 rows or columns"):
        save_volume(Volume(np.zeros((70000, 1, 1), np.float32), np.eye(4)), tmp_path / "out")


def test_a_source_that_is_gone_is_refused(tmp_path: Path, source: Volume) -> None:
    assert source.source is not None
    source.source.paths[3].unlink()
    with pytest.raises(Refusal, match="gone or changed"):
        save_volume(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()
