"""A second, coarser scan of the same person, as a worse scanner would have given it: simulated, never measured.

In the order in which it happens: the person lies differently, the field makes another contrast, the scanner measures
thick slices or few lines of k-space, its coils hear unevenly, and there is noise.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from finemri.cohorts.session import MARGIN, Session, plan_session
from finemri.physics.degradation import KSpaceTruncation, SliceProfile, add_rician_noise
from finemri.physics.field_strength import bias_field, flatten_contrast
from finemri.refusal import Refusal
from finemri.shapes import Affine, Voxels
from finemri.volumes.intensity import NORMALISERS
from finemri.volumes.volume import Volume


@dataclass(frozen=True)
class Rescan:
    """What the second scanner does. Pairs (lowest, highest) are drawn for each person. Raises Refusal for nonsense."""

    encoding: Literal["slices", "volume"] = "slices"
    """slices: thick, with a profile and gaps, and k-space is cut in plane. volume: it is cut in all directions."""
    axis: Literal[0, 1, 2] = 2
    """Voxel axis of the fine scan along which slices are stacked; it becomes the last."""
    in_plane: float = 1.0
    """Size of the voxels in plane, in fine voxels."""
    thickness: tuple[float, float] = (3.0, 4.0)
    """Thickness of the slices, in fine voxels."""
    gap: tuple[float, float] = (0.0, 0.2)
    """Distance between slices that nobody measures, as a share of their thickness."""
    profile: Literal["gaussian", "box"] = "gaussian"
    """Of a slice; thickness is its full width at half maximum."""
    blur: float = 0.0
    """Gaussian blur in plane beyond what the voxels do, full width at half maximum in coarse voxels."""
    gamma: tuple[float, float] = (1.0, 1.0)
    """Brightness to this power."""
    contrast: float = 1.0
    """Share of the differences between tissues that is left."""
    bias: float = 0.1
    """Deviation of the logarithm of the coils' smooth field."""
    noise: float = 0.01
    """σ of the Rician noise, as a share of the coarse scan's 99.9th percentile."""
    rotation: float = 2.0
    """At most so many degrees about each of the axes x, y, z, either way."""
    translation: float = 3.0
    """At most so many mm along each of them, either way."""
    field: Literal["inside", "whole"] = "inside"
    """inside: the field of view shrinks until all of it was seen by the fine scan. whole: as large as the fine scan's,
    with mirrored tissue beyond it."""
    tesla: float = 1.5
    """What the DICOM header says; nothing is computed from it."""

    def __post_init__(self) -> None:
        numbers = [*self.thickness, *self.gap, *self.gamma, self.in_plane, self.blur, self.contrast, self.bias]
        if not all(map(math.isfinite, [*numbers, self.noise, self.rotation, self.translation, self.tesla])):
            raise Refusal("The settings of a second scan are finite numbers; give another one.")
        for name, (low, high) in {"thickness": self.thickness, "gap": self.gap, "gamma": self.gamma}.items():
            if low > high:
                raise Refusal(f"The range of {name} goes from its lowest to its highest, not from {low:g} to {high:g}.")
        if min(self.in_plane, self.thickness[0]) < 1 or max(self.in_plane, self.thickness[1]) > 20:
            raise Refusal("The second scan is coarser: voxels and slices are 1 to 20 times those of the fine scan.")
        if not 0 <= self.gap[0] <= self.gap[1] <= 2:
            raise Refusal(f"A gap is 0 to 2 times the slices' thickness, not {self.gap[0]:g} to {self.gap[1]:g}.")
        if self.encoding == "volume" and self.gap[1] > 0:
            raise Refusal("A volume that is encoded in three directions has no gaps; set the gap to 0 0.")
        if not 0.2 <= self.gamma[0] <= self.gamma[1] <= 5 or not 0 < self.contrast <= 1:
            raise Refusal("Gamma lies in 0.2..5 and the contrast that is left in 0..1, without 0.")
        if not 0 <= self.blur <= 10 or not 0 <= self.bias <= 2 or not 0 <= self.noise <= 1:
            raise Refusal("Blur lies in 0..10 coarse voxels, the deviation of the bias field in 0..2, noise in 0..1.")
        if not 0 <= self.rotation <= 30 or not 0 <= self.translation <= 100 or self.tesla <= 0:
            raise Refusal("Rotation lies in 0..30 degrees, translation in 0..100 mm, and the field is above 0 tesla.")


PRESETS: dict[str, Rescan] = {
    "thick": Rescan(),
    "low-field": Rescan(
        encoding="volume", in_plane=2.0, thickness=(2.0, 2.0), gap=(0.0, 0.0), blur=1.0, gamma=(0.7, 0.9), contrast=0.7,
        bias=0.2, noise=0.03, rotation=3.0, translation=4.0, tesla=0.5,
    ),
}  # fmt: skip
"""thick: few thick slices beside many thin ones (Narcomey & Gu). low-field: twice the voxels, less contrast, more blur
and noise (Ravikumar et al.)."""


