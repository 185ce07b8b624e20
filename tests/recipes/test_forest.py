"""A forest from pairs on disk to an enhanced scan, by the verbs that networks use."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from finemri.cohorts.cohort import Pair, Subject
from finemri.cohorts.described import write_pairs
from finemri.cohorts.layouts import find_cohort
from finemri.recipes import Forest, describe, revive
from finemri.refusal import Refusal
from finemri.shelf import find_method
from finemri.train import train
from finemri.volumes.files import open_volume
from finemri.volumes.intensity import by_percentile
from tests.cohorts import people

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

SMALL = Forest(trees=6, at_a_time=3, depth=8, split=10, patches=40, batch=10, patch=16, sampled=0.5)


def pairs(folder: Path, number: int = 10) -> Path:
    """People, blurred and not."""
    subjects = []
    for seed in range(number):
        fine = ndimage.gaussian_filter(np.random.default_rng(seed).random((22, 20, 6)), 0.8).astype(np.float32)
        fine = 100 * (fine - fine.min())
        coarse = ndimage.gaussian_filter(fine, (1.0, 1.0, 0.0))
        name = f"subject-{seed + 1:03d}"
        paths = [people.save(folder / name / f"{kind}.nii.gz", of) for kind, of in (("a", coarse), ("b", fine))]
        subjects.append(Subject(name, pairs=(Pair(paths[0], paths[1]),)))
    write_pairs(subjects, folder)
    return folder


def test_it_trains_is_watched_and_enhances_like_any_recipe(tmp_path: Path) -> None:
    cohort = pairs(tmp_path / "pairs")
    path = train(SMALL, cohorts=[cohort], into=tmp_path / "run", device="cpu", workers=0, checkpoint_every=1)
    journal = [json.loads(line) for line in (tmp_path / "run" / "journal.jsonl").read_text().splitlines()]
    assert [line["round"] for line in journal if "validation.psnr" in line] == [1, 2]
    assert all(line["generator"] < line["input"] for line in journal if "generator" in line)
    assert not list(tmp_path.rglob("*.pkl"))
    method = find_method(str(path), 1)
    assert method.header["grid"] == [1.0, 1.0, 1.0]
    held = find_cohort(cohort).subjects[0].pairs[0]
    coarse, fine = (by_percentile(v).apply(v) for v in (open_volume(p).voxels for p in (held.coarse, held.fine)))
    made = method.enhancer(coarse)
    assert np.square(made - fine).mean() < 0.8 * np.square(coarse - fine).mean()
    assert revive(describe("forest", SMALL)) == SMALL


def test_a_trained_forest_needs_no_scikit_learn_and_growing_one_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(Refusal, match=r"finemri\[classical\]"):
        SMALL.stages(SMALL.generator(), None)  # type: ignore[arg-type]
    image = np.random.default_rng(0).random((9, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(SMALL.enhancer(SMALL.generator())(image), image)


def test_it_grows_from_nothing() -> None:
    forest = SMALL.generator()
    tree = {"feature": [0], "threshold": [0.0], "left": [-1], "right": [-1], "value": [1.0]}
    forest.plant(**{key: np.array(of) for key, of in tree.items()})  # type: ignore[operator]
    with pytest.raises(Refusal, match="leave start out"):
        SMALL.stages(forest, None)  # type: ignore[arg-type]
    assert torch.equal(forest(torch.zeros(1, 1, 3, 3)), torch.ones(1, 1, 3, 3))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"trees": 0}, "at least 1"),
        ({"sampled": 1.0}, "share of the pixels"),
        ({"patches": 51}, "whole batches"),
        ({"neighbourhood": 4}, "3, 5"),
        ({"patch": 5}, "enlarge it"),
        ({"axes": (3,)}, "axes 0, 1 and 2"),
    ],
)
def test_settings_without_meaning_are_refused(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        Forest(**settings)  # type: ignore[arg-type]
