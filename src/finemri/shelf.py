"""The shelf: every method by its name. Recipes, baselines, weights that ship, and checkpoints of your own.

Verbs may not import each other, and a method's name means the same to all of them: so it is looked up here.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finemri.recipes import RECIPES, Recipe, revive
from finemri.refusal import Refusal

if TYPE_CHECKING:
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


def shipped_weights() -> dict[str, Path]:
    """Name -> file of the weights that come with the package. Their digests stand in weights/index.json."""
    return {name: _weights_folder() / f"{name}.safetensors" for name in _index()}


def find_method(name: str, scale: int, device: str = "cpu") -> Method:
    """A baseline's name, a shipped weights' name or the path of a weights file -> a method that makes images
    ``scale`` times finer.

    Raises Refusal where nothing has that name, where it has another scale, or where a shipped file was altered.
    """
    from finemri.baselines import BASELINES
    from finemri.training.weights import load_weights

    if name in BASELINES:
        return Method(name, BASELINES[name](scale), None, {})
    path = shipped_weights().get(name, Path(name))
    if not path.is_file():
        raise Refusal(_unknown(name))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if name in shipped_weights() and digest != _index()[name]["sha256"]:
        raise Refusal(
            f"The shipped weights {name} are not those that were released (another SHA-256); install finemri again."
        )
    tensors, header = load_weights(path)
    recipe = revive(header)
    generator = recipe.generator()
    generator.load_state_dict(tensors)
    enhancer = recipe.enhancer(generator.eval(), device=device)
    if enhancer.scale != (scale,) * 3:
        own = "×".join(str(s) for s in dict.fromkeys(enhancer.scale))
        raise Refusal(
            f"{name} makes images {own} times finer, not {scale}; ask for --scale {own} or choose other weights."
        )
    return Method(name if name in shipped_weights() else str(header["recipe"]), enhancer, digest, header)


def find_enhancer(name: str, scale: int, device: str = "cpu") -> "Enhancer":
    """The enhancer alone; see find_method."""
    return find_method(name, scale, device).enhancer


def default_weights(scale: int, style: str) -> str:
    """The shipped name for a scale and a style. Raises Refusal where none ships."""
    name = f"volume-x{scale}-{style}"
    if name not in shipped_weights():
        raise Refusal(f"No weights ship for ×{scale}, {style}; there are {', '.join(shipped_weights()) or 'none'}.")
    return name


def list_methods() -> list[dict[str, Any]]:
    """Both shelves and the shipped weights: name, kind, paper, and the parameter count of every network."""
    import torch

    from finemri.baselines import BASELINES

    rows: list[dict[str, Any]] = []
    with torch.device("meta"):  # shapes alone: a critic of 100 M parameters is counted without being made
        for name, recipe in RECIPES.items():
            networks = {role: sum(p.numel() for p in net.parameters()) for role, net in recipe.networks().items()}
            facts = {"job": recipe.job, "paper": recipe.paper, "parameters": networks}
            rows.append({"name": name, "kind": "recipe", **facts})
    rows += [{"name": name, "kind": "baseline", "job": "super-resolve", "paper": None} for name in BASELINES]
    rows += [
        {"name": name, "kind": "weights", "job": "super-resolve", "recipe": facts["recipe"], "sha256": facts["sha256"]}
        for name, facts in _index().items()
    ]
    return rows


def recipe_named(name: str) -> Recipe:
    """A recipe of the shelf. Raises Refusal where none has that name."""
    if name not in RECIPES:
        raise Refusal(f"There is no recipe {name!r}; choose one of {', '.join(RECIPES)}.")
    return RECIPES[name]


def _weights_folder() -> Path:
    return Path(str(resources.files("finemri"))) / "weights"


def _index() -> dict[str, dict[str, Any]]:
    index = _weights_folder() / "index.json"
    return dict(json.loads(index.read_text())) if index.is_file() else {}


def _unknown(name: str) -> str:
    from finemri.baselines import BASELINES

    if name in RECIPES:
        return f"{name} is a recipe, and no weights ship under its name: train it, and give the path of its weights."
    known = ", ".join([*BASELINES, *shipped_weights()])
    return f"There is no method {name!r}: it is neither a file nor one of {known}."
