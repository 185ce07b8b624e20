"""Thick slices at any spacing to fine voxels, in any contrast, which stays: restored on the fine grid itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from finemri.refusal import Refusal

if TYPE_CHECKING:
    from torch import Tensor, nn

    from finemri.cohorts.cohort import Cohort
    from finemri.cohorts.examples import Examples
    from finemri.recipes.restoring import Restorer
    from finemri.training.games import Checks, Game
    from finemri.training.loop import Stage


@dataclass(frozen=True)
class AnySpacing:
    """Settings of one training. The scan is laid on the fine grid by a cubic spline; a network, told where the slices
    lay, how thick and how far apart they were, adds what the spline lacks. Lengths are in fine voxels."""

    paper: ClassVar[str] = "finemri's own; random contrasts after Iglesias et al., SynthSR, NeuroImage 2021"
    job: ClassVar[str] = "restore"

    features: int = 48
    """Feature maps of the trunk."""
    blocks: int = 5
    """Residual blocks."""

    log_mse: float = 1.0
    """Weight of ½ ln of the mean squared error of each patch, in the first stage."""
    l1: float = 1.0
    """Weight of the mean absolute error, in the second stage."""
    gradient: float = 1.0
    """Weight of the gradient difference loss, in the second stage."""
    adversarial: float = 0.1
    """Weight of the adversarial loss."""
    consistency: float = 25.0
    """Weight of the mean absolute difference of the slices of what was made and of the truth, in both stages."""
    rule: Literal["least-squares", "cross-entropy", "wasserstein-gp"] = "least-squares"
    """How the critic is read."""
    critic_features: int = 16
    """Feature maps of the critic's first layer."""

    fidelity_rounds: int = 4_500
    """Rounds of the first stage, without a critic."""
    adversarial_rounds: int = 600
    """Rounds of the second stage; none leaves it out."""
    batch: int = 2
    """Patches a round."""
    patch: tuple[int, int, int] = (48, 48, 48)
    """Patch in fine voxels, slices along the last axis."""
    fidelity_rate: float = 4e-4
    """Adam's learning rate of the first stage."""
    generator_rate: float = 1e-4
    """Adam's learning rate of the generator against the critic."""
    critic_rate: float = 2e-4
    """Adam's learning rate of the critic."""
    beta1: float = 0.9
    """Adam's first decay."""
    schedule: Literal["constant", "cosine"] = "cosine"
    """cosine: a short warm-up, then down to a hundredth along half a cosine, in each stage."""
    ema: float | None = 0.998
    """Decay of the running average of the generator's weights; none: the last weights count."""
    clip: float | None = 1.0
    """Largest gradient norm; none: unclipped."""

    thickness: tuple[float, float] = (2.0, 7.0)
    """Thinnest and thickest slices."""
    gap: tuple[float, float] = (-0.2, 0.5)
    """Smallest and largest gap between slices, as a share of their thickness; negative: they overlap."""
    in_plane: tuple[float, float] = (1.0, 1.6)
    """Smallest and largest measured voxels in plane; half of the patches have the smallest."""
    noise: float = 0.04
    """Highest σ of added noise, relative to the brightest tissue; half of the patches have none."""
    motion: float = 0.2
    """Deviation of shifts in plane between the interleaves of a scan; most patches have none."""
    jumps: float = 0.03
    """Deviation of the log brightness between the interleaves of a scan; most patches have none."""
    lesions: float = 0.5
    """Share of the patches into which lesions are drawn, so that they are kept."""
    zoom: tuple[float, float] = (1.0, 1.7)
    """Resample real scans to voxels this many times as large, at random in the range."""
    label_zoom: tuple[float, float] = (0.7, 1.2)
    """How many voxels of a label map a fine voxel spans, at random in the range."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """Of the network when it restores."""

    def __post_init__(self) -> None:
        if min(self.fidelity_rounds, self.adversarial_rounds) < 0 or not self.fidelity_rounds + self.adversarial_rounds:
            raise Refusal("A training needs rounds: set fidelity_rounds or adversarial_rounds above 0.")
        if min(self.batch, self.features, self.blocks, self.critic_features) < 1 or min(self.patch) < 2:
            raise Refusal("batch, features, blocks and critic_features are at least 1, and patch at least 2.")
        weights = (self.log_mse, self.l1, self.gradient, self.adversarial, self.consistency)
        if min(*weights, self.noise, self.motion, self.jumps) < 0:
            raise Refusal("Weights of losses, noise, motion and jumps are at least 0.")
        if not 0 <= self.lesions <= 1:
            raise Refusal("lesions is a share of the patches, 0 to 1.")
        if self.fidelity_rounds and self.log_mse == 0:
            raise Refusal("The fidelity stage has nothing to learn: set log_mse above 0.")
        if self.adversarial_rounds and not any(weights[1:]):
            raise Refusal("The adversarial stage has nothing to learn: give a loss a weight above 0.")

    def generator(self) -> "nn.Module":
        """A fresh generator: (b, 6, i, j, k) -> (b, 1, i, j, k)."""
        from finemri.networks.restorer import SliceRestorer3D
        from finemri.physics.slices import TOLD

        return SliceRestorer3D(self.features, self.blocks, TOLD)

    def critic(self) -> "nn.Module":
        """A fresh critic of patches of any size."""
        from finemri.networks.critics import VolumeCritic

        return VolumeCritic(head="pool", features=self.critic_features, normalise=False)

    def networks(self) -> "Mapping[str, nn.Module]":
        """Generator and, where a stage needs it, critic."""
        generator = {"generator": self.generator()}
        return {**generator, "critic": self.critic()} if self.adversarial_rounds else generator

    def examples(self, cohorts: "Sequence[Cohort]", shares: Sequence[float], seed: int) -> "Examples":
        """Patches of the cohorts' images; of a cohort that has only label maps, with a new contrast every time."""
        from finemri.cohorts.examples import Mixture
        from finemri.cohorts.regions import LabelRegions, VolumeRegions
        from finemri.cohorts.thick import ThickPatches
        from finemri.recipes.patches import files_of
        from finemri.volumes.files import open_volume

        if len(shares) != len(cohorts):
            raise Refusal(f"{len(cohorts)} cohorts need as many shares, not {len(shares)}.")
        kinds = []
        for number, cohort in enumerate(cohorts):
            images, labels = files_of(cohort)
            voxels = (open_volume(path).voxels for path in images or labels)
            regions = VolumeRegions(voxels, zoom=self.zoom) if images else LabelRegions(voxels, zoom=self.label_zoom)
            patches = ThickPatches(
                regions,
                self.patch,
                seed * 1000 + number,
                thickness=self.thickness,
                gap=self.gap,
                in_plane=self.in_plane,
                noise=self.noise,
                motion=self.motion,
                jumps=self.jumps,
                lesions=self.lesions,
                contrast_jitter=bool(images),
            )
            kinds.append(patches)
        return Mixture(kinds, shares, seed)

    def stages(self, generator: "nn.Module", examples: "Examples") -> "Sequence[Stage]":
        """Fidelity first, if it has rounds; then the adversaries."""
        from finemri.training.loop import Stage

        games = {
            "fidelity": (self.fidelity_rounds, lambda _: self._supervised(generator)),
            "adversarial": (self.adversarial_rounds, lambda _: self._adversaries(generator)),
        }
        return [Stage(name, n, game, examples, self.batch) for name, (n, game) in games.items() if n]

    def restorer(self, generator: "nn.Module", device: str = "cpu") -> "Restorer":
        """The trained generator at work, on scans of thick slices."""
        from finemri.recipes.restoring import Restorer

        return Restorer(generator, device=device, precision=self.precision)

    def _checks(self) -> "Checks":
        from finemri.losses.fidelity import mean_absolute

        def consistency(made: "Tensor", batch: "Mapping[str, Tensor]") -> "Tensor":
            a = batch["slices"].transpose(1, 2)[:, None, None]  # A along the last axis; rows without a slice are 0
            return mean_absolute(made @ a, batch["fine"] @ a)

        return {"consistency": (self.consistency, consistency)}

    def _supervised(self, generator: "nn.Module") -> "Game":
        from finemri.losses.fidelity import log_squared
        from finemri.recipes.players import player
        from finemri.training.games import Supervised

        learner = player(self, generator, self.fidelity_rate, self.fidelity_rounds, ema=self.ema)
        return Supervised(learner, {"log_mse": (self.log_mse, log_squared)}, checks=self._checks())

    def _adversaries(self, generator: "nn.Module") -> "Game":
        from finemri.losses.adversarial import CrossEntropy, LeastSquares, WassersteinGP
        from finemri.losses.fidelity import mean_absolute
        from finemri.losses.gradient import gradient_difference
        from finemri.recipes.players import player
        from finemri.training.games import Adversarial

        rules = {"least-squares": LeastSquares, "cross-entropy": CrossEntropy, "wasserstein-gp": WassersteinGP}
        return Adversarial(
            player(self, generator, self.generator_rate, self.adversarial_rounds, ema=self.ema),
            player(self, self.critic(), self.critic_rate, self.adversarial_rounds),
            rules[self.rule](),
            self.adversarial,
            {"l1": (self.l1, mean_absolute), "gradient": (self.gradient, gradient_difference)},
            checks=self._checks(),
        )
