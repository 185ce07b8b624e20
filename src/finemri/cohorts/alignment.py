"""One scan laid onto another of the same person: the coarse volume on the fine volume's grid, or a sentence why not."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float64

from finemri.cohorts.agreement import checkerboard, mutual_information
from finemri.cohorts.bias import scaled, without_bias
from finemri.cohorts.itk import from_itk, itk, one_thread, to_itk
from finemri.cohorts.motion import Transform, linear
from finemri.cohorts.overlay import Overlay
from finemri.cohorts.plausible import Limits, check_information, check_mirror, check_overlap, check_transform
from finemri.cohorts.registration import Search, Stage, find_deformation, find_linear, matched
from finemri.refusal import Refusal
from finemri.shapes import Affine, Mask
from finemri.volumes.volume import Volume

__all__ = ["Aligned", "Alignment", "align", "checkerboard", "mutual_information"]


@dataclass(frozen=True)
class Alignment:
    """How two scans are brought together, and what is taken for a failure. Raises Refusal for nonsense."""

    bias_field: bool = True
    """Correct both scans with N4 first."""
    low: float = 0.1
    """Percentile that becomes 0."""
    high: float = 99.9
    """Percentile that becomes 1000."""
    stages: tuple[Stage, ...] = ("rigid", "affine", "deformable")
    """In this order; none: trust the scanner's coordinates."""
    gain: float = 0.05
    """A later stage is kept only where it adds this share to the information: of a scan that only lies differently it
    would fit the noise."""
    limits: Limits = field(default_factory=Limits)
    search: Search = field(default_factory=Search)

    def __post_init__(self) -> None:
        order = ("rigid", "affine", "deformable")
        if [stage for stage in order if stage in self.stages] != list(self.stages):
            raise Refusal(f"The stages are rigid, affine and deformable, in this order, not {' '.join(self.stages)}.")
        if not 0 <= self.low < self.high <= 100:
            raise Refusal(f"Percentiles go from 0 to 100, the lower one first, not {self.low:g} and {self.high:g}.")
        if self.gain < 0:
            raise Refusal(f"The gain that keeps a stage is at least 0, not {self.gain:g}.")


@dataclass(frozen=True, eq=False)
class Aligned:
    """Two scans on one grid, without bias field, scaled to 0…1000."""

    coarse: Volume
    """On the fine grid, interpolated once (cubic B-spline); 0 where the coarse scan did not look."""
    fine: Volume
    transforms: list[Transform]
    """As in ``finemri.cohorts.motion``: fine world -> coarse world, RAS mm."""
    information_before: float
    """Mutual information in nats where both scans looked, by the scanner's own coordinates."""
    information_after: float
    covered: Mask
    """Voxels of the fine grid that the coarse scan looked at."""


def align(coarse: Volume, fine: Volume, settings: Alignment | None = None) -> Aligned:
    """Bias, brightness, then rigid → affine → deformable by Mattes mutual information, from the scanner's coordinates.

    The same input gives the same output. Where the fields of view hardly overlap, the centres of mass are tried as
    well. Raises Refusal where they do not overlap at all, and where the registration failed: less information than
    before or hardly any, a transform that no neck allows, a fold, a mirrored scan.

    What it cannot tell: whether the two are the same person, for another one's scan of the same contrast agrees too
    well to be refused; and whether a scan is mirrored that is its own mirror image. Real heads are not, not even in
    slices of 4 mm: their mirror image has 0.82 to 0.90 of the information.
    """
    with one_thread():
        return _aligned(coarse, fine, settings or Alignment())


