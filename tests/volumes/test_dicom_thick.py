"""Derived DICOM of thick slices made thin: another reader finds every place again, and the header tells no lie."""

import json
from itertools import cycle, pairwise, product
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from finemri.volumes.files import open_volume, save_volume
from finemri.volumes.grid import scaled_affine
from finemri.volumes.volume import Volume
from tests.volumes.scans import Edit, decimals, oblique, write_series

SHAPE, SPACING, THICKNESS = (20, 16, 5), (0.7, 0.7, 5.0), 4.0
FINER = {
    "slices": (1.0, 1.0, 5.0),
    "isotropic": (0.7, 0.75, 5.0),
    "all finer": (2.0, 1.5, 7.0),
    "slices as they are": (2.0, 2.0, 1.0),
}  # fmt: skip
"""As ``enhance`` makes them: 0.7 x 0.7 x 5 mm with a gap onto 0.7 x 0.7 x 1 mm, 1 mm or so, 0.35 x 0.47 x 0.71 mm."""
ORIENTATIONS = {
    "axial": np.diag([-1.0, -1.0, 1.0]),
    "sagittal": np.array([[0, 0, 1.0], [-1.0, 0, 0], [0, -1.0, 0]]),
    "coronal": np.array([[-1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]]),
    "oblique": oblique((1, 1, 1), (0.3, 0, 0))[:3, :3] @ np.diag([-1.0, -1.0, 1.0]),
    "doubly oblique": oblique((1, 1, 1), (0.3, -0.5, 0.2))[:3, :3] @ np.diag([-1.0, -1.0, 1.0]),
}  # fmt: skip
"""Directions of i, j, k in RAS."""
SCANS = [(*scan, finer) for scan, finer in zip(product(ORIENTATIONS, (False, True)), cycle(FINER), strict=False)]
"""Every orientation, both ways through the slices."""


def grid(orientation: str, *, left_handed: bool = False) -> np.ndarray:
    """Affine of a thick scan with its middle near 0; left-handed: the scanner went through the slices the other way."""
    directions = ORIENTATIONS[orientation] * (1, 1, -1 if left_handed else 1)
    affine = np.eye(4)
    affine[:3, :3] = directions * SPACING
    affine[:3, 3] = (3.25, -2.5, 7.125) - affine[:3, :3] @ (np.array(SHAPE) - 1) / 2
    return affine


def brightness(lps: np.ndarray) -> np.ndarray:
    """A number for every place (…, 3), 100 for a millimetre to the back and not the same along any two directions."""
    value: np.ndarray = 20000 + lps @ np.array([60.0, 100.0, 140.0])
    return value


def picture(affine: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """``brightness`` on a grid (RAS)."""
    voxels = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    places = (voxels @ affine[:3, :3].T + affine[:3, 3]) * (-1, -1, 1)
    return brightness(places).astype(np.float32)


def scanned(affine: np.ndarray, also: Edit | None = None) -> Edit:
    """Slices as a scanner tells of them: a gap, and whatever ``also`` writes."""

    def edit(dataset: Dataset, k: int) -> None:
        dataset.SliceThickness, dataset.SpacingBetweenSlices = THICKNESS, SPACING[2]
        if also is not None:
            also(dataset, k)

    return edit


def thick(folder: Path, affine: np.ndarray, also: Edit | None = None) -> Volume:
    """A series of thick slices, read."""
    write_series(folder, np.rint(picture(affine, SHAPE)), affine, scanned(affine, also))
    return open_volume(folder)


def thinner(scan: Volume, finer: tuple[float, float, float] = (1.0, 1.0, 5.0)) -> Volume:
    """The same places on a finer grid over the same field of view."""
    i, j, k = (round(n * factor) for n, factor in zip(scan.shape, finer, strict=True))
    affine = scaled_affine(scan.affine, [m / n for m, n in zip((i, j, k), scan.shape, strict=True)])
    return Volume(picture(affine, (i, j, k)), affine, scan.source)


def saved(volume: Volume, folder: Path) -> list[Dataset]:
    """As ``enhance`` saves it; headers in the order of the files' names."""
    save_volume(volume, folder, provenance={"method": "anyspacing-faithful", "scale": [1.0, 1.0, 5.0]})
    return [dcmread(path) for path in sorted(folder.iterdir())]


@pytest.mark.parametrize(("orientation", "left_handed", "finer"), SCANS)
def test_simpleitk_and_finemri_find_every_place_where_it_was(
    tmp_path: Path, orientation: str, left_handed: bool, finer: str
) -> None:
    scan = thick(tmp_path / "in", grid(orientation, left_handed=left_handed))
    fine = thinner(scan, FINER[finer])
    saved(fine, tmp_path / "out")
    again = open_volume(tmp_path / "out")
    assert again.shape == fine.shape
    np.testing.assert_allclose(again.affine, fine.affine, rtol=0, atol=1e-9)
    np.testing.assert_allclose(again.voxels, fine.voxels, rtol=0, atol=0.5)
    itk = pytest.importorskip("SimpleITK")
    corners = []
    for folder, shape in ((tmp_path / "in", SHAPE), (tmp_path / "out", fine.shape)):
        reader = itk.ImageSeriesReader()
        (series,) = reader.GetGDCMSeriesIDs(str(folder))
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder), series))
        image = reader.Execute()
        assert image.GetSize() == shape
        for share in np.random.default_rng(0).uniform(0.05, 0.95, (20, 3)):
            index = share * (np.array(shape) - 1)
            place = np.array(image.TransformContinuousIndexToPhysicalPoint(index.tolist()))
            assert image.EvaluateAtContinuousIndex(index.tolist()) == pytest.approx(brightness(place), abs=1)
        ends = [(-0.5, size - 0.5) for size in shape]
        corners.append(
            [
                image.TransformContinuousIndexToPhysicalPoint(at)
                for at in np.stack(np.meshgrid(*ends), -1).reshape(-1, 3).tolist()
            ]
        )
    np.testing.assert_allclose(corners[1], corners[0], atol=1e-6)  # the same field of view, to the nanometre


