"""SRResNet, then SRGAN, on slices of pairs: as published, and as it should have been."""

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

from finemri.cohorts.cohort import Cohort, Pair, Subject
from finemri.cohorts.described import write_pairs
from finemri.networks.features import VGGFeatures
from finemri.recipes import RECIPES, SliceSRGAN, describe
from finemri.recipes.players import switched
from finemri.recipes.slice_srgan import _as_published
from finemri.refusal import Refusal
from finemri.train import train
from finemri.training.loop import play
from finemri.training.weights import load_weights
from tests.cohorts import people

SHAPE = (40, 36, 5)
TINY: dict[str, Any] = {
    "features": 4,
    "blocks": 1,
    "critic_features": 2,
    "batch": 2,
    "patch": (16, 16),
    "shuffled": True,
    "normaliser": "percentile",
    "perceptual": 0.0,
    "srresnet_rounds": 2,
    "adversarial_rounds": 4,
    "rate": 1e-3,
}


def cohort(folder: Path, count: int = 2, shape: tuple[int, int, int] = SHAPE) -> Cohort:
    subjects = []
    for n in range(count):
        fine = people.brain(shape, n)
        coarse = people.save(folder / f"p{n}_coarse.nii.gz", 0.9 * fine + 0.05)
        subjects.append(Subject(f"p{n}", pairs=(Pair(coarse, people.save(folder / f"p{n}_fine.nii.gz", fine)),)))
    return Cohort(tuple(subjects))


def trained(recipe: SliceSRGAN, pairs: Cohort, into: Path) -> tuple[torch.nn.Module, list[dict[str, Any]]]:
    torch.manual_seed(0)
    generator = recipe.generator()
    stages = recipe.stages(generator, recipe.examples([pairs], [1.0], 0))
    fabric = Fabric(accelerator="cpu", devices=1, precision="32-true")
    play(stages, fabric=fabric, directory=into, header=describe("x", recipe), workers=0, report=1)
    return generator.eval(), [json.loads(line) for line in (into / "journal.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("slice-srresnet", {"generator": 1_221_953}),
        ("slice-srgan-published", {"generator": 1_221_953, "critic": 48_166_209}),
        ("slice-srgan-neighbours", {"generator": 1_223_107, "critic": 48_168_257}),
    ],
)
def test_parameter_counts_are_the_papers(name: str, counts: Mapping[str, int]) -> None:
    recipe = RECIPES[name]
    assert isinstance(recipe, SliceSRGAN)
    as_published = replace(recipe, patch=None, critic_head="dense", shuffled=False)
    with torch.device("meta"):
        networks = as_published.networks()
    assert {role: sum(p.numel() for p in network.parameters()) for role, network in networks.items()} == counts


def test_two_stages_and_the_rate_switches_half_way(tmp_path: Path) -> None:
    _, journal = trained(SliceSRGAN(**TINY), cohort(tmp_path), tmp_path / "run")
    told = [(line["stage"], line["generator.rate"]) for line in journal if "generator.rate" in line]
    assert told == [
        *[("srresnet", 1e-3)] * 2,
        *[("srgan", 1e-3)] * 2,
        *[("srgan", pytest.approx(1e-4))] * 2,
    ]
    (alone,) = SliceSRGAN(**{**TINY, "adversarial_rounds": 0}).stages(torch.nn.Identity(), [])
    assert alone.name == "srresnet"
    assert [switched(5, 0.1)(n) for n in (0, 4, 5, 9)] == [1, 1, 0.1, 0.1]


def test_the_paper_has_no_pixel_loss_and_its_code_has(tmp_path: Path) -> None:
    pairs = cohort(tmp_path)
    for mse, heard in ((1.0, True), (0.0, False)):
        _, journal = trained(SliceSRGAN(**{**TINY, "mse": mse}), pairs, tmp_path / str(mse))
        last = journal[-1] if "mse" in journal[-1] or "adversarial" in journal[-1] else journal[-2]
        assert ("mse" in last) == heard
        assert last["adversarial"] > 0
        assert last["generator"] == pytest.approx(mse * last.get("mse", 0) + 1e-3 * last["adversarial"], rel=1e-4)


