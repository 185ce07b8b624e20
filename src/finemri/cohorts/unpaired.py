"""Examples for people who have no pairs: slices of some people's coarse scans beside others' fine ones.

Example n is a pure function of (seed, n), so a resumed training continues at n.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float32
from torch import Tensor

from finemri.cohorts.cohort import Cohort
from finemri.cohorts.planes import Size
from finemri.cohorts.regions import VolumeRegions, in_units
from finemri.refusal import Refusal
from finemri.volumes.files import open_volume
from finemri.volumes.grid import lay_on_grid
from finemri.volumes.volume import Volume

Spacing = tuple[float, float, float]
Patch = Float32[Tensor, "1 i j"]
ALIKE = 0.05
"""Spacings that differ by no more are one."""


class UnpairedSlices:
    """``{"coarse": (1, i, j), "fine": (1, i, j)}``, float32: of a scan of one cohort, and of one of the other.

    A coarse scan is laid on the median spacing of the fine ones, along each axis where it is more than 5 % coarser, as
    ``finemri enhance`` does it. Each scan is normalised as a whole. Both patches lie across the same axis of the file,
    drawn from ``axes``, and mostly on tissue; beyond its edges a scan is mirrored. ``flips`` mirrors either at random.
    Raises Refusal for settings that make no sense and for a cohort without images.
    """

    def __init__(
        self,
        coarse: Cohort,
        fine: Cohort,
        *,
        seed: int,
        patch: Size,
        axes: Sequence[int] = (2,),
        normaliser: str = "percentile",
        flips: bool = False,
    ) -> None:
        if not axes or not set(axes) <= {0, 1, 2}:
            raise Refusal(f"Slices lie across axes 0, 1 and 2 of a file, not {tuple(axes)}.")
        if min(patch) < 1:
            raise Refusal(f"A patch has at least one pixel along both axes, not {patch[0]}×{patch[1]}.")
        self.seed, self.patch, self.axes, self.flips = seed, patch, tuple(axes), flips
        self.units = in_units(normaliser)
        self.grid = _median_spacing(fine)
        """Millimetres between the voxels that a network learns on."""
        self.regions = {
            "coarse": VolumeRegions((_laid(v, self.grid).voxels for v in _images(coarse)), normaliser=normaliser),
            "fine": VolumeRegions((v.voxels for v in _images(fine)), normaliser=normaliser),
        }

    def __getitem__(self, n: int) -> dict[str, Patch]:
        rng = np.random.default_rng([self.seed, n])
        axis = self.axes[rng.integers(len(self.axes))]
        return {name: self._cut(regions, axis, rng) for name, regions in self.regions.items()}

    def _cut(self, regions: VolumeRegions, axis: int, rng: np.random.Generator) -> Patch:
        shape = list(self.patch)
        shape.insert(axis, 1)
        i, j, k = shape
        region = (regions.cut((i, j, k), rng) - self.units.offset) / self.units.scale
        flipped = (1 + np.flatnonzero(rng.integers(0, 2, 2))).tolist() if self.flips else []
        return region.movedim(axis, 0).flip(flipped).contiguous()


def _images(cohort: Cohort) -> Iterator[Volume]:
    for subject in cohort.subjects:
        yield from (open_volume(path) for path in subject.images)


def _median_spacing(cohort: Cohort) -> Spacing:
    spacings = [volume.spacing for volume in _images(cohort)]
    if not spacings:
        raise Refusal(
            "Learning without pairs needs images of both kinds: a cohort of coarse scans and one of fine ones."
        )
    i, j, k = np.median(spacings, axis=0).tolist()
    return i, j, k


def _laid(volume: Volume, grid: Spacing) -> Volume:
    pairs = zip(grid, volume.spacing, strict=True)
    return lay_on_grid(volume, [wanted if own > wanted * (1 + ALIKE) else None for wanted, own in pairs])