def test_the_header_tells_the_grid_of_the_result_and_whose_slices_they_were(tmp_path: Path) -> None:
    scan = thick(tmp_path / "in", grid("doubly oblique"))
    fine = saved(thinner(scan, FINER["isotropic"]), tmp_path / "out")
    first = fine[0]
    assert len(fine) == 25
    for dataset in fine:
        assert (dataset.SliceThickness, dataset.SpacingBetweenSlices) == pytest.approx((1, 1))
        assert list(dataset.PixelSpacing) == pytest.approx([0.7 * 16 / 12, 1.0])  # from row to row first
        assert (dataset.Rows, dataset.Columns) == (12, 14)
        assert list(dataset.ImageType) == ["DERIVED", "SECONDARY", "OTHER"]
        assert len(dataset.SourceImageSequence) == 2
    assert first.SeriesDescription == "finemri 1x0.933x1 mm anyspacing-faithful"
    assert "; from 5 slices 4 mm thick, 5 mm apart; " in first.DerivationDescription
    place = np.array([dataset.ImagePositionPatient for dataset in fine], float)
    normal = np.cross(*np.array(first.ImageOrientationPatient, float).reshape(2, 3))
    np.testing.assert_allclose(abs(np.diff(place @ normal)), 1, atol=1e-9)


def test_slices_that_stay_keep_their_thickness_and_their_gap(tmp_path: Path) -> None:
    scan = thick(tmp_path / "in", grid("axial"))
    for dataset in saved(thinner(scan, (2.0, 2.0, 1.0)), tmp_path / "out"):
        assert (dataset.SliceThickness, dataset.SpacingBetweenSlices) == pytest.approx((4, 5))


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize("left_handed", [False, True])
def test_a_viewer_pages_through_the_result_as_through_the_source(tmp_path: Path, way: int, left_handed: bool) -> None:
    def numbered(dataset: Dataset, k: int) -> None:
        dataset.InstanceNumber = 20 + way * k

    scan = thick(tmp_path / "in", grid("sagittal", left_handed=left_handed), numbered)
    fine = saved(thinner(scan), tmp_path / "out")
    assert [dataset.InstanceNumber for dataset in fine] == list(range(1, 26))  # in the order of the files' names
    towards = []
    for headers in ([dcmread(path) for path in (tmp_path / "in").iterdir()], fine):
        ordered = sorted(headers, key=lambda dataset: int(dataset.InstanceNumber))
        steps = [
            np.array(b.ImagePositionPatient, float) - np.array(a.ImagePositionPatient, float)
            for a, b in pairwise(ordered)
        ]
        towards.append(np.sign(np.round(steps, 6)).tolist())
    assert towards[1] == towards[0][:1] * 24


def test_the_digest_in_the_sidecar_is_that_of_the_series_as_it_is_read(tmp_path: Path) -> None:
    scan = thick(tmp_path / "in", grid("axial"))  # numbered from the top, so the files' names run against the normal
    saved(thinner(scan), tmp_path / "out")
    source = open_volume(tmp_path / "out").source
    assert source is not None
    assert json.loads((tmp_path / "out.json").read_text())["output"]["sha256"] == source.sha256


