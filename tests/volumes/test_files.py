"""Saving: whole or not at all, never over something else, with a sidecar that tells how."""

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from finemri import __version__
from finemri.refusal import Refusal
from finemri.volumes.files import check_output, open_volume, save_slabs, save_volume, sidecar_path
from finemri.volumes.volume import Source, Volume
from tests.volumes.scans import oblique, ramp, write_series

OUTPUTS = ["out.nii", "out.nii.gz", "out"]


@pytest.fixture
def volume() -> Volume:
    return Volume(ramp(), oblique())


def digest(path: Path) -> str:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_sidecar_tells_versions_digests_grids_and_what_it_was_told(
    tmp_path: Path, name: str, volume: Volume
) -> None:
    save_volume(volume, tmp_path / "in.nii")
    read = open_volume(tmp_path / "in.nii")
    save_volume(read, tmp_path / name, provenance={"method": "spline", "scale": (2, 2, 2), "portrait": {"snr": 3.5}})
    told = json.loads((tmp_path / "out.json").read_text())
    assert told["finemri"] == __version__
    assert told["input"] == {"format": "nifti", "files": 1, "sha256": digest(tmp_path / "in.nii")}
    assert told["output"]["sha256"] == digest(tmp_path / name)
    assert told["output"]["shape"] == [5, 4, 6]
    np.testing.assert_allclose(told["output"]["affine"], read.affine)
    assert (told["method"], told["scale"], told["portrait"]) == ("spline", [2, 2, 2], {"snr": 3.5})


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_digest_told_is_the_digest_read(tmp_path: Path, name: str) -> None:
    flipped = oblique() @ np.diag([1.0, 1.0, -1.0, 1.0])
    save_volume(Volume(ramp(), flipped), tmp_path / name, provenance={})
    source = open_volume(tmp_path / name).source
    assert source is not None
    assert source.sha256 == json.loads((tmp_path / "out.json").read_text())["output"]["sha256"]


def test_no_sidecar_unless_asked(tmp_path: Path, volume: Volume) -> None:
    save_volume(volume, tmp_path / "out.nii")
    assert [path.name for path in tmp_path.iterdir()] == ["out.nii"]


def test_names_of_sidecars() -> None:
    for name, expected in (
        ("a.b.nii.gz", "a.b.json"),
        ("a.nii", "a.json"),
        ("a.b", "a.b.json"),
        ("A.NII.GZ", "A.json"),
    ):
        assert sidecar_path(Path("x") / name) == Path("x") / expected


@pytest.mark.parametrize(
    ("provenance", "sentence"),
    [
        ({"patient": "Doe"}, "no place for patient"),
        ({"settings": {"file": Path("/home/doe")}}, "not a PosixPath"),
        ({"settings": np.float32(1)}, "not a float32"),
    ],
)
def test_a_sidecar_takes_only_what_is_on_its_list(
    tmp_path: Path, volume: Volume, provenance: dict[str, object], sentence: str
) -> None:
    with pytest.raises(Refusal, match=sentence):
        save_volume(volume, tmp_path / "out.nii", provenance=provenance)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", OUTPUTS)
def test_nothing_is_overwritten_without_force(tmp_path: Path, name: str, volume: Volume) -> None:
    save_volume(volume, tmp_path / name, provenance={})
    before = digest(tmp_path / name)
    with pytest.raises(Refusal, match=r"exists already.*--force"):
        save_volume(volume.with_voxels(volume.voxels + 1), tmp_path / name)
    assert digest(tmp_path / name) == before
    save_volume(volume.with_voxels(volume.voxels + 1), tmp_path / name, force=True, provenance={})
    np.testing.assert_array_equal(open_volume(tmp_path / name).voxels, volume.voxels + 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "out.json"])


def test_a_sidecar_of_something_else_is_not_overwritten(tmp_path: Path, volume: Volume) -> None:
    (tmp_path / "out.json").write_text("{}")
    with pytest.raises(Refusal, match=r"out.json exists already"):
        save_volume(volume, tmp_path / "out.nii", provenance={})
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_force_does_not_replace_a_folder_with_other_things_in_it(tmp_path: Path, volume: Volume) -> None:
    save_volume(volume, tmp_path / "out")
    (tmp_path / "out" / "thesis.txt").write_text("three years of work")
    with pytest.raises(Refusal, match="holds more than a DICOM series"):
        save_volume(volume, tmp_path / "out", force=True)
    assert (tmp_path / "out" / "thesis.txt").read_text() == "three years of work"


