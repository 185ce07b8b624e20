"""One page a published system, and the shelf: a plain dict of named settings. Nothing here imports torch until asked
to."""

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any

from finemri.recipes.dagan import DAGAN
from finemri.recipes.kspace_gan import KSpaceGAN
from finemri.recipes.recipe import Recipe
from finemri.recipes.refined import Refined
from finemri.recipes.scanning import Scanning
from finemri.recipes.segmenter import Segmenter
from finemri.recipes.unrolled import Unrolled
from finemri.recipes.volume_srgan import VolumeSRGAN
from finemri.refusal import Refusal

__all__ = [
    "DAGAN",
    "RECIPES",
    "KSpaceGAN",
    "Recipe",
    "Refined",
    "Scanning",
    "Segmenter",
    "Unrolled",
    "VolumeSRGAN",
    "describe",
    "revive",
]

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
_HEADS = Scanning(
    patterns=("density-2d", "density-2d", "random-1d", "equispaced-1d", "gaussian-1d"),
    accelerations=(4.0, 6.0, 8.0),
    coils=(4, 12),
    estimated=0.4,
    noise=(0.0005, 0.03),
    shaded=0.5,
    axis="any",
    matrices=((192, 160), (128, 160), (160, 160), (128, 128), (208, 176), (144, 144), (176, 144)),
    zoom=(0.95, 1.25),
    jitter=0.1,
)
_LSGAN = KSpaceGAN()
_PATCH = replace(_LSGAN, grid=4, l1=0.0, l1_rounds=2_000)
_WGAN = replace(_LSGAN, rule="wasserstein-gp", critic_turns=5, l1=0.0, rate=5e-5, beta2=0.9)
_REFINED = Refined()
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
    "kspace-lsgan-l1": _LSGAN,
    "kspace-lsgan-l1-init": replace(_LSGAN, l1=0.0, l1_rounds=3_000),
    "kspace-lsgan-patch": _PATCH,
    "kspace-wgan-gp": _WGAN,
    "kspace-wgan-gp-patch": replace(_WGAN, grid=4),
    "kspace-lsgan-matching": replace(_PATCH, matching=1.0),
    "recnet": replace(_REFINED, refinement_rounds=0),
    "recnet-refined": _REFINED,
    "recnet-joint": replace(_REFINED, joint=True, reconstructor_rounds=0, mse=1.0),
    "cascade-refined": replace(_REFINED, backbone="cascade", scanning=_HEADS, magnitude=True, batch=4),
    "dagan": DAGAN(),
    "segmenter": Segmenter(),
    "kspace-multicoil": Unrolled(scanning=_HEADS, l1=0.0, log_mse=1.0, fidelity_rounds=3_000),
    "kspace-singlecoil": Unrolled(
        scanning=replace(_HEADS, coils=(1, 1), estimated=0.0, noise=(0.0005, 0.1)),
        l1=0.0,
        log_mse=1.0,
        fidelity_rounds=3_000,
    ),
}

KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (VolumeSRGAN, KSpaceGAN, Refined, DAGAN, Unrolled, Segmenter)
}
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
