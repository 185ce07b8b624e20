"""Which method enhances: by what was asked for, else by the scan's header."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from finemri.baselines import BASELINES
from finemri.enhance.thinners import SELF
from finemri.refusal import Refusal
from finemri.shelf import Method, find_method
from finemri.trained import default_weights, shipped_index, shipped_weights
from finemri.volumes.files import describe_one
from finemri.volumes.thick import is_thick

OBVIOUS = 1.8
"""Where nobody chose, slices are thick that lie so many times as far apart as pixels, as those that were learnt do."""


def choose_method(*, scale: int | None, weights: str | None, style: str, method: str | None, device: str) -> Method:
    """What enhances. Raises Refusal for an unknown name, for two names, for a style of what is
    named already, and for a scale that weights lack."""
    name = chosen_name(weights, method, style) or default_weights(scale or 2, style)
    return find_method(name, scale or _own_scale(name), device)


def chosen_name(weights: str | None, method: str | None, style: str) -> str | None:
    """What was named, if anything was. Raises Refusal for two names, and for a style of what is named already."""
    if weights is not None and method is not None:
        raise Refusal("Weights and a method were both given, and one of them is enough; leave the other out.")
    if style != "faithful" and (weights or method):
        raise Refusal(f"The style chooses among what ships, and {weights or method} is chosen already; leave one out.")
    return weights or method


def refuse_beside_thin(*, crop: bool, **settings: object) -> None:
    """Raises Refusal for settings that are of methods with a scale, beside thick slices that become thin."""
    given = [f"--{name}" for name, value in {**settings, "crop": crop or None}.items() if value is not None]
    if given:
        raise Refusal(
            f"{' and '.join(given)} {'goes' if len(given) == 1 else 'go'} with making all axes finer alike, not with "
            "thick slices that become thin; leave one or the other out."
        )


def restores(name: str) -> bool:
    """Whether a method of this name is for thick slices and for nothing else."""
    if name in shipped_index():
        return shipped_index()[name].get("job") == "restore"
    if name == SELF or name in BASELINES or not Path(name).is_file():
        return name == SELF
    from finemri.recipes import revive
    from finemri.training.weights import load_weights

    return revive(load_weights(Path(name))[1]).job == "restore"


def by_thickness(sources: Sequence[Path], series: str | None) -> tuple[list[Path], list[Path]]:
    """The scans whose headers tell of thick slices, and the others. What cannot be opened is neither: opening it will
    say why."""
    thick, others = list[Path](), list[Path]()
    for source in sources:
        if (scan := describe_one(source, series)) is not None:
            (thick if is_thick(scan.spacing, OBVIOUS) else others).append(source)
    return thick, others


def _own_scale(name: str) -> int:
    """The scale that a weights file was made for, 1 where it has no such setting; 2 for a method that has any."""
    from finemri.training.weights import load_weights

    path = shipped_weights().get(name, Path(name))
    if name in BASELINES or not path.is_file():
        return 2
    settings = load_weights(path)[1].get("settings")
    return int(settings.get("scale", 1)) if isinstance(settings, Mapping) else 2
