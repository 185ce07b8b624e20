"""The verb train: what is written down of those who are held out."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from finemri.cohorts.split import Split
from finemri.recipes import KSpaceGAN, Scanning
from finemri.train import train

STILL = KSpaceGAN(
    scanning=Scanning(accelerations=(2.0,), one_mask=True, turn=False, matrices=((16, 20),), zoom=(2.0, 2.0)),
    l1=0.0,
    adversarial_rounds=1,
    batch=2,
    rate=1e-30,
)
"""Learns nothing in its one round, so that what is validated depends on the examples alone."""


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    folder = tmp_path / "cohort"
    folder.mkdir()
    for n in range(6):
        voxels = np.random.default_rng(n).uniform(50, 200, (18 + n, 25 - n, 3)).astype(np.float32)
        nib.nifti1.Nifti1Image(voxels, np.eye(4)).to_filename(folder / f"p{n}.nii")
    return folder


def validated(recipe: KSpaceGAN, cohorts: list[Path], into: Path) -> dict[str, float]:
    into.mkdir()
    Split(("p0", "p1", "p2", "p3"), ("p4", "p5")).save(into / "split-1.json")
    train(recipe, cohorts=cohorts, into=into, device="cpu", precision="32-true", workers=0)
    lines = map(json.loads, (into / "journal.jsonl").read_text().splitlines())
    (found,) = [{k: line[k] for k in line if k.startswith("validation")} for line in lines if "validation.psnr" in line]
    return found


def test_whoever_is_held_out_is_compared_with_themselves(cohort: Path, tmp_path: Path) -> None:
    pairs = validated(STILL, [cohort], tmp_path / "pairs")
    assert set(pairs) == {"validation.psnr", "validation.l1"}
    told: dict[str, dict[str, Any]] = {
        "unpaired": {"unpaired": True},
        "budget beyond those held out": {"unpaired": True, "labels": 4},
        "labels of others": {"unpaired": True, "labels_from": 2},
    }
    for name, settings in told.items():
        recipe = replace(STILL, scanning=replace(STILL.scanning, **settings))
        others = [cohort, cohort][: 1 + ("labels_from" in settings)]
        assert validated(recipe, others, tmp_path / name) == pairs
