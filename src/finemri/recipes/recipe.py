"""Recipe: what every published system on the shelf can do, told in plain settings."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

if TYPE_CHECKING:  # the command line lists the shelf and must not wait for torch
    from torch import nn

    from finemri.cohorts.cohort import Cohort
    from finemri.cohorts.examples import Examples
    from finemri.rawdata.reconstructor import Reconstructor
    from finemri.recipes.restoring import Restorer
    from finemri.training.loop import Stage
    from finemri.volumes.enhancer import Enhancer


@runtime_checkable
class Recipe(Protocol):
    """A frozen dataclass: its fields are the command line, the header of the checkpoint and the documentation."""

    paper: ClassVar[str]
    """Where it was published."""
    job: ClassVar[str]
    """"super-resolve", "restore", "reconstruct", "synthesise" or "segment"."""

    def generator(self) -> "nn.Module":
        """A fresh generator."""

    def networks(self) -> "Mapping[str, nn.Module]":
        """Every network that training involves, by name."""

    def examples(self, cohorts: "Sequence[Cohort]", shares: Sequence[float], seed: int) -> "Examples":
        """What to learn from: cohort n is drawn ``shares[n]`` times as often."""

    def stages(self, generator: "nn.Module", examples: "Examples") -> "Sequence[Stage]":
        """The games to play, in order."""


@runtime_checkable
class Enhancing(Recipe, Protocol):
    """A recipe whose job is "super-resolve" or "synthesise"."""

    def enhancer(self, generator: "nn.Module", device: str = "cpu") -> "Enhancer":
        """The trained generator at work."""


@runtime_checkable
class Restoring(Recipe, Protocol):
    """A recipe whose job is "restore": thick slices at any spacing become thin ones."""

    def restorer(self, generator: "nn.Module", device: str = "cpu") -> "Restorer":
        """The trained generator at work."""


@runtime_checkable
class Reconstructing(Recipe, Protocol):
    """A recipe whose job is "reconstruct"."""

    def reconstructor(self, generator: "nn.Module", device: str = "cpu") -> "Reconstructor":
        """The trained generator at work."""
