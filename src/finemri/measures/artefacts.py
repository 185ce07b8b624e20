"""Marks that a method leaves, which no scanner made."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import fft

from finemri.measures.fidelity import Inside, Scan, check_pair
from finemri.refusal import Refusal
from finemri.shapes import FineVoxels


def seam_energy(image: FineVoxels, truth: FineVoxels, seams: Mapping[int, Sequence[int]]) -> float:
    """mean |∂(x̂ − x)| across the seams over the same everywhere else, along the axes that have any.

    ``seams``: axis -> the voxels that a tile begins with, so that the step from n − 1 to n crosses its border. 1: the
    error is no rougher there than elsewhere. Raises Refusal without a seam, and for one outside the image.
    """
    at_seams, elsewhere = [], []
    for axis, starts in seams.items():
        length = image.shape[axis]
        if any(not 0 < n < length for n in starts):
            raise Refusal(f"The seams of an axis of {length} voxels lie at 1 to {length - 1}, not at {list(starts)}.")
        steps = np.abs(np.diff(image - truth, axis=axis)).astype(np.float64)
        crossed = np.isin(np.arange(1, length), np.asarray(starts))
        at_seams.append(steps.compress(crossed, axis=axis).ravel())
        elsewhere.append(steps.compress(~crossed, axis=axis).ravel())
    if not sum(part.size for part in at_seams):
        raise Refusal("There is no seam to look at: name the voxels that tiles begin with.")
    return float(np.concatenate(at_seams).mean() / np.concatenate(elsewhere).mean())


def checkerboard_energy(image: Scan) -> float:
    """max over the axes of P(½) / mean P(f), ⅜ ≤ f < ½ cycles a voxel, P the mean power of the lines along the axis.

    The pattern of period 2 that sub-pixel and transposed convolutions leave (Odena et al., 2016), over its neighbours
    in the spectrum: 1 for noise, below for whatever has but smooth detail, far above where there is a checkerboard.
    Lines are tapered by sin², so that period 2 reaches but one frequency to either side, which is left out. Axes of
    fewer than 16 voxels do not count; of an odd axis the last voxel. Infinite where there is nothing but the pattern.
    Raises Refusal for voxels that are not finite, an image without contrast, and one without such an axis.
    """
    if not np.isfinite(image).all():
        raise Refusal("The image holds voxels that are not finite (NaN or Inf), which no measure can judge.")
    axes = [axis for axis, size in enumerate(image.shape) if size >= 16]
    if not axes:
        raise Refusal(f"A checkerboard shows along 16 voxels or more, not in {image.shape}; choose a larger image.")
    found = [_at_nyquist(np.moveaxis(image, axis, -1)) for axis in axes]
    if all(here == 0 == around for here, around in found):
        raise Refusal("The image has no contrast, so it has no spectrum to find a checkerboard in.")
    return max(here / around if around > 0 else math.inf if here > 0 else 0.0 for here, around in found)


def checkerboard_ratio(image: Scan, truth: Scan, mask: Inside | None = None) -> float:
    """The image's checkerboard energy over the truth's: 1 is best, above is a pattern, below is blurred.

    Raises Refusal for a mask too, whose edges would count, and for a truth that has no energy at period 2.
    """
    if mask is not None:
        raise Refusal("A checkerboard is looked for in the whole image, as a mask has edges of its own; leave it out.")
    check_pair(image, truth, None)
    own = checkerboard_energy(truth)
    if own == 0:
        raise Refusal("The reference has no energy at period 2, so nothing can be related to it.")
    return checkerboard_energy(image) / own


def _at_nyquist(lines: Scan) -> tuple[float, float]:
    """The power at period 2 and the mean power around it, along the last axis; 0 where it is but rounding."""
    size = lines.shape[-1] // 2 * 2
    values = lines[..., :size].astype(np.float64)
    values -= values.mean(axis=-1, keepdims=True)
    power = np.abs(fft.rfft(values * np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2)) ** 2
    mean = power.reshape(-1, power.shape[-1]).mean(axis=0)
    floor = 1e-24 * float(np.square(lines, dtype=np.float64).mean()) * size
    here, around = float(mean[-1]), float(mean[-(-3 * size // 8) : -2].mean())
    return here if here > floor else 0.0, around if around > floor else 0.0
