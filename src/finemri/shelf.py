"""The shelf: every method by its name. Recipes, baselines, weights that ship, and checkpoints of your own.

Verbs may not import each other, and a method's name means the same to all of them: so it is looked up here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from finemri.recipes import RECIPES, Recipe
from finemri.recipes.recipe import Enhancing, Reconstructing, Restoring
from finemri.refusal import Refusal
from finemri.trained import find_trained, names_of, other_job, shipped_index, shipped_weights

if TYPE_CHECKING:
    from torch import nn

    from finemri.cohorts.slices import LabelledSlice
    from finemri.rawdata.reconstructor import Reconstructor
    from finemri.recipes.judges import VolumeSegmenter
    from finemri.recipes.restoring import Restorer
    from finemri.shapes import Magnitude
    from finemri.volumes.enhancer import Enhancer


@dataclass(frozen=True)
class Method:
    """An enhancer and where it comes from, for the provenance of what it makes."""

    name: str
    """Its name on the shelf, or of the checkpoint's recipe."""
    enhancer: "Enhancer"
    digest: str | None
    """SHA-256 of the weights' file; none for a baseline."""
    header: Mapping[str, Any]
    """What the weights' file says of itself; empty for a baseline."""
    parameters: int = 0
    """How many numbers its network learnt; 0 where it has none."""
    card: Path | None = None
    """The model card that lies beside the weights' file, if one does: the same name with .md."""


@dataclass(frozen=True)
class ReconstructionMethod:
    """A reconstructor and where it comes from; fields as those of Method."""

    name: str
    reconstructor: "Reconstructor"
    digest: str | None
    header: Mapping[str, Any]
    parameters: int = 0
    card: Path | None = None


@dataclass(frozen=True)
class RestorationMethod:
    """What makes thick slices thin, and where it comes from; fields as those of Method."""

    name: str
    restorer: "Restorer"
    digest: str
    header: Mapping[str, Any]
    parameters: int
    card: Path | None


@dataclass(frozen=True)
class SegmentationMethod:
    """A segmenter and where it comes from; fields as those of Method."""

    name: str
    segmenter: "Callable[[Magnitude], LabelledSlice]"
    """Magnitude (i, j) -> labels (i, j)."""
    classes: int
    """Labels 0 … classes − 1; with two, 1 stands for every label above 0."""
    digest: str
    header: Mapping[str, Any]


@dataclass(frozen=True)
class JudgeMethod:
    """A segmenter of volumes and where it comes from; other fields as those of SegmentationMethod."""

    name: str
    segmenter: "VolumeSegmenter"
    classes: int
    names: Mapping[int, str]
    """Label -> what it is called, where the weights tell."""
    digest: str


@runtime_checkable
class Segmenting(Recipe, Protocol):
    """A recipe whose job is "segment"."""

    @property
    def classes(self) -> int:
        """How many labels it tells apart, background among them."""

    @property
    def axis(self) -> str:
        """Which voxel axis its slices lie across; or any."""

    def segmenter(self, generator: "nn.Module", device: str = "cpu") -> "Callable[[Magnitude], LabelledSlice]":
        """The trained generator at work."""


def find_method(name: str, scale: int, device: str = "cpu") -> Method:
    """A baseline's name, a shipped weights' name or the path of a weights file -> a method that makes images
    ``scale`` times finer.

    Raises Refusal where nothing has that name, where it has another job or scale, or where a shipped file was altered.
    """
    from finemri.baselines import BASELINES

    if name in BASELINES:
        return Method(name, BASELINES[name](scale), None, {})
    trained = find_trained(name, "super-resolve", "synthesise")
    if not isinstance(trained.recipe, Enhancing):
        raise Refusal(other_job(name, trained.recipe.job, "super-resolve"))
    network = trained.generator()
    enhancer = trained.recipe.enhancer(network, device=device)
    if enhancer.scale != (scale,) * 3:
        own = "×".join(str(s) for s in dict.fromkeys(enhancer.scale))
        raise Refusal(
            f"{name} makes images {own} times finer, not {scale}; ask for --scale {own} or choose other weights."
        )
    return Method(trained.name, enhancer, trained.digest, trained.header, _learnt(network), trained.card)


def find_enhancer(name: str, scale: int, device: str = "cpu") -> "Enhancer":
    """The enhancer alone; see find_method."""
    return find_method(name, scale, device).enhancer


def find_reconstructor(name: str, device: str = "cpu") -> ReconstructionMethod:
    """A baseline's name, a shipped weights' name or the path of a weights file -> a method that turns k-space into
    images.

    Raises Refusal where nothing has that name, where it has another job, or where a shipped file was altered.
    """
    from finemri.baselines import RECONSTRUCTORS

    if name in RECONSTRUCTORS:
        return ReconstructionMethod(name, RECONSTRUCTORS[name](), None, {})
    trained = find_trained(name, "reconstruct")
    if not isinstance(trained.recipe, Reconstructing):
        raise Refusal(other_job(name, trained.recipe.job, "reconstruct"))
    network = trained.generator()
    found = trained.recipe.reconstructor(network, device=device)
    return ReconstructionMethod(trained.name, found, trained.digest, trained.header, _learnt(network), trained.card)


