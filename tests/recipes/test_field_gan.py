"""The paper's Table 1 and its counts, by the recipe; what goes into the game; and what comes out at work."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import save_file
from torch import Tensor, nn

from finemri.losses.adversarial import CrossEntropy
from finemri.networks.sharpen import Sharpen
from finemri.recipes import RECIPES, FieldGAN, describe, revive
from finemri.recipes.network_enhancer import NetworkEnhancer
from finemri.recipes.slice_enhancer import SliceEnhancer
from finemri.refusal import Refusal
from finemri.training.games import Adversarial, Supervised
from finemri.volumes.tiles import enhance_voxels
from tests.laws.tiny import cohort

A, B, C, D, E, F, G, H = 6_885, 25_633, 458_385, 175_025, 868_369, 392_833, 1_829_025, 174_801
TABLE_1 = {  # generator, critic, L1, L2, gradient, perceptual, rates
    1: (A, B, 1.5, 0, 1.5, 0, 5e-5, 2e-5),
    2: (C, D, 1.5, 0, 0, 0, 2e-4, 2e-5),
    3: (E, F, 1.5, 0, 0, 0, 2e-4, 2e-5),
    4: (E, F, 1.5, 0, 1.5, 0, 2e-4, 2e-5),
    5: (G, D, 1.5, 0, 2, 0, 2e-3, 2e-4),
    6: (G, D, 1.5, 0, 2, 0, 2e-3, 2e-4),
    7: (G, D, 2, 0, 0, 0, 2e-3, 2e-4),
    8: (G, D, 1.5, 0, 2, 0, 2e-3, 1e-3),
    9: (G, H, 1.5, 0, 0, 0, 5e-5, 2e-5),
    10: (G, H, 0, 1.5, 0, 0, 5e-5, 2e-5),
    11: (G, H, 1.5, 0, 0, 1, 5e-5, 2e-5),
}


def of_shelf(name: str) -> FieldGAN:
    recipe = RECIPES[name]
    assert isinstance(recipe, FieldGAN)
    return recipe


def counts(recipe: FieldGAN) -> dict[str, int]:
    with torch.device("meta"):
        return {name: sum(p.numel() for p in net.parameters()) for name, net in recipe.networks().items()}


@pytest.mark.parametrize("number", TABLE_1)
def test_the_shelf_is_table_1(number: int) -> None:
    generator, critic, l1, l2, gradient, perceptual, generator_rate, critic_rate = TABLE_1[number]
    recipe = of_shelf(f"field-gan-{number}")
    assert counts(recipe) == {"generator": generator, "critic": critic}
    assert (recipe.l1, recipe.l2, recipe.gradient, recipe.perceptual) == (l1, l2, gradient, perceptual)
    assert (recipe.generator_rate, recipe.critic_rate) == (generator_rate, critic_rate)
    assert (recipe.adversarial, recipe.rule, recipe.critic_factor) == (1, "cross-entropy", 0.5)
    assert (recipe.batch, recipe.rounds, recipe.patch, recipe.per_person) == (32, 30 * 291, 64, 300)
    assert (recipe.sharpen == 3) == (number == 6)
    assert not recipe.conditional
    assert not recipe.residual
    assert recipe.axes == (0, 1, 2)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("field-fcn1", 308_545),
        ("field-fcn2", 155_681),
        ("field-dcsrn", 53_977),
        ("field-dcsrn-l2", 53_977),
        ("field-dcsrn-perceptual", 53_977),
        ("field-dcgan1", A),
        ("field-dcgan2", C),
        ("field-dcgan3", E),
        ("field-unet", G),
    ],
)
def test_generators_that_learn_alone(name: str, count: int) -> None:
    recipe = of_shelf(name)
    assert counts(recipe) == {"generator": count}
    (stage,) = replace(recipe, perceptual=0.0, l1=1.0).stages(nn.Identity(), Nobody())
    assert stage.name == "fidelity"
    cnn = "fcn" in name or "dcsrn" in name
    assert (recipe.rounds, recipe.generator_rate == 1e-3) == ((2_910, True) if cnn else (8_730, False))


@pytest.mark.parametrize(
    ("alone", "against"), [(f"field-{n}", m) for n, m in (("dcgan2", 2), ("dcgan3", 3), ("unet", 7))]
)
def test_a_control_differs_by_its_critic_alone(alone: str, against: int) -> None:
    assert replace(of_shelf(f"field-gan-{against}"), critic_kind="none") == of_shelf(alone)


def test_the_other_layouts_of_the_same_count() -> None:
    assert counts(FieldGAN(generator_kind="fcn1", kernels=(7, 7, 5, 3)))["generator"] == 308_545
    assert {counts(FieldGAN(generator_kind="dcgan1", layout=layout))["generator"] for layout in ("a", "b", "c")} == {A}
    assert counts(FieldGAN(critic_kind="h", critic_features=64))["critic"] == 2_763_585


class Nobody:
    """Two patches: the fine one, and the fine one halved."""

    def __init__(self, edge: int = 64, axes: int = 2) -> None:
        generator = torch.Generator().manual_seed(0)
        self.fine = torch.rand(1, *(edge,) * axes, generator=generator)

    def __getitem__(self, n: int) -> Mapping[str, Tensor]:
        return {"coarse": self.fine / 2, "fine": self.fine}


def play(recipe: FieldGAN, edge: int | None = None, axes: int = 2) -> tuple[Adversarial | Supervised, dict[str, float]]:
    fabric = Fabric(accelerator="cpu", devices=1, precision="32-true")
    fabric.launch()
    torch.manual_seed(0)
    examples = Nobody(edge or recipe.patch, axes)
    (stage,) = recipe.stages(recipe.generator(), examples)
    game = stage.game(fabric)
    assert isinstance(game, Adversarial | Supervised)
    batch = {key: torch.stack([x, x.flip(-1)]) for key, x in examples[0].items()}
    return game, {name: float(x) for name, x in game.round([batch] * game.batches_per_round).items()}


def test_losses_with_a_weight_are_played_and_no_others() -> None:
    game, told = play(replace(of_shelf("field-gan-5"), patch=32))
    assert isinstance(game, Adversarial)
    assert {"l1", "gradient", "adversarial", "critic.accuracy"} <= told.keys()
    assert not {"l2", "perceptual"} & told.keys()
    assert told["generator"] == pytest.approx(told["adversarial"] + 1.5 * told["l1"] + 2 * told["gradient"], rel=1e-4)
    assert [player.rate for player in game.players.values()] == [2e-3, 2e-4]
    _, told = play(replace(of_shelf("field-fcn2"), patch=16))
    assert {"generator", "l2"} <= told.keys()
    assert "critic" not in told


def test_the_border_of_the_gradient_loss_is_a_setting() -> None:
    told = {}
    for pad in ("zero", "none"):
        recipe = replace(of_shelf("field-gan-1"), patch=16, gradient_pad=pad)
        game, _ = play(recipe)
        made, true = torch.full((2, 1, 16, 16), 3.0), torch.ones(2, 1, 16, 16)
        weight, loss = game.losses["gradient"]
        told[pad] = weight * float(loss(made, true))
    assert told["none"] == 0  # flat is flat
    assert told["zero"] == pytest.approx(1.5 * 4 * 4 / 16)  # (3 − 1)² at 64 places of 256
    assert of_shelf("field-gan-5-borderless") == replace(of_shelf("field-gan-5"), gradient_pad="none")


def test_the_critic_of_pix2pix_sees_the_coarse_patch() -> None:
    recipe = replace(of_shelf("field-pix2pix"), patch=32, dropout=0.0, critic_features=2)
    game, _ = play(recipe)
    assert isinstance(game, Adversarial)
    seen: list[tuple[int, ...]] = []
    game.players["critic"].network.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape)))
    assert counts(of_shelf("field-pix2pix"))["critic"] == H + 16 * 16  # one channel more
    batch = {"coarse": torch.rand(2, 1, 32, 32), "fine": torch.rand(2, 1, 32, 32)}
    game.round([batch])
    assert set(seen) == {(2, 2, 32, 32)}


def test_the_wasserstein_critic_has_no_batch_norm_and_more_turns() -> None:
    recipe = of_shelf("field-gan-wasserstein")
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in recipe.critic().modules())
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in of_shelf("field-gan-7").critic().modules())
    game, told = play(replace(recipe, patch=32))
    assert game.batches_per_round == 5
    assert np.isfinite(list(told.values())).all()


def test_the_published_half_slows_the_critic_alone() -> None:
    rule, whole = CrossEntropy(factor=0.5), CrossEntropy()
    real, fake = torch.rand(4, 1, 2, 2), torch.rand(4, 1, 2, 2)
    score = lambda image: image.mean((1, 2, 3))  # noqa: E731
    assert float(2 * rule.critic_loss(score, real, fake)) == pytest.approx(float(whole.critic_loss(score, real, fake)))
    assert rule.generator_loss(score, fake) == whole.generator_loss(score, fake)
    with pytest.raises(Refusal, match="above 0"):
        CrossEntropy(factor=0.0)


def test_a_3d_generator_starts_as_the_coarse_volume_and_plays() -> None:
    recipe = replace(of_shelf("field-gan-3d"), patch=8, features=4, blocks=1, critic_features=2, batch=2)
    torch.manual_seed(0)
    x = torch.rand(1, 1, 9, 9, 9)
    assert float((recipe.generator()(x) - x).detach().std()) < 0.02  # but for a constant
    _, told = play(recipe, axes=3)
    assert {"l1", "gradient", "adversarial"} <= told.keys()
    assert isinstance(recipe.enhancer(recipe.generator()), NetworkEnhancer)
    assert recipe.enhancer(recipe.generator()).scale == (1, 1, 1)


def test_residual_and_sharpening_wrap_the_generator() -> None:
    torch.manual_seed(0)
    plain = FieldGAN(generator_kind="dcsrn").generator().eval()
    torch.manual_seed(0)
    wrapped = FieldGAN(generator_kind="dcsrn", residual=True, sharpen=5, sharpen_pad="edge").generator().eval()
    x = torch.rand(1, 1, 12, 10)
    torch.testing.assert_close(wrapped(x), Sharpen(5, "edge")(x + plain(x)))
    assert len(wrapped.state_dict()) == len(plain.state_dict())  # the kernel is no weight


def test_a_perceptual_loss_wants_its_file(tmp_path: Path) -> None:
    recipe = replace(of_shelf("field-dcsrn-perceptual"), patch=16)
    with pytest.raises(Refusal, match="needs VGG's weights"):
        recipe.stages(recipe.generator(), Nobody(16))
    torch.manual_seed(0)
    vgg = {"features.0.weight": torch.randn(64, 3, 3, 3) / 5, "features.0.bias": torch.zeros(64)}
    vgg |= {"features.2.weight": torch.randn(64, 64, 3, 3) / 20, "features.2.bias": torch.zeros(64)}
    save_file(vgg, tmp_path / "vgg.safetensors")
    seeing = replace(
        recipe, vgg=str(tmp_path / "vgg.safetensors"), vgg_layers=("relu1_1", "relu1_2"), vgg_convention="torchvision"
    )
    _, told = play(seeing)
    assert told["generator"] == pytest.approx(told["perceptual"])
    assert revive(json.loads(json.dumps(describe("x", seeing)))) == seeing


def test_patches_are_a_pool_of_so_many_a_person_across_all_axes(tmp_path: Path) -> None:
    people = cohort(tmp_path)
    examples = FieldGAN(per_person=4, patch=32).examples([people], [1.0], 0)
    drawn = [examples[n] for n in range(60)]
    assert all(e["coarse"].shape == e["fine"].shape == (1, 32, 32) for e in drawn)
    assert 6 <= len({e["fine"].numpy().tobytes() for e in drawn}) <= 3 * 4
    endless = FieldGAN(per_person=0, patch=32).examples([people], [1.0], 0)
    assert len({endless[n]["fine"].numpy().tobytes() for n in range(60)}) > 50
    cubes = replace(of_shelf("field-gan-3d"), patch=8).examples([people], [1.0], 0)
    assert cubes[0]["coarse"].shape == (1, 8, 8, 8)


def enhancer(recipe: FieldGAN) -> SliceEnhancer:
    torch.manual_seed(0)
    generator = recipe.generator()
    for module in generator.modules():  # as after a training
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 1.5)  # type: ignore[arg-type]
    made = recipe.enhancer(generator)
    assert isinstance(made, SliceEnhancer)
    return made


def test_each_generator_works_the_way_it_can() -> None:
    whole = enhancer(FieldGAN(generator_kind="dcsrn"))
    assert (whole.dense, whole.tile[2], whole.margin) == (None, 1, (6, 6, 0))
    assert enhancer(FieldGAN(generator_kind="dcgan2", enhanced_axes=(0, 1, 2))).margin == (8, 8, 8)
    for recipe in (FieldGAN(), FieldGAN(generator_kind="fcn2")):
        dense = enhancer(recipe).dense
        assert dense is not None
        assert (dense.patch, dense.stride, dense.blend) == (64, 32, "blend")
    published = enhancer(FieldGAN(generator_kind="fcn1", stitching="published", patch=32)).dense
    assert published is not None
    assert (published.patch, published.stride, published.border, published.blend) == (32, 20, 4, "published")


@pytest.mark.parametrize("sharpen", [0, 3])
@pytest.mark.parametrize("axes", [(2,), (0, 1, 2)])
def test_tiled_equals_whole(sharpen: int, axes: tuple[int, ...]) -> None:
    network = enhancer(FieldGAN(generator_kind="dcgan1", enhanced_axes=axes, sharpen=sharpen))  # type: ignore[arg-type]
    voxels = np.random.default_rng(0).random((29, 31, 20 if len(axes) == 3 else 3)).astype(np.float32)
    overlap = [2 * m for m in network.margin]
    tiled = enhance_voxels(network, voxels, tile=[o + 5 if o else 1 for o in overlap], overlap=overlap)
    np.testing.assert_allclose(tiled, enhance_voxels(network, voxels), atol=1e-6)


@pytest.mark.parametrize("stitching", ["blend", "published"])
def test_a_crop_smaller_than_a_patch_is_enhanced(stitching: str) -> None:
    made = enhancer(FieldGAN(stitching=stitching))(np.ones((35, 51, 3), np.float32))  # type: ignore[arg-type]
    assert made.shape == (35, 51, 3)
    assert np.isfinite(made).all()


@pytest.mark.parametrize(("kind", "edge", "rate"), [("dcsrn", 16, 1e-3), ("unet", 32, 5e-3)])
def test_overfits_one_patch(kind: str, edge: int, rate: float) -> None:
    recipe = replace(of_shelf("field-unet"), generator_kind=kind, patch=edge, generator_rate=rate)  # type: ignore[arg-type]
    fabric = Fabric(accelerator="cpu", devices=1, precision="32-true")
    torch.manual_seed(0)
    smooth = nn.functional.interpolate(torch.rand(2, 1, 6, 6), (edge, edge), mode="bicubic") / 2
    (stage,) = recipe.stages(recipe.generator(), Nobody(edge))
    game = stage.game(fabric)
    batch = {"coarse": smooth, "fine": smooth.square() + 0.1}
    errors = [float(game.round([batch])["l1"]) for _ in range(50)]
    assert errors[-1] < 0.4 * errors[0]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"rounds": 0}, "at least 1"),
        ({"l1": -1.0}, "at least 0"),
        ({"axes": ()}, "Slices lie across"),
        ({"enhanced_axes": (2, 2)}, "Slices lie across"),
        ({"critic_kind": "none", "l1": 0.0}, "nothing to learn"),
        ({"patch": 48}, "64 or 32"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": 0.5, "patch": 32}, "leave it 0"),
        ({"generator_kind": "dcsrn", "patch": 40}, "halves a patch"),
        ({"generator_kind": "dcsrn", "critic_kind": "h", "patch": 16}, "24 and more"),
        ({"stitching": "published", "border": 30}, "leave gaps"),
        ({"critic_kind": "pool"}, "residual-3d"),
        ({"generator_kind": "residual-3d"}, "judges volumes"),
        ({"generator_kind": "residual-3d", "critic_kind": "pool", "sharpen": 3}, "leave them out"),
        ({"generator_kind": "residual-3d", "critic_kind": "pool", "stitching": "published"}, "tiled and blended"),
    ],
)
def test_settings_without_meaning_are_refused(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        FieldGAN(**settings)  # type: ignore[arg-type]
