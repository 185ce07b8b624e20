"""Lesions that were never there: one of known size and contrast is put into the truth, to see whether a method keeps
it, and what a method makes up that could pass for one."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from scipy import signal

from finemri.measures.fidelity import Inside, Scan
from finemri.refusal import Refusal
from finemri.shapes import FineVoxels, Voxels

Profile = Float32[np.ndarray, "pi pj pk"]
Triple = tuple[float, float, float]
PARTS = 5
"""Points along each axis of a voxel that say how much of it lies inside."""
GUARD = 2.0
"""Coarse voxels around a lesion that are neither it nor elsewhere: blur is no invention."""


@dataclass(frozen=True)
class Lesion:
    """ℓ(r) = c · [Σ ((r_a − centre_a) / (d_a / 2))² ≤ 1], each voxel by the part of it that lies inside."""

    centre: Triple
    """Fine voxels, not necessarily whole ones."""
    diameters: Triple
    """Millimetres along i, j, k, tip to tip."""
    contrast: float
    """What is added to the brightness, in the image's unit; below 0 for a dark one."""

    def __post_init__(self) -> None:
        if min(self.diameters) <= 0 or self.contrast == 0 or not math.isfinite(self.contrast):
            raise Refusal(f"A lesion has a size and a contrast, not {self.diameters} mm and {self.contrast}.")

    def profile(self, shape: tuple[int, int, int], spacing: Triple) -> Profile:
        """Each voxel's share, 0 to 1. ``spacing`` in mm. Raises Refusal for a lesion that is not all in the image."""
        inside = np.zeros(shape, np.float32)
        radii = [d / 2 / mm for d, mm in zip(self.diameters, spacing, strict=True)]
        first = [math.floor(c - r) for c, r in zip(self.centre, radii, strict=True)]
        last = [math.ceil(c + r) for c, r in zip(self.centre, radii, strict=True)]
        if min(first) < 0 or any(b >= n for b, n in zip(last, shape, strict=True)):
            raise Refusal(f"A lesion of {self.diameters} mm at {self.centre} reaches out of the image; move it.")
        lines = []
        for a, b, c, r in zip(first, last, self.centre, radii, strict=True):
            points = np.arange(a, b + 1)[:, None] + (np.arange(PARTS) + 0.5) / PARTS - 0.5
            lines.append(((points.ravel() - c) / r) ** 2)
        within = lines[0][:, None, None] + lines[1][:, None] + lines[2] <= 1
        boxes = within.reshape([n for line in lines for n in (line.size // PARTS, PARTS)])
        i, j, k = (slice(a, b + 1) for a, b in zip(first, last, strict=True))
        inside[i, j, k] = boxes.mean(axis=(1, 3, 5))
        return inside

    def put_into(self, voxels: Voxels, spacing: Triple) -> FineVoxels:
        """x + ℓ."""
        i, j, k = voxels.shape
        return voxels + np.float32(self.contrast) * self.profile((i, j, k), spacing)


@dataclass(frozen=True)
class LesionScores:
    """What became of a lesion, with d = f(A(x + ℓ)) − f(A x): what the method shows for it, and p its profile."""

    recovery: float
    """Contrast recovery Σ d p / (c Σ p²): 1 kept, 0 gone, above 1 exaggerated. Taking the lesion out again is the same
    pair of images read backwards: 1 then means that it leaves without a trace."""
    dice: float
    """Overlap of {d/c ≥ ½ max d/c} and {p ≥ ½}: whether it kept its place, size and shape."""
    elsewhere: float
    """max |d/c| farther than two coarse voxels from the lesion: what it changed where nothing had changed."""
    invented: float
    """max over all places of the matched filter Σ (f(A x) − x) p / (c Σ p²), without a lesion: errors that pass for one
    of this size and contrast; 1 is as strong as the real one."""


def try_lesion(
    truth: Voxels,
    lesion: Lesion,
    spacing: Triple,
    *,
    degrade: Callable[[Voxels], FineVoxels],
    enhance: Callable[[FineVoxels], FineVoxels],
    scale: tuple[int, int, int],
) -> LesionScores:
    """Degrade the truth with and without the lesion, enhance both, score. (i, j, k), multiples of ``scale``."""
    without = enhance(degrade(truth))
    return score_lesion(truth, without, enhance(degrade(lesion.put_into(truth, spacing))), lesion, spacing, scale=scale)


def score_lesion(
    truth: Scan, without: Scan, found: Scan, lesion: Lesion, spacing: Triple, *, scale: tuple[int, int, int]
) -> LesionScores:
    """Scores of two images, ``found`` of the truth with the lesion, ``without`` of the truth as it is.

    Raises Refusal for shapes that differ.
    """
    if not truth.shape == without.shape == found.shape:
        raise Refusal(f"Truth and images have one grid, not {truth.shape}, {without.shape}, {found.shape}.")
    i, j, k = truth.shape
    p = lesion.profile((i, j, k), spacing)
    weight = float(np.square(p, dtype=np.float64).sum())
    shown = (found.astype(np.float64) - without) / lesion.contrast
    highest = float(shown[p > 0].max())
    near = _near(lesion, p, spacing, scale)
    bright = (shown >= highest / 2) & near if highest > 0 else np.zeros_like(near)
    core = p >= 0.5
    error = without.astype(np.float64) - truth
    box = p[tuple(slice(int(at.min()), int(at.max()) + 1) for at in np.nonzero(p))]
    matched = signal.oaconvolve(error, box[::-1, ::-1, ::-1].astype(np.float64), mode="valid")
    return LesionScores(
        recovery=float((shown * p).sum()) / weight,
        dice=2 * int((bright & core).sum()) / int(bright.sum() + core.sum()),
        elsewhere=float(np.abs(shown[~near]).max(initial=0.0)),
        invented=float((matched / lesion.contrast).max()) / weight,
    )


def _near(lesion: Lesion, p: Profile, spacing: Triple, scale: tuple[int, int, int]) -> Inside:
    """The lesion and ``GUARD`` coarse voxels around it: an ellipsoid that is so much larger along each axis."""
    squares = np.zeros(p.shape)
    lines = zip(lesion.centre, lesion.diameters, spacing, scale, strict=True)
    for axis, (centre, diameter, mm, factor) in enumerate(lines):
        line = (np.arange(p.shape[axis]) - centre) / (diameter / 2 / mm + GUARD * factor)
        squares += (line**2).reshape([-1 if a == axis else 1 for a in range(3)])
    near: Inside = squares <= 1
    return near
