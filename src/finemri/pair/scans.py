"""One person: two scans become a pair, slice by slice or voxel by voxel, and everything that was done is told."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import UInt8

from finemri.cohorts.pairing import Matching, Method, match_slices, slice_normal, slice_positions
from finemri.pair.geometry import apart, following, inside, laid, resampled, resliced, stacked, tilt
from finemri.pair.region import Box, region, whole
from finemri.refusal import Refusal
from finemri.volumes.volume import Volume

if TYPE_CHECKING:
    from finemri.cohorts.alignment import Aligned

By = Literal["auto", "slices", "volumes"]
Picture = UInt8[np.ndarray, "row column"]
Registration = Literal["default", "none", "rigid", "affine", "deformable"]
Stage = Literal["rigid", "affine", "deformable"]
STAGES: tuple[Stage, ...] = ("rigid", "affine", "deformable")
COARSER = 1.1
"""Spacing of the coarse scan over that of the fine one from which on there is something to learn."""
THICKER = 1.5
"""Thickness of the coarse slices over that of the fine ones from which on they are matched slice by slice."""
ALIKE = 1.25
"""Pixel sizes in plane may differ so much for that."""
MIRRORED = 1.3
"""Information that mirrored slices have over that of slices as they lie, from which on a header must be wrong."""
NEIGHBOURS = 2
"""Slices kept beyond the first and the last match, for methods that look at neighbours."""


@dataclass(frozen=True)
class Pairing:
    """How two scans of a person become a pair. Raises Refusal for settings that make no sense."""

    by: By = "auto"
    """slices: each thick slice with the thin one at its place. volumes: both on the fine grid, voxel by voxel. auto:
    slices where they are 1.5 times as thick and pixels in plane agree within a quarter."""
    registration: Registration = "default"
    """Up to which stage the coarse scan is moved onto the fine one; none: the patient lay still. Default: none for
    slices, deformable for volumes."""
    matching: Method = "optimal"
    """Of slices. greedy: as published."""
    crop: bool = True
    """Keep only where there is tissue that both scans saw."""
    margin: float = 5.0
    """mm around it."""
    same_grid: bool = False
    """Scans of equal voxels are welcome, as they differ in field strength."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.margin) and self.margin >= 0):
            raise Refusal(f"The margin around the tissue is at least 0 mm, not {self.margin:g}.")
        if self.by == "slices" and self.registration in ("affine", "deformable"):
            raise Refusal("Slices are paired where they lie, or after a rigid registration; choose none or rigid.")

    def stages(self, mode: Literal["slices", "volumes"]) -> tuple[Stage, ...]:
        """Of the registration, in their order."""
        last = (
            {"slices": "none", "volumes": "deformable"}[mode] if self.registration == "default" else self.registration
        )
        return () if last == "none" else STAGES[: STAGES.index(last) + 1]


@dataclass(frozen=True, eq=False)
class Made:
    """A pair, ready to be saved."""

    coarse: Volume
    fine: Volume
    matches: tuple[tuple[int, int], ...] | None
    told: Mapping[str, Any]
    """For pair.json."""
    picture: Picture | None = None
    """A checkerboard of both."""


def pair_scans(coarse: Volume, fine: Volume, settings: Pairing) -> Made:
    """Decide how, and do it. Raises Refusal, with the reason, for scans that do not make a pair."""
    for side, volume in (("coarse", coarse), ("fine", fine)):
        if min(volume.shape) == 1:
            raise Refusal(f"The {side} scan is a single slice; give the whole series.")
        if not volume.voxels.max() > volume.voxels.min():
            raise Refusal(f"The {side} scan is constant, so there is nothing to pair.")
    coarse = stacked(coarse)
    fine = following(fine, coarse.affine)
    times = [ours / theirs for ours, theirs in zip(coarse.spacing, fine.spacing, strict=True)]
    if max(times) <= COARSER and not settings.same_grid:
        raise Refusal(
            f"The coarse scan is not coarser ({_mm(coarse)} against {_mm(fine)}), so there is nothing to learn; "
            "were the folders swapped? Scans of different field strengths on equal grids go with --same-grid."
        )
    if gap := apart(coarse, fine):
        raise Refusal(
            f"The two scans do not overlap: their fields of view are {gap:.1f} mm apart. They may be of different "
            "sessions, or positions were lost on the way."
        )
    by_slices = times[2] >= THICKER and all(1 / ALIKE <= t <= ALIKE for t in times[:2])
    mode: Literal["slices", "volumes"] = settings.by if settings.by != "auto" else "slices" if by_slices else "volumes"
    if mode == "slices" and times[2] < 1:
        raise Refusal("The coarse slices lie closer together than the fine ones, so pair these scans --by volumes.")
    if mode == "slices" and settings.registration in ("affine", "deformable"):
        raise Refusal("Slices are paired where they lie, or after a rigid registration; pair these --by volumes.")
    return _slices(coarse, fine, settings) if mode == "slices" else _volumes(coarse, fine, settings)


