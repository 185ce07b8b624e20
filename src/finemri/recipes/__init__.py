"""One page a published system, and the shelf: a plain dict of named settings. Nothing here imports torch until asked
to."""

from finemri.recipes.anyspacing import AnySpacing
from finemri.recipes.dagan import DAGAN
from finemri.recipes.field_cycle import FieldCycle
from finemri.recipes.field_gan import FieldGAN
from finemri.recipes.forest import Forest
from finemri.recipes.header import describe, revive
from finemri.recipes.kspace_gan import KSpaceGAN
from finemri.recipes.recipe import Recipe
from finemri.recipes.refined import Refined
from finemri.recipes.scanning import Scanning
from finemri.recipes.segmenter import Segmenter
from finemri.recipes.shelf import RECIPES
from finemri.recipes.slice_srgan import SliceSRGAN
from finemri.recipes.unrolled import Unrolled
from finemri.recipes.volume_srgan import VolumeSRGAN

__all__ = [
    "DAGAN",
    "RECIPES",
    "AnySpacing",
    "FieldCycle",
    "FieldGAN",
    "Forest",
    "KSpaceGAN",
    "Recipe",
    "Refined",
    "Scanning",
    "Segmenter",
    "SliceSRGAN",
    "Unrolled",
    "VolumeSRGAN",
    "describe",
    "revive",
]
