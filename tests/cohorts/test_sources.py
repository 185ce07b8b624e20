from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from finemri.cohorts.cohort import Cohort, Subject
from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.sources import DRAWN, slices_of
from finemri.refusal import Refusal
from tests.cohorts.people import brain, label_map, save


def test_each_kind_of_cohort_has_slices(tmp_path: Path) -> None:
    save(tmp_path / "volumes" / "images" / "a.nii", brain())
    save(tmp_path / "volumes" / "labels" / "a.nii", label_map().astype(np.float32))
    save(tmp_path / "label_maps" / "a.nii", label_map().astype(np.float32))
    for folder in ("kspace", "stacks"):
        (tmp_path / folder).mkdir()
    rng = np.random.default_rng(0)
    peak = np.hypot(*np.meshgrid(np.arange(-8, 8), np.arange(-6, 6), indexing="ij")) + 1
    kspace = (rng.normal(size=(16, 12)) + 1j * rng.normal(size=(16, 12))) / peak**2
    np.save(tmp_path / "kspace" / "a.npy", kspace.astype(np.complex64))
    PIL.Image.fromarray(rng.integers(0, 256, (10, 14), dtype=np.uint8)).save(tmp_path / "stacks" / "a_1.png")
    sizes = {"volumes": (26, 22), "label_maps": DRAWN, "kspace": (16, 12), "stacks": (10, 7)}
    cohorts = {name: find_cohort(tmp_path / name) for name in sizes}
    for name, size in sizes.items():
        source = slices_of(cohorts[name])
        drawn = source.draw(rng)
        assert source.people == (drawn.person,) == ("a",)
        assert source.matrices == {drawn.image.shape} == {size}
    assert slices_of(cohorts["volumes"], labels=True).draw(rng).labels is not None
    for name in ("kspace", "stacks"):
        with pytest.raises(Refusal, match="Label maps go with volumes"):
            slices_of(cohorts[name], labels=True)
    mixed = Cohort((*cohorts["kspace"].subjects, Subject("b", cohorts["volumes"].subjects[0].images)))
    with pytest.raises(Refusal, match="mixes k-space and volumes"):
        slices_of(mixed)
    with pytest.raises(Refusal, match="without a single"):
        slices_of(Cohort((Subject("a"),)))