def _slices(coarse: Volume, fine: Volume, settings: Pairing) -> Made:
    told: dict[str, Any] = {"mode": "slices"}
    if stages := settings.stages("slices"):
        coarse, more = _moved(coarse, fine, stages)
        told |= more
    degrees = tilt(coarse.affine, fine.affine)
    reach = max(n * mm for n, mm in zip(coarse.shape[:2], coarse.spacing[:2], strict=True)) / 2
    turned = math.sin(math.radians(degrees)) * reach > coarse.spacing[2] / 2
    if turned:  # at the edge of the field of view, a tilted fine slice would lie in the next coarse one
        fine = resliced(fine, coarse)
    told |= {"tilt_degrees": degrees, "fine_resliced": turned}
    on_grid = laid(coarse, fine)
    matching = _matching(coarse, on_grid, fine, settings.matching)
    _check_mirror(on_grid, fine, matching)
    seen = inside(coarse, fine.affine, fine.shape)
    box = region(fine, seen, settings.margin) if settings.crop else whole(fine)
    kept = [(c, f) for c, f in matching.pairs if box.start[2] <= f < box.stop[2]]
    if not kept:
        raise Refusal("No coarse slice lies where there is tissue; check that both scans show the same part.")
    ours, theirs = whole(on_grid), box
    if settings.crop:
        ours = box.along_k(*_around([c for c, _ in kept], on_grid.shape[2]), on_grid.shape[2])
        theirs = box.along_k(*_around([f for _, f in kept], fine.shape[2]))
    outside = [c for c, f in matching.pairs if (c, f) not in kept]
    told |= {
        "matches": [[c, f] for c, f in matching.pairs],
        "distances_mm": list(matching.distances),
        "skipped": list(matching.skipped),
        "without_tissue": outside,
        "crop": {"coarse": _box(ours), "fine": _box(theirs)},
    }
    matches = tuple((c - ours.start[2], f - theirs.start[2]) for c, f in kept)
    return Made(ours.cut(on_grid), theirs.cut(fine), matches, told)


def _matching(coarse: Volume, on_grid: Volume, fine: Volume, method: Method) -> Matching:
    """By the first voxels as published; else by the middle of the common grid, which a tilt does not move."""
    if method == "greedy":
        ours = slice_positions(coarse.affine, coarse.shape[2])
        return match_slices(ours, slice_positions(fine.affine, fine.shape[2]), method="greedy")
    middle = ((fine.shape[0] - 1) / 2, (fine.shape[1] - 1) / 2)
    ours = slice_positions(on_grid.affine, on_grid.shape[2], *middle)
    return match_slices(ours, slice_positions(fine.affine, fine.shape[2], *middle), slice_normal(on_grid.affine))


def _check_mirror(coarse: Volume, fine: Volume, matching: Matching) -> None:
    """Raises Refusal where matched slices tell far more of each other once one side is mirrored or turned round."""
    from finemri.cohorts.agreement import mutual_information

    ours, theirs = (list(side) for side in zip(*matching.pairs, strict=True))
    a, b = coarse.voxels[:, :, ours], fine.voxels[:, :, theirs]
    ways = [way for n in (1, 2, 3) for way in combinations(range(3), n)]
    best = max(mutual_information(np.flip(a, way), b) for way in ways)
    if best > MIRRORED * mutual_information(a, b):
        raise Refusal(
            "The two scans agree far better once one of them is mirrored or turned round, so the orientation in a "
            "header is wrong; convert that scan from its DICOM series again."
        )


def _volumes(coarse: Volume, fine: Volume, settings: Pairing) -> Made:
    told: dict[str, Any] = {"mode": "volumes"}
    stages = settings.stages("volumes")
    if stages:
        aligned, more = _registered(coarse, fine, stages)
        coarse, fine, seen = aligned.coarse, aligned.fine, aligned.covered
        told |= more
    else:
        seen = inside(coarse, fine.affine, fine.shape)
        coarse = resampled(coarse, fine.affine, fine.shape)
    box = region(fine, seen, settings.margin) if settings.crop else whole(fine)
    told["crop"] = {"coarse": _box(box), "fine": _box(box)}
    coarse, fine = box.cut(coarse), box.cut(fine)
    return Made(coarse, fine, None, told, _checkerboard(coarse, fine) if stages else None)


def _moved(coarse: Volume, fine: Volume, stages: tuple[Stage, ...]) -> tuple[Volume, dict[str, Any]]:
    """The same voxels under another affine: where they would lie, had the patient not moved; and what to tell."""
    from finemri.cohorts.motion import linear

    aligned, told = _registered(coarse, fine, stages)
    return Volume(coarse.voxels, np.linalg.inv(linear(aligned.transforms)) @ coarse.affine, coarse.source), told


def _registered(coarse: Volume, fine: Volume, stages: tuple[Stage, ...]) -> tuple["Aligned", dict[str, Any]]:
    from finemri.cohorts.alignment import Alignment, align

    settings = Alignment(stages=stages)
    aligned = align(coarse, fine, settings)
    return aligned, {
        "alignment": asdict(settings),
        "transforms": aligned.transforms,
        "mutual_information": {"before": aligned.information_before, "after": aligned.information_after},
    }


def _checkerboard(coarse: Volume, fine: Volume) -> Picture:
    from finemri.cohorts.agreement import checkerboard

    return checkerboard(coarse.voxels, fine.voxels)


def _around(slices: list[int], depth: int) -> tuple[int, int]:
    """First and stop of these slices with their neighbours."""
    return max(min(slices) - NEIGHBOURS, 0), min(max(slices) + NEIGHBOURS + 1, depth)


def _box(box: Box) -> dict[str, list[int]]:
    return {"shape": list(box.shape), "start": list(box.start), "stop": list(box.stop)}


def _mm(volume: Volume) -> str:
    return " × ".join(f"{mm:.3g}" for mm in volume.spacing) + " mm"