@dataclass(frozen=True, eq=False)
class Rescanned:
    """The coarse scan, and what only a simulation knows."""

    volume: Volume
    """In the units of the fine scan; in the world of the second session."""
    pose: Affine
    """World of the coarse scan -> world of the fine scan, RAS mm: pose · y is where the tissue at y lies there."""
    thickness: float
    """Of a slice, in mm; the distance from slice to slice is volume.spacing[2]."""
    valid: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    """First and stop of the voxels along i, j, k that hold only what the fine scan saw."""
    drawn: Mapping[str, float | list[float]]
    """What chance decided."""


def rescan(fine: Volume, settings: Rescan, rng: np.random.Generator) -> Rescanned:
    """y = |B · D H(x ∘ pose) + n|: pose, contrast H, what the scanner measures D, coils B, Rician noise.

    Pure in the state of ``rng``; the pose does not depend on any other setting. Nothing is interpolated to be made
    coarse: the new pose is read on a grid at least as fine as the fine scan's, and D is finemri.physics.degradation's.
    Raises Refusal for a scan without brightness, and for one too small for such voxels.
    """
    turn, shift = settings.rotation * rng.uniform(-1, 1, 3), settings.translation * rng.uniform(-1, 1, 3)
    slack = rng.uniform(-0.5, 0.5, 3)
    times, share, gamma = (float(rng.uniform(*ends)) for ends in (settings.thickness, settings.gap, settings.gamma))
    noise, coils = torch.Generator().manual_seed(int(rng.integers(2**62))), np.random.default_rng(rng.integers(2**62))
    if not fine.voxels.max() > 0:
        raise Refusal("The scan holds nothing brighter than 0, so there is nobody to scan again; leave it out.")
    person = _stacked_along(fine, settings.axis)
    a, b, c = person.spacing
    thickness = times * c
    spacing = (settings.in_plane * a, settings.in_plane * b, thickness * (1 + share))
    session = plan_session(person, spacing, turn=turn, shift=shift, slack=slack, whole=settings.field == "whole")
    person = person.with_voxels(flatten_contrast(person.voxels, gamma=gamma, contrast=settings.contrast))
    voxels = _measured(torch.from_numpy(session.watch(person)), session, settings, thickness / spacing[2])
    p = NORMALISERS["percentile"](voxels.numpy()).scale
    if settings.bias > 0:
        voxels = voxels * torch.from_numpy(bias_field(session.shape, spacing, settings.bias, coils))
    made: Voxels = add_rician_noise(voxels, settings.noise * p, noise).numpy()
    drawn: dict[str, float | list[float]] = {
        "rotation_degrees": [float(angle) for angle in turn],
        "translation_mm": [float(mm) for mm in shift],
        "thickness_mm": thickness,
        "gap_mm": spacing[2] - thickness,
        "gamma": gamma,
        "noise_sigma": settings.noise * p,
    }
    return Rescanned(Volume(made, session.affine), session.pose, thickness, session.valid, drawn)


def _stacked_along(fine: Volume, axis: int) -> Volume:
    """The same volume with this axis last, turned over where the grid would be left-handed: DICOM has no such grids."""
    order = [(axis + 1) % 3, (axis + 2) % 3, axis]
    voxels, affine = fine.voxels.transpose(order), fine.affine[:, [*order, 3]]
    if np.linalg.det(affine[:3, :3]) < 0:
        voxels = voxels[:, :, ::-1]
        affine = affine @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, fine.shape[axis] - 1], [0, 0, 0, 1.0]])
    return Volume(voxels, affine)


def _measured(image: Tensor, session: Session, settings: Rescan, share: float) -> Tensor:
    """D: an operator an axis, then the margin falls away. ``share`` of each slice's place is measured."""
    for axis, r in enumerate(session.factor):
        if axis == 2 and settings.encoding == "slices":
            if settings.thickness[1] > 1 or settings.gap[1] > 0:  # a slice as thick as it was has its profile already
                image = SliceProfile(2, share * r, (1 - share) * r, settings.profile)(image)
        elif r > 1:
            image = _along(axis, KSpaceTruncation(r, "mirror").matrices(_shape(image))[axis], image)
    if settings.blur > 0:
        for axis in (0, 1):
            image = SliceProfile(axis, settings.blur, 1 - settings.blur)(image)
    return image[MARGIN:-MARGIN, MARGIN:-MARGIN, MARGIN:-MARGIN].contiguous()


def _along(axis: int, matrix: Tensor, image: Tensor) -> Tensor:
    return (image.movedim(axis, -1) @ matrix.T.to(image)).movedim(-1, axis)


def _shape(image: Tensor) -> tuple[int, int, int]:
    sizes: Sequence[int] = image.shape
    i, j, k = sizes
    return i, j, k
