"""Random-forest super-resolution: the learned baseline that is no network (Shermeyer; Ravikumar et al., 2021)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from finemri.refusal import Refusal

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch import nn

    from finemri.cohorts.cohort import Cohort
    from finemri.cohorts.examples import Examples
    from finemri.training.games import Game
    from finemri.training.loop import Stage
    from finemri.volumes.enhancer import Enhancer


@dataclass(frozen=True)
class Forest:
    """Settings of one forest: fine − coarse of each pixel, from how its neighbours differ from it.

    Trees, depth, neighbourhood and number of patches are the paper's; ``split``, ``sampled`` and the features are those
    of the published code that it builds on (github.com/jshermeyer/RFSR).
    """

    paper: ClassVar[str] = "Ravikumar et al., Facilitating ultra-high-field MRI with GANs, 2021: its baseline"
    job: ClassVar[str] = "synthesise"

    trees: int = 200
    """Trees of the forest."""
    depth: int = 15
    """Questions from the root to a leaf, at most."""
    neighbourhood: int = 5
    """Pixels along a side of what a pixel is told from; odd."""
    split: int = 200
    """Pixels that a node needs to ask another question."""
    patches: int = 2000
    """Patches to learn from, of all people together."""
    patch: int = 64
    """Pixels along a side of a patch."""
    sampled: float = 0.1
    """Share of the patches' pixels that trees are grown on; a tenth as many others say how well."""
    batch: int = 50
    """Patches prepared at a time; patches is a multiple of it."""
    at_a_time: int = 10
    """Trees a round."""
    axes: tuple[int, ...] = (0, 1, 2)
    """Across which axes of the file slices lie that are learnt from; 2 alone for pairs that are matched by slice."""
    enhanced_axes: tuple[int, ...] = (2,)
    """Across which axes a volume is enhanced; of several, the mean."""
    normaliser: Literal["percentile", "max"] = "percentile"
    """Brightness of scans: 0..1 by the 99.9th percentile, or −1..1 by the maximum."""

    def __post_init__(self) -> None:
        if min(self.trees, self.depth, self.patches, self.batch, self.at_a_time) < 1 or self.split < 2:
            raise Refusal("trees, depth, patches, batch and at_a_time are at least 1, split at least 2.")
        if not 0 < self.sampled < 1:
            raise Refusal(f"sampled is a share of the pixels, above 0 and below 1, not {self.sampled:g}.")
        if self.patches % self.batch:
            raise Refusal(f"{self.patches} patches are not whole batches of {self.batch}; change one of them.")
        if self.neighbourhood % 2 == 0 or not 3 <= self.neighbourhood <= 15:
            raise Refusal(f"neighbourhood is 3, 5, … or 15, not {self.neighbourhood}.")
        if self.patch <= self.neighbourhood:
            raise Refusal(f"A patch of {self.patch} pixels has no pixel with all its neighbours; enlarge it.")
        for axes in (self.axes, self.enhanced_axes):
            if not axes or len(set(axes)) != len(axes) or not set(axes) <= {0, 1, 2}:
                raise Refusal(f"Slices lie across axes 0, 1 and 2 of a file, each named once at most, not {axes}.")

    def generator(self) -> "nn.Module":
        """A forest without trees: (b, 1, i, j) -> (b, 1, i, j)."""
        from finemri.networks.forest import Forest as Trees

        return Trees(self.neighbourhood, self.depth)

    def networks(self) -> "Mapping[str, nn.Module]":
        """The forest; it has no parameters in the sense of a network."""
        return {"generator": self.generator()}

    def examples(self, cohorts: "Sequence[Cohort]", shares: Sequence[float], seed: int) -> "Examples":
        """Patches of slices of pairs."""
        from finemri.cohorts.pairs import slices_of_pairs

        size = (self.patch, self.patch)
        return slices_of_pairs(
            cohorts, shares, seed, patch=size, axes=self.axes, normaliser=self.normaliser, flips=False
        )

    def stages(self, generator: "nn.Module", examples: "Examples") -> "Sequence[Stage]":
        """One, with a round for every few trees. Raises Refusal where scikit-learn is missing."""
        from finemri.networks.forest import Forest as Trees
        from finemri.training.fitting import Again, need_sklearn
        from finemri.training.loop import Stage

        need_sklearn()
        if not isinstance(generator, Trees) or generator.trees:
            raise Refusal("A forest grows from nothing: leave start out.")
        rounds = -(-self.trees // self.at_a_time)
        learnt = Again(examples, self.patches)
        return [Stage("forest", rounds, lambda fabric: self._fitting(generator, fabric), learnt, self.batch)]

    def enhancer(self, generator: "nn.Module", device: str = "cpu") -> "Enhancer":
        """The forest at work, slice by slice."""
        from finemri.recipes.slice_enhancer import SliceEnhancer

        return SliceEnhancer(generator, normaliser=self.normaliser, axes=self.enhanced_axes, device=device)

    def _fitting(self, generator: "nn.Module", fabric: "Fabric") -> "Game":
        from finemri.training.fitting import Fitting, still

        if fabric.world_size > 1:
            raise Refusal("A forest grows in one process, by all its threads: train with --devices 1.")
        return Fitting(
            still(generator),
            trees=self.trees,
            at_a_time=self.at_a_time,
            batches=self.patches // self.batch,
            share=self.sampled,
            depth=self.depth,
            split=self.split,
        )
