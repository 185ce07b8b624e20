"""A recipe as a checkpoint's header tells it, and back."""

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import Any

from finemri.recipes.recipe import Recipe
from finemri.recipes.scanning import Scanning
from finemri.recipes.shelf import RECIPES
from finemri.refusal import Refusal

KINDS: dict[str, type[Any]] = {type(recipe).__name__: type(recipe) for recipe in RECIPES.values()}
PARTS: dict[str, type[Any]] = {"scanning": Scanning}
"""Settings that are dataclasses themselves."""


def describe(name: str, recipe: Recipe) -> dict[str, object]:
    """What a checkpoint's header says of its recipe; ``revive`` reads it."""
    settings = {field.name: _plain(getattr(recipe, field.name)) for field in fields(recipe)}  # type: ignore[arg-type]
    return {"recipe": name, "kind": type(recipe).__name__, "settings": settings}


def revive(header: Mapping[str, Any]) -> Recipe:
    """The recipe that a checkpoint's header describes. Raises Refusal for a kind or a setting that this version
    lacks."""
    kind = KINDS.get(str(header.get("kind")))
    if header.get("kind") == "SelfSuper":
        raise Refusal(
            "These weights are of no recipe: selfsuper, which learns from each scan anew, starts from them or has kept "
            "them; run finemri enhance --method selfsuper."
        )
    if kind is None:
        raise Refusal(
            f"These weights are of a kind that this version does not know ({header.get('kind')!r}); update finemri."
        )
    recipe: Recipe = _made(kind, header["settings"])
    return recipe


def _plain(setting: object) -> object:
    return asdict(setting) if is_dataclass(setting) and not isinstance(setting, type) else setting


def _made(kind: type[Any], settings: Mapping[str, Any]) -> Any:
    unknown = sorted(settings.keys() - {field.name for field in fields(kind)})
    if unknown:
        raise Refusal(
            f"These weights use settings that this version does not know ({', '.join(unknown)}); update finemri."
        )
    return kind(**{key: _made(PARTS[key], of) if key in PARTS else _tuples(of) for key, of in settings.items()})


def _tuples(value: Any) -> Any:
    """JSON knows lists only."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
