import json
from pathlib import Path

import pytest

from finemri.cohorts.cohort import Cohort, Subject
from finemri.cohorts.layouts import find_cohort
from finemri.refusal import Refusal


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"\0" * 128 + b"DICM" if name.endswith(".dcm") else b"")
    return root


def people(cohort: Cohort, root: Path) -> dict[str, tuple[list[str], list[str]]]:
    def names(paths: tuple[Path, ...]) -> list[str]:
        return [path.relative_to(root).as_posix() for path in paths]

    return {subject.name: (names(subject.images), names(subject.labels)) for subject in cohort.subjects}


def test_files_side_by_side(tmp_path: Path) -> None:
    touch(tmp_path, "b.nii", "a_T1w.nii.gz", "a_flair.nii.gz", "a_dseg.nii.gz", "._a_T1w.nii.gz", "readme.txt")
    assert people(find_cohort(tmp_path), tmp_path) == {
        "a": (["a_T1w.nii.gz", "a_flair.nii.gz"], ["a_dseg.nii.gz"]),
        "b": (["b.nii"], []),
    }


def test_names_that_only_number_people_stay_apart(tmp_path: Path) -> None:
    touch(tmp_path, *(f"head_{n:04d}.nii.gz" for n in range(5)))
    assert len(find_cohort(tmp_path)) == 5


def test_visits_of_one_person_are_one_person(tmp_path: Path) -> None:
    flat = touch(tmp_path / "flat", "sub-01_ses-1_T1w.nii.gz", "sub-01_ses-2_T1w.nii.gz", "sub-02_T1w.nii.gz")
    assert find_cohort(flat).names == ("sub-01", "sub-02")
    alone = touch(tmp_path / "alone", "visit1_t1w.nii.gz", "visit2_t1w.nii.gz")
    assert find_cohort(alone).names == ("alone",)


def test_bids(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "dataset_description.json",
        "sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz",
        "sub-01/ses-b/anat/sub-01_ses-b_T1w.nii.gz",
        "sub-01/ses-b/func/sub-01_ses-b_bold.nii.gz",
        "sub-02/anat/sub-02_T2w.nii.gz",
        "sub-02/anat/sub-02_dseg.nii.gz",
        "sub-02/anat/sub-02_T1w_defacemask.nii.gz",
        "sub-03/func/sub-03_bold.nii.gz",
        "derivatives/x/sub-01/anat/sub-01_T1w.nii.gz",
    )
    assert people(find_cohort(tmp_path), tmp_path) == {
        "sub-01": (["sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz", "sub-01/ses-b/anat/sub-01_ses-b_T1w.nii.gz"], []),
        "sub-02": (["sub-02/anat/sub-02_T2w.nii.gz"], ["sub-02/anat/sub-02_dseg.nii.gz"]),
    }


def test_decathlon(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "dataset.json",
        "imagesTr/case_001.nii.gz",
        "imagesTr/._case_001.nii.gz",
        "imagesTr/case_002_0000.nii.gz",
        "imagesTr/case_002_0001.nii.gz",
        "labelsTr/case_001.nii.gz",
        "labelsTr/case_002.nii.gz",
        "imagesTs/case_003.nii.gz",
    )
    assert people(find_cohort(tmp_path), tmp_path) == {
        "case_001": (["imagesTr/case_001.nii.gz"], ["labelsTr/case_001.nii.gz"]),
        "case_002": (["imagesTr/case_002_0000.nii.gz", "imagesTr/case_002_0001.nii.gz"], ["labelsTr/case_002.nii.gz"]),
    }


def test_people_behind_dicom_folders_are_counted(tmp_path: Path) -> None:
    touch(tmp_path, "Doe_Jane/1/a.dcm", "Doe_Jane/1/b.dcm", "Doe_Jane/2/c.dcm", "Roe_Max/IM1.dcm", "Roe_Max/DICOMDIR")
    (tmp_path / "Roe_Max/IM1.dcm").rename(tmp_path / "Roe_Max/IM1")
    assert people(find_cohort(tmp_path), tmp_path) == {
        "subject-001": (["Doe_Jane/1", "Doe_Jane/2"], []),
        "subject-002": (["Roe_Max"], []),
    }
    assert find_cohort(tmp_path / "Roe_Max").subjects == (Subject("subject-001", (tmp_path / "Roe_Max",)),)


def test_one_folder_of_nifti_files_a_person(tmp_path: Path) -> None:
    touch(tmp_path, "p1/t1.nii.gz", "p1/later/t1.nii.gz", "p2/t1.nii.gz", "p2/t1_seg.nii.gz", "empty/notes.txt")
    assert people(find_cohort(tmp_path), tmp_path) == {
        "p1": (["p1/t1.nii.gz", "p1/later/t1.nii.gz"], []),
        "p2": (["p2/t1.nii.gz"], ["p2/t1_seg.nii.gz"]),
    }


def test_kspace_side_by_side_or_one_folder_a_person(tmp_path: Path) -> None:
    flat = touch(tmp_path / "flat", "file1000.h5", "file1001.h5", "x.cfl", "x.hdr", "y.mat", "._z.npy", "notes.txt")
    assert people(find_cohort(flat), flat) == {
        "file1000": (["file1000.h5"], []),
        "file1001": (["file1001.h5"], []),
        "x": (["x.cfl"], []),
        "y": (["y.mat"], []),
    }
    deep = touch(tmp_path / "deep", "p1/a.npy", "p1/later/b.npy", "p2/a.npy", "empty/notes.txt")
    assert people(find_cohort(deep), deep) == {"p1": (["p1/a.npy", "p1/later/b.npy"], []), "p2": (["p2/a.npy"], [])}
    assert find_cohort(flat / "y.mat").names == ("y",)
    touch(deep, "c.npy")
    with pytest.raises(Refusal, match=r"cohort\.json"):
        find_cohort(deep)


