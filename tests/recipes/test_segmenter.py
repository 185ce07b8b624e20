"""The segmenter: what it learns from, how it is asked, and that it learns."""

from collections.abc import Iterable, Iterator

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from finemri.cohorts.slices import SliceDraw, SliceSource
from finemri.recipes.labelled import LabelledExamples, NetworkSegmenter
from finemri.recipes.segmenter import Segmenter
from finemri.refusal import Refusal


class Discs(SliceSource):
    """A bright disc anywhere, labelled 2, on a dim ground; in one corner a mark by which flips are noticed."""

    people = ("sub-1",)
    matrices = frozenset({(24, 20)})

    def __init__(self, *, labelled: bool = True, more: int = 0) -> None:
        self.labelled, self.more = labelled, more

    def draw(self, rng: np.random.Generator) -> SliceDraw:
        i, j = np.mgrid[:24, :20]
        disc = np.hypot(i - rng.integers(6, 18), j - rng.integers(6, 14)) < 5
        labels = np.where(disc, 2, 0).astype(np.int64)
        labels[0, 0] = 1
        image = (0.2 + 0.6 * disc).astype(np.float32)
        image[0, 0] = 0
        return SliceDraw("sub-1", image, labels + self.more if self.labelled else None)

    def only(self, people: Iterable[str]) -> SliceSource:
        return self

    def every(self) -> Iterator[SliceDraw]:
        yield self.draw(np.random.default_rng(0))


def test_image_and_labels_are_mirrored_together() -> None:
    corners = set()
    for n in range(12):
        example = LabelledExamples(Discs(), 3, 0)[n]
        image, labels = example["magnitude"][0], example["labels"]
        assert (image[labels == 1] == 0).all()
        assert (image[labels == 2] > 0.8).all()  # the brightest tissue is 1, give or take a tenth
        corners.add(tuple((labels == 1).nonzero()[0].tolist()))
    assert corners == {(0, 0), (0, 19), (23, 0), (23, 19)}


def test_an_example_is_a_function_of_seed_and_number() -> None:
    one, again = LabelledExamples(Discs(), 3, 5)[7], LabelledExamples(Discs(), 3, 5)[7]
    assert all(torch.equal(one[key], again[key]) for key in ("magnitude", "labels"))
    assert not torch.equal(one["magnitude"], LabelledExamples(Discs(), 3, 6)[7]["magnitude"])


def test_with_two_classes_every_label_counts_as_one() -> None:
    assert LabelledExamples(Discs(), 2, 0)[0]["labels"].unique().tolist() == [0, 1]


def test_labels_that_are_missing_or_too_many_are_refused() -> None:
    with pytest.raises(Refusal, match="no label map"):
        LabelledExamples(Discs(labelled=False), 2, 0)[0]
    with pytest.raises(Refusal, match="classes is at least 5"):
        LabelledExamples(Discs(more=2), 3, 0)[0]


def test_it_answers_the_same_in_any_unit_and_size() -> None:
    torch.manual_seed(0)
    segmenter = NetworkSegmenter(Segmenter(features=2, scales=2).generator())
    image = np.abs(np.random.default_rng(0).normal(size=(19, 23))).astype(np.float32)
    found = segmenter(image)
    assert found.shape == (19, 23)
    assert (segmenter(image * np.float32(1024)) == found).all()


def test_it_learns_what_is_bright() -> None:
    torch.manual_seed(0)
    recipe = Segmenter(classes=2, features=4, scales=2, rounds=40, batch=4, rate=5e-3)
    fabric = Fabric(accelerator="cpu", devices=1, precision="32-true")
    fabric.launch()
    network: nn.Module = recipe.generator()
    examples = LabelledExamples(Discs(), 2, 0)
    (stage,) = recipe.stages(network, examples)
    game = stage.game(fabric)
    for number in range(stage.rounds):
        batch = [examples[4 * number + n] for n in range(4)]
        game.round([{key: torch.stack([one[key] for one in batch]) for key in batch[0]}])
    shown: Tensor = examples[1000]["magnitude"][0]
    found = recipe.segmenter(network)(shown.numpy())
    assert (found == examples[1000]["labels"].numpy()).mean() > 0.97
