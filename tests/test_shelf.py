"""The shelf: a name means one thing, and does one job."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from finemri import shelf, trained
from finemri.baselines import BASELINES, RECONSTRUCTORS
from finemri.physics.kspace import KSpace
from finemri.recipes import RECIPES, Recipe, describe
from finemri.refusal import Refusal
from finemri.training.weights import save_weights

FIND: dict[str, Callable[[str], object]] = {
    "super-resolve": lambda name: shelf.find_method(name, 2),
    "reconstruct": shelf.find_reconstructor,
    "segment": shelf.find_segmenter,
    "restore": shelf.find_restorer,
}
OF: dict[str, str] = {
    "super-resolve": "volume-x2",
    "reconstruct": "recnet",
    "segment": "segmenter",
    "restore": "anyspacing",
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Untrained weights of a recipe for each job."""
    folder = tmp_path_factory.mktemp("weights")
    return {job: save(folder / f"{name}.safetensors", name, RECIPES[name]) for job, name in OF.items()}


def save(path: Path, name: str, recipe: Recipe) -> Path:
    save_weights(path, recipe.generator().state_dict(), describe(name, recipe))
    return path


@pytest.mark.parametrize("job", OF)
def test_weights_do_their_job_and_no_other(job: str, weights: dict[str, Path]) -> None:
    found = FIND[job](str(weights[job]))
    assert (found.name, len(found.digest), found.header["recipe"]) == (OF[job], 64, OF[job])  # type: ignore[attr-defined]
    for other in OF.keys() - {job}:
        with pytest.raises(Refusal, match=f"here a method has to {other}"):
            FIND[other](str(weights[job]))


def test_a_reconstructor_reconstructs(weights: dict[str, Path]) -> None:
    rng = np.random.default_rng(0)
    samples = (rng.normal(size=(1, 24, 21)) + 1j * rng.normal(size=(1, 24, 21))).astype(np.complex64)
    image = shelf.find_reconstructor(str(weights["reconstruct"])).reconstructor(KSpace.of(samples))
    assert image.shape == (24, 21)
    labels = shelf.find_segmenter(str(weights["segment"])).segmenter(np.abs(image))
    assert labels.shape == (24, 21)


@pytest.mark.parametrize("name", RECONSTRUCTORS)
def test_every_reconstructing_baseline_is_found(name: str) -> None:
    found = shelf.find_reconstructor(name)
    assert (found.name, found.digest, found.header) == (name, None, {})
    with pytest.raises(Refusal, match="turns k-space into images"):
        shelf.find_method(name, 2)


@pytest.mark.parametrize("name", BASELINES)
def test_interpolation_reconstructs_nothing(name: str) -> None:
    with pytest.raises(Refusal, match=r"makes images finer .*zero-filled"):
        shelf.find_reconstructor(name)


@pytest.mark.parametrize("job", OF)
def test_names_that_nothing_has_are_refused(job: str) -> None:
    with pytest.raises(Refusal, match="no method 'poem'"):
        FIND[job]("poem")
    with pytest.raises(Refusal, match="train it"):
        FIND[job](OF[job])


def test_the_list_tells_every_job() -> None:
    jobs = {row["name"]: row["job"] for row in shelf.list_methods()}
    assert {name: jobs[name] for name in RECONSTRUCTORS} == dict.fromkeys(RECONSTRUCTORS, "reconstruct")
    assert {name: jobs[name] for name in BASELINES} == dict.fromkeys(BASELINES, "super-resolve")
    assert {name: jobs[name] for name in RECIPES} == {name: recipe.job for name, recipe in RECIPES.items()}
    assert jobs.keys() >= trained.shipped_weights().keys()
