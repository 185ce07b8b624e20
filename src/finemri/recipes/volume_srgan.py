"""3D SRGAN: super-resolution of whole volumes (Sanchez & Vilaplana, MIDL 2018), and what grew out of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from finemri.refusal import Refusal

if TYPE_CHECKING:
    from torch import nn

    from finemri.cohorts.cohort import Cohort
    from finemri.cohorts.examples import Examples
    from finemri.losses.adversarial import CrossEntropy, LeastSquares, WassersteinGP
    from finemri.physics.degradation import Degradation
    from finemri.training.games import Game
    from finemri.training.loop import Stage
    from finemri.volumes.enhancer import Enhancer


@dataclass(frozen=True)
class VolumeSRGAN:
    """Settings of one training. The defaults are the paper's; what its code did by mistake are settings, off."""

    paper: ClassVar[str] = "Sanchez & Vilaplana, Brain MRI super-resolution using 3D GANs, MIDL 2018"
    job: ClassVar[str] = "super-resolve"

    scale: int = 2
    """How many times finer, along every axis: 2 or 4."""
    generator_kind: Literal["srresnet", "residual", "rrdb"] = "srresnet"
    """srresnet: the paper's; residual: a correction to interpolation, as shipped; rrdb: residual in residual dense
    blocks."""
    upsampler: Literal["resize-conv", "sub-pixel", "sub-pixel-nn"] = "resize-conv"
    """The paper's three ways to the fine grid (srresnet only)."""
    features: int = 32
    """Feature maps of the generator's trunk."""
    blocks: int = 6
    """Residual blocks (RRDBs for rrdb)."""
    tanh: bool = False
    """Bound the output to −1..1; the published code does for resize-conv."""

    critic_head: Literal["dense", "pool"] = "dense"
    """dense: the paper's, 100 M parameters at its patch size; pool: average over all places first, any size."""
    critic_normalises: bool = True
    """Batch normalisation in the critic, as in the paper; none for wasserstein-gp. A pooled critic is blind with it."""
    critic_features: int = 32
    """Feature maps of the critic's first layer."""
    rule: Literal["least-squares", "cross-entropy", "wasserstein-gp"] = "least-squares"
    """How the critic is read."""
    real_labels: tuple[float, float] = (0.7, 1.2)
    """One-sided label smoothing: targets of real patches are drawn from this range (not for wasserstein-gp)."""
    critic_turns: int = 1
    """Rounds of the critic for each of the generator's."""

    mse: float = 1.0
    """Weight of the mean squared error."""
    l1: float = 0.0
    """Weight of the mean absolute error."""
    gradient: float = 1.0
    """Weight of the gradient difference loss."""
    adversarial: float = 1e-3
    """Weight α of the adversarial loss."""
    fidelity_rounds: int = 0
    """Rounds of the first stage, without a critic; the paper has none."""
    fidelity_mse: float = 1.0
    """Weight of the mean squared error in the first stage."""
    fidelity_l1: float = 0.0
    """Weight of the mean absolute error in the first stage."""
    adversarial_rounds: int = 18_800
    """Rounds with the critic: ten epochs of 470 volumes, four rounds each."""

    batch: int = 2
    """Patches a round."""
    patch: tuple[int, int, int] = (64, 64, 46)
    """Patch in coarse voxels: 128×128×92 fine ones at ×2."""
    generator_rate: float = 1e-5
    """Adam's learning rate of the generator against the critic."""
    critic_rate: float = 1e-4
    """Adam's learning rate of the critic."""
    fidelity_rate: float = 1e-4
    """Adam's learning rate of the first stage."""
    beta1: float = 0.9
    """Adam's first decay."""
    schedule: Literal["constant", "cosine"] = "constant"
    """cosine: a short warm-up, then down to a hundredth along half a cosine, in each stage."""
    ema: float | None = None
    """Decay of the running average of the generator's weights; none: the last weights count."""
    clip: float | None = None
    """Largest gradient norm; none: unclipped."""

    degradations: tuple[Literal["blur", "kspace"], ...] = ("blur",)
    """How patches are made coarse; with several, one is drawn for each patch."""
    sigma: float = 1.0
    """Standard deviation of the blur in fine voxels, for both factors."""
    noise: float = 0.0
    """Highest σ of added noise, relative to the brightest tissue; half of the patches have none."""
    contrast_jitter: bool = False
    """Random brightness and gamma of every patch."""
    zoom: tuple[float, float] = (1.0, 1.0)
    """Resample volumes to voxels this many times as large, at random in the range."""
    whole: bool = False
    """Make small scans coarse as wholes and cut patches then, so that their edges are learnt as well."""
    normaliser: Literal["max", "percentile"] = "max"
    """Brightness: the paper's −1..1 by the maximum, or 0..1 by the 99.9th percentile."""
    precision: Literal["bf16", "fp32"] = "fp32"
    """Of the network when it enhances."""

    blur_across_batch: bool = False
    """As the published code by a slip: the blur runs over the batch axis as well (noise-free training alone)."""
    sum_losses: bool = False
    """As the published code: MSE and gradients are sums over batch and voxels (use adversarial=0.1 with it)."""
    inert_critic: bool = False
    """As the published code by a slip: the critic gets the same targets for real and made patches, and the generator
    too."""

    def __post_init__(self) -> None:
        if self.scale not in (2, 4):
            raise Refusal(f"scale is 2 or 4, not {self.scale}.")
        if (
            min(self.fidelity_rounds, self.adversarial_rounds) < 0
            or self.fidelity_rounds + self.adversarial_rounds == 0
        ):
            raise Refusal("A training needs rounds: set fidelity_rounds or adversarial_rounds above 0.")
        if min(self.batch, self.features, self.blocks, self.critic_features, self.critic_turns, *self.patch) < 1:
            raise Refusal("batch, patch, features, blocks, critic_features and critic_turns are at least 1.")
        if min(self.mse, self.l1, self.gradient, self.adversarial, self.fidelity_mse, self.fidelity_l1, self.noise) < 0:
            raise Refusal("Weights of losses and noise are at least 0.")
        if self.adversarial_rounds and self.mse + self.l1 + self.gradient + self.adversarial == 0:
            raise Refusal("The adversarial stage has nothing to learn: give a loss a weight above 0.")
        if self.fidelity_rounds and self.fidelity_mse + self.fidelity_l1 == 0:
            raise Refusal("The fidelity stage has nothing to learn: set fidelity_mse or fidelity_l1 above 0.")
        if self.blur_across_batch and (self.degradations != ("blur",) or self.noise):
            raise Refusal("blur_across_batch goes with degradations=blur and noise=0, as it was published.")
        if self.whole and self.zoom != (1.0, 1.0):
            raise Refusal("Whole scans keep their voxels: set zoom to 1 1, or leave whole out.")
        if not self.degradations:
            raise Refusal("degradations names at least one of blur and kspace.")

    def generator(self) -> "nn.Module":
        """A fresh generator: (b, 1, i, j, k) -> (b, 1, ri, rj, rk)."""
        from finemri.networks.rrdb import RRDBNet3D
        from finemri.networks.srresnet import ResidualSR3D, SRResNet3D

        if self.generator_kind == "rrdb":
            return RRDBNet3D(self.scale, self.features, self.features // 2, self.blocks)
        if self.generator_kind == "residual":
            return ResidualSR3D(self.scale, self.features, self.blocks)
        return SRResNet3D(self.scale, self.upsampler, self.features, self.blocks, tanh=self.tanh)

    def critic(self) -> "nn.Module":
        """A fresh critic; without batch normalisation where the gradient penalty forbids it."""
        from finemri.networks.critics import VolumeCritic

        i, j, k = (self.scale * n for n in self.patch)
        normalise = self.critic_normalises and self.rule != "wasserstein-gp"
        return VolumeCritic((i, j, k), self.critic_head, self.critic_features, normalise)

    def networks(self) -> "Mapping[str, nn.Module]":
        """Generator and, where a stage needs it, critic."""
        generator = {"generator": self.generator()}
        return {**generator, "critic": self.critic()} if self.adversarial_rounds else generator

    def examples(self, cohorts: "Sequence[Cohort]", shares: Sequence[float], seed: int) -> "Examples":
        """Patches of the cohorts' images; of a cohort that has only label maps, patches with a new contrast every
        time."""
        from finemri.recipes.patches import BlurredAcross, patches_of_cohorts

        examples = patches_of_cohorts(
            cohorts,
            shares,
            degradations=self.degrade(),
            patch=self.patch,
            seed=seed,
            noise=(0.0, self.noise),
            contrast_jitter=self.contrast_jitter,
            zoom=self.zoom,
            normaliser=self.normaliser,
            whole=self.whole,
        )
        return BlurredAcross(examples, self.batch, self.sigma) if self.blur_across_batch else examples

    def stages(self, generator: "nn.Module", examples: "Examples") -> "Sequence[Stage]":
        """Fidelity first, if it has rounds; then the adversaries."""
        from finemri.training.loop import Stage

        stages = []
        if self.fidelity_rounds:
            stages.append(
                Stage("fidelity", self.fidelity_rounds, lambda _: self._supervised(generator), examples, self.batch)
            )
        if self.adversarial_rounds:
            stages.append(
                Stage(
                    "adversarial", self.adversarial_rounds, lambda _: self._adversaries(generator), examples, self.batch
                )
            )
        return stages

    def enhancer(self, generator: "nn.Module", device: str = "cpu") -> "Enhancer":
        """The trained generator at work, on volumes of any size."""
        from finemri.recipes.network_enhancer import NetworkEnhancer

        return NetworkEnhancer(
            generator, scale=self.scale, normaliser=self.normaliser, device=device, precision=self.precision
        )

    def degrade(self) -> "list[Degradation]":
        """How training makes patches coarse."""
        from finemri.physics.degradation import GaussianBlur, KSpaceTruncation

        made: dict[str, Degradation] = {
            "blur": GaussianBlur(self.scale, self.sigma),
            "kspace": KSpaceTruncation(self.scale),
        }
        return [made[name] for name in self.degradations]

    def _rule(self) -> "LeastSquares | CrossEntropy | WassersteinGP":
        from finemri.losses.adversarial import CrossEntropy, LeastSquares, WassersteinGP

        if self.rule == "wasserstein-gp":
            return WassersteinGP()
        fooled = self.real_labels if self.inert_critic else None
        kind = LeastSquares if self.rule == "least-squares" else CrossEntropy
        return kind(self.real_labels, fooled or (0.0, 0.0), fooled or (1.0, 1.0))

    def _supervised(self, generator: "nn.Module") -> "Game":
        from finemri.losses.fidelity import mean_absolute, mean_squared
        from finemri.recipes.players import player
        from finemri.training.games import Supervised

        learner = player(self, generator, self.fidelity_rate, self.fidelity_rounds, ema=self.ema)
        return Supervised(learner, {"mse": (self.fidelity_mse, mean_squared), "l1": (self.fidelity_l1, mean_absolute)})

    def _adversaries(self, generator: "nn.Module") -> "Game":
        from functools import partial

        from finemri.losses.fidelity import Reduction, mean_absolute, mean_squared
        from finemri.losses.gradient import gradient_difference
        from finemri.recipes.players import player
        from finemri.training.games import Adversarial, Loss

        reduction: Reduction = "sum" if self.sum_losses else "mean"
        losses: dict[str, tuple[float, Loss]] = {
            "mse": (self.mse, partial(mean_squared, reduction=reduction)),
            "l1": (self.l1, mean_absolute),
            "gradient": (self.gradient, partial(gradient_difference, reduction=reduction)),
        }
        return Adversarial(
            player(self, generator, self.generator_rate, self.adversarial_rounds, ema=self.ema),
            player(self, self.critic(), self.critic_rate, self.adversarial_rounds),
            self._rule(),
            self.adversarial,
            losses,
            critic_turns=self.critic_turns,
        )
