"""A header recognises a scan again, and tells nobody's name."""

import gzip
import json
from pathlib import Path

import nibabel as nib
import numpy as np

from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.seen import FIELD, LENGTH, content_of, knows, learnt_from, seen, told_by
from tests.cohorts.people import brain, save


def cohort(folder: Path, seeds: list[int]) -> Path:
    for seed in seeds:
        save(folder / f"jane-{seed}.nii.gz", brain(seed=seed))
    return folder


def test_renamed_and_compressed_anew_is_the_same_scan(tmp_path: Path) -> None:
    path = save(tmp_path / "a" / "one.nii.gz", brain(seed=1))
    plain = tmp_path / "other.nii"
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    as_double = tmp_path / "double.nii"
    nib.nifti1.Nifti1Image(brain(seed=1).astype(np.float64), np.diag([2.0, 1, 1, 1])).to_filename(as_double)
    assert content_of(path) == content_of(plain) == content_of(as_double)
    assert content_of(path) != content_of(save(tmp_path / "b.nii", brain(seed=2)))


def test_a_header_knows_whom_it_saw_and_names_nobody(tmp_path: Path) -> None:
    people = find_cohort(cohort(tmp_path / "learnt", [1, 2, 3]))
    header = json.loads(json.dumps({FIELD: [learnt_from([people], 7)]}))
    assert "jane" not in json.dumps(header)
    assert len(header[FIELD][0]["scans"]) == 3
    assert all(len(digest) == LENGTH for digest in header[FIELD][0]["scans"])
    judged = {
        name: [content_of(save(tmp_path / f"{name}.nii", brain(seed=seed)))] for name, seed in [("x", 2), ("y", 9)]
    }
    assert knows(header)
    assert seen(header, judged) == ["x"]
    assert seen({}, judged) == []
    assert not knows({})
    assert not knows({FIELD: [*header[FIELD], *told_by({})]}), "it began with weights of which nobody knows"
    assert seen({FIELD: [*told_by({}), *header[FIELD]]}, judged) == ["x"]


def test_two_headers_cannot_be_linked_and_a_resume_says_the_same(tmp_path: Path) -> None:
    some, more = (find_cohort(cohort(tmp_path / name, seeds)) for name, seeds in (("a", [1, 2]), ("b", [1, 2, 3])))
    first, again, other, others = (learnt_from([c], seed) for c, seed in ((some, 0), (some, 0), (some, 1), (more, 0)))
    assert first == again
    for different in (other, others):
        assert not set(first["scans"]) & set(different["scans"])  # type: ignore[call-overload]
