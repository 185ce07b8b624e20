"""A picture shows the anatomy the right way round, and tells nothing of where it came from."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from finemri.refusal import Refusal
from finemri.study.design import SPOILT, Shown
from finemri.study.images import Showing, find_images, upright
from finemri.study.new import new
from finemri.study.organise import open_study
from finemri.study.pictures import WHITE, Picture, Plane, grey, plane_of, spoil
from finemri.study.question import Question
from finemri.volumes.files import save_volume
from finemri.volumes.volume import Volume
from tests.study.images import METHODS, evaluated


@pytest.mark.parametrize("turn", [np.diag([1, 1, 1, 1]), np.diag([-1, 1, -1, 1]), np.eye(4)[[2, 0, 1, 3]]])
@pytest.mark.parametrize(("plane", "corner"), [("axial", "RA"), ("coronal", "RS"), ("sagittal", "AS")])
def test_up_is_up_and_right_is_left(plane: Plane, corner: str, turn: np.ndarray) -> None:
    """A landmark far right, in front and on top lies in the upper left corner, however the file is stored."""
    voxels = np.zeros((5, 6, 7), np.float32)
    voxels[4, 5, 6] = 1
    affine = np.diag([1.0, 2.0, 3.0, 1.0]) @ turn.astype(float)
    stored = nib.apply_orientation(voxels, nib.io_orientation(np.linalg.inv(affine)))
    made, spacing = upright(Volume(np.ascontiguousarray(stored), affine))
    assert made.shape == voxels.shape
    np.testing.assert_array_equal(made, voxels)
    assert spacing == (1.0, 2.0, 3.0)
    shown, size = plane_of(made, spacing, plane, {"axial": 6, "coronal": 5, "sagittal": 4}[plane])
    assert shown[0, 0] == 1
    assert size == tuple({"R": 1.0, "A": 2.0, "S": 3.0}[letter] for letter in reversed(corner))


def test_brightness_is_one_line_for_all() -> None:
    made = grey(np.array([-1.0, 0.0, 50.0, 100.0, 1e6, np.nan], np.float32), 100.0)
    np.testing.assert_array_equal(made, [0, 0, WHITE // 2, WHITE, 65_535, 0])


def test_a_volume_is_sent_with_a_header_of_its_own() -> None:
    picture = Picture(np.arange(24, dtype=np.uint16).reshape(2, 3, 4), (1.0, 1.5, 2.0))
    read = nib.Nifti1Image.from_bytes(picture.content)
    np.testing.assert_array_equal(np.asanyarray(read.dataobj), picture.grey)
    assert read.header.get_zooms() == (1.0, 1.5, 2.0)
    assert not bytes(read.header["descrip"]).strip(b"\0")
    assert len(picture.content) == 352 + 2 * 24


def test_what_is_spoilt_nobody_overlooks() -> None:
    """Less like the truth than a third of the way to nothing; the same seed spoils alike."""
    truth = np.add.outer(np.arange(40.0), np.arange(30.0)).astype(np.float32)
    made = spoil(truth, 69.0, 1)
    np.testing.assert_array_equal(made, spoil(truth, 69.0, 1))
    assert np.corrcoef(made.ravel(), truth.ravel())[0, 1] < 0.8
    assert made.min() >= 0


@pytest.mark.parametrize("view", ["slice", "volume"])
def test_a_study_tells_methods_apart_nowhere_but_in_its_design(tmp_path: Path, view: str) -> None:
    source = evaluated(tmp_path / "judged")
    study = new(tmp_path / "study", find_images([str(source)]), Question(), showing=Showing(view, "axial", 2))  # type: ignore[arg-type]
    assert open_study(tmp_path / "study").design == study.design
    assert study.design.methods == ("truth", *METHODS)
    assert study.design.anchor == "truth"
    assert len(study.design.cases) == (4 if view == "slice" else 2)
    by_case = {
        case: {len(study.picture(Shown(case, m))) for m in (*study.design.methods, SPOILT)}
        for case in study.design.cases
    }
    assert all(len(sizes) == 1 for sizes in by_case.values())
    told = (tmp_path / "study" / "pictures.json").read_bytes()
    told += b"".join(path.name.encode() + path.read_bytes() for path in (tmp_path / "study" / "pictures").iterdir())
    for word in (*METHODS, "truth", SPOILT, "jane_doe", "slice-"):
        assert word.encode() not in told
    assert (tmp_path / "study").stat().st_mode & 0o077 == 0
    assert (tmp_path / "study" / "secret").stat().st_mode & 0o077 == 0


def test_methods_keep_their_brightness_in_the_truths_units(tmp_path: Path) -> None:
    study = new(tmp_path / "study", find_images([str(evaluated(tmp_path / "judged"))]), Question(), training=0)
    case = study.design.cases[0]
    truth, spline = (np.frombuffer(study.picture(Shown(case, m)), "<u2").astype(float) for m in ("truth", "spline"))
    inside = truth > 1000
    np.testing.assert_allclose(spline[inside] / truth[inside], 0.9, atol=0.002)


def test_folders_by_method(tmp_path: Path) -> None:
    for method in ("a", "b"):
        (tmp_path / method).mkdir()
        for n in range(2):
            save_volume(Volume(np.ones((6, 6, 6), np.float32), np.eye(4)), tmp_path / method / f"p{n}.nii.gz")
    sources = [f"{method}={tmp_path / method}" for method in ("a", "b")]
    assert {s: sorted(m) for s, m in find_images(sources).items()} == {"p0": ["a", "b"], "p1": ["a", "b"]}
    study = new(tmp_path / "study", find_images(sources), Question("forced-choice"), training=0)
    assert study.design.anchor is None
    (tmp_path / "b" / "p1.nii.gz").unlink()
    with pytest.raises(Refusal, match="no image of p1 by b"):
        find_images(sources)


def test_what_makes_no_study(tmp_path: Path) -> None:
    source = str(evaluated(tmp_path / "judged"))
    for words, message in (
        ({"methods": ["nobody"]}, "no method nobody"),
        ({"subjects": ["nobody"]}, "no subject nobody"),
        ({"training": 3}, "can't be kept for training"),
        ({"database": "postgresql://me:secret@host/db"}, "password does not belong"),
    ):
        with pytest.raises(Refusal, match=message):
            new(tmp_path / "study", find_images([source]), Question(), **words)
    for sources, message in (
        ([str(tmp_path)], "not what finemri evaluate wrote"),
        (["a=/no/such"], "METHOD=FOLDER"),
        ([f"a={tmp_path}"], "holds a NIfTI file"),
    ):
        with pytest.raises(Refusal, match=message):
            find_images(sources)
    with pytest.raises(Refusal, match="no study in"):
        open_study(tmp_path)
    assert not (tmp_path / "study").exists()


def test_images_on_two_grids_would_tell_methods_apart(tmp_path: Path) -> None:
    source = evaluated(tmp_path / "judged")
    save_volume(
        Volume(np.ones((6, 7, 5), np.float32), np.eye(4)), source / "images" / "jane_doe_1_spline.nii.gz", force=True
    )
    with pytest.raises(Refusal, match="different grids"):
        new(tmp_path / "study", find_images([str(source)]), Question(), training=0, showing=Showing("volume"))


def test_an_edited_design_is_noticed(tmp_path: Path) -> None:
    new(tmp_path / "study", find_images([str(evaluated(tmp_path / "judged"))]), Question())
    path = tmp_path / "study" / "study.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(Refusal, match="was edited"):
        open_study(tmp_path / "study")
    path.write_text("{}")
    with pytest.raises(Refusal, match="not a study"):
        open_study(tmp_path / "study")


def test_a_study_with_ballots_is_never_replaced(tmp_path: Path, box_of) -> None:  # type: ignore[no-untyped-def]
    source = find_images([str(evaluated(tmp_path / "judged"))])
    study = new(tmp_path / "study", source, Question())
    study = new(tmp_path / "study", source, Question(scores=5), force=True)
    box = box_of(study.database, study.design.digest)
    reader, _ = box.invite("Dr A")
    box.cast(reader.id, 0, {"overall quality": 1}, 1.0)
    with pytest.raises(Refusal, match="holds ballots"):
        new(tmp_path / "study", source, Question(), force=True)
    assert len(box.ballots()) == 1
