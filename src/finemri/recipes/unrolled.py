"""Unrolled cascade: one coil or many, gradient steps and small U-Nets in turn; with or without a critic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from finemri.recipes.scanning import KSPACE, Scanning
from finemri.refusal import Refusal

if TYPE_CHECKING:
    from torch import nn

    from finemri.cohorts.cohort import Cohort
    from finemri.cohorts.examples import Examples
    from finemri.losses.adversarial import LeastSquares, WassersteinGP
    from finemri.rawdata.reconstructor import Reconstructor
    from finemri.training.games import Game, Losses
    from finemri.training.loop import Stage


@dataclass(frozen=True)
class Unrolled:
    """Settings of one training of finemri.networks.cascade.Cascade."""

    paper: ClassVar[str] = "after Sriram et al., End-to-end variational networks, 2020, and Aggarwal et al., MoDL, 2019"
    job: ClassVar[str] = "reconstruct"

    scanning: Scanning = Scanning()
    """How people are measured."""
    steps: int = 6
    """U-Nets, each followed by a look at the data."""
    features: int = 24
    """Maps of each U-Net at full size."""
    depth: int = 4
    """Scales of each U-Net."""
    memory: int = 4
    """Maps that each U-Net hands on to the next."""
    start: int = 10
    """Conjugate gradients of the SENSE image that it starts from."""
    gradients: int = 3
    """Conjugate gradients after each U-Net."""
    finish: int = 20
    """Conjugate gradients after the last one."""
    consistency: bool = True
    """Look at the data after the start."""

    l1: float = 1.0
    """Weight of the mean absolute error of real and imaginary part."""
    mse: float = 0.0
    """Weight of their mean squared error."""
    log_mse: float = 0.0
    """Weight of ½ ln of each slice's mean squared error: well-determined slices count as much as hard ones."""
    fidelity_rounds: int = 10_000
    """Rounds without a critic."""
    adversarial_rounds: int = 0
    """Rounds with one, afterwards."""
    rule: Literal["least-squares", "wasserstein-gp"] = "least-squares"
    """How the critic is read."""
    adversarial: float = 1e-2
    """Weight of the adversarial loss."""
    critic_turns: int = 1
    """Rounds of the critic for each of the generator's."""

    batch: int = 4
    """Slices a round."""
    rate: float = 5e-4
    """Adam's learning rate without a critic."""
    generator_rate: float = 1e-4
    """Adam's learning rate against the critic."""
    critic_rate: float = 2e-4
    """Adam's learning rate of the critic."""
    beta1: float = 0.9
    """Adam's first decay."""
    schedule: Literal["constant", "cosine"] = "cosine"
    """cosine: a short warm-up, then down to a hundredth along half a cosine, in each stage."""
    ema: float | None = 0.998
    """Decay of the running average of the weights; none: the last weights count."""
    clip: float | None = 1.0
    """Largest gradient norm; none: unclipped."""

    def __post_init__(self) -> None:
        if min(self.fidelity_rounds, self.adversarial_rounds) < 0 or not self.fidelity_rounds + self.adversarial_rounds:
            raise Refusal("A training needs rounds: set fidelity_rounds or adversarial_rounds above 0.")
        if min(self.steps, self.features, self.depth, self.gradients, self.finish, self.batch) < 1:
            raise Refusal("steps, features, depth, gradients, finish and batch are at least 1.")
        if min(self.memory, self.start) < 0 or self.critic_turns < 1:
            raise Refusal("memory and start are at least 0, critic_turns at least 1.")
        if min(self.l1, self.mse, self.log_mse, self.adversarial) < 0:
            raise Refusal("Weights of losses are at least 0.")
        pixels = self.l1 + self.mse + self.log_mse
        if pixels == 0 and (self.fidelity_rounds or not self.adversarial):
            raise Refusal("The training has nothing to learn: set l1, mse or log_mse above 0.")
        if self.scanning.unpaired and pixels > 0:
            raise Refusal("Unpaired examples have no pixel loss: set l1, mse, log_mse and fidelity_rounds to 0.")

    def generator(self) -> "nn.Module":
        """A fresh cascade: k-space, mask, sensitivities -> image."""
        from finemri.networks.cascade import Cascade

        return Cascade(
            self.steps,
            self.features,
            self.depth,
            self.memory,
            self.start,
            self.gradients,
            self.finish,
            consistency=self.consistency,
        )

    def critic(self) -> "nn.Module":
        """A fresh critic of real and imaginary part."""
        from finemri.networks.gancs import GANCSCritic

        return GANCSCritic(normalise=False)

    def networks(self) -> "Mapping[str, nn.Module]":
        """Generator and, where a stage needs it, critic."""
        generator = {"generator": self.generator()}
        return {**generator, "critic": self.critic()} if self.adversarial_rounds else generator

    def examples(self, cohorts: "Sequence[Cohort]", shares: Sequence[float], seed: int) -> "Examples":
        """Slices of the cohorts' people, measured."""
        return self.scanning.examples(cohorts, shares, batch=self.batch, seed=seed)

    def stages(self, generator: "nn.Module", examples: "Examples") -> "Sequence[Stage]":
        """Fidelity first, if it has rounds; then the adversaries."""
        from finemri.training.loop import Stage

        planned = (
            ("fidelity", self.fidelity_rounds, self._supervised),
            ("adversarial", self.adversarial_rounds, self._adversaries),
        )
        return [
            Stage(name, rounds, lambda _, game=game: game(generator), examples, self.batch)  # type: ignore[misc]
            for name, rounds, game in planned
            if rounds
        ]

    def reconstructor(self, generator: "nn.Module", device: str = "cpu") -> "Reconstructor":
        """The trained generator at work, on slices of any matrix and number of coils."""
        from functools import partial

        from finemri.networks.cascade import Cascade
        from finemri.recipes.network_reconstructor import NetworkReconstructor
        from finemri.recipes.trust import cross_validated

        assert isinstance(generator, Cascade)
        return NetworkReconstructor(generator, device=device, run=partial(cross_validated, generator))

    def _losses(self) -> "Losses":
        from finemri.losses.fidelity import log_squared, mean_absolute, mean_squared

        return {
            "l1": (self.l1, mean_absolute),
            "mse": (self.mse, mean_squared),
            "log_mse": (self.log_mse, log_squared),
        }

    def _supervised(self, generator: "nn.Module") -> "Game":
        from finemri.recipes.players import player
        from finemri.training.games import Supervised

        learner = player(self, generator, self.rate, self.fidelity_rounds, ema=self.ema)
        return Supervised(learner, self._losses(), inputs=KSPACE, target="image")

    def _adversaries(self, generator: "nn.Module") -> "Game":
        from finemri.losses.view import real_imaginary
        from finemri.recipes.players import player
        from finemri.training.games import Adversarial

        return Adversarial(
            player(self, generator, self.generator_rate, self.adversarial_rounds, ema=self.ema),
            player(self, self.critic(), self.critic_rate, self.adversarial_rounds),
            self._rule(),
            self.adversarial,
            self._losses(),
            critic_turns=self.critic_turns,
            inputs=KSPACE,
            target="image",
            seen=real_imaginary,
        )

    def _rule(self) -> "LeastSquares | WassersteinGP":
        from finemri.losses.adversarial import LeastSquares, WassersteinGP

        return WassersteinGP() if self.rule == "wasserstein-gp" else LeastSquares()
