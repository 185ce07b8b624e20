"""The systems and ablations of docs/papers/000.md, and who is held against whom; scripts/paper_000.py trains them."""

from dataclasses import dataclass, replace
from typing import Any

from finemri.recipes import RECIPES, KSpaceGAN, Scanning

MATRIX = (24, 32)
SCANNING = Scanning(accelerations=(3.0,), one_mask=True, turn=False, axis="2", matrices=(MATRIX,), zoom=(5.0, 5.0))
"""Slices as fine as they are (zoom is capped at that), cut to the matrix near their middle, as in the exam."""
BATCH = 4


@dataclass(frozen=True)
class Run:
    """One system, as often as there are seeds."""

    recipe: KSpaceGAN
    seeds: tuple[int, ...] = (0,)
    heads: bool = False
    """The true images are of whole heads, not of the hippocampus."""
    late: bool = False
    """Less urgent than a second seed of the others."""

    @property
    def acceleration(self) -> float:
        """All samples over those measured."""
        return self.recipe.scanning.accelerations[0]


def runs(rounds: int, batch: int, rate: float) -> dict[str, Run]:
    """Name -> system, the most important first. Warm-ups are counted in, so that everybody has the same rounds."""
    own: dict[str, Any] = {"scanning": SCANNING, "batch": batch, "rate": rate}
    base = replace(known("kspace-lsgan-l1"), **own, adversarial_rounds=rounds)
    wgan = replace(known("kspace-wgan-gp"), **own, adversarial_rounds=rounds)

    def patch(warm: int = rounds // 4, **settings: Any) -> KSpaceGAN:
        return replace(
            known("kspace-lsgan-patch"), **{**own, "l1_rounds": warm, "adversarial_rounds": rounds - warm, **settings}
        )

    def scanned(**settings: Any) -> Scanning:
        return replace(SCANNING, **settings)

    few = {people: scanned(labels=people, unpaired=True) for people in (6, 3)}
    unpaired, three = scanned(unpaired=True), (0, 1, 2)
    by_acceleration = {
        f"{name}-R{r}": Run(replace(recipe, scanning=scanned(accelerations=(float(r),))), late=True)
        for r in (2, 5)
        for name, recipe in {"baseline": base, "wgan": wgan}.items()
    }
    return {
        "baseline": Run(base, three),
        "wgan": Run(wgan, three),
        "patch": Run(patch(), three),
        "patch-plain": Run(patch(critic_normalises=False), three),
        "wgan-6": Run(replace(wgan, scanning=few[6]), three),
        "wgan-3": Run(replace(wgan, scanning=few[3]), three),
        "patch-6": Run(patch(scanning=few[6])),
        "patch-3": Run(patch(scanning=few[3])),
        "patch-plain-6": Run(patch(critic_normalises=False, scanning=few[6]), three),
        "patch-plain-3": Run(patch(critic_normalises=False, scanning=few[3]), three),
        "l1-zero": Run(replace(base, l1=0.0)),
        "l1-init": Run(replace(base, l1=0.0, l1_rounds=rounds // 2, adversarial_rounds=rounds - rounds // 2)),
        "no-consistency": Run(replace(base, consistency=False)),
        "wgan-unpaired": Run(replace(wgan, scanning=unpaired)),
        "patch-unpaired": Run(patch(scanning=unpaired)),
        "patch-short": Run(patch(rounds // 40)),
        "patch-cold": Run(patch(0)),
        "patch-grid-1": Run(patch(grid=1)),
        "patch-grid-2": Run(patch(grid=2)),
        "patch-grid-8": Run(patch(grid=8)),
        "l1-only": Run(replace(base, l1_rounds=rounds, adversarial_rounds=0)),
        "wgan-patch": Run(replace(wgan, grid=4)),
        "matching": Run(patch(matching=1.0)),
        "wgan-heads": Run(replace(wgan, scanning=scanned(unpaired=True, labels=17, labels_from=2)), heads=True),
        "wgan-long": Run(replace(wgan, adversarial_rounds=5 * rounds), late=True),
        "baseline-long": Run(replace(base, adversarial_rounds=5 * rounds), late=True),
        "patch-plain-slow": Run(patch(critic_normalises=False, rate=rate / 5), late=True),
        **by_acceleration,
    }


def known(name: str) -> KSpaceGAN:
    """A recipe of the shelf."""
    recipe = RECIPES[name]
    assert isinstance(recipe, KSpaceGAN)
    return recipe


CLAIMS = (
    ("patch", "baseline"),
    ("wgan", "patch"),
    ("wgan", "baseline"),
    ("wgan", "wgan-6"),
    ("wgan-6", "wgan-3"),
    ("wgan-6", "patch-6"),
    ("wgan", "patch-plain"),
    ("wgan-6", "patch-plain-6"),
    ("wgan-3", "patch-plain-6"),
    ("patch-plain", "patch-plain-6"),
    ("patch-plain-6", "patch-plain-3"),
    ("wgan-3", "patch-6"),
    ("wgan-3", "baseline"),
    ("patch", "patch-6"),
    ("patch-6", "patch-3"),
    ("baseline", "l1-zero"),
    ("baseline", "no-consistency"),
    ("wgan", "wgan-unpaired"),
    ("patch", "patch-unpaired"),
    ("patch", "patch-short"),
    ("patch", "patch-cold"),
    ("patch", "patch-grid-1"),
    ("patch", "patch-grid-2"),
    ("patch", "patch-grid-8"),
    ("patch", "matching"),
    ("wgan", "wgan-patch"),
    ("wgan", "wgan-heads"),
    ("l1-only", "l1-init"),
    ("l1-only", "baseline"),
    ("baseline", "zero-filled"),
    ("baseline", "l1-wavelet"),
    ("wgan", "zero-filled"),
    ("wgan-3", "zero-filled"),
    ("wgan-heads", "zero-filled"),
    ("l1-zero", "zero-filled"),
    ("patch-plain", "patch"),
    ("patch-plain-slow", "patch-plain"),
    ("patch-plain", "baseline"),
    ("wgan-patch", "patch-plain"),
    ("wgan-long", "wgan"),
    ("wgan-long", "baseline-long"),
)
"""Whom the paper, or its list of experiments, compares with whom: the first is said to be better, or as good."""
