"""Spectra of the images that were kept: at which fineness of detail each method is as strong as the truth."""

from collections.abc import Sequence

import numpy as np

from finemri.measures.spectrum import Curve, radial_power
from finemri.measures.statistics import TRUTH
from finemri.refusal import Refusal
from finemri.report.charts import Series, chart
from finemri.report.found import Job
from finemri.report.markup import cell, esc, note, number, table
from finemri.report.pictures import Scan, read_scan

SHARES = np.linspace(0.04, 1, 33)
"""Of Nyquist: where curves are compared, for scans have shells of their own."""
TOLD = (0.25, 0.5, 0.75, 1.0)
"""Where numbers stand in the table."""
PEOPLE, SLAB, VOXELS = 20, 64, 300_000_000
"""At most so many people, of a volume so many slices, and in all about so many voxels read, but three people at least:
a large cohort is drawn within a minute or so."""


def spectra_of(job: Job, n: int) -> str:
    """Two charts and a table, means over people; "" where no images were kept whose spectra can be told."""
    if job.images is None:
        return ""
    powers: dict[str, dict[str, Curve]] = {}
    read = 0
    for person in job.people:
        if len(powers) == PEOPLE or (len(powers) >= 3 and read >= VOXELS):
            break
        found, size = _powers(job, person)
        read += size
        powers |= {person: found} if found else {}
    methods = [method for method in job.methods if any(method in found for found in powers.values())]
    if not methods:
        return ""
    over = {method: [f[method] - f[TRUTH] for f in powers.values() if method in f] for method in methods}
    means = {method: np.mean(curves, axis=0) for method, curves in over.items()}
    # each person's own truth is 0 dB at its coarsest shell, so that brighter scans do not count for more
    own = {
        method: np.mean([f[method] - f[TRUTH][0] for f in powers.values() if method in f], axis=0)
        for method in (TRUTH, *methods)
    }
    rows = []
    for method, curve in means.items():
        values = [cell(number(_at(curve, share), 2, "+"), kind="n") for share in TOLD]
        rows.append([esc(method), *values, cell(str(len(over[method])), kind="n")])
    columns = ("method", *(f"at {share:g} Nyquist" for share in TOLD), "people")
    labels = ("spatial frequency / Nyquist", "power / dB")
    absolute = [Series(method, _points(curve)) for method, curve in own.items()]
    relative = [Series(method, _points(curve)) for method, curve in means.items()]
    return (
        note(
            f"Radial power spectra, means in dB over {len(powers)} people, the first of whom images were kept: of "
            f"stacks slice by slice, of volumes the middle {SLAB} slices. 0 dB in the second figure: as much as the "
            "truth. Below, detail is lost; above, there is more than there should be; neither says that it is right."
        )
        + chart(f"spectrum-{n}-0", "Power spectra of truth and methods", labels, absolute, _told(own))
        + chart(f"spectrum-{n}-1", "Power over the truth's", labels, relative, _told(means), lines=[0.0], first=2)
        + table("Power over the truth's, in dB", columns, [(None, rows)])
    )


def _powers(job: Job, person: str) -> tuple[dict[str, Curve], int]:
    """Truth and methods -> power in dB at SHARES, and voxels read; none without a truth, or of what has no spectrum."""
    found: dict[str, Curve] = {}
    assert job.images is not None
    shape: tuple[int, ...] = ()
    read = 0
    parts: list[slice] = []
    for method in (TRUTH, *job.methods):
        scan = read_scan(job.images, person, method, upright=False)
        if scan is None or (method != TRUTH and scan[0].shape != shape):
            if method == TRUTH:
                return {}, read
            continue
        read += scan[0].size
        if method == TRUTH:
            shape = scan[0].shape
            parts = _parts(scan[0], flat=(job.images / f"{person}_{TRUTH}.npy").is_file())
        try:
            found[method] = _power([scan[0][part] for part in parts])
        except Refusal:  # not finite, without contrast, or too small
            if method == TRUTH:
                return {}, read
            continue
    return found, read


def _parts(truth: Scan, *, flat: bool) -> list[slice]:
    """What has a spectrum of its own: the middle of a volume, or every slice of a stack that shows something."""
    if flat:
        return [slice(n, n + 1) for n, each in enumerate(truth) if np.ptp(each) > 0]
    first = max(0, (len(truth) - SLAB) // 2)
    return [slice(first, first + SLAB)]


def _power(parts: Sequence[Scan]) -> Curve:
    """In dB at SHARES, the mean over parts."""
    if not parts:
        raise Refusal("No slice of this stack shows anything.")
    curves = [radial_power(part) for part in parts]
    frequencies, power = curves[0][0], np.mean([p for _, p in curves], axis=0)
    floor = 1e-12 * float(power.max()) or 1.0
    decibels: Curve = np.interp(SHARES, 2 * frequencies, 10 * np.log10(np.maximum(power, floor)))
    return decibels


def _points(curve: Curve) -> Sequence[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in zip(SHARES, curve, strict=True)]


def _at(curve: Curve, share: float) -> float:
    return float(np.interp(share, SHARES, curve))


def _told(curves: dict[str, Curve]) -> str:
    return "; ".join(f"{name}: {_at(c, 0.5):.2f} dB at half Nyquist, {_at(c, 1):.2f} at Nyquist"
                     for name, c in curves.items()) + "."  # fmt: skip
