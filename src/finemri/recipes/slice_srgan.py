"""SRGAN on slices: thick ones become thin ones, learnt from people who were scanned twice (Narcomey & Gu, 2019)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from finemri.refusal import Refusal

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from finemri.cohorts.cohort import Cohort
    from finemri.cohorts.examples import Examples
    from finemri.networks.features import VGGFeatures
    from finemri.training.games import Game, Losses
    from finemri.training.loop import Stage
    from finemri.volumes.enhancer import Enhancer


@dataclass(frozen=True)
class SliceSRGAN:
    """Settings of one training: SRResNet by squared error, then SRGAN. The defaults are those of the published code for
    its Model 1, the critic's pooled head aside; what it did by mistake is a setting, off."""

    paper: ClassVar[str] = "Narcomey & Gu, Through thick and thin: SRGAN on paired thick and thin slices, 2019"
    job: ClassVar[str] = "super-resolve"

    neighbours: Literal["none", "output", "input"] = "none"
    """output: the slice is made with its neighbours, three at a time (the paper's Model 2), and the middle one counts;
    input: the neighbours of the coarse slice are shown as well, which the paper did not try."""
    features: int = 64
    """Feature maps of the generator."""
    blocks: int = 16
    """Residual blocks of the generator."""
    critic_head: Literal["dense", "pool"] = "pool"
    """dense: the paper's, for slices of one size; pool: average over all places first, any size."""
    critic_size: tuple[int, int] = (512, 512)
    """Size of whole slices that the dense head is made for; patches have their own."""
    critic_features: int = 64
    """Maps of the critic's first layer; the widest has 32 times as many."""

    mse: float = 1.0
    """Weight of the mean squared error beside the critic: 1 as the code has it; the paper's equation has none."""
    perceptual: float = 2e-6
    """Weight of the squared difference of VGG's maps, which needs ``vgg``: the code's; the paper's equation has 1."""
    adversarial: float = 1e-3
    """Weight of the adversarial loss."""
    vgg: str = ""
    """Safetensors file of VGG19 (or VGG16) with torchvision's key names."""
    vgg_layer: str = "pool4"
    """The maps that are compared."""
    vgg_convention: Literal["file", "torchvision", "caffe"] = "file"
    """How VGG was taught to see images; file: as its metadata say."""
    vgg_sha256: str = ""
    """What the file's digest has to be; empty: not checked."""
    vgg_size: int = 224
    """Images are resized to this before VGG; 0: left as they are."""
    vgg_as_published: bool = False
    """Show VGG images as the published code does: (x + 1) / 2, neither scaled nor centred as it was taught, and one
    slice through the mean of the first kernels over the colours."""

    srresnet_rounds: int = 6_008
    """Rounds of the first stage, squared error alone: an epoch of the paper's pairs."""
    adversarial_rounds: int = 30_040
    """Rounds against the critic: five epochs; 0: SRResNet alone."""
    batch: int = 1
    """Slices, or patches, a round."""
    rate: float = 1e-4
    """Adam's learning rate, of all."""
    switch: float = 0.1
    """What the rate is multiplied by half-way through the second stage; 1: nothing changes."""
    beta1: float = 0.9
    """Adam's first decay."""
    schedule: Literal["constant", "cosine"] = "constant"
    """cosine: a short warm-up, then down to a hundredth along half a cosine, in each stage, and no switch."""
    ema: float | None = None
    """Decay of the running average of the generator's weights; none: the last weights count."""
    clip: float | None = None
    """Largest gradient norm; none: unclipped."""

    patch: tuple[int, int] | None = None
    """Size of what is cut from slices; none: whole slices."""
    axes: tuple[int, ...] = (2,)
    """Across which axes of the file slices lie; others than 2 for pairs on one grid."""
    normaliser: Literal["none", "max", "percentile"] = "none"
    """Brightness: as the files have it, −1..1 by the maximum, or 0..1 by the 99.9th percentile, of each scan."""
    shuffled: bool = False
    """Draw slices at random; the published code takes them in the order of the files."""
    flips: bool = False
    """Mirror pairs at random."""
    jitter: float = 0.0
    """Deviation of log brightness."""
    tissue: float = 0.0
    """Share of a slice that has to show something."""
    scrambled: bool = False
    """As the published code by a slip: three fine slices are read as if their channels came last."""
    precision: Literal["bf16", "fp32"] = "fp32"
    """Of the network when it enhances."""

    def __post_init__(self) -> None:
        if min(self.srresnet_rounds, self.adversarial_rounds) < 0 or not self.srresnet_rounds + self.adversarial_rounds:
            raise Refusal("A training needs rounds: set srresnet_rounds or adversarial_rounds above 0.")
        if min(self.features, self.blocks, self.critic_features, self.batch, *self.critic_size) < 1:
            raise Refusal("features, blocks, critic_features, critic_size and batch are at least 1.")
        if min(self.mse, self.perceptual, self.adversarial, self.jitter) < 0 or not 0 < self.switch <= 1:
            raise Refusal("Weights of losses and jitter are at least 0, and switch lies in 0..1, above 0.")
        if self.adversarial_rounds and self.mse + self.perceptual + self.adversarial == 0:
            raise Refusal("The adversarial stage has nothing to learn: give a loss a weight above 0.")
        if self.scrambled and self.neighbours != "output":
            raise Refusal("Only three fine slices can be scrambled: set neighbours=output.")
        if self.patch is not None and (min(self.patch) < 1 or not self.shuffled):
            raise Refusal("Patches have at least one pixel along both axes, and are drawn at random: set shuffled.")
        if self.patch is not None and self.adversarial_rounds:
            self._refuse_one_place(self.patch)

    def generator(self) -> "nn.Module":
        """A fresh generator: (b, 1 or 3, i, j) -> (b, 1 or 3, i, j)."""
        from finemri.networks.slice_srresnet import SliceSRResNet

        return SliceSRResNet(self._inputs, self._outputs, self.features, self.blocks)

    def critic(self) -> "nn.Module":
        """A fresh critic of what the generator makes."""
        from finemri.networks.dagan import DAGANCritic

        return DAGANCritic(self.patch or self.critic_size, self.critic_head, self._outputs, self.critic_features)

    def networks(self) -> "Mapping[str, nn.Module]":
        """Generator and, where a stage needs it, critic."""
        generator = {"generator": self.generator()}
        return {**generator, "critic": self.critic()} if self.adversarial_rounds else generator

    def examples(self, cohorts: "Sequence[Cohort]", shares: Sequence[float], seed: int) -> "Examples":
        """Slices of the cohorts' pairs. Raises Refusal for cohorts without pairs, and for whole slices of several sizes
        where a batch, or the dense head, wants one."""
        from finemri.cohorts.pairs import slices_of_pairs

        examples = slices_of_pairs(
            cohorts,
            shares,
            seed,
            patch=self.patch,
            axes=self.axes,
            normaliser=self.normaliser,
            neighbours_in=self._inputs // 2,
            neighbours_out=self._outputs // 2,
            scrambled=self.scrambled,
            shuffled=self.shuffled,
            flips=self.flips,
            jitter=self.jitter,
            tissue=self.tissue,
        )
        if self.patch is None:
            self._refuse_sizes(examples.sizes)
        return examples

    def stages(self, generator: "nn.Module", examples: "Examples") -> "Sequence[Stage]":
        """SRResNet first, if it has rounds; then SRGAN."""
        from finemri.training.loop import Stage

        stages = []
        if self.srresnet_rounds:
            rounds = self.srresnet_rounds
            stages.append(Stage("srresnet", rounds, lambda _: self._supervised(generator), examples, self.batch))
        if self.adversarial_rounds:
            self._vgg()  # refused now, not after the first stage
            stages.append(
                Stage(
                    "srgan",
                    self.adversarial_rounds,
                    lambda fabric: self._adversaries(generator, fabric.device),
                    examples,
                    self.batch,
                )
            )
        return stages

    def enhancer(self, generator: "nn.Module", device: str = "cpu") -> "Enhancer":
        """The trained generator at work, slice by slice; with several axes, the mean along all of them."""
        from finemri.recipes.slice_enhancer import SliceEnhancer

        return SliceEnhancer(
            generator,
            normaliser=self.normaliser,
            axes=self.axes,
            neighbours=self._inputs // 2,
            device=device,
            precision=self.precision,
        )

    @property
    def _inputs(self) -> int:
        return 3 if self.neighbours == "input" else 1

    @property
    def _outputs(self) -> int:
        return 3 if self.neighbours == "output" else 1

    def _supervised(self, generator: "nn.Module") -> "Game":
        from finemri.losses.fidelity import mean_squared
        from finemri.recipes.players import player
        from finemri.training.games import Supervised

        learner = player(self, generator, self.rate, self.srresnet_rounds, ema=self.ema)
        return Supervised(learner, {"mse": (1.0, mean_squared)})

    def _adversaries(self, generator: "nn.Module", device: "torch.device") -> "Game":
        from finemri.losses.adversarial import CrossEntropy
        from finemri.recipes.players import player, switched
        from finemri.training.games import Adversarial

        rounds = self.adversarial_rounds
        factor = switched(rounds // 2, self.switch) if self.schedule == "constant" else None
        return Adversarial(
            player(self, generator, self.rate, rounds, ema=self.ema, factor=factor),
            player(self, self.critic(), self.rate, rounds, factor=factor),
            CrossEntropy(),
            self.adversarial,
            self._losses(device),
        )

    def _losses(self, device: "torch.device") -> "Losses":
        from finemri.losses.fidelity import mean_squared
        from finemri.losses.perceptual import Perceptual

        losses: Losses = {"mse": (self.mse, mean_squared)}
        vgg = self._vgg()
        if vgg is None:
            return losses
        vgg = vgg.to(device)

        def seen(image: "Tensor") -> "Tensor":
            if self.vgg_as_published:
                return _as_published(image, vgg)
            return (image + 1) / 2 if self.normaliser == "max" else image

        return {**losses, "perceptual": (self.perceptual, Perceptual(vgg, seen))}

    def _vgg(self) -> "VGGFeatures | None":
        """VGG, or none where its loss has no weight. Raises Refusal where it has one and there is no file."""
        if not self.perceptual:
            return None
        from finemri.recipes.vgg import features_of

        return features_of(self, self.vgg_layer, size=self.vgg_size or None)

    def _refuse_sizes(self, sizes: "frozenset[tuple[int, ...]]") -> None:
        told = ", ".join(f"{i}×{j}" for i, j in sorted(sizes)[:4])
        if self.batch > 1 and len(sizes) > 1:
            raise Refusal(f"Whole slices of several sizes ({told}) make no batch: set batch to 1, or patch to a size.")
        dense = self.adversarial_rounds and self.critic_head == "dense"
        if dense and sizes != {self.critic_size}:
            i, j = self.critic_size
            raise Refusal(
                f"The critic's dense head is made for {i}×{j}, and slices have {told}: set critic_size, critic_head "
                "to pool, or patch."
            )
        if self.adversarial_rounds:
            for i, j in sizes:
                self._refuse_one_place((i, j))

    def _refuse_one_place(self, size: tuple[int, int]) -> None:
        """Batch normalisation of a single value would always be 0."""
        if self.batch == 1 and max(size) <= 64:
            raise Refusal(
                f"A critic that halves {size[0]}×{size[1]} six times is left with one place, and normalises over one "
                "image: set batch above 1."
            )


def _as_published(image: "Tensor", vgg: "VGGFeatures") -> "Tensor":
    """What VGG has to be given so that (x + 1) / 2 reaches its first kernels; of one slice a third, for each colour."""
    w = (image + 1) / (2 if image.shape[1] == 3 else 6)
    shown: Tensor = w.expand(-1, 3, -1, -1) * vgg.deviation + vgg.mean
    return (shown / 255).flip(1) if vgg.reversed else shown