def find_restorer(name: str, device: str = "cpu") -> RestorationMethod:
    """A shipped weights' name or the path of a weights file -> a method that makes thick slices thin.

    Raises Refusal where nothing has that name, where it has another job, or where a shipped file was altered.
    """
    trained = find_trained(name, "restore")
    if not isinstance(trained.recipe, Restoring):
        raise Refusal(other_job(name, trained.recipe.job, "restore"))
    network = trained.generator()
    found = trained.recipe.restorer(network, device=device)
    if trained.header.get("stage") == "adversarial":  # a critic leaves stripes, as fidelity does not
        found = replace(found, twice=True)
    return RestorationMethod(trained.name, found, trained.digest, trained.header, _learnt(network), trained.card)


def find_segmenter(name: str, device: str = "cpu") -> SegmentationMethod:
    """The path of a weights file -> a method that says what is where. Raises Refusal as ``find_reconstructor``."""
    trained = find_trained(name, "segment")
    if not isinstance(trained.recipe, Segmenting):
        raise Refusal(other_job(name, trained.recipe.job, "segment"))
    segmenter = trained.recipe.segmenter(trained.generator(), device=device)
    return SegmentationMethod(trained.name, segmenter, trained.recipe.classes, trained.digest, trained.header)


def find_judge(path: Path, device: str = "cpu") -> JudgeMethod:
    """Weights of the recipe segmenter, taken slice by slice; or a layer list (x.json) beside weights (x.safetensors),
    which sees whole heads -> a method that says what is where in a volume. Raises Refusal as ``find_segmenter``."""
    from finemri.provenance import digest
    from finemri.recipes.judges import SliceBySlice, WholeHead, is_layered, layered_files, open_layered

    if is_layered(path):
        network, names = open_layered(path)
        return JudgeMethod(path.stem, WholeHead(network, device), network.classes, names, digest(layered_files(path)))
    trained = find_trained(str(path), "segment")
    if not isinstance(trained.recipe, Segmenting):
        raise Refusal(other_job(path.name, trained.recipe.job, "segment"))
    recipe = trained.recipe
    slices = recipe.segmenter(trained.generator(), device=device)
    across = 2 if recipe.axis == "any" else int(recipe.axis)
    return JudgeMethod(trained.name, SliceBySlice(slices, across), recipe.classes, {}, trained.digest)


def default_reconstructor(coils: int) -> str:
    """What reconstructs k-space of so many coils where nobody chose. Raises Refusal where no weights ship.

    One coil: ℓ1-wavelet, which was better than kspace-singlecoil on the real scan that both were measured on.
    """
    if coils == 1:
        return "l1-wavelet"
    name = "kspace-multicoil"
    if name not in shipped_weights():
        raise Refusal(f"No weights ship for k-space of {coils} coils; choose a method: {names_of('reconstruct')}.")
    return name


def list_methods() -> list[dict[str, Any]]:
    """Both shelves and the shipped weights: name, kind, paper, and the parameter count of every network."""
    import torch

    from finemri.baselines import BASELINES, RECONSTRUCTORS
    from finemri.recipes.self_super import SelfSuper

    rows: list[dict[str, Any]] = []
    with torch.device("meta"):  # shapes alone: a critic of 100 M parameters is counted without being made
        for name, recipe in RECIPES.items():
            networks = {role: sum(p.numel() for p in net.parameters()) for role, net in recipe.networks().items()}
            facts = {"job": recipe.job, "paper": recipe.paper, "parameters": networks}
            rows.append({"name": name, "kind": "recipe", **facts})
    rows += [{"name": name, "kind": "baseline", "job": "super-resolve", "paper": None} for name in BASELINES]
    rows += [{"name": name, "kind": "baseline", "job": "reconstruct", "paper": None} for name in RECONSTRUCTORS]
    rows.append({"name": "selfsuper", "kind": "own", "job": "restore", "paper": SelfSuper.paper})
    rows += [
        {
            "name": name,
            "kind": "weights",
            "job": facts.get("job", "super-resolve"),
            "recipe": facts["recipe"],
            "sha256": facts["sha256"],
        }
        for name, facts in shipped_index().items()
    ]
    return rows


def recipe_named(name: str) -> Recipe:
    """A recipe of the shelf. Raises Refusal where none has that name."""
    if name not in RECIPES:
        raise Refusal(f"There is no recipe {name!r}; choose one of {', '.join(RECIPES)}.")
    return RECIPES[name]


def _learnt(network: "nn.Module") -> int:
    return sum(parameter.numel() for parameter in network.parameters())
