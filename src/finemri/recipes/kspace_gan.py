"""Few labels, or unpaired ones: adversarial reconstruction without a pixel loss (Lei & Mardani, 2019)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from finemri.recipes.scanning import KSPACE, Scanning
from finemri.refusal import Refusal

if TYPE_CHECKING:
    from torch import nn

    from finemri.cohorts.cohort import Cohort
    from finemri.cohorts.examples import Examples
    from finemri.losses.adversarial import LeastSquares, Patchwise, WassersteinGP
    from finemri.rawdata.reconstructor import Reconstructor
    from finemri.training.games import Game
    from finemri.training.loop import Stage


@dataclass(frozen=True)
class KSpaceGAN:
    """Settings of one training. The defaults are the paper's baseline, LSGAN + L1 with λ = 0.95."""

    paper: ClassVar[str] = "Lei & Mardani, Semi-supervised super-resolution GANs for MRI reconstruction, 2019"
    job: ClassVar[str] = "reconstruct"

    scanning: Scanning = Scanning(accelerations=(3.0,), one_mask=True, turn=False)
    """How people are measured, and whose true images are known (labels, unpaired)."""
    head: Literal[1, 3] = 3
    """Kernel of the generator's last two convolutions: 3 the paper's, 1 the public code's."""
    consistency: bool = True
    """Put the measured samples back at the end; without, the generator may say what it likes."""
    batch_statistics_at_test: bool = False
    """As the public code by omission: batch normalisation never uses running statistics."""

    rule: Literal["least-squares", "wasserstein-gp"] = "least-squares"
    """How the critic is read."""
    critic_normalises: bool = True
    """Batch normalisation in the critic; never under wasserstein-gp."""
    grid: int = 1
    """The critic sees grid × grid patches of an image, each as an image of its own."""
    average: Literal["squares", "scores"] = "squares"
    """Over patches: mean of the losses (the paper's equations) or loss of the mean score (its prose)."""
    l1: float = 0.95
    """λ: L_G = (1 − λ) adversarial + λ L1."""
    matching: float = 0.0
    """Weight of feature matching, which the paper leaves for later."""
    l1_rounds: int = 0
    """Rounds of L1 alone beforehand, on pairs of the people with labels."""
    adversarial_rounds: int = 20_000
    """Rounds with the critic."""
    critic_turns: int = 1
    """Rounds of the critic for each of the generator's."""

    batch: int = 8
    """Slices a round."""
    rate: float = 1e-4
    """Adam's learning rate, of both."""
    beta1: float = 0.5
    """Adam's first decay."""
    beta2: float = 0.999
    """Adam's second decay."""
    schedule: Literal["constant", "cosine"] = "constant"
    """Learning rate in each stage."""
    ema: float | None = None
    """Decay of the running average of the weights; none: the last weights count."""
    clip: float | None = None
    """Largest gradient norm; none: unclipped."""

    def __post_init__(self) -> None:
        if min(self.l1_rounds, self.adversarial_rounds) < 0 or self.l1_rounds + self.adversarial_rounds == 0:
            raise Refusal("A training needs rounds: set l1_rounds or adversarial_rounds above 0.")
        if min(self.batch, self.grid, self.critic_turns) < 1:
            raise Refusal("batch, grid and critic_turns are at least 1.")
        if not 0 <= self.l1 <= 1 or self.matching < 0:
            raise Refusal(f"l1 (λ) lies in 0..1 and matching is at least 0, not {self.l1:g} and {self.matching:g}.")
        if self.scanning.unpaired and self.l1 > 0:
            raise Refusal("Unpaired examples have no pixel loss in the adversarial stage: set l1 to 0.")
        if self.scanning.unpaired and self.matching > 0:
            raise Refusal("Feature matching compares an image with its own truth: set matching to 0 when unpaired.")

    def generator(self) -> "nn.Module":
        """A fresh generator: k-space, mask, sensitivities -> image."""
        from finemri.networks.gancs import GANCSGenerator

        return GANCSGenerator(
            head=self.head, consistency=self.consistency, batch_statistics_at_test=self.batch_statistics_at_test
        )

    def critic(self) -> "nn.Module":
        """A fresh critic of real and imaginary part."""
        from finemri.networks.gancs import GANCSCritic

        return GANCSCritic(normalise=self.critic_normalises and self.rule != "wasserstein-gp")

    def networks(self) -> "Mapping[str, nn.Module]":
        """Generator and, where a stage needs it, critic."""
        generator = {"generator": self.generator()}
        return {**generator, "critic": self.critic()} if self.adversarial_rounds else generator

    def examples(self, cohorts: "Sequence[Cohort]", shares: Sequence[float], seed: int) -> "Examples":
        """Slices of the cohorts' people, measured."""
        return self.scanning.examples(cohorts, shares, batch=self.batch, seed=seed)

    def stages(self, generator: "nn.Module", examples: "Examples") -> "Sequence[Stage]":
        """L1 first, if it has rounds; then the adversaries."""
        from finemri.recipes.scanning import paired
        from finemri.training.loop import Stage

        stages = []
        if self.l1_rounds:
            stages.append(
                Stage("l1", self.l1_rounds, lambda _: self._supervised(generator), paired(examples), self.batch)
            )
        if self.adversarial_rounds:
            stages.append(
                Stage(
                    "adversarial", self.adversarial_rounds, lambda _: self._adversaries(generator), examples, self.batch
                )
            )
        return stages

    def reconstructor(self, generator: "nn.Module", device: str = "cpu") -> "Reconstructor":
        """The trained generator at work."""
        from finemri.recipes.network_reconstructor import NetworkReconstructor

        return NetworkReconstructor(generator, device=device)

    def _supervised(self, generator: "nn.Module") -> "Game":
        from finemri.losses.fidelity import mean_absolute
        from finemri.recipes.players import player
        from finemri.training.games import Supervised

        learner = player(self, generator, self.rate, self.l1_rounds, ema=self.ema, beta2=self.beta2)
        return Supervised(learner, {"l1": (1.0, mean_absolute)}, inputs=KSPACE, target="image")

    def _adversaries(self, generator: "nn.Module") -> "Game":
        from finemri.losses.fidelity import mean_absolute
        from finemri.losses.matching import feature_matching
        from finemri.losses.view import real_imaginary
        from finemri.recipes.players import player
        from finemri.training.games import Adversarial

        rounds = self.adversarial_rounds
        return Adversarial(
            player(self, generator, self.rate, rounds, ema=self.ema, beta2=self.beta2),
            player(self, self.critic(), self.rate, rounds, beta2=self.beta2),
            self._rule(),
            (1 - self.l1) * (2 if self.rule == "least-squares" else 1),  # the paper's squares have no ½
            {"l1": (self.l1, mean_absolute)},
            critic_turns=self.critic_turns,
            inputs=KSPACE,
            target="image",
            seen=real_imaginary,
            matching=(self.matching, feature_matching),
        )

    def _rule(self) -> "LeastSquares | WassersteinGP | Patchwise":
        from finemri.losses.adversarial import LeastSquares, Patchwise, WassersteinGP

        rule = WassersteinGP() if self.rule == "wasserstein-gp" else LeastSquares()
        return rule if self.grid == 1 else Patchwise(rule, self.grid, self.average)
