"""RecNet, and its refinement by a critic and by what a classifier of photographs sees (Seitzer et al., 2018)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from finemri.recipes.scanning import KSPACE, Scanning
from finemri.refusal import Refusal

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from finemri.cohorts.cohort import Cohort
    from finemri.cohorts.examples import Examples
    from finemri.networks.refinement import Refiner
    from finemri.rawdata.reconstructor import Reconstructor
    from finemri.training.games import Game, Losses
    from finemri.training.loop import Stage


@dataclass(frozen=True)
class Refined:
    """Settings of one training: R by mean squared error, then V against a critic while R stays as it is."""

    paper: ClassVar[str] = (
        "Seitzer et al., Adversarial and perceptual refinement for compressed sensing MRI, MICCAI 2018"
    )
    job: ClassVar[str] = "reconstruct"

    scanning: Scanning = Scanning(patterns=("gaussian-1d",), accelerations=(8.0,), phase=False, turn=False)
    """How people are measured."""
    backbone: Literal["recnet", "cascade"] = "recnet"
    """R: the paper's RecNet, or finemri's cascade, for one coil or many."""
    residual: bool = False
    """Add each block's input to its output (RecNet), as Schlemper et al. do."""
    gate: float = 0.0
    """Where λ, the gate of the refinement, starts."""
    scaled_input: bool = False
    """Give V the image scaled to −1..1, as the paper says; else as it is, as its code does."""
    magnitude: bool = False
    """Refine the magnitude and keep the phase: for images that are not real by construction."""
    joint: bool = False
    """R and V learn together, in one stage, from squared error and all other losses: the paper's ablation."""

    adversarial: float = 0.5
    """Weight of the adversarial loss."""
    matching: float = 0.5
    """Weight of feature matching."""
    perceptual: float = 1.0
    """Weight of the squared difference of VGG's maps; needs ``vgg``."""
    penalty: float = 0.1
    """Weight of mean |V|, before the gate."""
    mse: float = 0.0
    """Weight of the mean squared error in the second stage; 1 makes sense for ``joint``."""
    balance: bool = True
    """Divide each of those losses by what it is on the first batch, as the paper says. The published code has constants
    instead, measured with its own VGG: balance off with 0.5, 1, 10 and 2."""
    vgg: str = ""
    """Safetensors file of VGG19 (or VGG16) with torchvision's key names."""
    vgg_layer: str = "relu5_4"
    """The maps that are compared."""
    vgg_convention: Literal["file", "torchvision", "caffe"] = "file"
    """How VGG was taught to see images; file: as its metadata say."""
    vgg_sha256: str = ""
    """What the file's digest has to be; empty: not checked."""
    critic_maps: tuple[int, ...] = (64, 128, 256, 512, 1024, 1024)
    """Maps of the critic's layers; fewer layers see smaller images."""
    real_label: float = 0.9
    """One-sided smoothing: what the critic should say of a real image."""
    pool: int = 80
    """Past fakes that the critic is shown again; 0: none."""

    reconstructor_rounds: int = 90_000
    """Rounds of R alone: 1500 epochs of 1248 slices."""
    refinement_rounds: int = 50_000
    """Rounds of V (or of both, if joint): 200 epochs; 0: R alone."""
    batch: int = 20
    """Slices a round of R."""
    refinement_batch: int = 5
    """Slices a round of V."""
    rate: float = 2e-4
    """Adam's learning rate, of all."""
    reconstructor_beta1: float = 0.9
    """Adam's first decay for R; the paper says 0.5, its code 0.9."""
    beta1: float = 0.5
    """Adam's first decay for V and the critic."""
    schedule: Literal["constant", "cosine"] = "constant"
    """Learning rate in each stage."""
    ema: float | None = None
    """Decay of the running average of the weights; none: the last weights count."""
    clip: float | None = None
    """Largest gradient norm; none: unclipped."""

    def __post_init__(self) -> None:
        if min(self.reconstructor_rounds, self.refinement_rounds, self.pool) < 0 or not (
            self.reconstructor_rounds + self.refinement_rounds
        ):
            raise Refusal("A training needs rounds: set reconstructor_rounds or refinement_rounds above 0.")
        if min(self.adversarial, self.matching, self.perceptual, self.penalty, self.mse) < 0:
            raise Refusal("Weights of losses are at least 0.")
        if min(self.batch, self.refinement_batch) < 1 or len(self.critic_maps) < 2:
            raise Refusal("batch and refinement_batch are at least 1, and the critic has at least two layers.")
        if self.joint and (self.reconstructor_rounds or not self.mse):
            raise Refusal("Joint training has one stage and a pixel loss: set reconstructor_rounds to 0 and mse to 1.")
        if self.scanning.unpaired:
            raise Refusal("RecNet and its refinement learn from pairs: leave unpaired out.")

    def generator(self) -> "nn.Module":
        """A fresh R, or with a second stage V on R: k-space, mask, sensitivities -> image."""
        from finemri.networks.cascade import Cascade
        from finemri.networks.recnet import RecNet
        from finemri.networks.refinement import Refiner

        backbone = RecNet(residual=self.residual) if self.backbone == "recnet" else Cascade()
        if not self.refinement_rounds:
            return backbone
        return Refiner(backbone, 0.0, self.scaled_input, magnitude=self.magnitude)  # opened when V begins to learn

    def critic(self) -> "nn.Module":
        """A fresh critic of magnitudes."""
        from finemri.networks.magnitude_critic import MagnitudeCritic

        return MagnitudeCritic(maps=self.critic_maps)

    def networks(self) -> "Mapping[str, nn.Module]":
        """Every network of the training; of a refiner, R and V by themselves."""
        generator = self.generator()
        if not self.refinement_rounds:
            return {"generator": generator}
        refiner: Refiner = generator  # type: ignore[assignment]
        return {"reconstructor": refiner.reconstructor, "refinement": refiner.unet, "critic": self.critic()}

    def examples(self, cohorts: "Sequence[Cohort]", shares: Sequence[float], seed: int) -> "Examples":
        """Slices of the cohorts' people, measured."""
        return self.scanning.examples(cohorts, shares, batch=self.batch, seed=seed)

    def stages(self, generator: "nn.Module", examples: "Examples") -> "Sequence[Stage]":
        """R by itself, if it has rounds; then V on R, R as it is."""
        from finemri.training.loop import Stage

        stages = []
        if self.reconstructor_rounds:
            rounds = self.reconstructor_rounds
            stages.append(Stage("reconstructor", rounds, lambda _: self._supervised(generator), examples, self.batch))
        if self.refinement_rounds:
            self.features()  # refused now, not after the first stage
            rounds = self.refinement_rounds
            stages.append(
                Stage(
                    "refinement",
                    rounds,
                    lambda fabric: self._refinement(generator, fabric.device),
                    examples,
                    self.refinement_batch,
                )
            )
        return stages

    def features(self) -> "nn.Module | None":
        """VGG, or none where its loss has no weight. Raises Refusal where it has one and there is no file."""
        if not (self.perceptual and self.refinement_rounds):
            return None
        from finemri.recipes.vgg import features_of

        return features_of(self, self.vgg_layer)

    def reconstructor(self, generator: "nn.Module", device: str = "cpu") -> "Reconstructor":
        """The trained generator at work."""
        from finemri.recipes.network_reconstructor import NetworkReconstructor

        return NetworkReconstructor(generator, device=device)

    def _supervised(self, generator: "nn.Module") -> "Game":
        from dataclasses import replace

        from finemri.losses.fidelity import mean_squared
        from finemri.networks.refinement import Refiner
        from finemri.recipes.players import player
        from finemri.training.games import Supervised

        if isinstance(generator, Refiner):
            generator.teach("reconstructor")
        settings = replace(self, beta1=self.reconstructor_beta1)
        learner = player(settings, generator, self.rate, self.reconstructor_rounds, ema=self.ema)
        return Supervised(learner, {"mse": (1.0, mean_squared)}, inputs=KSPACE, target="image")

    def _refinement(self, generator: "nn.Module", device: "torch.device") -> "Game":
        from finemri.losses.adversarial import CrossEntropy
        from finemri.losses.balance import Balance
        from finemri.losses.matching import feature_matching
        from finemri.losses.view import magnitude
        from finemri.networks.refinement import Refiner
        from finemri.recipes.players import player
        from finemri.training.games import Adversarial
        from finemri.training.replay import Replay

        assert isinstance(generator, Refiner)
        generator.teach("both" if self.joint else "refinement")
        generator.gate.data.fill_(self.gate)
        rounds = self.refinement_rounds
        real = (self.real_label, self.real_label)
        return Adversarial(
            player(self, generator, self.rate, rounds, ema=self.ema),
            player(self, self.critic(), self.rate, rounds),
            CrossEntropy(real, (0.0, 0.0), (1.0, 1.0)),
            self.adversarial,
            self._losses(device),
            replay=Replay(self.pool) if self.pool else None,
            inputs=KSPACE,
            target="image",
            seen=magnitude,
            matching=(self.matching, feature_matching),
            penalties={"penalty": (self.penalty, _mean_correction)},
            balance=Balance(("adversarial", "matching", "mse", "perceptual", "penalty")) if self.balance else None,
        )

    def _losses(self, device: "torch.device") -> "Losses":
        from finemri.losses.fidelity import mean_squared
        from finemri.losses.perceptual import Perceptual

        features = self.features()
        perceptual = {} if features is None else {"perceptual": (self.perceptual, Perceptual(features.to(device)))}
        return {"mse": (self.mse, mean_squared), **perceptual}


def _mean_correction(network: "nn.Module") -> "Tensor":
    """mean |V(x)| of the last pass."""
    correction: Tensor = network.correction  # type: ignore[assignment]
    return correction.abs().mean()