def test_one_slice_its_neighbours_out_and_its_neighbours_in(tmp_path: Path) -> None:
    """Channels of the batch, what the critic takes, and what enhances."""
    pairs = cohort(tmp_path)
    image = np.random.default_rng(0).random((21, 18, 4)).astype(np.float32)
    for neighbours, (inputs, outputs) in {"none": (1, 1), "output": (1, 3), "input": (3, 1)}.items():
        recipe = SliceSRGAN(**TINY, neighbours=neighbours)  # type: ignore[arg-type]
        example = recipe.examples([pairs], [1.0], 0)[0]
        assert (example["coarse"].shape[0], example["fine"].shape[0]) == (inputs, outputs)
        generator, _ = trained(recipe, pairs, tmp_path / neighbours)
        enhancer = recipe.enhancer(generator)
        made = enhancer(image)
        assert made.shape == image.shape
        assert enhancer.scale == (1, 1, 1)
        assert enhancer.margin[2] == inputs // 2
        with torch.no_grad():  # slice 2, from itself or with the slices beside it, and the middle of what comes out
            near = [1, 2, 3] if inputs == 3 else [2]
            expected = generator(torch.from_numpy(image[:, :, near].transpose(2, 0, 1).copy())[None])[0, outputs // 2]
        np.testing.assert_allclose(made[:, :, 2], expected.numpy(), atol=1e-5)


def test_scrambling_takes_part(tmp_path: Path) -> None:
    pairs = cohort(tmp_path)
    recipe = SliceSRGAN(**TINY, neighbours="output")
    plain, slipped = (r.examples([pairs], [1.0], 0)[0]["fine"] for r in (recipe, replace(recipe, scrambled=True)))
    assert not torch.equal(plain, slipped)
    assert torch.equal(plain.flatten().sort()[0], slipped.flatten().sort()[0])


def test_people_held_out_are_watched_with_three_slices_out(tmp_path: Path) -> None:
    """The whole verb: a folder of pairs, split by person, validated, weights written."""
    folder = tmp_path / "pairs"
    write_pairs(cohort(folder, 10).subjects, folder)
    recipe = SliceSRGAN(**TINY, neighbours="output")
    into = tmp_path / "run"
    path = train(recipe, cohorts=[folder], into=into, device="cpu", precision="32-true", workers=0)
    split = json.loads((into / "split-1.json").read_text())
    assert (len(split["train"]), len(split["validation"])) == (9, 1)
    assert any("validation.psnr" in line for line in map(json.loads, (into / "journal.jsonl").read_text().splitlines()))
    assert load_weights(path)[1]["kind"] == "SliceSRGAN"


def test_a_perceptual_loss_wants_its_file_and_takes_part(tmp_path: Path) -> None:
    pairs = cohort(tmp_path)
    recipe = SliceSRGAN(**{**TINY, "perceptual": 1.0})
    with pytest.raises(Refusal, match="needs VGG's weights"):
        recipe.stages(recipe.generator(), recipe.examples([pairs], [1.0], 0))
    told = {"vgg": str(vgg(tmp_path)), "vgg_layer": "relu1_1", "vgg_convention": "torchvision", "vgg_size": 0}
    for neighbours in ("none", "output"):
        for published in (False, True):
            seeing = replace(recipe, neighbours=neighbours, vgg_as_published=published, **told)  # type: ignore[arg-type]
            _, journal = trained(seeing, pairs, tmp_path / f"{neighbours}{published}")
            assert "perceptual" in set(_keys(journal))


def test_as_published_the_first_kernels_see_half_of_x_plus_one(tmp_path: Path) -> None:
    """Neither scaled nor centred; of one slice, through the mean of the kernels over the colours."""
    kernels = load(vgg(tmp_path))
    for convention in ("torchvision", "caffe"):
        network = VGGFeatures(vgg(tmp_path), "conv1_1", convention)
        for channels in (1, 3):
            x = torch.rand(2, channels, 9, 8) * 2 - 1
            weight = kernels.mean(1, keepdim=True) if channels == 1 else kernels
            z = (x + 1) / 2
            expected = torch.nn.functional.conv2d(z, weight, padding=1)
            found = network(_as_published(x, network))
            torch.testing.assert_close(found[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], atol=1e-4, rtol=1e-4)


def vgg(folder: Path) -> Path:
    """VGG's first layer."""
    path = folder / "vgg.safetensors"
    if not path.exists():
        weights = torch.randn(64, 3, 3, 3, generator=torch.Generator().manual_seed(0)) / 5
        save_file({"features.0.weight": weights, "features.0.bias": torch.zeros(64)}, path)
    return path


def load(path: Path) -> torch.Tensor:
    from safetensors.torch import load_file

    return load_file(path)["features.0.weight"]


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from value
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


WHOLE = {**TINY, "patch": None}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"srresnet_rounds": 0, "adversarial_rounds": 0}, "needs rounds"),
        ({"features": 0}, "at least 1"),
        ({"mse": -1.0}, "at least 0"),
        ({"switch": 0.0}, "switch lies"),
        ({"mse": 0.0, "perceptual": 0.0, "adversarial": 0.0}, "nothing to learn"),
        ({"scrambled": True}, "neighbours=output"),
        ({"patch": (8, 8)}, "set shuffled"),
        ({"patch": (64, 40), "shuffled": True}, "one place"),
    ],
)
def test_settings_without_meaning_are_refused_at_birth(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        SliceSRGAN(**settings)


def test_whole_slices_that_make_no_batch_or_do_not_fit_the_critic_are_refused(tmp_path: Path) -> None:
    pairs = cohort(tmp_path)
    other = cohort(tmp_path / "other", shape=(40, 30, 5))
    for settings, cohorts, sentence in (
        ({}, [pairs, other], "several sizes"),
        ({"critic_head": "dense"}, [pairs], "made for 512×512"),
        ({"batch": 1}, [pairs], "one place"),
    ):
        with pytest.raises(Refusal, match=sentence):
            SliceSRGAN(**{**WHOLE, **settings}).examples(cohorts, [1.0] * len(cohorts), 0)
    SliceSRGAN(**{**WHOLE, "batch": 1, "adversarial_rounds": 0}).examples([pairs, other], [1.0, 1.0], 0)
    SliceSRGAN(**{**WHOLE, "critic_head": "dense", "critic_size": SHAPE[:2]}).examples([pairs], [1.0], 0)
