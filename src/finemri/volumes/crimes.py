"""Implicit data crimes that an image gives away: its voxels hold less than they pretend, so that numbers flatter.

Shimron et al., Implicit data crimes: machine learning bias arising from misuse of public data, PNAS 2022. Of k-space
files see ``finemri.rawdata.crimes``. Thresholds: docs/guards.md.
"""

from itertools import combinations

import numpy as np
from jaxtyping import Float64

from finemri.shapes import Voxels

Spectrum = Float64[np.ndarray, " frequency"]

CRIME = "(implicit data crime)"
CLIFF, CLIFF_OF_SHORT = 0.5, 1.2
"""Powers of ten by which a spectrum falls at once where k-space was padded; of axes below ``LONG`` voxels, whose
spectra are rough, more."""
SHORT, LONG = 32, 64
"""Voxels of an axis: of fewer than ``SHORT`` nothing is said, of fewer than ``LONG`` no blocks are looked for."""
BLOCK = 8
"""Voxels along the edge of a block of JPEG."""
STEP = 0.008
"""Log of how much steeper the steps between blocks are than all others."""
SAMPLE = 2**22
"""Voxels that spectra and steps are taken of, in whole lines."""


def crimes_of(voxels: Voxels) -> tuple[str, ...]:
    """A sentence for each crime that was found: zero-padded k-space, 8-bit origin, JPEG origin. Voxels in any unit."""
    said = []
    for axis, size in enumerate(voxels.shape):
        if share := cut_off(voxels, axis):
            said.append(
                f"zero-padded k-space: little above {share:.0%} of the Nyquist frequency along axis {'ijk'[axis]}, "
                f"interpolated from about {round(share * size)} to {size} voxels {CRIME}"
            )
    if levels := coarse_levels(voxels):
        said.append(f"8-bit origin: {levels} grey levels {CRIME}")
    if plane := blocky_plane(voxels):
        said.append(f"JPEG origin: steps between blocks of {BLOCK}×{BLOCK} voxels in the plane {plane} {CRIME}")
    return tuple(said)


def cut_off(voxels: Voxels, axis: int) -> float | None:
    """The share of the Nyquist frequency at which the power spectrum along an axis falls off a cliff; None: nowhere.

    At f: [L(f − 0.08) − L(f + 0.08)] − slope before − slope behind, L log₁₀ of the power, medians over a tenth of
    Nyquist. What is merely blurred falls just before and behind as well. 1: the voxels along the axis are all there.
    """
    size = voxels.shape[axis]
    if size < SHORT or np.ptp(voxels) == 0:
        return None
    L = np.log10(_spectrum(voxels, axis))
    f = np.linspace(0, 1, L.size)

    def level(low: float, high: float) -> float:
        return float(np.median(L[(f >= low - 1e-9) & (f <= high + 1e-9)]))

    drops = {}
    for at in np.arange(0.30, 0.91, 0.02):
        far, near = level(at - 0.23, at - 0.13), level(at - 0.13, at - 0.03)
        behind, last = level(at + 0.03, at + 0.13), level(min(at + 0.13, 0.97), min(at + 0.23, 1.0))
        drops[float(at)] = near - behind - max(far - near, 0) - max(behind - last, 0)
    at = max(drops, key=lambda at: drops[at])
    return at if drops[at] > (CLIFF if size >= LONG else CLIFF_OF_SHORT) else None


def coarse_levels(voxels: Voxels) -> int | None:
    """How many grey levels there are, where 8 bits hold them; None: more.

    Whole steps that span more than 256 places, as of a dark scan in 12 bits, are none.
    """
    values = np.empty(0)
    for k in np.argsort(np.abs(np.arange(voxels.shape[2]) - voxels.shape[2] // 2)):  # the middle tells soonest
        values = np.union1d(values, voxels[:, :, k].astype(np.float64))
        if values.size > 256:
            return None
    if values.size < 3 or voxels.size < 4096:
        return None
    places = (values - values[0]) / np.diff(values).min()
    even = np.abs(places - places.round()).max() < 0.05
    return None if even and places[-1] > 255.5 else int(values.size)


def blocky_plane(voxels: Voxels) -> str | None:
    """The plane, "ij" say, in which every eighth step is steeper than its neighbours along both axes; None: no plane.

    A step's height: the mean of |x₁ − x₀|^¼ over its face, in which the many small steps of a smooth place count.
    """
    steep = [axis for axis in range(3) if _blocky(voxels, axis)]
    return next(("ijk"[a] + "ijk"[b] for a, b in combinations(steep, 2)), None)


def _spectrum(voxels: Voxels, axis: int) -> Spectrum:
    """Power along an axis, over all lines, without its mean and under a Hann window; 1 is the largest."""
    size = voxels.shape[axis]
    across = tuple(a for a in range(3) if a != axis)
    other = max(1, round((voxels.size / SAMPLE) ** 0.5))  # lines, never voxels of a line
    lines = voxels[tuple(slice(None) if a == axis else slice(None, None, other) for a in range(3))]
    window = np.expand_dims(np.hanning(size + 2)[1:-1].astype(np.float32), across)
    power = (np.abs(np.fft.rfft((lines - lines.mean(axis, keepdims=True)) * window, axis=axis)) ** 2).sum(across)
    return np.asarray(np.maximum(power / (power.max() or 1.0), 1e-14), dtype=np.float64)


def _blocky(voxels: Voxels, axis: int) -> bool:
    size = voxels.shape[axis]
    if size < LONG:
        return False
    lines = np.moveaxis(voxels, axis, 0)
    other = max(1, round((voxels.size / SAMPLE) ** 0.5))
    faces = (np.abs(np.diff(lines[:, ::other, ::other], axis=0)) ** 0.25).mean((1, 2), dtype=np.float64) + 1e-9
    edge = np.log(faces[1:-1] / np.sqrt(faces[:-2] * faces[2:]))
    steepest, second = np.sort([np.median(edge[phase::BLOCK]) for phase in range(BLOCK)])[:-3:-1]
    return bool(steepest - second > STEP)
