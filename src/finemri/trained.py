"""Weights by name: those that ship, whose digests stand in weights/index.json, and checkpoints of your own by path."""

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
    from torch import Tensor, nn

SELF_SUPER_START = "selfsuper-start"


def shipped_weights() -> dict[str, Path]:
    """Name -> file of the weights that come with the package. Their digests stand in weights/index.json."""
    return {name: weights_folder() / f"{name}.safetensors" for name in shipped_index()}


def shipped_calibration(digest: str | None) -> Path | None:
    """What ships beside weights of this SHA-256 to tell which scans are strange to them, if anything does.

    Raises Refusal where it was altered.
    """
    for name, facts in shipped_index().items():
        if digest is not None and facts["sha256"] == digest and "calibration_sha256" in facts:
            path = weights_folder() / f"{name}.calibration.json"
            if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != facts["calibration_sha256"]:
                raise Refusal(
                    f"The shipped calibration of {name} is not the one that was released (another SHA-256); "
                    "install finemri again."
                )
            return path
    return None


def default_weights(scale: int, style: str) -> str:
    """The shipped name for a scale and a style. Raises Refusal where none ships."""
    name = f"volume-x{scale}-{style}"
    if name not in shipped_weights():
        raise Refusal(
            f"No weights ship for ×{scale}, {style}; there are {', '.join(_shipped('super-resolve')) or 'none'}."
        )
    return name


@dataclass(frozen=True)
class Trained:
    """A weights file, whose job is the one that was asked for."""

    name: str
    recipe: Recipe
    tensors: "Mapping[str, Tensor]"
    digest: str
    header: Mapping[str, Any]
    card: Path | None

    def generator(self) -> "nn.Module":
        """The network, with its weights, no longer learning."""
        generator = self.recipe.generator()
        generator.load_state_dict(self.tensors)
        return generator.eval()


def find_trained(name: str, *jobs: str) -> Trained:
    """Weights by their shipped name or path. Raises Refusal for what is none, or has none of these jobs."""
    from finemri.training.weights import load_weights

    shipped = shipped_weights()
    path = shipped.get(name, Path(name))
    if not path.is_file():
        raise Refusal(_unknown(name, jobs[0]))
    digest = _digest(path, name if name in shipped else None)
    tensors, header = load_weights(path)
    if header.get("kind") == "SelfSuper":  # of no recipe: what one scan taught, or what such learning starts from
        raise Refusal(other_job(name, "start", jobs[0]))
    recipe = revive(header)
    if recipe.job not in jobs:
        raise Refusal(other_job(name, recipe.job, jobs[0]))
    own, card = name if name in shipped else str(header["recipe"]), path.with_suffix(".md")
    return Trained(own, recipe, tensors, digest, header, card if card.is_file() else None)


def self_super_start() -> "Mapping[str, Tensor]":
    """What self_super learns on from, so that a quarter of the rounds does. Raises Refusal where it was altered."""
    from finemri.training.weights import load_weights

    path = shipped_weights().get(SELF_SUPER_START)
    if path is None or not path.is_file():
        raise Refusal(f"The weights {SELF_SUPER_START} are missing from this installation; install finemri again.")
    _digest(path, SELF_SUPER_START)
    return load_weights(path)[0]


def weights_folder() -> Path:
    """Where weights lie in the package."""
    return Path(str(resources.files("finemri"))) / "weights"


def shipped_index() -> dict[str, dict[str, Any]]:
    """Name of each shipped weights -> facts, its SHA-256 among them."""
    index = weights_folder() / "index.json"
    return dict(json.loads(index.read_text())) if index.is_file() else {}


def _digest(path: Path, shipped: str | None) -> str:
    """SHA-256 of a file, which of a shipped one has to be the released one's."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if shipped is not None and found != shipped_index()[shipped]["sha256"]:
        raise Refusal(
            f"The shipped weights {shipped} are not those that were released (another SHA-256); install finemri again."
        )
    return found


_DOES = {
    "super-resolve": "makes images finer (finemri enhance; finemri evaluate --degradation)",
    "restore": "makes the slices of a thick scan thin",
    "reconstruct": "turns k-space into images (finemri reconstruct; finemri evaluate --sampling)",
    "start": "belongs to selfsuper, which learns from each scan anew (finemri enhance --method selfsuper)",
    "segment": "says what is where in a slice (finemri evaluate --segmenter)",
}


def other_job(name: str, its: str, job: str) -> str:
    """What to say of a method that does something else."""
    does = _DOES.get(its, f"has the job {its}")
    known = names_of(job)
    return f"{name} {does}, and here a method has to {job}; choose {f'one of {known}' if known else 'other weights'}."


def names_of(job: str) -> str:
    """Every name of the shelf that does this job."""
    from finemri.baselines import BASELINES, RECONSTRUCTORS

    others = {"super-resolve": list(BASELINES), "reconstruct": list(RECONSTRUCTORS), "restore": ["spline", "selfsuper"]}
    baselines = others.get(job, [])
    return ", ".join([*baselines, *_shipped(job)])


def _shipped(job: str) -> list[str]:
    return [name for name, facts in shipped_index().items() if facts.get("job", "super-resolve") == job]


def _unknown(name: str, job: str) -> str:
    from finemri.baselines import BASELINES, RECONSTRUCTORS

    if name in BASELINES:
        return other_job(name, "super-resolve", job)
    if name in RECONSTRUCTORS:
        return other_job(name, "reconstruct", job)
    if name in RECIPES:
        return f"{name} is a recipe, and no weights ship under its name: train it, and give the path of its weights."
    known = names_of(job)
    return f"There is no method {name!r}: it is {f'neither a file nor one of {known}' if known else 'no file'}."
