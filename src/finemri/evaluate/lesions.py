"""Lesions put into the truth: does a method keep them, and does it make some up?"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, fields

import numpy as np
from scipy import ndimage

from finemri.measures.contract import Contract
from finemri.measures.lesion import Lesion, LesionScores, score_lesion
from finemri.refusal import Refusal
from finemri.shapes import FineVoxels, Mask
from finemri.volumes.intensity import NORMALISERS
from finemri.volumes.volume import Volume

CONTRAST = 0.2
"""Of the 99.9th percentile of the truth: added to it, or taken from it."""
SIGNS = {"bright": 1, "dark": -1}
Numbers = Iterator[tuple[str, float, Contract]]


def judge_lesions(
    truth: Volume,
    head: Mask,
    without: FineVoxels,
    diameters: Sequence[float],
    *,
    bring_back: Callable[[Volume], FineVoxels],
    scale: int,
    word: str,
    crop: str,
) -> Numbers:
    """For every diameter a bright and a dark ball, each by itself: recovery, Dice, elsewhere, invented.

    ``without``: what the method made of the truth as it is; ``bring_back`` makes the truth coarse and gives what the
    method makes of it. ``word`` draws the place, the same for all methods. mm. Raises Refusal where no place is left.
    """
    brightness = NORMALISERS["percentile"](truth.voxels).scale
    for diameter in diameters:
        for name, sign in SIGNS.items():
            lesion = place(truth, head, diameter, sign * CONTRAST * brightness, f"{word} {diameter:g} {name}")
            found = bring_back(truth.with_voxels(lesion.put_into(truth.voxels, truth.spacing)))
            scores = score_lesion(truth.voxels, without, found, lesion, truth.spacing, scale=(scale,) * 3)
            for field, value in zip(fields(LesionScores), astuple(scores), strict=True):
                measure = f"{PREFIX[field.name]}-{name}-{diameter:g}mm"
                yield measure, value, _contract(measure, crop)


PREFIX = {"recovery": "recovery", "dice": "lesiondice", "elsewhere": "elsewhere", "invented": "invented"}


def place(truth: Volume, head: Mask, diameter: float, contrast: float, word: str) -> Lesion:
    """A ball that lies in the head with a millimetre to spare, where it is bright enough to become darker."""
    inside = ndimage.distance_transform_edt(np.pad(head, 1), sampling=truth.spacing)[1:-1, 1:-1, 1:-1]
    sigma = [diameter / 4 / mm for mm in truth.spacing]
    around = ndimage.gaussian_filter(truth.voxels, sigma)
    fits = (inside > diameter / 2 + 1) & (around > 1.5 * abs(contrast))
    places = np.flatnonzero(fits)
    if not places.size:
        raise Refusal(
            f"No lesion of {diameter:g} mm fits into the head with tissue around it; choose smaller ones (--lesions)."
        )
    drawn = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big") % places.size
    i, j, k = (float(n) for n in np.unravel_index(places[drawn], fits.shape))
    return Lesion((i, j, k), (diameter,) * 3, contrast)


def _contract(measure: str, crop: str) -> Contract:
    return Contract(
        measure=measure,
        mask="full",
        range=None,
        range_from=None,
        dimension="3D",
        window=None,
        aggregation=f"one ball, {CONTRAST:g} of the reference's 99.9th percentile, at a place drawn for the scan",
        crop=crop,
    )
