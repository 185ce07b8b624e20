"""Paper 004 as a recipe: what learns in which stage, what the losses weigh, and that R is the same without V."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from finemri.networks.refinement import Refiner
from finemri.physics.fourier import to_kspace
from finemri.recipes.refined import Refined
from finemri.refusal import Refusal
from finemri.training.games import Adversarial
from finemri.training.loop import play
from finemri.training.weights import load_weights

SMALL = Refined(perceptual=0.0, critic_maps=(4, 4, 4), reconstructor_rounds=2, refinement_rounds=2, batch=2, pool=4)
JOINT = replace(SMALL, joint=True, reconstructor_rounds=0, mse=1.0)


class Scans:
    """Example n: a random real image, every other line of it measured, and the one in the middle."""

    def __getitem__(self, n: int) -> Mapping[str, Tensor]:
        image = torch.rand(18, 16, generator=torch.Generator().manual_seed(n)).to(torch.complex64)
        mask = torch.zeros(1, 18, 16, dtype=torch.bool)
        mask[:, 1::2] = True
        ones = torch.ones(1, 18, 16, dtype=torch.complex64)
        return {"image": image, "mask": mask, "sensitivities": ones, "kspace": to_kspace(image)[None] * mask}


def batch(size: int = 2) -> dict[str, Tensor]:
    examples = [Scans()[n] for n in range(size)]
    return {key: torch.stack([example[key] for example in examples]) for key in examples[0]}


def fabric() -> Fabric:
    made = Fabric(accelerator="cpu", devices=1, precision="32-true")
    made.launch()
    made.seed_everything(0, verbose=False)
    return made


def refinement(recipe: Refined) -> tuple[Refiner, Adversarial]:
    """The generator, and the game of the last stage."""
    machine = fabric()
    generator = recipe.generator()
    game = recipe.stages(generator, Scans())[-1].game(machine)
    assert isinstance(generator, Refiner)
    assert isinstance(game, Adversarial)
    return generator, game


def weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def moved(network: nn.Module, before: Mapping[str, Tensor]) -> bool:
    return any(not torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def image_of(network: nn.Module) -> Tensor:
    with torch.no_grad():
        image: Tensor = network(*(batch()[key] for key in ("kspace", "mask", "sensitivities")))
    return image


def test_balanced_losses_weigh_what_they_are_told_at_the_start() -> None:
    _, game = refinement(SMALL)
    told = game.round([batch()])
    assert float(told["generator"]) == pytest.approx(0.5 + 0.5 + 0.1, rel=1e-5)
    assert {"adversarial", "matching", "penalty"} <= told.keys()


def test_the_pixels_weigh_in_when_both_learn() -> None:
    _, game = refinement(JOINT)
    assert float(game.round([batch()])["generator"]) == pytest.approx(0.5 + 0.5 + 0.1 + 1.0, rel=1e-5)


def test_constants_are_left_as_they_are() -> None:
    _, game = refinement(replace(SMALL, balance=False, matching=1.0, penalty=2.0))
    told = game.round([batch()])
    expected = 0.5 * told["adversarial"] + told["matching"] + 2 * told["penalty"]
    torch.testing.assert_close(told["generator"], expected)


def test_the_second_stage_leaves_r_as_it_is() -> None:
    generator, game = refinement(SMALL)
    r, v = weights(generator.reconstructor), weights(generator.unet)
    game.round([batch()])
    game.round([batch()])
    assert not moved(generator.reconstructor, r)
    assert moved(generator.unet, v)
    assert generator.gate.item() != 0


def test_jointly_both_move() -> None:
    generator, game = refinement(JOINT)
    r, v = weights(generator.reconstructor), weights(generator.unet)
    game.round([batch()])
    game.round([batch()])
    assert moved(generator.reconstructor, r)
    assert moved(generator.unet, v)


@pytest.mark.parametrize("gate", [0.0, 1.0])
def test_the_first_stage_leaves_r_alone_behind_and_the_second_opens_the_gate(gate: float) -> None:
    recipe = replace(SMALL, gate=gate)
    generator = recipe.generator()
    assert isinstance(generator, Refiner)
    recipe.stages(generator, Scans())[0].game(fabric())
    again = recipe.generator()
    again.load_state_dict(generator.state_dict())
    assert isinstance(again, Refiner)
    torch.testing.assert_close(image_of(again.eval()), image_of(generator.reconstructor))
    recipe.stages(generator, Scans())[1].game(fabric())
    assert generator.gate.item() == gate


def test_what_has_no_weight_is_left_out() -> None:
    _, game = refinement(replace(SMALL, matching=0.0, penalty=0.0, pool=0))
    assert game.replay is None
    assert not {"matching", "penalty", "perceptual", "mse"} & game.round([batch()]).keys()


def test_recnet_is_the_first_stage_of_its_refinement(tmp_path: Path) -> None:
    alone, refined = replace(SMALL, refinement_rounds=0), replace(SMALL, refinement_rounds=1)
    for recipe, folder in ((alone, tmp_path / "alone"), (refined, tmp_path / "refined")):
        machine = fabric()
        stages = recipe.stages(recipe.generator(), Scans())
        play(stages, fabric=machine, directory=folder, header={}, seed=0, workers=0, every=2)
    r = load_weights(tmp_path / "alone" / "reconstructor.safetensors")[0]
    both = load_weights(tmp_path / "refined" / "refinement.safetensors")[0]
    assert all(torch.equal(tensor, both[f"reconstructor.{name}"]) for name, tensor in r.items())


def test_vgg_is_asked_for_before_anything_is_trained() -> None:
    recipe = replace(SMALL, perceptual=1.0)
    with pytest.raises(Refusal, match=r"--recipe\.vgg"):
        recipe.stages(recipe.generator(), Scans())


def test_settings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(Refusal, match="Joint"):
        replace(SMALL, joint=True)
    with pytest.raises(Refusal, match="at least 0"):
        replace(SMALL, penalty=-1.0)
    with pytest.raises(Refusal, match="needs rounds"):
        replace(SMALL, reconstructor_rounds=0, refinement_rounds=0)
