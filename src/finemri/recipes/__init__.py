"""One page a published system, and the shelf: a plain dict of named settings. Nothing here imports torch until asked
to."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from finemri.recipes.recipe import Recipe
from finemri.recipes.volume_srgan import VolumeSRGAN
from finemri.refusal import Refusal

__all__ = ["RECIPES", "Recipe", "VolumeSRGAN", "describe", "revive"]

_AT_4: dict[str, Any] = {"scale": 4, "patch": (32, 32, 23)}
_RESIZE = VolumeSRGAN(upsampler="resize-conv", tanh=True)
_SUBPIXEL = VolumeSRGAN(upsampler="sub-pixel")
_SUBPIXEL_NN = VolumeSRGAN(upsampler="sub-pixel-nn")
_RRDB = VolumeSRGAN(
    generator_kind="rrdb",
    blocks=3,
    critic_head="pool",
    critic_normalises=False,
    fidelity_rounds=10_000,
    adversarial_rounds=5_000,
    generator_rate=1e-4,
    batch=4,
    patch=(24, 24, 24),
    ema=0.999,
    clip=1.0,
    schedule="cosine",
    normaliser="percentile",
    precision="bf16",
)
_SHIPPED = VolumeSRGAN(
    generator_kind="residual",
    features=48,
    blocks=8,
    critic_head="pool",
    critic_normalises=False,
    critic_features=16,
    mse=0.0,
    l1=1.0,
    gradient=1.0,
    adversarial=0.1,
    fidelity_rounds=4_000,
    fidelity_mse=0.0,
    fidelity_l1=1.0,
    adversarial_rounds=600,
    batch=4,
    patch=(20, 20, 20),
    fidelity_rate=4e-4,
    generator_rate=1e-4,
    critic_rate=2e-4,
    schedule="cosine",
    ema=0.998,
    clip=1.0,
    degradations=("blur", "kspace"),
    noise=0.03,
    contrast_jitter=True,
    zoom=(1.0, 1.6),
    normaliser="percentile",
    precision="bf16",
)
RECIPES: dict[str, Recipe] = {
    "volume-x2": _SHIPPED,
    "volume-x4": replace(_SHIPPED, scale=4, features=64, patch=(16, 16, 16), adversarial=2e-2),
    "volume-srgan-resize-x2": _RESIZE,
    "volume-srgan-subpixel-x2": _SUBPIXEL,
    "volume-srgan-subpixel-nn-x2": _SUBPIXEL_NN,
    "volume-srgan-resize-x4": replace(_RESIZE, **_AT_4),
    "volume-srgan-subpixel-x4": replace(_SUBPIXEL, **_AT_4),
    "volume-srgan-subpixel-nn-x4": replace(_SUBPIXEL_NN, **_AT_4),
    "volume-srgan-published-x2": replace(
        _RESIZE, blur_across_batch=True, sum_losses=True, inert_critic=True, adversarial=0.1, generator_rate=1e-4
    ),
    "volume-rrdb-x2": _RRDB,
    "volume-rrdb-x4": replace(_RRDB, scale=4, patch=(16, 16, 16)),
}

KINDS: dict[str, type[VolumeSRGAN]] = {"VolumeSRGAN": VolumeSRGAN}


def describe(name: str, recipe: Recipe) -> dict[str, object]:
    """What a checkpoint's header says of its recipe; ``revive`` reads it."""
    settings = {field.name: getattr(recipe, field.name) for field in fields(recipe)}  # type: ignore[arg-type]
    return {"recipe": name, "kind": type(recipe).__name__, "settings": settings}


def revive(header: Mapping[str, Any]) -> Recipe:
    """The recipe that a checkpoint's header describes. Raises Refusal for a kind or a setting that this version
    lacks."""
    kind = KINDS.get(str(header.get("kind")))
    if kind is None:
        raise Refusal(
            f"These weights are of a kind that this version does not know ({header.get('kind')!r}); update finemri."
        )
    settings: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in dict(header["settings"]).items()
    }
    unknown = sorted(settings.keys() - {field.name for field in fields(kind)})
    if unknown:
        raise Refusal(
            f"These weights use settings that this version does not know ({', '.join(unknown)}); update finemri."
        )
    return kind(**settings)
