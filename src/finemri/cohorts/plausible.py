"""What is taken for a failed registration, and the sentence that says so."""

from dataclasses import dataclass

import numpy as np

from finemri.cohorts.itk import as_itk, middle, mirrored
from finemri.cohorts.motion import Transform, displacements, linear
from finemri.cohorts.overlay import Overlay
from finemri.cohorts.registration import Search, find_linear
from finemri.refusal import Refusal
from finemri.shapes import Affine
from finemri.volumes.volume import Volume


@dataclass(frozen=True)
class Limits:
    """Beyond these a registration counts as failed."""

    least: float = 0.3
    """Nats of mutual information, less than which means that the two do not show the same."""
    loss: float = 0.02
    """Share of its information that an aligned pair may lose, by the grain of the two images."""
    overlap: float = 0.25
    """Share of the smaller field of view that the other must hold."""
    rotation: float = 30.0
    """Degrees."""
    scaling: float = 0.2
    """Stretch or shrink of any direction."""
    bend: float = 8.0
    """Millimetres that the deformation moves a place."""
    mirror: float = 0.05
    """The mirror image must not have this share more information."""

    def __post_init__(self) -> None:
        values = (self.least, self.loss, self.overlap, self.rotation, self.scaling, self.bend, self.mirror)
        if min(values) < 0:
            raise Refusal("The limits of a registration are at least 0.")


def check_overlap(overlap: float, limits: Limits) -> None:
    """Raises Refusal where registration left the two next to each other."""
    if overlap < limits.overlap:
        raise Refusal(
            f"After registration the scans share {overlap:.0%} of the smaller field of view, less than "
            f"{limits.overlap:.0%}; choose two series of the same region."
        )


def check_information(before: float, after: float, limits: Limits) -> None:
    """Raises Refusal where the two tell little of each other, or less than without registration."""
    if after < limits.least:
        raise Refusal(
            f"The two scans tell {after:.2f} nats of each other after registration, less than {limits.least:g}: "
            "they do not show the same, or not the same way round; look at both (finemri inspect)."
        )
    if after < before * (1 - limits.loss):
        raise Refusal(
            f"Registration made the agreement worse, from {before:.2f} to {after:.2f} nats; pair them without "
            "registration, or choose another series."
        )


def check_transform(transforms: list[Transform], fine: Volume, limits: Limits) -> None:
    """Raises Refusal for what no head does between two scans."""
    left, stretch, right = np.linalg.svd(linear(transforms)[:3, :3])
    turn = left @ right
    degrees = float(np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))))
    if np.linalg.det(turn) < 0 or degrees > limits.rotation:
        raise Refusal(
            f"Registration turned the coarse scan by {degrees:.0f}°, more than {limits.rotation:g}°: one of the two "
            "has a wrong orientation, or they do not show the same."
        )
    if np.abs(stretch - 1).max() > limits.scaling:
        raise Refusal(
            f"Registration scaled the coarse scan by {stretch.max():.2f} and {stretch.min():.2f}, more than "
            f"{limits.scaling:.0%}: they do not show the same, or the size of the voxels is wrong."
        )
    if not any(t["kept"] and "displacements" in t for t in transforms):
        return
    steps = [max(1, n // 40) for n in fine.shape]
    axes = [np.arange(0, n, s) for n, s in zip(fine.shape, steps, strict=True)]
    index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    where = index.reshape(-1, 3).astype(np.float64) @ fine.affine[:3, :3].T + fine.affine[:3, 3]
    d = displacements(where, transforms).reshape(index.shape)
    furthest = float(np.linalg.norm(d, axis=-1).max())
    if furthest > limits.bend:
        raise Refusal(
            f"The deformation moves a place by {furthest:.1f} mm, more than {limits.bend:g} mm: no head does so; "
            "leave the deformable stage out."
        )
    if min(len(a) for a in axes) > 1:
        by_index = np.stack([np.gradient(d, s, axis=n) for n, s in enumerate(steps)], axis=-1)
        if np.linalg.det(np.eye(3) + by_index @ np.linalg.inv(fine.affine[:3, :3])).min() <= 0:
            raise Refusal("The deformation folds the image onto itself; leave the deformable stage out.")


def check_mirror(over: Overlay, transforms: list[Transform], start: Affine, search: Search, limits: Limits) -> None:
    """Raises Refusal where the coarse scan's mirror image, left for right, tells more of the fine scan than itself."""
    x, _, _ = as_itk(start, middle(over.fine)).TransformPoint(middle(over.fine))
    coarse = mirrored(over.coarse, x)
    try:
        found = find_linear(over.fine, coarse, start, "rigid", search, search.levels[:-1] or search.levels)
    except RuntimeError:  # it ran away: no mirror image
        return
    as_is, share = over.seen(transforms)
    turned, turned_share = Overlay(over.fine, coarse).seen([{"stage": "rigid", "kept": True, "matrix": found.tolist()}])
    if share < turned_share / 4:  # it ran away, and a few voxels always agree
        as_is, share = over.seen([{"stage": "rigid", "kept": True, "matrix": start.tolist()}])
    if turned_share > 0.8 * share and turned > max(limits.least, as_is * (1 + limits.mirror)):
        raise Refusal(
            f"One of the two scans is mirrored, left for right: the mirror image tells {turned:.2f} nats of the other "
            f"scan, the image as it is {as_is:.2f}; mend the orientation in its header first."
        )