def _aligned(coarse: Volume, fine: Volume, settings: Alignment) -> Aligned:
    if overlap(coarse, fine, np.eye(4)) == 0:
        raise Refusal(
            "The fields of view of the two scans do not overlap, by the scanner's own coordinates; choose two series "
            "of the same region and session."
        )
    a, b = _ready(coarse, settings, "coarse"), _ready(fine, settings, "fine")
    over = Overlay(matched(b, a), a)
    start = _start(over, coarse, fine)
    transforms = _found(over, start, settings)
    before, after = over.information([]), over.information(transforms)
    check_mirror(over, transforms, start, settings.search, settings.limits)
    check_transform(transforms, fine, settings.limits)
    check_overlap(overlap(coarse, fine, linear(transforms)), settings.limits)
    check_information(before, after, settings.limits)
    return Aligned(
        fine.with_voxels(from_itk(over.laid(a, b, transforms, itk().sitkBSpline, 0.0))),
        fine.with_voxels(from_itk(b)),
        transforms,
        before,
        after,
        np.isfinite(from_itk(over.laid(a, b, transforms, itk().sitkNearestNeighbor, np.nan))),
    )


def _ready(volume: Volume, settings: Alignment, name: str) -> Any:
    if min(volume.shape) < 2:
        raise Refusal(f"The {name} scan is a single slice, and registration needs a volume; choose another series.")
    if not volume.voxels.max() > volume.voxels.min():
        raise Refusal(f"The {name} scan has no contrast, so there is nothing to align; look at it (finemri inspect).")
    image = to_itk(volume)
    return scaled(without_bias(image) if settings.bias_field else image, settings.low, settings.high, name)


def _start(over: Overlay, coarse: Volume, fine: Volume) -> Affine:
    """The identity; where the fields of view overlap by less than half, centre of mass on centre of mass if better."""
    here, there = np.eye(4), np.eye(4)
    if overlap(coarse, fine, here) >= 0.5:
        return here
    there[:3, 3] = _mass(coarse) - _mass(fine)
    moved: Transform = {"stage": "rigid", "kept": True, "matrix": there.tolist()}
    return there if over.information([moved]) > over.information([]) else here


def _mass(volume: Volume) -> Float64[np.ndarray, "3"]:
    """Centre of mass, RAS mm."""
    weights = volume.voxels - volume.voxels.min()
    sums = (weights.sum(axis=tuple({0, 1, 2} - {a}), dtype=np.float64) for a in range(3))
    index = np.array([(s @ np.arange(s.size)) / s.sum() for s in sums])
    return np.asarray(volume.affine[:3, :3] @ index + volume.affine[:3, 3])


def overlap(coarse: Volume, fine: Volume, matrix: Affine) -> float:
    """Share of the smaller field of view that lies in the other, with the fine scan moved by ``matrix``."""
    volumes = [float(abs(np.linalg.det(v.affine[:3, :3]))) * v.voxels.size for v in (coarse, fine)]
    axes = [np.linspace(-0.5, n - 0.5, 2 * min(n, 20) + 1)[1::2] for n in fine.shape]
    index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    there = np.linalg.inv(coarse.affine) @ matrix @ fine.affine
    at = index @ there[:3, :3].T + there[:3, 3]
    inside = ((at >= -0.5) & (at <= np.array(coarse.shape) - 0.5)).all(axis=1)
    return float(inside.mean()) * volumes[1] / min(volumes)


def _found(over: Overlay, start: Affine, settings: Alignment) -> list[Transform]:
    """Every stage, with the information after it; ``kept`` says whether that was enough of a gain."""
    search, matrix, transforms = settings.search, start, list[Transform]()
    best, here = over.information([]), np.eye(4)
    for stage in settings.stages:
        try:
            if stage == "deformable":
                found = find_deformation(over.fine, over.coarse, matrix, search)
            else:
                levels = search.levels if not transforms else search.levels[-2:]
                found = {"matrix": find_linear(over.fine, over.coarse, matrix, stage, search, levels).tolist()}
        except RuntimeError:  # all places had left the coarse scan's field of view
            if not transforms:
                break
            continue
        information = over.information([*transforms, {"stage": stage, "kept": True, **found}])
        needed = best * (1 + settings.gain) if transforms else best
        kept = information > needed or not (transforms or np.array_equal(start, here))
        transforms.append({"stage": stage, "kept": kept, **found, "information": information})
        if kept:
            best, matrix = information, linear(transforms)
    return transforms
