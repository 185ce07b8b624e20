"""The shelf made so small that a few rounds take no time, and people to learn from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from torch import Tensor

from finemri.cohorts.cohort import Cohort, Pair, Subject
from finemri.cohorts.examples import Examples, VolumePatches
from finemri.cohorts.layouts import find_cohort
from finemri.recipes import (
    DAGAN,
    RECIPES,
    AnySpacing,
    FieldCycle,
    FieldGAN,
    Forest,
    KSpaceGAN,
    Recipe,
    Refined,
    Scanning,
    Segmenter,
    SliceSRGAN,
    Unrolled,
    VolumeSRGAN,
)
from finemri.volumes.files import open_volume
from tests.cohorts import people

MATRIX = (32, 24)


def small(name: str, rounds: int = 2) -> Recipe:
    """The recipe as it stands, its stages shorter, its networks and images smaller."""
    recipe = RECIPES[name]

    def some(planned: int) -> int:
        return rounds if planned else 0

    if isinstance(recipe, VolumeSRGAN):
        return replace(
            recipe,
            patch=(6, 6, 6),
            batch=2,
            features=8,
            blocks=1,
            critic_features=2,
            fidelity_rounds=some(recipe.fidelity_rounds),
            adversarial_rounds=rounds,
            zoom=(1.0, 1.0),
            precision="fp32",
        )
    if isinstance(recipe, AnySpacing):
        return replace(
            recipe,
            patch=(6, 8, 12),
            batch=2,
            features=4,
            blocks=1,
            critic_features=2,
            fidelity_rounds=some(recipe.fidelity_rounds),
            adversarial_rounds=some(recipe.adversarial_rounds),
            precision="fp32",
        )
    if isinstance(recipe, SliceSRGAN):
        return replace(
            recipe,
            features=4,
            blocks=1,
            critic_features=2,
            critic_size=MATRIX,
            patch=recipe.patch and (16, 16),
            batch=2,
            perceptual=0.0,
            srresnet_rounds=rounds,
            adversarial_rounds=some(recipe.adversarial_rounds),
        )
    if isinstance(recipe, FieldGAN):
        edge = 8 if recipe.critic_kind == "pool" else 32 if recipe.generator_kind == "unet" else 16
        return replace(
            recipe,
            features=4,
            blocks=1,
            critic_features=2,
            dropout=0.0,
            l1=recipe.l1 or recipe.perceptual,
            perceptual=0.0,
            patch=edge,
            batch=2,
            rounds=rounds,
            per_person=3,
        )
    if isinstance(recipe, FieldCycle):
        return replace(recipe, features=8, critic_features=2, patch=32, batch=2, rounds=rounds)
    if isinstance(recipe, Forest):
        return replace(recipe, trees=2 * rounds, at_a_time=2, depth=4, split=2, patches=4, patch=16, batch=2)
    if isinstance(recipe, Segmenter):
        return replace(recipe, features=4, scales=3, rounds=rounds, batch=2)
    assert isinstance(recipe, KSpaceGAN | Refined | DAGAN | Unrolled)
    scanning = replace(
        recipe.scanning,
        patterns=tuple("density-2d" if p == "poisson-2d" else p for p in recipe.scanning.patterns),
        accelerations=(2.0,),
        matrices=(MATRIX,) if recipe.scanning.matrices else (),
    )
    own: dict[str, Any] = {"scanning": scanning, "batch": 2}
    for stage in ("l1_rounds", "fidelity_rounds", "adversarial_rounds", "reconstructor_rounds", "refinement_rounds"):
        if hasattr(recipe, stage):
            own[stage] = some(getattr(recipe, stage))
    if isinstance(recipe, KSpaceGAN):
        return replace(recipe, grid=min(recipe.grid, 2), **own)
    if isinstance(recipe, DAGAN):
        return replace(recipe, levels=3, critic_features=2, perceptual=0.0, rounds=rounds, **own)
    if isinstance(recipe, Refined):
        return replace(recipe, refinement_batch=2, perceptual=0.0, critic_maps=(4, 4), pool=3, **own)
    return replace(recipe, steps=2, features=8, depth=2, memory=2, start=2, **own)


def thin(patch: pytest.MonkeyPatch) -> None:
    """Networks whose sizes are no settings, with few maps."""
    patch.setattr("finemri.networks.dagan.DOWN", (4,) * 8)
    patch.setattr("finemri.networks.dagan.UP", (4, 4, 8, 8, 8, 8, 8, 8))


def cohort(folder: Path) -> Cohort:
    """Three heads with their label maps, and each once more in two qualities."""
    for seed in range(3):
        labels = people.label_map((*MATRIX, 6), seed).astype(np.float32)
        people.save(folder / "imagesTr" / f"head_{seed}.nii.gz", people.brain((*MATRIX, 6), seed))
        people.save(folder / "labelsTr" / f"head_{seed}.nii.gz", labels)
    return Cohort(tuple(replace(s, pairs=(_twice(folder, s),)) for s in find_cohort(folder).subjects))


def _twice(folder: Path, subject: Subject) -> Pair:
    fine = open_volume(subject.images[0]).voxels
    coarse = ndimage.gaussian_filter(fine, 1.0)
    return Pair(
        people.save(folder / "pairs" / f"{subject.name}_coarse.nii.gz", coarse),
        people.save(folder / "pairs" / f"{subject.name}_fine.nii.gz", fine),
    )


def examples(recipe: Recipe, heads: Cohort) -> Examples:
    """Of the heads; of volumes, patches of something smooth."""
    if not isinstance(recipe, VolumeSRGAN):
        return recipe.examples([heads], [1.0], 0)
    smooth = ndimage.gaussian_filter(np.random.default_rng(0).random((64, 64, 64)), 1.5).astype(np.float32)
    return VolumePatches(
        [100 * (smooth - smooth.min())],
        degradations=recipe.degrade(),
        patch=recipe.patch,
        seed=0,
        normaliser=recipe.normaliser,
    )


class Killed(BaseException):
    """As a power cut: nothing in the training may answer to it."""


@dataclass
class Mortal:
    """The same examples, until somebody pulls the plug."""

    examples: Examples
    left: int

    def __getitem__(self, n: int) -> Mapping[str, Tensor]:
        if self.left == 0:
            raise Killed
        self.left -= 1
        return self.examples[n]


def unpaired(recipe: KSpaceGAN) -> KSpaceGAN:
    """Two people lend their images to everybody; pairs of theirs beforehand."""
    assert isinstance(recipe.scanning, Scanning)
    return replace(recipe, l1=0.0, l1_rounds=2, scanning=replace(recipe.scanning, unpaired=True, labels=2))