def test_stacks_of_pictures(tmp_path: Path) -> None:
    flat = touch(tmp_path / "flat", "p1_2.png", "p1_10.png", "p2-0001.jpg", "._p3_1.png")
    assert people(find_cohort(flat), flat) == {"p1": (["p1_2.png", "p1_10.png"], []), "p2": (["p2-0001.jpg"], [])}
    deep = touch(tmp_path / "deep", "p1/10.JPG", "p1/9.JPG", "p2/a1.png", "p2/a0.png", "empty/notes.txt")
    assert people(find_cohort(deep), deep) == {
        "p1": (["p1/9.JPG", "p1/10.JPG"], []),
        "p2": (["p2/a0.png", "p2/a1.png"], []),
    }
    assert find_cohort(deep / "p1").names == ("p1",)
    touch(deep, "p3_1.png")
    with pytest.raises(Refusal, match=r"cohort\.json"):
        find_cohort(deep)


def test_pictures_and_arrays_beside_volumes_are_not_scans(tmp_path: Path) -> None:
    touch(tmp_path, "a.nii.gz", "b.nii.gz", "montage.png", "table.npy")
    assert find_cohort(tmp_path).names == ("a", "b")


def test_label_maps_by_folder_name_or_by_word(tmp_path: Path) -> None:
    for folder, by_word in (("label_maps", False), ("elsewhere", True)):
        root = touch(tmp_path / folder, "x_01.nii.gz", "x_02.nii.gz")
        assert people(find_cohort(root, labels=by_word), root) == {
            "x_01": ([], ["x_01.nii.gz"]),
            "x_02": ([], ["x_02.nii.gz"]),
        }


def test_a_single_scan(tmp_path: Path) -> None:
    touch(tmp_path, "head.nii.gz", "other.nii.gz", "slice.dcm", "notes.txt")
    assert find_cohort(tmp_path / "head.nii.gz").subjects == (Subject("head", (tmp_path / "head.nii.gz",)),)
    assert find_cohort(tmp_path / "slice.dcm").names == ("subject-001",)
    with pytest.raises(Refusal, match="No scan"):
        find_cohort(tmp_path / "notes.txt")


def describe(root: Path, content: object) -> Path:
    (root / "cohort.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return root


def test_described_in_words(tmp_path: Path) -> None:
    touch(tmp_path, "deep/a.nii.gz", "b/x.dcm", "ignored.nii.gz")
    entries = [{"name": "one", "images": ["deep/a.nii.gz"]}, {"name": "two", "images": [], "labels": ["b"]}]
    describe(tmp_path, {"subjects": entries})
    expected = {"one": (["deep/a.nii.gz"], []), "two": ([], ["b"])}
    assert people(find_cohort(tmp_path), tmp_path) == expected
    assert people(find_cohort(tmp_path / "cohort.json"), tmp_path) == expected


@pytest.mark.parametrize(
    "content",
    ["{", "[]", {"people": []}, {"subjects": [{"images": []}]}, {"subjects": [{"name": "a", "images": "a.nii"}]}],
)
def test_a_description_that_says_nothing_is_refused(tmp_path: Path, content: object) -> None:
    touch(tmp_path, "a.nii")
    with pytest.raises(Refusal, match="does not describe a cohort"):
        find_cohort(describe(tmp_path, content))


def test_nobody_stands_twice(tmp_path: Path) -> None:
    touch(tmp_path, "a.nii.gz", "b.nii.gz")
    twice = [{"name": "a", "images": ["a.nii.gz"]}, {"name": "a", "images": ["b.nii.gz"]}]
    with pytest.raises(Refusal, match="stands twice"):
        find_cohort(describe(tmp_path, {"subjects": twice}))
    shared = [{"name": "a", "images": ["a.nii.gz"]}, {"name": "b", "images": ["./a.nii.gz"]}]
    with pytest.raises(Refusal, match="file stands twice"):
        find_cohort(describe(tmp_path, {"subjects": shared}))
    missing = [{"name": "a", "images": ["c.nii.gz"]}]
    with pytest.raises(Refusal, match="do not exist"):
        find_cohort(describe(tmp_path, {"subjects": missing}))


def test_empty_missing_and_mixed_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="no folder"):
        find_cohort(tmp_path / "nowhere")
    with pytest.raises(Refusal, match="No scan"):
        find_cohort(tmp_path)
    touch(tmp_path, "a.nii.gz", "b/c.nii.gz")
    with pytest.raises(Refusal, match=r"cohort\.json"):
        find_cohort(tmp_path)


def test_the_real_cohorts(shared_data: Path) -> None:
    assert len(find_cohort(shared_data / "hippocampus")) == 200
    assert len(find_cohort(shared_data / "head_slabs")) == 24
    maps = find_cohort(shared_data / "label_maps")
    assert len(maps) == 20
    assert all(len(subject.labels) == 1 and not subject.images for subject in maps.subjects)
    assert len(find_cohort(shared_data / "thick_multicontrast")) == 1  # two visits of one patient
    assert find_cohort(shared_data / "thin_t1_dicom").names == ("subject-001",)
