"""Interleaved slices of which every other one came out brighter: found, and made even."""

import numpy as np

from finemri.shapes import Magnitude
from finemri.volumes.intensity import by_percentile
from finemri.volumes.volume import Volume

TISSUE = 0.1
"""Of the 99.9th percentile: darker voxels tell of noise."""
FEWEST = 200
"""Voxels in three neighbouring slices, to tell their brightness apart."""
STACK = 8
"""Slices that tell an alternation from anatomy."""
DOUBT = 0.01
"""Of the brightness: whole heads without any alternation come to no more."""


def alternation(scan: Volume, axis: int) -> float:
    """a with y_i = e^{±a} · (what an even scan would have measured), + for slices 0, 2, 4 …; 0 for short stacks.

    2a is the median over slices of (−1)^i m_i, m_i the median over tissue of ln y_i − (ln y_{i−1} + ln y_{i+1})/2:
    anatomy makes m_i positive as often for odd slices as for even ones, a scan in two interleaves does not.
    """
    stack = np.moveaxis(scan.voxels, axis, 0)
    floor = TISSUE * by_percentile(scan.voxels).scale
    found = [
        (-1) ** i * step
        for i, three in enumerate(zip(stack[:-2], stack[1:-1], stack[2:], strict=True), start=1)
        if (step := _step(*three, floor)) is not None
    ]
    return float(np.median(found) / 2) if len(found) >= STACK else 0.0


def evened(scan: Volume, axis: int, a: float | None = None) -> Volume:
    """The scan with its two interleaves equally bright, y_i · e^{∓a}; itself where |a| is no more than ``DOUBT``.

    ``a``: as ``alternation`` found it; None: it looks.
    """
    a = alternation(scan, axis) if a is None else a
    if abs(a) <= DOUBT:
        return scan
    gains = np.exp(a * (1 - 2 * (np.arange(scan.shape[axis]) % 2))).astype(np.float32)
    return scan.with_voxels(scan.voxels / gains.reshape([-1 if n == axis else 1 for n in range(3)]))


def _step(before: Magnitude, slice_: Magnitude, after: Magnitude, floor: float) -> float | None:
    inside = (before > floor) & (slice_ > floor) & (after > floor)
    if inside.sum() < FEWEST:
        return None
    own, sides = np.log(slice_[inside]), np.log(before[inside]) + np.log(after[inside])
    return float(np.median(own - sides / 2))
