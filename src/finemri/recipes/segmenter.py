"""A segmenter of slices: the judge of the semantic interpretability score (Seitzer et al., 2018)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from finemri.refusal import Refusal

if TYPE_CHECKING:
    from torch import nn

    from finemri.cohorts.cohort import Cohort
    from finemri.cohorts.examples import Examples
    from finemri.cohorts.slices import LabelledSlice
    from finemri.shapes import Magnitude
    from finemri.training.games import Game
    from finemri.training.loop import Stage


@dataclass(frozen=True)
class Segmenter:
    """Settings of one training, on fully sampled images."""

    paper: ClassVar[str] = (
        "Seitzer et al., Adversarial and perceptual refinement for compressed sensing MRI, MICCAI 2018"
    )
    job: ClassVar[str] = "segment"

    classes: int = 2
    """Labels 0 (background) … classes − 1; with two, every label above 0 counts as 1."""
    features: int = 32
    """Maps at full size."""
    scales: int = 5
    """How often the size is halved, plus one."""
    axis: Literal["0", "1", "2", "any"] = "2"
    """Which voxel axis is perpendicular to the slices."""
    matrix: tuple[int, int] = (0, 0)
    """Crop or pad slices to this size; 0 0: as they are, all of one size."""
    dice: float = 0.0
    """Weight of the soft Dice loss beside cross entropy."""
    rounds: int = 31_000
    """200 epochs of 1248 slices."""
    batch: int = 8
    """Slices a round."""
    rate: float = 2e-4
    """Adam's learning rate."""
    beta1: float = 0.9
    """Adam's first decay."""
    schedule: Literal["constant", "cosine"] = "constant"
    """Learning rate."""
    ema: float | None = None
    """Decay of the running average of the weights; none: the last weights count."""
    clip: float | None = None
    """Largest gradient norm; none: unclipped."""

    def __post_init__(self) -> None:
        if self.classes < 2 or self.scales < 2 or min(self.features, self.rounds, self.batch) < 1:
            raise Refusal("classes and scales are at least 2, features, rounds and batch at least 1.")

    def generator(self) -> "nn.Module":
        """A fresh network: magnitude (b, 1, i, j) -> logits (b, classes, i, j)."""
        from finemri.networks.segmenter import SegmenterUNet

        return SegmenterUNet(self.classes, features=self.features, scales=self.scales)

    def networks(self) -> "Mapping[str, nn.Module]":
        """The network."""
        return {"generator": self.generator()}

    def examples(self, cohorts: "Sequence[Cohort]", shares: Sequence[float], seed: int) -> "Examples":
        """Fully sampled slices with their labels."""
        from finemri.recipes.labelled import labelled_slices

        return labelled_slices(cohorts, shares, self.axis, self.matrix, self.classes, seed)

    def stages(self, generator: "nn.Module", examples: "Examples") -> "Sequence[Stage]":
        """One."""
        from finemri.training.loop import Stage

        return [Stage("segmenter", self.rounds, lambda _: self._supervised(generator), examples, self.batch)]

    def segmenter(self, generator: "nn.Module", device: str = "cpu") -> "Callable[[Magnitude], LabelledSlice]":
        """The trained network at work: magnitude (i, j), brightest tissue 1 -> labels (i, j)."""
        from finemri.recipes.labelled import NetworkSegmenter

        return NetworkSegmenter(generator, device)

    def _supervised(self, generator: "nn.Module") -> "Game":
        from finemri.losses.segmentation import cross_entropy, soft_dice
        from finemri.recipes.players import player
        from finemri.training.games import Supervised

        learner = player(self, generator, self.rate, self.rounds, ema=self.ema)
        losses = {"entropy": (1.0, cross_entropy), "dice": (self.dice, soft_dice)}
        return Supervised(learner, losses, inputs="magnitude", target="labels")
