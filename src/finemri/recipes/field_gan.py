"""FieldGAN: a low field's image becomes a high field's, learnt from people scanned at both (Ravikumar)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from finemri.refusal import Refusal

if TYPE_CHECKING:
    import torch
    from torch import nn

    from finemri.cohorts.cohort import Cohort
    from finemri.cohorts.examples import Examples
    from finemri.losses.adversarial import CrossEntropy, LeastSquares, WassersteinGP
    from finemri.networks.features import VGGFeatures
    from finemri.training.games import Game, Losses
    from finemri.training.loop import Stage
    from finemri.volumes.enhancer import Enhancer

SPACING = 20
"""Pixels from patch to patch in the paper's dense prediction."""
ONE_SIZE = ("unet", "fcn2")
"""Generators that take patches, for they pool: what they make depends on where a slice is cut."""


@dataclass(frozen=True)
class FieldGAN:
    """Settings of one training; the defaults are the paper's model 7. Without a critic it is one of its CNNs.

    Brightness is 0…1 up to the 99.9th percentile, and nothing is clipped. The U-Net's tanh cannot make more than 1, so
    that what is brighter comes out at its limit: ``tanh=False`` leaves it free.
    """

    paper: ClassVar[str] = "Ravikumar, Reconstructing 9.4T MRI from 7T MRI images using generative adversarial networks"
    job: ClassVar[str] = "synthesise"

    generator_kind: Literal["fcn1", "fcn2", "dcsrn", "dcgan1", "dcgan2", "dcgan3", "unet", "residual-3d"] = "unet"
    """The paper's, solved from their parameter counts (dcgan1, dcgan2, dcgan3 and unet are a, c, e and g); residual-3d:
    a correction to the coarse volume, beyond it."""
    kernels: tuple[int, int, int, int] = (9, 7, 5, 1)
    """Of fcn1; 7 7 5 3 has as many parameters."""
    layout: Literal["a", "b", "c"] = "a"
    """Of dcgan1, whose count does not tell it; see networks/dcgan.py."""
    tanh: bool = True
    """Bound the U-Net's output to −1..1, as the published library does."""
    dropout: float = 0.0
    """Of the U-Net."""
    features: int = 32
    """Feature maps of residual-3d."""
    blocks: int = 6
    """Residual blocks of residual-3d."""
    residual: bool = False
    """Add the coarse image to what the generator makes; the paper tried it and dropped it."""
    sharpen: Literal[0, 3, 5] = 0
    """Size of the paper's sharpening kernel behind the generator; 0: none."""
    sharpen_pad: Literal["zeros", "edge"] = "zeros"
    """What the sharpening takes to lie beyond the border of a patch."""

    critic_kind: Literal["none", "b", "d", "f", "h", "pool"] = "d"
    """b, d and f judge patches, h (PatchGAN) places of them: proposals that fit the text, for the figures are lost;
    pool judges volumes; none: the generator learns alone, which the paper lacks as a control."""
    critic_features: int = 16
    """Maps of the first layer of h and pool."""
    conditional: bool = False
    """Show the critic the coarse patch besides, as pix2pix does."""
    rule: Literal["cross-entropy", "least-squares", "wasserstein-gp"] = "cross-entropy"
    """How the critic is read; its batch normalisation goes with wasserstein-gp."""
    critic_factor: float = 0.5
    """Of the critic's cross-entropy: the paper's ½."""
    critic_turns: int = 1
    """Rounds of the critic for each of the generator's."""

    adversarial: float = 1.0
    """Weight λ₁ of the adversarial loss."""
    l1: float = 2.0
    """Weight λ₂ of the mean absolute error."""
    l2: float = 0.0
    """Weight λ₂ of the mean squared error."""
    gradient: float = 0.0
    """Weight λ₃ of the gradient difference loss."""
    gradient_pad: Literal["zero", "none"] = "zero"
    """zero: as published, with a term that compares the outermost pixels with 0; none: inside alone."""
    perceptual: float = 0.0
    """Weight λ₄ of the absolute difference of VGG's maps; needs ``vgg``."""
    vgg: str = ""
    """Safetensors file of VGG16 (or VGG19) with torchvision's key names."""
    vgg_layers: tuple[str, ...] = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
    """The maps that are compared; read literally, the paper's indices are pool1 pool2 pool3 pool4."""
    vgg_convention: Literal["file", "torchvision", "caffe"] = "file"
    """How VGG was taught to see images; file: as its metadata say."""
    vgg_sha256: str = ""
    """What the file's digest has to be; empty: not checked."""

    rounds: int = 8_730
    """Rounds: 30 epochs of 9300 patches; the paper's CNNs had 10."""
    batch: int = 32
    """Patches a round."""
    generator_rate: float = 2e-3
    """Adam's learning rate of the generator."""
    critic_rate: float = 2e-4
    """Adam's learning rate of the critic."""
    beta1: float = 0.9
    """Adam's first decay; the paper says nothing, pix2pix has 0.5."""
    beta2: float = 0.999
    """Adam's second decay."""
    schedule: Literal["constant", "cosine"] = "constant"
    """cosine: a short warm-up, then down to a hundredth along half a cosine."""
    ema: float | None = None
    """Decay of the running average of the generator's weights; none: the last weights count."""
    clip: float | None = None
    """Largest gradient norm; none: unclipped."""

    patch: int = 64
    """Edge of the patches in pixels, of cubes for residual-3d; the paper tried 32 as well."""
    per_person: int = 300
    """So many patches of each person, drawn once; 0: others every time."""
    axes: tuple[int, ...] = (0, 1, 2)
    """Across which axes of the file slices lie that are learnt from."""
    enhanced_axes: tuple[int, ...] = (2,)
    """Across which axes a volume is enhanced; of several, the mean."""
    stitching: Literal["blend", "published"] = "blend"
    """blend: whole slices where the generator takes any size, else patches that fade into each other; published:
    patches every 20 pixels, averaged."""
    border: int = 4
    """Pixels that patches lose at their ends before they are put together; of the paper's, only the CNNs' do."""
    flips: bool = False
    """Mirror pairs at random."""
    jitter: float = 0.0
    """Deviation of log brightness."""
    normaliser: Literal["percentile", "max"] = "percentile"
    """Brightness of each scan: 0..1 by the 99.9th percentile, or −1..1 by the maximum."""
    precision: Literal["bf16", "fp32"] = "fp32"
    """Of the network when it enhances."""

    def __post_init__(self) -> None:
        if min(self.rounds, self.batch, self.critic_turns, self.critic_features, self.features, self.blocks) < 1:
            raise Refusal("rounds, batch, critic_turns, critic_features, features and blocks are at least 1.")
        if min(self.adversarial, *self._weights.values(), self.per_person, self.jitter, self.border) < 0:
            raise Refusal("Weights of losses, per_person, jitter and border are at least 0.")
        for axes in (self.axes, self.enhanced_axes):
            if not axes or len(set(axes)) != len(axes) or not set(axes) <= {0, 1, 2}:
                raise Refusal(f"Slices lie across axes 0, 1 and 2 of a file, each named once at most, not {axes}.")
        if not any(self._weights.values()) and (self.critic_kind == "none" or not self.adversarial):
            raise Refusal("There is nothing to learn: give a loss a weight above 0.")
        self._refuse_patch()
        if self._cubes:
            self._refuse_flat()
        elif self.critic_kind == "pool":
            raise Refusal("The critic of volumes goes with residual-3d: set critic_kind to b, d, f or h.")

    def generator(self) -> "nn.Module":
        """A fresh generator: (b, 1, i, j) -> (b, 1, i, j), of cubes with k."""
        from finemri.networks.planes import Residual
        from finemri.networks.sharpen import Sharpen

        network = self._network()
        if self.residual:
            network = Residual(network)
        if not self.sharpen:
            return network
        from torch import nn

        return nn.Sequential(network, Sharpen(self.sharpen, self.sharpen_pad))

    def critic(self) -> "nn.Module":
        """A fresh critic; without batch normalisation where the gradient penalty forbids it. Volumes have none."""
        from finemri.networks.critics import VolumeCritic
        from finemri.networks.field_critics import FieldCritic
        from finemri.networks.pix2pix import PatchCritic

        inputs, normalise = 1 + self.conditional, self.rule != "wasserstein-gp"
        if self.critic_kind == "none":
            raise Refusal("This recipe has no critic: set critic_kind.")
        if self.critic_kind == "pool":
            return VolumeCritic(head="pool", features=self.critic_features, normalise=False)
        if self.critic_kind == "h":
            return PatchCritic(inputs, self.critic_features, normalise)
        return FieldCritic(self.critic_kind, inputs, self.patch, normalise)

    def networks(self) -> "Mapping[str, nn.Module]":
        """Generator and, where there is one, critic."""
        generator = {"generator": self.generator()}
        return generator if self.critic_kind == "none" else {**generator, "critic": self.critic()}

    def examples(self, cohorts: "Sequence[Cohort]", shares: Sequence[float], seed: int) -> "Examples":
        """Patches of the cohorts' pairs, at the same place in both."""
        from finemri.cohorts.pairs import patches_of_pairs, slices_of_pairs

        pool = self.per_person or None
        edge, own = self.patch, {"normaliser": self.normaliser, "flips": self.flips, "jitter": self.jitter}
        if self._cubes:
            return patches_of_pairs(cohorts, shares, seed, patch=(edge,) * 3, per_person=pool, **own)
        return slices_of_pairs(cohorts, shares, seed, patch=(edge,) * 2, axes=self.axes, per_person=pool, **own)

    def stages(self, generator: "nn.Module", examples: "Examples") -> "Sequence[Stage]":
        """One: against the critic, or alone."""
        from finemri.training.loop import Stage

        self._vgg()  # a missing file is refused now
        name = "fidelity" if self.critic_kind == "none" else "adversarial"
        return [Stage(name, self.rounds, lambda fabric: self._game(generator, fabric.device), examples, self.batch)]

    def enhancer(self, generator: "nn.Module", device: str = "cpu") -> "Enhancer":
        """The trained generator at work: on slices, on patches of slices, or on volumes."""
        from finemri.recipes.network_enhancer import NetworkEnhancer
        from finemri.recipes.slice_enhancer import SliceEnhancer

        if self._cubes:
            return NetworkEnhancer(
                generator, scale=1, normaliser=self.normaliser, device=device, precision=self.precision
            )
        published = self.stitching == "published"
        return SliceEnhancer(
            generator,
            normaliser=self.normaliser,
            axes=self.enhanced_axes,
            patch=self.patch if published or self.generator_kind in ONE_SIZE else None,
            stride=SPACING if published else None,
            border=self.border,
            blend=self.stitching,
            device=device,
            precision=self.precision,
        )

    @property
    def _cubes(self) -> bool:
        return self.generator_kind == "residual-3d"

    @property
    def _weights(self) -> dict[str, float]:
        return {"l1": self.l1, "l2": self.l2, "gradient": self.gradient, "perceptual": self.perceptual}

    def _network(self) -> "nn.Module":
        from finemri.networks.dcgan import DCGAN1, DCGAN2, DCGAN3
        from finemri.networks.dcsrn2d import DCSRN2D
        from finemri.networks.fcn import FCN1, FCN2
        from finemri.networks.pix2pix import Pix2PixUNet
        from finemri.networks.srresnet import ResidualSR3D

        match self.generator_kind:
            case "fcn1":
                return FCN1(self.kernels)
            case "fcn2":
                return FCN2()
            case "dcsrn":
                return DCSRN2D()
            case "dcgan1":
                return DCGAN1(self.layout)
            case "dcgan2":
                return DCGAN2()
            case "dcgan3":
                return DCGAN3()
            case "unet":
                return Pix2PixUNet(self.patch, self.dropout, self.tanh)
            case "residual-3d":
                return ResidualSR3D(1, self.features, self.blocks)

    def _game(self, generator: "nn.Module", device: "torch.device") -> "Game":
        from finemri.recipes.players import player
        from finemri.training.games import Adversarial, Supervised

        learner = player(self, generator, self.generator_rate, self.rounds, ema=self.ema, beta2=self.beta2)
        losses = self._losses(device)
        if self.critic_kind == "none":
            return Supervised(learner, losses)
        return Adversarial(
            learner,
            player(self, self.critic(), self.critic_rate, self.rounds, beta2=self.beta2),
            self._rule(),
            self.adversarial,
            losses,
            critic_turns=self.critic_turns,
            conditional=self.conditional,
        )

    def _rule(self) -> "CrossEntropy | LeastSquares | WassersteinGP":
        from finemri.losses.adversarial import CrossEntropy, LeastSquares, WassersteinGP

        if self.rule == "wasserstein-gp":
            return WassersteinGP()
        return LeastSquares() if self.rule == "least-squares" else CrossEntropy(factor=self.critic_factor)

    def _losses(self, device: "torch.device") -> "Losses":
        from functools import partial

        from finemri.losses.fidelity import mean_absolute, mean_squared
        from finemri.losses.gradient import gradient_difference, gradient_difference_published
        from finemri.losses.perceptual import LayeredPerceptual

        edges = gradient_difference if self._cubes else partial(gradient_difference_published, pad=self.gradient_pad)
        losses: Losses = {
            "l1": (self.l1, mean_absolute),
            "l2": (self.l2, mean_squared),
            "gradient": (self.gradient, edges),
        }
        vgg = self._vgg()
        return losses if vgg is None else {**losses, "perceptual": (self.perceptual, LayeredPerceptual(vgg.to(device)))}

    def _vgg(self) -> "VGGFeatures | None":
        """VGG, or none where its loss has no weight. Raises Refusal where it has one and there is no file."""
        if not self.perceptual:
            return None
        from finemri.recipes.vgg import features_of

        return features_of(self, self.vgg_layers, brightness="standardised")

    def _refuse_patch(self) -> None:
        if self.patch < 8:
            raise Refusal(f"A patch has an edge of at least 8 pixels, not {self.patch}.")
        if self.generator_kind == "unet" and self.patch not in (32, 64):
            raise Refusal(f"The U-Net is made for patches of 64 or 32, not {self.patch}.")
        if not 0 <= self.dropout < 1 or (self.dropout and self.patch == 32):
            raise Refusal("dropout lies in 0..1, below 1, and the U-Net of 32 has no level for it: leave it 0 there.")
        if self.critic_kind in ("b", "d", "f") and self.patch % 16:
            raise Refusal(f"This critic halves a patch four times, which {self.patch} does not allow; set 64 or 32.")
        if self.critic_kind == "h" and self.patch < 24:
            raise Refusal(f"This critic judges patches of 24 and more, not {self.patch}.")
        spacing = SPACING if self.stitching == "published" else self.patch // 2
        if not self._cubes and spacing > self.patch - 2 * self.border:
            raise Refusal(
                f"Patches of {self.patch} every {spacing} leave gaps when they lose {self.border} at each end."
            )

    def _refuse_flat(self) -> None:
        """What only slices have."""
        if self.critic_kind not in ("none", "pool"):
            raise Refusal("The critic of residual-3d judges volumes: set critic_kind to pool, or to none.")
        if self.sharpen or self.conditional or self.perceptual or self.residual:
            raise Refusal("residual-3d has no sharpen, conditional, perceptual or residual of its own: leave them out.")
        if self.stitching == "published":
            raise Refusal("Volumes are tiled and blended; published is a way to put slices together.")
