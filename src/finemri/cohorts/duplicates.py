"""People who look like one: near-identical scans under two names, found by a small fingerprint of what they show.

Thresholds, and how they were calibrated: docs/guards.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import nibabel as nib
import numpy as np
from jaxtyping import Complex64, Float32
from scipy import fft, ndimage

from finemri.cohorts.cohort import Subject
from finemri.cohorts.layouts import KSPACE, PICTURES
from finemri.refusal import Refusal
from finemri.volumes.files import open_volume
from finemri.volumes.volume import Volume

Grid = Float32[np.ndarray, "n n n"]
Fingerprint = Complex64[np.ndarray, "n n h"]
"""Of the grid: its Fourier transform, as every comparison needs it."""
Weights = Float32[np.ndarray, "n _"]

SIDE = 40
"""Cells of the grid along every axis."""
SPAN = 4.0
"""Width of the grid, in standard deviations of where tissue lies."""
FINE, WIDE = 0.8, 2.0
"""Widths of the two Gaussians whose difference is detail, in cells."""
MOST = 96
"""Voxels along an axis that are looked at: a larger scan is strided."""
SHIFT = 3
"""Cells by which two scans may be shifted against each other."""
ALIKE = 0.8
"""Likeness from which two scans are taken to show one person."""
LOOK_ALIKE, NEARER = 0.5, 1 / 10
"""Where people are more alike than that in the median, as if warped to one template, two of them are one person only
if they are ten times nearer than that."""
ENOUGH = 9
"""Comparisons that a median takes."""


@dataclass(frozen=True)
class Alike:
    """Two people who are probably one."""

    one: str
    """Pseudonym, on the first side."""
    other: str
    """Pseudonym, on the second."""
    likeness: float
    """−1 … 1."""


def refuse_alike(learnt: Sequence[Subject], judged: Sequence[Subject]) -> None:
    """Raises Refusal where somebody of the one side of a split looks like somebody of the other."""
    found = find_alike(learnt, judged)
    if found:
        worst, more = found[0], f" (and {len(found) - 1} pairs more)" if len(found) > 1 else ""
        raise Refusal(
            f"The scans of {worst.one}, who is learnt from, and {worst.other}, who is held out, are nearly identical "
            f"(likeness {worst.likeness:.3f}){more}: they are probably one person. Put both under one name in a "
            "cohort.json, or remove one of them."
        )


def find_alike(one: Sequence[Subject], other: Sequence[Subject]) -> list[Alike]:
    """Pairs of people, one of each side, with near-identical scans; the most alike first.

    Looked at are volumes: images, the fine scans of pairs, and label maps of those who have nothing else.
    """
    if not (one and other):
        return []
    seen: dict[tuple[str, str], float] = {}
    for (name, its), (rival, theirs) in product(_fingerprints(one), _fingerprints(other)):
        found = likeness(its, theirs)
        seen[name, rival] = max(found, seen.get((name, rival), -1.0))
    bar = ALIKE
    if len(seen) >= ENOUGH and (typical := float(np.median(list(seen.values())))) > LOOK_ALIKE:
        bar = max(bar, 1 - NEARER * (1 - typical))
    alike = [Alike(*names, likeness=found) for names, found in seen.items() if found > bar]
    return sorted(alike, key=lambda pair: -pair.likeness)


def likeness(one: Fingerprint, other: Fingerprint) -> float:
    """max over shifts s of ⟨d₁, T_s d₂⟩ / ‖d₁‖‖d₂‖: 1 for the same scan, about 0.3 for two people."""
    agreement = fft.irfftn(one * other.conj(), (SIDE,) * 3)
    near = np.r_[0 : SHIFT + 1, -SHIFT:0]
    return float(agreement[np.ix_(near, near, near)].max())


def fingerprint(volume: Volume) -> Fingerprint | None:
    """Fourier transform of d / ‖d‖, d = (G₁x − G₂x) / local deviation on 40³ cells that lie about the tissue.

    x is cut to 0..1 and averaged over tissue alone; the cells are measured in standard deviations of where tissue is,
    axes nearest to right, anterior and superior. So neither names, storage orders, grids, units nor a margin of air
    count. None of an image without contrast.
    """
    turned = nib.apply_orientation(volume.voxels, nib.io_orientation(volume.affine))
    x = turned[tuple(slice(None, None, max(1, -(-n // MOST))) for n in turned.shape)].astype(np.float32)
    low, high = np.percentile(x, [1, 99.5])
    if not high > low:
        return None
    x = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
    tissue = (x > 0.1).astype(np.float32)
    axes = [_lie(tissue.sum(tuple({0, 1, 2} - {axis}), dtype=np.float64)) for axis in range(3)]
    G = [[_gaussian(n, *lie, width) for n, lie in zip(x.shape, axes, strict=True)] for width in (FINE, WIDE)]
    there, around = (_apply(weights, tissue) for weights in G)
    means = [_apply(w, x * tissue) / np.maximum(m, 0.01) for w, m in zip(G, (there, around), strict=True)]
    detail = (means[0] - means[1]) * there
    deviation = np.sqrt(_smooth(detail**2) / np.maximum(_smooth(there), 0.01))
    detail /= deviation + 0.1 * deviation.max() + 1e-9
    detail -= there * (detail.sum() / there.sum())
    found: Fingerprint = fft.rfftn((detail / (np.linalg.norm(detail) or 1.0)).astype(np.float32))
    return found


def _fingerprints(people: Sequence[Subject]) -> list[tuple[str, Fingerprint]]:
    found = [(name, fingerprint(open_volume(path))) for name, path in _volumes(people)]
    return [(name, print_) for name, print_ in found if print_ is not None]


def _volumes(people: Sequence[Subject]) -> Iterable[tuple[str, Path]]:
    for subject in people:
        paired = [pair.fine for pair in subject.pairs]  # thick slices look like anybody's
        for path in [*subject.images, *paired] or subject.labels:
            if not path.name.lower().endswith((*KSPACE, *PICTURES)):
                yield subject.name, path


def _lie(mass: np.ndarray) -> tuple[float, float]:
    """Centre of tissue along an axis, and the edge of a cell, in voxels."""
    at = np.arange(mass.size)
    centre = float(at @ mass / mass.sum())
    deviation = float(np.sqrt((at - centre) ** 2 @ mass / mass.sum()))
    return centre, max(deviation, 0.5) * SPAN / SIDE


def _gaussian(size: int, centre: float, cell: float, width: float) -> Weights:
    """Weights of voxels about each cell's centre; none for cells beyond the field of view."""
    places = centre + (np.arange(SIDE) - (SIDE - 1) / 2) * cell
    inside = (places >= -0.5) & (places <= size - 0.5)
    weights = np.exp(-((np.arange(size) - places[:, None]) ** 2) / (2 * max(width * cell, 0.5) ** 2))
    total = np.maximum(weights.sum(1, keepdims=True), 1e-9)
    found: Weights = (weights / total * inside[:, None]).astype(np.float32)
    return found


def _apply(weights: list[Weights], x: np.ndarray) -> Grid:
    for along in weights:  # each takes the first axis and leaves its own last
        x = np.tensordot(x, along, (0, 1))
    return x


def _smooth(x: Grid) -> Grid:
    smooth: Grid = ndimage.gaussian_filter(x, WIDE, mode="constant", truncate=3)
    return smooth
