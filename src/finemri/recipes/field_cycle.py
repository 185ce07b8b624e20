"""CycleGAN: coarse becomes fine for people who have no pairs, each scan of a person being of one quality alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from finemri.refusal import Refusal

if TYPE_CHECKING:
    from torch import nn

    from finemri.cohorts.cohort import Cohort
    from finemri.cohorts.examples import Examples
    from finemri.losses.adversarial import CrossEntropy, LeastSquares, WassersteinGP
    from finemri.training.games import Game
    from finemri.training.loop import Stage
    from finemri.volumes.enhancer import Enhancer

ANY_SIZE = ("dcsrn",)
"""Generators that take whole slices; the others pool, and take patches."""


@dataclass(frozen=True)
class FieldCycle:
    """Settings of one training; weights, rate, batch and pool are Zhu's.

    Two cohorts without pairs: the first has coarse scans, the second fine ones. A cohort of pairs is learnt from as if
    nobody knew that they are pairs: the fine slice is always another person's.
    """

    paper: ClassVar[str] = "Zhu et al., Unpaired image-to-image translation, ICCV 2017; beyond Ravikumar's pairs"
    job: ClassVar[str] = "synthesise"

    generator_kind: Literal["residual", "unet", "dcsrn"] = "residual"
    """residual: a U-Net without normalisation that adds to its input and begins as the identity; unet: pix2pix's, which
    makes the image anew; dcsrn: Chen's dense one."""
    features: int = 24
    """Maps of residual at full size."""
    tanh: bool = False
    """Bound the output of unet to −1..1."""
    critic_kind: Literal["h", "b", "d", "f"] = "h"
    """h judges places of a patch, as the paper's do; b, d and f the whole patch (FieldGAN)."""
    critic_features: int = 16
    """Maps of the first layer of h."""
    rule: Literal["least-squares", "cross-entropy", "wasserstein-gp"] = "least-squares"
    """How both critics are read."""

    adversarial: float = 1.0
    """Weight of both adversarial losses."""
    cycle: float = 10.0
    """Weight of the mean absolute difference between an image and what comes back of it."""
    identity: float = 5.0
    """Weight of what a generator changes of an image that already is of the kind it makes."""
    pool: int = 50
    """Past images that each critic goes on seeing; 0: none."""

    rounds: int = 20_000
    """Rounds of all four."""
    batch: int = 4
    """Patches of either kind a round."""
    rate: float = 2e-4
    """Adam's learning rate, of all four."""
    beta1: float = 0.5
    """Adam's first decay."""
    schedule: Literal["constant", "cosine"] = "cosine"
    """cosine: a short warm-up, then down to a hundredth along half a cosine."""
    ema: float | None = 0.999
    """Decay of the running average of the generator's weights; none: the last weights count."""
    clip: float | None = None
    """Largest gradient norm; none: unclipped."""

    patch: int = 64
    """Edge of the patches in pixels."""
    axes: tuple[int, ...] = (0, 1, 2)
    """Across which axes of the file slices lie that are learnt from; 2 alone for pairs that are matched by slice."""
    enhanced_axes: tuple[int, ...] = (2,)
    """Across which axes a volume is enhanced; of several, the mean."""
    border: int = 4
    """Pixels that patches lose at their ends before they are put together."""
    unpaired: bool = True
    """Of pairs, take the fine slice from another person; without, from the same place: for comparison, since nothing
    here looks at what belongs together."""
    flips: bool = False
    """Mirror patches at random."""
    normaliser: Literal["percentile", "max"] = "percentile"
    """Brightness of each scan: 0..1 by the 99.9th percentile, or −1..1 by the maximum."""
    precision: Literal["bf16", "fp32"] = "fp32"
    """Of the network when it enhances."""

    def __post_init__(self) -> None:
        if min(self.rounds, self.batch, self.features, self.critic_features) < 1:
            raise Refusal("rounds, batch, features and critic_features are at least 1.")
        if min(self.cycle, self.identity, self.pool, self.border) < 0 or self.adversarial <= 0:
            raise Refusal("cycle, identity, pool and border are at least 0, and adversarial is above 0.")
        if self.patch % 16 or self.patch < 32 or (self.generator_kind == "unet" and self.patch not in (32, 64)):
            raise Refusal(f"A patch is a multiple of 16 from 32 on, and 32 or 64 for unet, not {self.patch}.")
        if self.patch // 2 > self.patch - 2 * self.border:
            raise Refusal(f"Patches of {self.patch} leave gaps when they lose {self.border} at each end.")
        for axes in (self.axes, self.enhanced_axes):
            if not axes or len(set(axes)) != len(axes) or not set(axes) <= {0, 1, 2}:
                raise Refusal(f"Slices lie across axes 0, 1 and 2 of a file, each named once at most, not {axes}.")

    def generator(self) -> "nn.Module":
        """A fresh generator, for either direction: (b, 1, i, j) -> (b, 1, i, j)."""
        from finemri.networks.dcsrn2d import DCSRN2D
        from finemri.networks.pix2pix import Pix2PixUNet
        from finemri.networks.planes import Residual
        from finemri.networks.unet2d import UNet2D

        if self.generator_kind == "residual":
            return Residual(UNet2D(1, 1, self.features))
        return DCSRN2D() if self.generator_kind == "dcsrn" else Pix2PixUNet(self.patch, tanh=self.tanh)

    def critic(self) -> "nn.Module":
        """A fresh critic, of either kind; without batch normalisation where the gradient penalty forbids it."""
        from finemri.networks.field_critics import FieldCritic
        from finemri.networks.pix2pix import PatchCritic

        normalise = self.rule != "wasserstein-gp"
        if self.critic_kind == "h":
            return PatchCritic(1, self.critic_features, normalise)
        return FieldCritic(self.critic_kind, 1, self.patch, normalise)

    def networks(self) -> "Mapping[str, nn.Module]":
        """The generators there and back, and the critics of what they make."""
        return {
            "generator": self.generator(),
            "back": self.generator(),
            "critic": self.critic(),
            "back.critic": self.critic(),
        }

    def examples(self, cohorts: "Sequence[Cohort]", shares: Sequence[float], seed: int) -> "Examples":
        """Patches of slices of different people. Raises Refusal for what is neither pairs nor two cohorts."""
        from finemri.cohorts.pairs import slices_of_pairs
        from finemri.cohorts.unpaired import UnpairedSlices

        size, own = (self.patch, self.patch), {"normaliser": self.normaliser, "flips": self.flips}
        paired = [any(subject.pairs for subject in cohort.subjects) for cohort in cohorts]
        if paired and all(paired):
            return slices_of_pairs(cohorts, shares, seed, patch=size, axes=self.axes, unpaired=self.unpaired, **own)
        if any(paired) or len(cohorts) != 2 or not self.unpaired:
            raise Refusal(
                "Learning without pairs takes two cohorts, --cohort COARSE FINE, or cohorts of finemri pair; "
                f"these are {len(cohorts)}, {sum(paired)} of them with pairs."
            )
        coarse, fine = cohorts
        return UnpairedSlices(
            coarse, fine, seed=seed, patch=size, axes=self.axes, normaliser=self.normaliser, flips=self.flips
        )

    def stages(self, generator: "nn.Module", examples: "Examples") -> "Sequence[Stage]":
        """One."""
        from finemri.training.loop import Stage

        return [Stage("cycle", self.rounds, lambda _: self._cycle(generator), examples, self.batch)]

    def enhancer(self, generator: "nn.Module", device: str = "cpu") -> "Enhancer":
        """The generator there at work, on patches of slices or on slices."""
        from finemri.recipes.slice_enhancer import SliceEnhancer

        return SliceEnhancer(
            generator,
            normaliser=self.normaliser,
            axes=self.enhanced_axes,
            patch=None if self.generator_kind in ANY_SIZE else self.patch,
            border=self.border,
            device=device,
            precision=self.precision,
        )

    def _cycle(self, generator: "nn.Module") -> "Game":
        from finemri.recipes.players import player
        from finemri.training.cycle import Cycle

        return Cycle(
            player(self, generator, self.rate, self.rounds, ema=self.ema),
            player(self, self.generator(), self.rate, self.rounds),
            player(self, self.critic(), self.rate, self.rounds),
            player(self, self.critic(), self.rate, self.rounds),
            self._rule(),
            adversarial=self.adversarial,
            cycle=self.cycle,
            identity=self.identity,
            pool=self.pool,
        )

    def _rule(self) -> "LeastSquares | CrossEntropy | WassersteinGP":
        from finemri.losses.adversarial import CrossEntropy, LeastSquares, WassersteinGP

        if self.rule == "wasserstein-gp":
            return WassersteinGP()
        return LeastSquares() if self.rule == "least-squares" else CrossEntropy()
