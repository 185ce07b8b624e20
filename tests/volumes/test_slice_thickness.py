"""How thick slices are: what headers and sidecars tell, and when nobody is believed."""

import json
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset

from finemri.inspect import inspect
from finemri.volumes.files import describe_series, open_volume, save_volume
from finemri.volumes.slice_thickness import agreed, beside_spacing
from finemri.volumes.volume import Volume
from tests.volumes.scans import oblique, ramp, write_series

GRID = oblique((0.7, 0.8, 5.0))


def told(path: Path) -> float | None:
    """Of a scan as it is read, which its description confirms."""
    source = open_volume(path).source
    assert source is not None
    assert [each.slice_thickness for each in describe_series(path)] == [source.slice_thickness]
    return source.slice_thickness


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["4"], 4.0),
        (["4.0", "3.99", "4.0"], 4.0),
        (["4", "3"], None),
        (["4", None], None),
        ([None], None),
        ([""], None),
        (["0"], None),
        (["-4"], None),
        (["1e999"], None),
        (["5000"], None),
    ],
)
def test_slices_are_believed_where_all_tell_the_same(
    tmp_path: Path, words: list[str | None], expected: float | None
) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        dataset.SliceThickness, dataset.SpacingBetweenSlices = words[k % len(words)], "-5"
        if dataset.SliceThickness is None:
            del dataset.SliceThickness

    write_series(tmp_path, ramp(), GRID, edit)
    assert told(tmp_path) == expected
    assert open_volume(tmp_path).spacing[2] == pytest.approx(5)


@pytest.mark.parametrize("value", [b"DS\4\x00four", b"DS\4\x003\\44", b"DS\4\x00NaN "])
def test_a_thickness_in_words_is_none_and_the_slices_are_as_good_as_before(tmp_path: Path, value: bytes) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        dataset.SliceThickness, dataset.SpacingBetweenSlices = "4.25", "5.25"

    for path in write_series(tmp_path, ramp(), GRID, edit):
        path.write_bytes(path.read_bytes().replace(b"DS\4\x004.25", value).replace(b"DS\4\x005.25", value))
    assert told(tmp_path) is None
    assert open_volume(tmp_path).shape == (5, 4, 6)


def test_a_single_slice_is_as_far_from_the_next_as_it_says_whatever_the_sign(tmp_path: Path) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        dataset.SliceThickness, dataset.SpacingBetweenSlices = "4", "-5"

    write_series(tmp_path, ramp((5, 4, 1)), GRID, edit)
    np.testing.assert_allclose(open_volume(tmp_path).affine, GRID, atol=1e-9)
    assert told(tmp_path) == 4


def test_a_series_says_in_words_where_thickness_and_spacing_differ(tmp_path: Path) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        dataset.SliceThickness = "4"

    write_series(tmp_path, ramp(), GRID, edit)
    (described,) = describe_series(tmp_path)
    assert str(described) == "4: MR, 6 slices of 5 × 4, 0.7 × 0.8 × 5 mm, slices 4 mm thick, 5 mm apart (gap 1 mm)"
    assert inspect(tmp_path).facts["slices"] == "4 mm thick, 5 mm apart (gap 1 mm)"


def test_a_series_without_a_gap_has_nothing_to_say(tmp_path: Path) -> None:
    write_series(tmp_path, ramp(), GRID)
    assert told(tmp_path) == 5
    assert "slices" not in inspect(tmp_path).facts


def test_words_for_gap_and_overlap() -> None:
    assert beside_spacing(4.0, 5.0) == "4 mm thick, 5 mm apart (gap 1 mm)"
    assert beside_spacing(3.0, 1.5) == "3 mm thick, 1.5 mm apart (overlap 1.5 mm)"
    assert beside_spacing(4.0, 4.0001) == beside_spacing(None, 5.0) == ""
    assert agreed([]) is None


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
def test_a_bids_sidecar_tells_of_a_nifti_file(tmp_path: Path, name: str) -> None:
    save_volume(Volume(ramp(), GRID), tmp_path / name)
    assert told(tmp_path / name) is None
    sidecar = {"Modality": "MR", "PatientName": "Doe^Jane", "SliceThickness": 4, "SpacingBetweenSlices": 5}
    (tmp_path / "scan.json").write_text(json.dumps(sidecar))
    assert told(tmp_path / name) == 4
    found = inspect(tmp_path / name)
    assert found.facts["slices"] == "4 mm thick, 5 mm apart (gap 1 mm)"
    assert "Doe" not in str(found)


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[4]", "4", '{"SliceThickness": "4"}', '{"SliceThickness": true}', '{"SliceThickness": NaN}',
        '{"SliceThickness": -4}', '{"SliceThickness": 0}', '{"SliceThickness": 1e999}', '{"SliceThickness": [4]}',
        '{"SliceThickness": 1' + 400 * "0" + "}", '{"slices": {"SliceThickness": 4}}', "[" * 200_000,
        '{"SliceThickness": 4, "x": "' + (1 << 20) * "x" + '"}',
    ],
    ids=range(15),
)  # fmt: skip
def test_no_other_json_beside_a_scan_matters(tmp_path: Path, text: str) -> None:
    save_volume(Volume(ramp(), GRID), tmp_path / "scan.nii")
    (tmp_path / "scan.json").write_text(text)
    assert told(tmp_path / "scan.nii") is None


def test_neither_bytes_nor_a_folder_nor_finemris_own_sidecar_matter(tmp_path: Path) -> None:
    save_volume(Volume(ramp(), GRID), tmp_path / "scan.nii", provenance={"method": "spline"})
    assert told(tmp_path / "scan.nii") is None
    (tmp_path / "scan.json").write_bytes(b"\xff\xfe\x00{")
    assert told(tmp_path / "scan.nii") is None
    (tmp_path / "scan.json").unlink()
    (tmp_path / "scan.json").mkdir()
    assert told(tmp_path / "scan.nii") is None
