"""Laws of every recipe on the shelf: adding a name adds its tests."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import save_file
from torch import Tensor, nn

from finemri.cohorts.cohort import Cohort
from finemri.cohorts.examples import Examples
from finemri.physics.coils import simulate_sensitivities
from finemri.physics.kspace import KSpace
from finemri.physics.sampling import Sampling
from finemri.recipes import (
    DAGAN,
    RECIPES,
    AnySpacing,
    KSpaceGAN,
    Recipe,
    Refined,
    Scanning,
    Segmenter,
    Unrolled,
    VolumeSRGAN,
    describe,
    revive,
)
from finemri.recipes.recipe import Enhancing, Reconstructing, Restoring
from finemri.refusal import Refusal
from finemri.training.loop import play
from finemri.training.weights import load_weights
from finemri.volumes.thick import Acquisition
from finemri.volumes.volume import Volume
from tests.laws.tiny import Killed, Mortal, cohort, examples, small, thin, unpaired
from tests.physics.heads import head, measured

each = pytest.mark.parametrize("name", RECIPES)
reconstructing = pytest.mark.parametrize("name", [n for n, r in RECIPES.items() if r.job == "reconstruct"])
UNPAIRED = "unpaired"
"""Beside the shelf: settings that no name on it has."""


@pytest.fixture(autouse=True)
def _few_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    thin(monkeypatch)


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return cohort(tmp_path_factory.mktemp("heads"))


def recipe_of(name: str, rounds: int = 2) -> Recipe:
    if name != UNPAIRED:
        return small(name, rounds)
    plain = small("kspace-lsgan-patch", rounds)
    assert isinstance(plain, KSpaceGAN)
    return unpaired(plain)


def train(
    recipe: Recipe, learned_from: Examples, directory: Path, *, seed: int = 0, every: int = 200
) -> tuple[nn.Module, Path]:
    """The generator, made afresh, and where its weights are."""
    torch.manual_seed(seed)
    generator = recipe.generator()
    fabric = Fabric(accelerator="cpu", devices=1, precision="32-true")
    stages = recipe.stages(generator, learned_from)
    path = play(stages, fabric=fabric, directory=directory, header=describe("x", recipe), workers=0, every=every)
    return generator.eval(), path


def kspace(shape: tuple[int, int], coils: int) -> KSpace:
    full = measured(head(shape), simulate_sensitivities(shape, coils, np.random.default_rng(0)))
    return full.undersampled(Sampling("random-1d", 2, acs=0.2).draw(shape, 0))


def at_work(recipe: Recipe, generator: nn.Module) -> list[np.ndarray]:
    """What it makes of odd sizes."""
    if isinstance(recipe, Enhancing):
        image = np.random.default_rng(1).random((7, 9, 5)).astype(np.float32)
        made = recipe.enhancer(generator)(image)
        assert made.shape == tuple(n * s for n, s in zip(image.shape, recipe.enhancer(generator).scale, strict=True))
        return [made]
    if isinstance(recipe, Reconstructing):
        reconstruct = recipe.reconstructor(generator)
        images = [reconstruct(kspace(shape, coils)) for shape, coils in (((33, 27), 1), ((26, 35), 3))]
        assert [image.shape for image in images] == [(33, 27), (26, 35)]
        assert all(image.dtype == np.complex64 for image in images)
        return [np.asarray(image) for image in images]
    if isinstance(recipe, Restoring):
        scan = Volume(np.random.default_rng(1).random((7, 5, 9)).astype(np.float32), np.diag([0.7, 4.0, 0.7, 1.0]))
        restored = recipe.restorer(generator)(scan, Acquisition(1), (None, 1.1, 1.0))
        assert restored.shape == (7, round(20 / 1.1), 6)
        return [restored.voxels]
    assert isinstance(recipe, Segmenter)
    labels = recipe.segmenter(generator)(np.abs(head((33, 27))))
    assert labels.shape == (33, 27)
    assert set(np.unique(labels)) <= set(range(recipe.classes))
    return [labels]


@pytest.mark.parametrize("name", [*RECIPES, UNPAIRED])
def test_trains_two_rounds_and_its_weights_revive_to_the_same_output(name: str, heads: Cohort, tmp_path: Path) -> None:
    recipe = recipe_of(name)
    generator, path = train(recipe, examples(recipe, heads), tmp_path)
    tensors, header = load_weights(path)
    revived = revive(header)
    assert revived == recipe
    again = revived.generator()
    again.load_state_dict(tensors)
    for made, remade in zip(at_work(recipe, generator), at_work(revived, again.eval()), strict=True):
        assert np.isfinite(made).all()  # and to rounding: trained networks lie in memory channels last
        np.testing.assert_allclose(made, remade, atol=1e-5 * np.abs(made).max())


KILLED = [
    UNPAIRED,
    "anyspacing",
    "kspace-wgan-gp-patch",
    "recnet-refined",
    "dagan",
    "field-gan-7",
    "segmenter",
    "kspace-multicoil",
]


@pytest.mark.parametrize("name", KILLED)
def test_killed_and_resumed_is_never_killed(name: str, heads: Cohort, tmp_path: Path) -> None:
    """Half way, and once more right after that; the weights are the same bits."""
    recipe = recipe_of(name)
    learned_from = examples(recipe, heads)
    watched, directory = Mortal(learned_from, -1), tmp_path / "killed"
    _, path = train(recipe, watched, tmp_path / "unbroken")
    drawn = -1 - watched.left
    for seed, left in ((0, drawn // 2 + 1), (1, 1)):  # the second life is born with other weights
        with pytest.raises(Killed):
            train(recipe, Mortal(learned_from, left), directory, seed=seed, every=1)
        assert any(directory.glob("checkpoints/*"))
    _, resumed = train(recipe, learned_from, directory, seed=2, every=1)
    (expected, _), (found, _) = load_weights(path), load_weights(resumed)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)


@reconstructing
def test_brightness_goes_through_and_coils_have_to_be_known(name: str) -> None:
    recipe = small(name)
    assert isinstance(recipe, Reconstructing)
    torch.manual_seed(0)
    reconstruct = recipe.reconstructor(recipe.generator().eval())
    dim = kspace((32, 26), 2)
    bright = KSpace.of(dim.samples * np.float32(2**20), dim.mask, dim.sensitivities)
    np.testing.assert_array_equal(reconstruct(bright), reconstruct(dim) * np.float32(2**20))
    with pytest.raises(Refusal, match="sensitivities of the 2 coils"):
        reconstruct(KSpace.of(dim.samples, dim.mask))


def test_lines_along_either_axis_are_the_same_lines() -> None:
    """Networks learn from lines chosen along i; a scan whose lines run along the other axis is turned, and back."""
    recipe = small("kspace-singlecoil")
    assert isinstance(recipe, Reconstructing)
    reconstruct = recipe.reconstructor(recipe.generator().eval())
    along_i = kspace((32, 26), 1)
    along_j = KSpace.of(np.ascontiguousarray(along_i.samples.swapaxes(1, 2)), along_i.mask.T.copy())
    np.testing.assert_array_equal(reconstruct(along_j), reconstruct(along_i).T)


@pytest.mark.parametrize("kind", ["srresnet", "residual", "rrdb"])
def test_overfits_one_volume(kind: str, heads: Cohort) -> None:
    """A generator that cannot learn one patch by heart cannot learn."""
    recipe = small("volume-rrdb-x2")
    assert isinstance(recipe, VolumeSRGAN)
    recipe = replace(recipe, generator_kind=kind, patch=(4, 4, 4))  # type: ignore[arg-type]
    example = examples(recipe, heads)[0]
    assert _overfitted(recipe, (example["coarse"],), example["fine"], rounds=40) < 0.4


@pytest.mark.parametrize("name", ["kspace-lsgan-l1", "recnet", "recnet-joint", "dagan", "kspace-multicoil"])
def test_overfits_one_slice(name: str, heads: Cohort) -> None:
    """DAGAN has no phase, and this head has one: it learns the magnitude."""
    recipe = small(name)
    e = examples(recipe, heads)[0]
    true = e["image"].abs().to(torch.complex64) if name == "dagan" else e["image"]
    assert _overfitted(recipe, (e["kspace"], e["mask"], e["sensitivities"]), true, rounds=40) < 0.5


def test_overfits_one_label_map(heads: Cohort) -> None:
    recipe = small("segmenter")
    example = examples(recipe, heads)[1]
    torch.manual_seed(0)
    network = recipe.generator().train()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(40):
        loss = nn.functional.cross_entropy(network(example["magnitude"][None]), example["labels"][None])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert 0.1 < example["labels"].float().mean() < 0.9
    assert loss < 0.2


def _overfitted(recipe: Recipe, seen: tuple[Tensor, ...], true: Tensor, rounds: int) -> float:
    """What is left of the squared error."""
    torch.manual_seed(0)
    generator = recipe.generator().train()
    optimiser = torch.optim.Adam([p for p in generator.parameters() if p.requires_grad], lr=3e-3)
    errors: list[float] = []
    for _ in range(rounds):
        loss = (generator(*(x[None] for x in seen)) - true[None]).abs().square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        errors.append(loss.item())
    return errors[-1] / errors[0]


@pytest.mark.parametrize("name", ["recnet-refined", "cascade-refined"])
def test_refining_leaves_the_reconstructor_as_it_is(name: str, heads: Cohort, tmp_path: Path) -> None:
    """Bit for bit, running statistics included; and everything else learns."""
    recipe = small(name)
    torch.manual_seed(0)
    fresh = {key: tensor.clone() for key, tensor in recipe.generator().state_dict().items()}
    _, path = train(recipe, examples(recipe, heads), tmp_path)
    (before, _), (after, _) = load_weights(tmp_path / "reconstructor.safetensors"), load_weights(path)
    theirs = {key for key in fresh if key.startswith("reconstructor.")}
    learning = {key for key in fresh if key.endswith(("weight", "bias", "gate")) and fresh[key].is_floating_point()}
    assert theirs
    assert learning - theirs
    assert all(torch.equal(before[key], after[key]) for key in theirs)
    assert any(not torch.equal(before[key], fresh[key]) for key in theirs & learning)
    assert all(torch.equal(before[key], fresh[key]) for key in learning - theirs)
    assert not torch.equal(after["gate"], fresh["gate"])
    assert any(not torch.equal(after[key], before[key]) for key in learning - theirs if key.startswith("unet."))


def test_learning_jointly_moves_both(heads: Cohort, tmp_path: Path) -> None:
    recipe = small("recnet-joint")
    torch.manual_seed(0)
    fresh = {key: tensor.clone() for key, tensor in recipe.generator().state_dict().items()}
    _, path = train(recipe, examples(recipe, heads), tmp_path)
    after, _ = load_weights(path)
    for part in ("reconstructor.", "unet."):
        assert any(not torch.equal(after[key], fresh[key]) for key in fresh if key.startswith(part))


@pytest.mark.parametrize("name", ["recnet-refined", "dagan"])
def test_a_perceptual_loss_wants_its_file_and_takes_part(name: str, heads: Cohort, tmp_path: Path) -> None:
    """The file is asked for before the first stage, not after it."""
    recipe: Any = replace(small(name), perceptual=1.0)  # type: ignore[type-var]
    with pytest.raises(Refusal, match="needs VGG's weights"):
        recipe.stages(recipe.generator(), examples(recipe, heads))
    torch.manual_seed(0)
    vgg = {"features.0.weight": torch.randn(64, 3, 3, 3) / 5, "features.0.bias": torch.zeros(64)}
    save_file(vgg, tmp_path / "vgg.safetensors")
    size = {"vgg_size": 0} if name == "dagan" else {}
    seeing = replace(
        recipe, vgg=str(tmp_path / "vgg.safetensors"), vgg_layer="relu1_1", vgg_convention="torchvision", **size
    )
    _, path = train(seeing, examples(seeing, heads), tmp_path / "seeing")
    _, blind_path = train(replace(recipe, perceptual=0.0), examples(recipe, heads), tmp_path / "blind")
    journal = [json.loads(line) for line in (tmp_path / "seeing" / "journal.jsonl").read_text().splitlines()]
    assert any("perceptual" in key for line in journal for key in _keys(line))
    (seen, _), (blind, _) = load_weights(path), load_weights(blind_path)
    assert any(not torch.equal(seen[key], blind[key]) for key in blind)
    assert not any("vgg" in key or "features" in key for key in seen)  # VGG is not shipped with what it taught
    assert revive(describe("x", seeing)) == seeing


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _keys(inner)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("kspace-lsgan-l1", {"generator": 371_650, "critic": 34_172}),
        ("kspace-wgan-gp", {"generator": 371_650, "critic": 33_924}),
        ("recnet", {"generator": 31_302}),
        ("recnet-refined", {"reconstructor": 31_302, "refinement": 920_033, "critic": 27_941_697}),
        ("segmenter", {"generator": 13_334_498}),
        ("volume-srgan-resize-x2", {"generator": 529_377, "critic": 104_180_321}),
    ],
)
def test_parameter_counts_are_the_papers(name: str, counts: dict[str, int]) -> None:
    with torch.device("meta"):
        networks = RECIPES[name].networks()
    assert {role: sum(p.numel() for p in network.parameters()) for role, network in networks.items()} == counts


@each
def test_settings_survive_json(name: str) -> None:
    assert revive(json.loads(json.dumps(describe(name, RECIPES[name])))) == RECIPES[name]


UNPAIRED_SCANNING = Scanning(unpaired=True)


@pytest.mark.parametrize(
    ("kind", "settings", "sentence"),
    [
        (VolumeSRGAN, {"scale": 3}, "2 or 4"),
        (VolumeSRGAN, {"adversarial_rounds": 0}, "needs rounds"),
        (VolumeSRGAN, {"batch": 0}, "at least 1"),
        (VolumeSRGAN, {"mse": -1.0}, "at least 0"),
        (VolumeSRGAN, {"mse": 0.0, "gradient": 0.0, "adversarial": 0.0}, "nothing to learn"),
        (VolumeSRGAN, {"fidelity_rounds": 5, "fidelity_mse": 0.0}, "nothing to learn"),
        (VolumeSRGAN, {"degradations": ()}, "degradations"),
        (KSpaceGAN, {"adversarial_rounds": 0}, "needs rounds"),
        (KSpaceGAN, {"l1_rounds": -1}, "needs rounds"),
        (KSpaceGAN, {"grid": 0}, "at least 1"),
        (KSpaceGAN, {"l1": 1.1}, "in 0..1"),
        (KSpaceGAN, {"scanning": UNPAIRED_SCANNING}, "set l1 to 0"),
        (KSpaceGAN, {"scanning": UNPAIRED_SCANNING, "l1": 0.0, "matching": 1.0}, "set matching to 0"),
        (AnySpacing, {"fidelity_rounds": 0, "adversarial_rounds": 0}, "needs rounds"),
        (AnySpacing, {"patch": (1, 8, 8)}, "patch at least 2"),
        (AnySpacing, {"noise": -0.1}, "at least 0"),
        (AnySpacing, {"log_mse": 0.0}, "set log_mse"),
        (AnySpacing, {"l1": 0.0, "gradient": 0.0, "adversarial": 0.0, "consistency": 0.0}, "give a loss a weight"),
        (Refined, {"reconstructor_rounds": 0, "refinement_rounds": 0}, "needs rounds"),
        (Refined, {"penalty": -1.0}, "at least 0"),
        (Refined, {"critic_maps": (4,)}, "two layers"),
        (Refined, {"joint": True}, "one stage and a pixel loss"),
        (Refined, {"scanning": UNPAIRED_SCANNING}, "learn from pairs"),
        (DAGAN, {"rounds": 0}, "at least 1"),
        (DAGAN, {"error": -1.0}, "at least 0"),
        (DAGAN, {"scanning": UNPAIRED_SCANNING}, "learns from pairs"),
        (Unrolled, {"fidelity_rounds": 0}, "needs rounds"),
        (Unrolled, {"steps": 0}, "at least 1"),
        (Unrolled, {"memory": -1}, "at least 0"),
        (Unrolled, {"l1": 0.0}, "nothing to learn"),
        (Unrolled, {"scanning": UNPAIRED_SCANNING}, "no pixel loss"),
        (Segmenter, {"classes": 1}, "at least 2"),
        (Segmenter, {"rounds": 0}, "at least 1"),
        (Scanning, {"patterns": ()}, "at least one pattern"),
        (Scanning, {"accelerations": ()}, "at least one pattern and one acceleration"),
        (Scanning, {"labels": -1}, "number of people"),
        (Scanning, {"labels_from": 1}, "goes with unpaired"),
        (Scanning, {"zoom": (1.2, 1.0)}, "lower to a higher"),
    ],
)
def test_settings_without_meaning_are_refused_at_birth(
    kind: type[Any], settings: dict[str, object], sentence: str
) -> None:
    with pytest.raises(Refusal, match=sentence):
        kind(**settings)


@pytest.mark.parametrize(
    ("scanning", "sentence"),
    [
        ({"labels": 9}, "9"),
        ({"unpaired": True, "labels_from": 1}, "nobody to measure"),
        ({"unpaired": True, "labels_from": 3}, "names cohort 3"),
        ({"accelerations": (0.5,)}, "acceleration lies in"),
        ({"coils": (3, 2)}, "lower to a higher"),
    ],
)
def test_a_scanner_that_cannot_be_is_refused_before_the_first_round(
    scanning: dict[str, Any], sentence: str, heads: Cohort
) -> None:
    recipe = KSpaceGAN(l1=0.0, scanning=Scanning(**scanning))
    with pytest.raises(Refusal, match=sentence):
        recipe.examples([heads], [1.0], 0)
    with pytest.raises(Refusal, match="at least one cohort"):
        recipe.examples([], [], 0)


def test_weights_of_an_unknown_kind_are_refused() -> None:
    with pytest.raises(Refusal, match="update finemri"):
        revive({"recipe": "x", "kind": "os.system", "settings": {}})
    with pytest.raises(Refusal, match="colour"):
        revive({"recipe": "x", "kind": "VolumeSRGAN", "settings": {"colour": 3}})
    with pytest.raises(Refusal, match="smell"):
        revive({"recipe": "x", "kind": "KSpaceGAN", "settings": {"scanning": {"smell": 3}}})
