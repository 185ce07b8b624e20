"""Peaks and units: what L is of two images, and what is done to both before they are compared."""

import numpy as np

from finemri.measures.convention import Both, Case, Peak, Unit
from finemri.measures.fidelity import Scan
from finemri.refusal import Refusal
from finemri.volumes.intensity import by_percentile

SHIFT = 16
"""Voxels by which the published code of paper 002 moves its mask along every axis."""


def _scaled(case: Case, low: float, high: float) -> Both:
    if not high > low:
        raise Refusal("The reference is constant, so it has no unit; leave this scan out.")
    return (case.image - low) / (high - low), (case.truth - low) / (high - low)


def _inside(case: Case, shift: int) -> Both:
    """Both times the mask, which may stand wrongly; beyond its border it is 0."""
    mask = case.true.head
    for axis in [] if not shift else [a for a in range(3) if not (case.true.flat and a == case.true.axis)]:
        moved = np.zeros_like(mask)
        np.moveaxis(moved, axis, 0)[shift:] = np.moveaxis(mask, axis, 0)[: max(0, mask.shape[axis] - shift)]
        mask = moved
    return case.image * mask, case.truth * mask


def _of_both(x: Scan, y: Scan, _: Scan) -> float:
    return float(max(x.max(), y.max())) - float(min(x.min(), y.min()))


OF_SCAN = Peak("reference: maximum of the scan", lambda _x, _y, whole: float(whole.max()), fixed=True)
OF_SLICE = Peak("reference: maximum of each slice", lambda _x, y, _: float(y.max()))
RANGE = Peak("reference: max - min of what is judged", lambda _x, y, _: float(y.max()) - float(y.min()))
EITHER = Peak(
    "reference: max - min of a volume, the maximum of a slice",
    lambda _x, y, _: float(y.max()) - (float(y.min()) if len(y) > 1 else 0.0),
)
BOTH = Peak("both: max - min of truth and image together, the image that is judged among them", _of_both)
ONE = Peak("fixed: 1, on data of unit scale", lambda _x, _y, _: 1.0, fixed=True)
OF_255 = Peak("fixed: 255, on data of unit scale", lambda _x, _y, _: 255.0, fixed=True)
UNIT = Unit(
    "0 and 1 are the reference's minimum and maximum",
    lambda case: _scaled(case, float(case.truth.min()), float(case.truth.max())),
)
BY_MAXIMUM = Unit("1 is the reference's maximum", lambda case: _scaled(case, 0.0, float(case.truth.max())))
BY_PERCENTILE = Unit(
    "1 is the reference's 99.9th percentile", lambda case: _scaled(case, 0.0, by_percentile(case.truth).scale)
)
MASKED = Unit("as saved, 0 outside the head", lambda case: _inside(case, 0))
MOVED = Unit(f"as saved, 0 outside the head's mask moved by {SHIFT} voxels", lambda case: _inside(case, SHIFT))
