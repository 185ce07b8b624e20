"""A scan of thick slices before anything is done to it: how its slices lay, and the fine grid that is wanted."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from finemri.cohorts.slice_thickness import hinted_thickness
from finemri.physics.slices import Profile
from finemri.recipes.restoring import Consistency
from finemri.refusal import Refusal
from finemri.volumes.evening import DOUBT, alternation, evened
from finemri.volumes.grid import SAME, millimetres
from finemri.volumes.thick import Acquisition, fine_shape, slice_axis
from finemri.volumes.volume import Volume

Keeping = Literal["none", "damped", "hard"]
"""How much of what the slices measured is put back into the result."""
DAMPING: Mapping[Keeping, float | None] = {"none": None, "damped": Consistency().damping, "hard": 0.0}
"""Of what the slices measured and the result lacks, put back (recipes.restoring.Consistency); none: nothing is."""
COARSEST = 1.6
"""Fine voxels that a measured one may span in plane: no weights learnt to make more of it."""
THICKNESSES = (0.1, 2.5)
"""Of a slice, in distances to the next: a header that tells of others errs. Of slices that overlap more, what differs
from one to the next is as faint as rounding."""

ASKED, HEADER, SPECTRA, UNKNOWN = "asked for", "the header", "the scan's spectra", "not known, taken to be the spacing"
"""Who says how thick a slice is."""


@dataclass(frozen=True)
class Thin:
    """What is asked, and what is known of the slices. Raises Refusal for lengths and axes that are none."""

    spacing: tuple[float, float, float] | None = None
    """Millimetres along i, j, k; none: isotropic, as fine as the longer side of a pixel."""
    axis: int | None = None
    """Which voxel axis the slices are stacked along; none: the one of the widest spacing."""
    thickness: float | Literal["spectra"] | None = None
    """Of a slice, in millimetres, or as the scan's spectra look; none: what the header tells, else as thick as they are
    far apart."""
    profile: Profile = "gaussian"
    """Of a slice."""
    consistency: Keeping | None = None
    """None: damped for weights that ship or are given, where it is known how thick a slice is; else nothing."""
    even: bool = True
    """Make two interleaves equally bright first, where they are not."""
    rounds: int = 275
    """Of learning, where a scan teaches itself."""
    cache: Path | None = None
    """Folder for what a scan taught; none: it is not kept."""

    def __post_init__(self) -> None:
        if self.spacing is not None and not all(0 < mm < float("inf") for mm in self.spacing):
            raise Refusal(f"A spacing is above 0 mm along each axis, not {millimetres(self.spacing)}; mend it.")
        if self.rounds < 1:
            raise Refusal(f"A scan teaches itself in at least one round, not {self.rounds}.")
        Acquisition(self.axis or 0, None if self.thickness == "spectra" else self.thickness)


UNTOLD = Thin()
"""Nothing is asked and nothing known."""


@dataclass(frozen=True, eq=False)
class Taken:
    """A scan as it is made thin."""

    scan: Volume
    acquisition: Acquisition
    target: tuple[float | None, float | None, float | None]
    """Millimetres; None where an axis stays as it is."""
    shape: tuple[int, int, int]
    """Of the result."""
    told: Mapping[str, object]
    """For the sidecar."""
    remarks: tuple[str, ...]
    """What was assumed or changed, a sentence each."""

    @property
    def known(self) -> bool:
        """Whether somebody told how thick a slice is."""
        return self.told["slice_thickness"] in (ASKED, HEADER)


def take(scan: Volume, thin: Thin) -> Taken:
    """How the slices of ``scan`` lay, made even, and where it shall go.

    Raises Refusal for a scan without thick slices, of one slice, without contrast, or already as fine as asked, for a
    grid much finer than the pixels, and for slices that overlap beyond ``THICKNESSES``.
    """
    axis = slice_axis(scan) if thin.axis is None else thin.axis
    if not np.ptp(scan.voxels) > 0:
        raise Refusal("This scan is constant, so there is nothing to make thin; look at it first (finemri inspect).")
    jump = alternation(scan, axis) if thin.even else 0.0
    even = evened(scan, axis, jump)
    pixel = max(mm for n, mm in enumerate(scan.spacing) if n != axis)
    wanted = thin.spacing or (pixel,) * 3
    i, j, k = (None if abs(mm - own) <= SAME * own else mm for mm, own in zip(wanted, scan.spacing, strict=True))
    target = (i, j, k)
    apart = scan.spacing[axis]
    thickness, said, remarks = _thickness(even, thin, axis)
    acquisition = Acquisition(axis, thickness, thin.profile)
    shape = fine_shape(scan, acquisition, target)
    _check_pixels(scan, shape, axis)
    if even is not scan:
        remarks.append(
            f"Every other slice was {abs(2 * jump):.1%} brighter than its neighbours, and was made even (--even off)."
        )
    told = {
        "slice_axis": axis,
        "slice_spacing_mm": round(apart, 4),
        "slice_thickness_mm": round(thickness or apart, 4),
        "slice_thickness": said,
        "slice_profile": thin.profile,
        "interleaves": {
            "made_even": even is not scan,
            "log_brightness": round(2 * jump, 5) if thin.even else None,
            "threshold": 2 * DOUBT,
        },
    }
    return Taken(even, acquisition, target, shape, told, tuple(remarks))


def _thickness(scan: Volume, thin: Thin, axis: int) -> tuple[float | None, str, list[str]]:
    """Of a slice, where anything tells; what does, for the sidecar; and a remark where nothing does."""
    apart = scan.spacing[axis]
    least, most = (times * apart for times in THICKNESSES)
    if thin.thickness == "spectra":
        found = hinted_thickness(scan, axis)
        if found is None:
            raise Refusal(
                "This scan is too small for its spectra to tell how thick a slice is; give --thickness in mm."
            )
        remark = f"By the scan's spectra a slice is {found:.2g} mm thick, and they lie {apart:.3g} mm apart."
        return found, SPECTRA, [remark]
    if thin.thickness is not None:
        if thin.thickness > most:
            raise Refusal(
                f"Slices {thin.thickness:.3g} mm thick that lie {apart:.3g} mm apart have next to nothing of their "
                f"own; give a thickness of up to {most:.3g} mm, or leave it out."
            )
        return thin.thickness, ASKED, []
    claimed = None if scan.source is None else scan.source.slice_thickness
    if claimed is not None and least <= claimed <= most:
        return claimed, HEADER, []
    why = "nothing tells" if claimed is None else f"the header errs ({claimed:.3g} mm)"
    remark = f"How thick a slice is, {why}: taken as {apart:.3g} mm, as they are apart"
    hint = hinted_thickness(scan, axis)
    remark += " (--thickness)." if hint is None else f"; its spectra look like {hint:.2g} mm (--thickness spectra)."
    return None, UNKNOWN, [remark]


def _check_pixels(scan: Volume, shape: tuple[int, int, int], axis: int) -> None:
    spans = [m / n for a, (m, n) in enumerate(zip(shape, scan.shape, strict=True)) if a != axis]
    if max(spans) > COARSEST:
        pixels = millimetres([mm for n, mm in enumerate(scan.spacing) if n != axis])
        raise Refusal(
            f"This scan's pixels are {pixels}, and the grid asked for is {max(spans):.2g} times finer; nothing here "
            f"knows what lies in between: ask for {max(scan.spacing[a] for a in range(3) if a != axis):.3g} mm or so."
        )
