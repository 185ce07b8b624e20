"""DAGAN: a deep U-Net on the zero-filled magnitude, against a critic, VGG and the spectrum (Yang et al., 2018)."""

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
    from finemri.rawdata.reconstructor import Reconstructor
    from finemri.training.games import Game, Loss, Losses
    from finemri.training.loop import Stage


@dataclass(frozen=True)
class DAGAN:
    """Settings of one training; the defaults are the published ones. It discards the phase."""

    paper: ClassVar[str] = "Yang et al., DAGAN, IEEE TMI 2018; a baseline of Seitzer et al., MICCAI 2018"
    job: ClassVar[str] = "reconstruct"

    scanning: Scanning = Scanning(
        patterns=("gaussian-1d",), accelerations=(8.0,), phase=False, turn=False, one_mask=True
    )
    """How people are measured."""
    levels: int = 8
    """Times that the U-Net halves the size; images of at least 2^levels."""
    refine: bool = True
    """Add the zero-filled image to the network's output."""
    ceiling: float = 2.0
    """Brightest magnitude that the network can make, brightest tissue 1."""
    critic_size: tuple[int, int] = (0, 0)
    """Matrix that the critic's dense head is made for; 0 0: average over all places instead, any size."""
    critic_features: int = 64
    """Maps of the critic's first layer; the widest has 32 times as many."""

    adversarial: float = 1.0
    """Weight of the adversarial loss."""
    error: float = 15.0
    """Weight of ‖x̂ − x‖ / ‖x‖."""
    perceptual: float = 0.0025
    """Weight of the squared difference of VGG16's maps; needs ``vgg``."""
    spectrum: float = 0.1
    """Weight of the squared difference of |F x̂| and |F x|."""
    vgg: str = ""
    """Safetensors file of VGG16 (or VGG19) with torchvision's key names."""
    vgg_layer: str = "pool4"
    """The maps that are compared."""
    vgg_convention: Literal["file", "torchvision", "caffe"] = "file"
    """How VGG was taught to see images; file: as its metadata say."""
    vgg_sha256: str = ""
    """What the file's digest has to be; empty: not checked."""
    vgg_size: int = 244
    """Images are resized to this before VGG; 0: left as they are."""

    rounds: int = 10_000
    """Rounds with the critic."""
    batch: int = 25
    """Slices a round."""
    rate: float = 1e-4
    """Adam's learning rate, of both."""
    halve_every: int = 250
    """Rounds after which the learning rate halves: five epochs of 1248 slices; 0: never."""
    beta1: float = 0.5
    """Adam's first decay."""
    schedule: Literal["constant"] = "constant"
    """Beside halve_every."""
    ema: float | None = None
    """Decay of the running average of the weights; none: the last weights count."""
    clip: float | None = None
    """Largest gradient norm; none: unclipped."""

    def __post_init__(self) -> None:
        if min(self.rounds, self.batch, self.levels, self.critic_features) < 1 or self.halve_every < 0:
            raise Refusal("rounds, batch, levels and critic_features are at least 1, halve_every at least 0.")
        if min(self.adversarial, self.error, self.perceptual, self.spectrum) < 0:
            raise Refusal("Weights of losses are at least 0.")
        if self.scanning.unpaired:
            raise Refusal("DAGAN learns from pairs: leave unpaired out.")

    def generator(self) -> "nn.Module":
        """A fresh U-Net: k-space, mask, sensitivities -> image without phase."""
        from finemri.networks.dagan import DAGANGenerator

        return DAGANGenerator(self.levels, self.refine, self.ceiling)

    def critic(self) -> "nn.Module":
        """A fresh critic of magnitudes."""
        from finemri.networks.dagan import DAGANCritic

        if min(self.critic_size) > 0:
            return DAGANCritic(self.critic_size, "dense", features=self.critic_features)
        return DAGANCritic(head="pool", features=self.critic_features)

    def networks(self) -> "Mapping[str, nn.Module]":
        """Generator and critic."""
        return {"generator": self.generator(), "critic": self.critic()}

    def examples(self, cohorts: "Sequence[Cohort]", shares: Sequence[float], seed: int) -> "Examples":
        """Slices of the cohorts' people, measured."""
        return self.scanning.examples(cohorts, shares, batch=self.batch, seed=seed)

    def stages(self, generator: "nn.Module", examples: "Examples") -> "Sequence[Stage]":
        """One."""
        from finemri.training.loop import Stage

        self._losses()  # a missing VGG is refused now
        return [
            Stage(
                "adversarial",
                self.rounds,
                lambda fabric: self._adversaries(generator, fabric.device),
                examples,
                self.batch,
            )
        ]

    def reconstructor(self, generator: "nn.Module", device: str = "cpu") -> "Reconstructor":
        """The trained generator at work."""
        from finemri.recipes.network_reconstructor import NetworkReconstructor

        return NetworkReconstructor(generator, device=device)

    def _adversaries(self, generator: "nn.Module", device: "torch.device") -> "Game":
        from finemri.losses.adversarial import CrossEntropy
        from finemri.recipes.players import halving, player
        from finemri.training.games import Adversarial

        factor = halving(self.halve_every) if self.halve_every else None
        return Adversarial(
            player(self, generator, self.rate, self.rounds, ema=self.ema, factor=factor),
            player(self, self.critic(), self.rate, self.rounds, factor=factor),
            CrossEntropy(),
            self.adversarial,
            self._losses(device),
            inputs=KSPACE,
            target="image",
            seen=self._seen,
        )

    def _losses(self, device: "torch.device | None" = None) -> "Losses":
        from finemri.losses.perceptual import Perceptual
        from finemri.losses.spectrum import relative_error, spectral_magnitude
        from finemri.recipes.vgg import features_of

        losses: Losses = {
            "error": (self.error, _of_magnitudes(relative_error)),
            "spectrum": (self.spectrum, _of_magnitudes(spectral_magnitude)),
        }
        if not self.perceptual:
            return losses
        features = features_of(self, self.vgg_layer, size=self.vgg_size or None)
        return {**losses, "perceptual": (self.perceptual, Perceptual(features.to(device)))}

    def _seen(self, image: "Tensor") -> "Tensor":
        """What the critic sees: magnitude, −1..1."""
        return image.abs()[:, None] * (2 / self.ceiling) - 1


def _of_magnitudes(loss: "Loss") -> "Loss":
    """The loss of |x̂| and |x|: DAGAN knows no phase."""

    def compare(made: "Tensor", true: "Tensor") -> "Tensor":
        return loss(made.abs()[:, None], true.abs()[:, None])

    return compare
