"""CycleGAN for people who have no pairs, and for those whose pairs it is not to know."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from finemri.cohorts.cohort import Cohort
from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.unpaired import UnpairedSlices
from finemri.recipes import FieldCycle
from finemri.refusal import Refusal
from finemri.shelf import find_method
from finemri.train import train
from tests.recipes.test_forest import pairs

SMALL = FieldCycle(features=8, critic_features=2, patch=32, batch=2, rounds=3)


def folder_of(folder: Path, number: int, size: tuple[float, float, float], brightness: float) -> Path:
    """Noise of one brightness, in voxels of a size."""
    folder.mkdir(parents=True)
    for n in range(number):
        voxels = np.random.default_rng(n).random((24, 20, 10)).astype(np.float32) * 20 + brightness
        nib.save(nib.Nifti1Image(voxels, np.diag([*size, 1.0])), folder / f"{folder.name}{n}.nii.gz")
    return folder


@pytest.fixture
def strangers(tmp_path: Path) -> list[Path]:
    return [folder_of(tmp_path / "a", 2, (2.0, 1.0, 3.0), 60.0), folder_of(tmp_path / "b", 3, (1.0, 1.0, 1.5), 20.0)]


def test_two_plain_cohorts_are_laid_on_the_fine_grid(strangers: list[Path]) -> None:
    coarse, fine = map(find_cohort, strangers)
    examples = UnpairedSlices(coarse, fine, seed=3, patch=(16, 12), axes=(0, 1, 2))
    assert examples.grid == (1.0, 1.0, 1.5)
    assert [level[0].shape for level in examples.regions["coarse"].pyramids] == [(48, 20, 20)] * 2
    assert [level[0].shape for level in examples.regions["fine"].pyramids] == [(24, 20, 10)] * 3
    for n in range(6):
        example = examples[n]
        assert {key: tuple(image.shape) for key, image in example.items()} == {
            "coarse": (1, 16, 12),
            "fine": (1, 16, 12),
        }
        again = examples[n]
        assert all(torch.equal(example[key], again[key]) for key in again)
        assert example["coarse"].mean() > 0.8 > example["fine"].mean()  # each by its own brightness, and not swapped


def test_strangers_train_without_validation_and_the_weights_enhance(strangers: list[Path], tmp_path: Path) -> None:
    path = train(SMALL, cohorts=strangers, into=tmp_path / "run", device="cpu", workers=0, precision="32-true")
    method = find_method(str(path), 1)
    assert method.header["grid"] == [1.0, 1.0, 1.5]
    made = method.enhancer(np.random.default_rng(0).random((33, 18, 2)).astype(np.float32))
    assert made.shape == (33, 18, 2)
    assert np.isfinite(made).all()


def test_pairs_are_learnt_from_as_strangers_and_watched_as_pairs(tmp_path: Path) -> None:
    cohort = pairs(tmp_path / "pairs")
    train(SMALL, cohorts=[cohort], into=tmp_path / "run", device="cpu", workers=0, precision="32-true")
    journal = [json.loads(line) for line in (tmp_path / "run" / "journal.jsonl").read_text().splitlines()]
    (psnr,) = [line["validation.psnr"] for line in journal if "validation.psnr" in line]
    examples = SMALL.examples([find_cohort(cohort)], [1.0], 0)
    strange = np.mean([(e["coarse"] - e["fine"]).square().mean().item() for e in (examples[n] for n in range(8))])
    assert psnr > -10 * np.log10(strange) + 3  # nearly the identity still, which is far better against one's own


def test_cohorts_that_make_no_two_sides_are_refused(strangers: list[Path], tmp_path: Path) -> None:
    a, b = map(find_cohort, strangers)
    twice = find_cohort(pairs(tmp_path / "pairs", 2))
    for cohorts in ([a], [a, b, a], [a, twice]):
        with pytest.raises(Refusal, match="two cohorts"):
            SMALL.examples(cohorts, [1.0] * len(cohorts), 0)
    with pytest.raises(Refusal, match="images of both kinds"):
        SMALL.examples([a, Cohort(())], [1.0, 1.0], 0)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"rounds": 0}, "at least 1"),
        ({"adversarial": 0.0}, "above 0"),
        ({"patch": 40}, "multiple of 16"),
        ({"generator_kind": "unet", "patch": 48}, "32 or 64"),
        ({"border": 20}, "leave gaps"),
        ({"axes": ()}, "axes 0, 1 and 2"),
    ],
)
def test_settings_without_meaning_are_refused(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        FieldCycle(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["residual", "unet", "dcsrn"])
def test_every_generator_plays_under_every_rule(kind: str) -> None:
    for rule in ("least-squares", "cross-entropy", "wasserstein-gp"):
        recipe = FieldCycle(generator_kind=kind, rule=rule, features=8, critic_features=2, patch=32)  # type: ignore[arg-type]
        torch.manual_seed(0)
        game = recipe._cycle(recipe.generator())
        batch = {"coarse": torch.rand(2, 1, 32, 32), "fine": torch.rand(2, 1, 32, 32)}
        for _ in range(2):
            assert all(number.isfinite() for number in game.round([batch]).values())
