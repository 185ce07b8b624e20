"""Which method enhances."""

from collections.abc import Mapping
from pathlib import Path

from finemri.baselines import BASELINES
from finemri.refusal import Refusal
from finemri.shelf import Method, find_method
from finemri.trained import default_weights, shipped_weights


def choose_method(*, scale: int | None, weights: str | None, style: str, method: str | None, device: str) -> Method:
    """What enhances. Raises Refusal for an unknown name, for two names, for a style of what is
    named already, and for a scale that weights lack."""
    if weights is not None and method is not None:
        raise Refusal("Weights and a method were both given, and one of them is enough; leave the other out.")
    if style != "faithful" and (weights or method):
        raise Refusal(f"The style chooses among what ships, and {weights or method} is chosen already; leave one out.")
    name = weights or method or default_weights(scale or 2, style)
    return find_method(name, scale or _own_scale(name), device)


def _own_scale(name: str) -> int:
    """The scale that a weights file was made for, 1 where it has no such setting; 2 for a method that has any."""
    from finemri.training.weights import load_weights

    path = shipped_weights().get(name, Path(name))
    if name in BASELINES or not path.is_file():
        return 2
    settings = load_weights(path)[1].get("settings")
    return int(settings.get("scale", 1)) if isinstance(settings, Mapping) else 2