def test_slices_that_run_against_their_normal_are_numbered_along_it(tmp_path: Path) -> None:
    affine = np.diag([-1.0, -1.0, -3.0, 1.0])
    fine = saved(Volume(picture(affine, (4, 4, 3)), affine), tmp_path / "out")
    assert [float(dataset.ImagePositionPatient[2]) for dataset in fine] == [-6, -3, 0]
    np.testing.assert_allclose(
        open_volume(tmp_path / "out").voxels[0, 0],
        brightness(np.array([[0, 0, -6.0], [0, 0, -3], [0, 0, 0]])),
        atol=0.5,
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_slice_location_is_counted_as_the_source_counts(tmp_path: Path, sign: int) -> None:
    def located(dataset: Dataset, k: int) -> None:
        dataset.SliceLocation = sign * (5.0 * k - 12.5)

    scan = thick(tmp_path / "in", grid("coronal"), located)
    fine = saved(thinner(scan), tmp_path / "out")
    found = sorted(sign * float(dataset.SliceLocation) for dataset in fine)
    np.testing.assert_allclose(found, np.arange(25) - 12.5 - 2, atol=1e-6)
    for dataset in fine:  # and on the right slice: k runs to the front, which is against y
        front = -float(dataset.ImagePositionPatient[1]) - grid("coronal")[1, 3]
        assert sign * float(dataset.SliceLocation) == pytest.approx(front - 12.5)


@pytest.mark.parametrize("told", [[0, 1, 4, 9, 16], [0, 5, 13, 15, 20], [0, 1, 2, 3, 4], [0, 5, 10, 15, None]])
def test_a_slice_location_that_is_no_distance_is_left_out(tmp_path: Path, told: list[int | None]) -> None:
    def located(dataset: Dataset, k: int) -> None:
        if told[k] is not None:
            dataset.SliceLocation = told[k]

    scan = thick(tmp_path / "in", grid("axial"), located)
    assert not any("SliceLocation" in dataset for dataset in saved(thinner(scan), tmp_path / "out"))


def test_what_only_one_slice_says_is_not_said_of_all(tmp_path: Path) -> None:
    def timed(dataset: Dataset, k: int) -> None:
        dataset.AcquisitionDate, dataset.AcquisitionTime = "20200102", f"1011{59 - 2 * ((k * 3) % 5):02d}.5"
        dataset.EchoTime, dataset.RepetitionTime, dataset.FlipAngle = 90 + k, "2500", "90.0"
        dataset.TriggerTime, dataset.SmallestImagePixelValue, dataset.WindowCenter = 10 * k, 0, 100 + k
        dataset.LossyImageCompression = "01" if k == 3 else "00"
        if k == 3:
            dataset.LossyImageCompressionRatio = "7.5"

    scan = thick(tmp_path / "in", grid("axial"), timed)
    for dataset in saved(thinner(scan), tmp_path / "out"):
        assert (dataset.AcquisitionDate, dataset.AcquisitionTime) == ("20200102", "101151.5")  # of the first
        assert dataset.EchoTime is None  # must be there, may be empty
        assert (dataset.RepetitionTime, dataset.FlipAngle) == (2500, 90)
        assert (dataset.LossyImageCompression, dataset.LossyImageCompressionRatio) == ("01", 7.5)
        assert "TriggerTime" not in dataset
        assert "SmallestImagePixelValue" not in dataset
        assert dataset.StudyInstanceUID == "1.2.826.0.1.3680043.8.498.2"
    assert len({dataset.WindowCenter for dataset in map(dcmread, (tmp_path / "out").iterdir())}) == 1


def test_times_without_a_date_are_left_out_where_they_differ(tmp_path: Path) -> None:
    def timed(dataset: Dataset, k: int) -> None:
        dataset.AcquisitionTime = f"10110{k}"

    scan = thick(tmp_path / "in", grid("axial"), timed)
    assert not any("AcquisitionTime" in dataset for dataset in saved(thinner(scan), tmp_path / "out"))


def test_directions_rounded_to_three_digits_are_written_as_they_were_read(tmp_path: Path) -> None:
    def rounded(dataset: Dataset, k: int) -> None:
        dataset.ImageOrientationPatient = decimals(np.round(np.array(dataset.ImageOrientationPatient, float), 3))

    scan = thick(tmp_path / "in", grid("doubly oblique"), rounded)
    row, column = (scan.affine[:3, n] / 0.7 for n in (0, 1))
    assert 1e-4 < abs(row @ column) < 1e-3
    fine = thinner(scan)
    saved(fine, tmp_path / "out")
    np.testing.assert_allclose(open_volume(tmp_path / "out").affine, fine.affine, rtol=0, atol=1e-6)
