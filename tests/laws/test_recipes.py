"""Laws of every recipe on the shelf: adding a name adds its tests."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from scipy import ndimage

from finemri.cohorts.examples import Examples, VolumePatches
from finemri.recipes import RECIPES, VolumeSRGAN, describe, revive
from finemri.refusal import Refusal
from finemri.training.loop import play
from finemri.training.weights import load_weights

each = pytest.mark.parametrize("name", RECIPES)


def small(name: str, rounds: int = 2) -> VolumeSRGAN:
    """The recipe as it stands, made so small that two rounds take no time."""
    recipe = RECIPES[name]
    assert isinstance(recipe, VolumeSRGAN)
    return replace(
        recipe,
        patch=(6, 6, 6),
        batch=2,
        features=8,
        blocks=1,
        critic_features=2,
        fidelity_rounds=rounds if recipe.fidelity_rounds else 0,
        adversarial_rounds=rounds,
        zoom=(1.0, 1.0),
        precision="fp32",
    )


def examples(recipe: VolumeSRGAN) -> Examples:
    smooth = ndimage.gaussian_filter(np.random.default_rng(0).random((64, 64, 64)), 1.5).astype(np.float32)
    return VolumePatches(
        [100 * (smooth - smooth.min())],
        degradations=recipe.degrade(),
        patch=recipe.patch,
        seed=0,
        normaliser=recipe.normaliser,
    )


@each
def test_trains_two_rounds_and_its_weights_revive_to_the_same_output(name: str, tmp_path: Path) -> None:
    recipe = small(name)
    generator = recipe.generator()
    fabric = Fabric(accelerator="cpu", devices=1, precision="32-true")
    path = play(
        recipe.stages(generator, examples(recipe)),
        fabric=fabric,
        directory=tmp_path,
        header=describe(name, recipe),
        workers=0,
    )
    tensors, header = load_weights(path)
    revived = revive(header)
    assert revived == recipe
    again = revived.generator()
    again.load_state_dict(tensors)
    image = np.random.default_rng(1).random((7, 9, 5)).astype(np.float32)
    made, remade = recipe.enhancer(generator.eval())(image), revived.enhancer(again.eval())(image)
    assert made.shape == tuple(n * recipe.scale for n in image.shape)
    assert np.isfinite(made).all()
    np.testing.assert_array_equal(made, remade)


@pytest.mark.parametrize("kind", ["srresnet", "residual", "rrdb"])
def test_overfits_one_example(kind: str) -> None:
    """A generator that cannot learn one patch by heart cannot learn."""
    torch.manual_seed(0)
    recipe = replace(small("volume-rrdb-x2"), generator_kind=kind, blocks=2)  # type: ignore[arg-type]
    example = examples(recipe)[0]
    coarse, fine = example["coarse"][None], example["fine"][None]
    generator = recipe.generator().train()
    optimiser = torch.optim.Adam(generator.parameters(), lr=3e-3)
    errors = []
    for _ in range(150):
        loss = (generator(coarse) - fine).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        errors.append(loss.item())
    assert errors[-1] < 0.25 * errors[0]


@each
def test_settings_survive_json(name: str) -> None:
    import json

    assert revive(json.loads(json.dumps(describe(name, RECIPES[name])))) == RECIPES[name]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"scale": 3}, "2 or 4"),
        ({"adversarial_rounds": 0}, "needs rounds"),
        ({"batch": 0}, "at least 1"),
        ({"mse": -1.0}, "at least 0"),
        ({"mse": 0.0, "gradient": 0.0, "adversarial": 0.0}, "nothing to learn"),
        ({"fidelity_rounds": 5, "fidelity_mse": 0.0}, "nothing to learn"),
        ({"degradations": ()}, "degradations"),
    ],
)
def test_settings_without_meaning_are_refused_at_birth(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        VolumeSRGAN(**settings)  # type: ignore[arg-type]


def test_weights_of_an_unknown_kind_are_refused() -> None:
    with pytest.raises(Refusal, match="update finemri"):
        revive({"recipe": "x", "kind": "os.system", "settings": {}})
    with pytest.raises(Refusal, match="colour"):
        revive({"recipe": "x", "kind": "VolumeSRGAN", "settings": {"colour": 3}})
