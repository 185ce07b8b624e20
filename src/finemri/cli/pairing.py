"""Verbs that make pairs of a coarse and a fine scan: rescan simulates them, pair lays real ones side by side."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class Rescan:
    """Simulate a second, coarser scan of every person; a setting that is not given is the preset's."""

    fine: Positional[Path]
    """A folder of fine scans, one person each: NIfTI, BIDS, Decathlon, DICOM folders."""
    into: Path
    """The coarse scans go here, with poses.json."""
    preset: Literal["thick", "low-field"] = "thick"
    """thick: slices 3 to 4 times as thick. low-field: voxels twice as large, less contrast, more blur and noise."""
    seed: int = 0
    """With the person's name, it draws the pose and the noise."""
    as_: Annotated[Literal["dicom", "nifti"], arg(name="as")] = "dicom"
    """A folder of DICOM slices a person, or a NIfTI file."""
    encoding: Literal["slices", "volume"] | None = None
    """slices: thick, with a profile and gaps. volume: k-space is cut in all three directions."""
    axis: Literal[0, 1, 2] | None = None
    """Voxel axis of the fine scan along which slices are stacked."""
    in_plane: float | None = None
    """Size of the voxels in plane, in fine voxels."""
    thickness: tuple[float, float] | None = None
    """Thickness of the slices, in fine voxels: lowest and highest."""
    gap: tuple[float, float] | None = None
    """Gap between slices as a share of their thickness: lowest and highest."""
    profile: Literal["gaussian", "box"] | None = None
    """Of a slice."""
    blur: float | None = None
    """Further blur in plane: full width at half maximum, in coarse voxels."""
    gamma: tuple[float, float] | None = None
    """Brightness to this power: lowest and highest."""
    contrast: float | None = None
    """Share of the differences between tissues that is left."""
    bias: float | None = None
    """Deviation of the logarithm of the coils' smooth field."""
    noise: float | None = None
    """σ of the Rician noise, as a share of the coarse scan's 99.9th percentile."""
    rotation: float | None = None
    """At most so many degrees about each axis."""
    translation: float | None = None
    """At most so many mm along each axis."""
    field: Literal["inside", "whole"] | None = None
    """inside: the field of view shrinks to what the fine scan saw. whole: it does not; tissue is mirrored beyond."""
    tesla: float | None = None
    """What the DICOM header says."""
    force: bool = False
    """Replace coarse scans that are there."""

    def run(self) -> None:
        """Call the verb."""
        from finemri.cohorts.rescan import PRESETS
        from finemri.rescan import rescan

        settings = PRESETS[self.preset]
        given = {field.name: getattr(self, field.name) for field in fields(settings)}
        settings = replace(settings, **{name: value for name, value in given.items() if value is not None})
        made = rescan(self.fine, self.into, settings, seed=self.seed, kind=self.as_, force=self.force)
        print(f"Simulated: {made}")


@dataclass(frozen=True)
class Pair:
    """Lay the coarse and the fine scans of the same people side by side: a cohort to train on and to evaluate with."""

    coarse: Positional[Path]
    """A folder of coarse scans, one a person: NIfTI files, BIDS, DICOM folders; or a single scan."""
    fine: Positional[Path]
    """A folder of fine scans of the same people, under the same names."""
    into: Path
    """The cohort goes here. Run again, it goes on where it stopped."""
    by: Literal["auto", "slices", "volumes"] = "auto"
    """slices: each thick slice with the thin one at its place. volumes: both on the fine grid, voxel by voxel. auto:
    slices where the coarse ones are 1.5 times as thick and pixels in plane agree within a quarter."""
    registration: Literal["default", "none", "rigid", "affine", "deformable"] = "default"
    """How far the coarse scan is moved onto the fine one. Default: none for slices, deformable for volumes."""
    matching: Literal["optimal", "greedy"] = "optimal"
    """Of slices. greedy: only forward, as published."""
    crop: bool = True
    """With --no-crop the whole field of view is kept; otherwise only where there is tissue that both scans saw."""
    margin: float = 5.0
    """mm around it."""
    same_grid: bool = False
    """Accept a coarse scan with voxels as small as the fine one's: it has a lower field strength."""
    force: bool = False
    """Replace pairs that were made of other scans or with other settings."""

    def run(self) -> None:
        """Call the verb."""
        from finemri.cohorts.layouts import find_cohort
        from finemri.pair import Pairing, pair

        settings = Pairing(**{field.name: getattr(self, field.name) for field in fields(Pairing)})
        into = pair(self.coarse, self.fine, into=self.into, settings=settings, force=self.force)
        print(f"Paired: {len(find_cohort(into))} in {into}")
