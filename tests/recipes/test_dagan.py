"""DAGAN as a recipe: one stage, a critic as large as asked for, and a learning rate that halves."""

from dataclasses import replace

import pytest
from lightning_fabric import Fabric

from finemri.recipes.dagan import DAGAN
from finemri.refusal import Refusal
from finemri.training.games import Adversarial
from tests.recipes.test_refined import Scans, batch

SMALL = DAGAN(levels=3, critic_features=2, perceptual=0.0, rounds=4, batch=2, halve_every=2)


def test_generator_and_critic_learn_in_one_stage() -> None:
    fabric = Fabric(accelerator="cpu", devices=1, precision="32-true")
    fabric.launch()
    (stage,) = SMALL.stages(SMALL.generator(), Scans())
    game = stage.game(fabric)
    assert isinstance(game, Adversarial)
    told = game.round([batch()])
    assert {"error", "spectrum", "adversarial"} <= told.keys()
    assert "perceptual" not in told
    for player in game.players.values():
        player.begin(3)
        assert player.rate == pytest.approx(0.5e-4)


def test_the_critic_is_as_large_as_asked_for() -> None:
    def size(recipe: DAGAN) -> int:
        return sum(p.numel() for p in recipe.critic().parameters())

    assert size(replace(SMALL, critic_features=4)) > 3 * size(SMALL)
    fixed = replace(SMALL, critic_size=(128, 64))
    assert size(fixed) - size(SMALL) == 8 * 2  # two places instead of one before the dense layer


def test_settings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(Refusal, match="critic_features"):
        replace(SMALL, critic_features=0)
    recipe = replace(SMALL, perceptual=1.0)
    with pytest.raises(Refusal, match=r"--recipe\.vgg"):
        recipe.stages(recipe.generator(), Scans())