def test_an_empty_folder_is_no_obstacle(tmp_path: Path, volume: Volume) -> None:
    (tmp_path / "out").mkdir()
    save_volume(volume, tmp_path / "out")
    assert open_volume(tmp_path / "out").shape == volume.shape


def test_a_folder_in_the_place_of_a_file_is_refused_even_with_force(tmp_path: Path, volume: Volume) -> None:
    (tmp_path / "out.nii").mkdir()
    with pytest.raises(Refusal, match="is a folder"):
        save_volume(volume, tmp_path / "out.nii", force=True)


def test_the_source_itself_is_never_replaced(tmp_path: Path, volume: Volume) -> None:
    save_volume(volume, tmp_path / "in.nii")
    write_series(tmp_path / "in", ramp(), oblique())
    for name in ("in.nii", "in"):
        with pytest.raises(Refusal, match="replace its own source"):
            save_volume(open_volume(tmp_path / name), tmp_path / name, force=True)


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_missing_folder_is_refused(tmp_path: Path, name: str, volume: Volume) -> None:
    with pytest.raises(Refusal, match="does not exist; make it first"):
        save_volume(volume, tmp_path / "nowhere" / name)


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_folder_without_the_right_to_write_is_refused(
    tmp_path: Path, name: str, volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere, so modes prove nothing
    with pytest.raises(Refusal, match="may not be written to"):
        save_volume(volume, tmp_path / name)


@pytest.mark.parametrize("name", ["out.nii", "out"])
def test_a_disk_too_small_is_refused_before_anything_is_computed(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refusal, match=r"needs .* GB"):
        save_slabs(never(), (30000, 30000, 30000), oblique(), tmp_path / name, source=None)


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_target_is_checked_before_the_first_slab(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("here already")
    with pytest.raises(Refusal, match="exists already"):
        save_slabs(never(), (5, 4, 6), oblique(), tmp_path / name, source=None)


def never() -> Iterator[np.ndarray]:
    yield from (pytest.fail("a slab was computed for nothing") for _ in range(1))


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("trouble", ["full disk", "crash", "NaN", "short", "long", "wide"])
def test_a_failure_half_way_leaves_nothing_behind(tmp_path: Path, name: str, trouble: str) -> None:
    def slabs() -> Iterator[np.ndarray]:
        yield ramp((5, 4, 3))
        if trouble == "full disk":
            raise OSError(errno.ENOSPC, "No space left on device")
        if trouble == "crash":
            raise KeyboardInterrupt
        if trouble != "short":
            yield {"NaN": ramp((5, 4, 3)) * np.float32(np.nan), "long": ramp((5, 4, 4)), "wide": ramp((6, 4, 3))}[
                trouble
            ]

    expected = {"full disk": Refusal, "NaN": Refusal, "crash": KeyboardInterrupt}.get(trouble, ValueError)
    with pytest.raises(expected, match={"full disk": "No space left", "NaN": "not finite"}.get(trouble)):
        save_slabs(slabs(), (5, 4, 6), oblique(), tmp_path / name, source=None, provenance={})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_failure_with_force_leaves_the_old_result(tmp_path: Path, name: str, volume: Volume) -> None:
    save_volume(volume, tmp_path / name)
    before = digest(tmp_path / name)
    with pytest.raises(ValueError, match="slabs end at 3"):
        save_slabs(iter([ramp((5, 4, 3))]), (5, 4, 6), oblique(), tmp_path / name, source=None, force=True)
    assert digest(tmp_path / name) == before
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_slabs_of_any_depth_give_the_same_file(tmp_path: Path, volume: Volume) -> None:
    save_volume(volume, tmp_path / "a.nii")
    slabs = (volume.voxels[:, :, start:stop] for start, stop in ((0, 1), (1, 5), (5, 6)))
    save_slabs(slabs, volume.shape, volume.affine, tmp_path / "b.nii", source=None)
    assert (tmp_path / "a.nii").read_bytes() == (tmp_path / "b.nii").read_bytes()


@pytest.mark.parametrize("name", ["out.dcm", "out.nrrd", "out.mgz", "out.png"])
def test_names_that_mean_another_format_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refusal, match=r"does not write \.\w+ files"):
        check_output(tmp_path / name)


def test_a_source_that_is_not_of_this_place_does_not_hinder(tmp_path: Path) -> None:
    check_output(tmp_path / "out.nii", source=Source("nifti", (tmp_path / "in.nii",), "00"))
