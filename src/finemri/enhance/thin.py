"""A scan of thick slices before anything is done to it: how its slices lay, and the fine grid that is wanted."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from finemri.physics.slices import Profile
from finemri.refusal import Refusal
from finemri.volumes.evening import DOUBT, alternation, evened
from finemri.volumes.grid import SAME, millimetres
from finemri.volumes.thick import Acquisition, fine_shape, slice_axis
from finemri.volumes.volume import Volume

Keeping = Literal["none", "damped", "hard"]
"""How much of what the slices measured is put back into the result."""
DAMPING: Mapping[Keeping, float | None] = {"none": None, "damped": 0.1, "hard": 0.0}
"""Of what the slices measured and the result lacks, put back (recipes.restoring.Consistency); none: nothing is."""
COARSEST = 1.6
"""Fine voxels that a measured one may span in plane: no weights learnt to make more of it."""


@dataclass(frozen=True)
class Thin:
    """What is asked, and what is known of the slices. Raises Refusal for lengths and axes that are none."""

    spacing: tuple[float, float, float] | None = None
    """Millimetres along i, j, k; none: isotropic, as fine as the longer side of a pixel."""
    axis: int | None = None
    """Which voxel axis the slices are stacked along; none: the one of the widest spacing."""
    thickness: float | None = None
    """Of a slice, in millimetres; none: what the header tells, else as thick as they are far apart."""
    profile: Profile = "gaussian"
    """Of a slice."""
    consistency: Keeping | None = None
    """None: damped for a method that learnt, where it is known how thick a slice is; else nothing is put back."""
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
        Acquisition(self.axis or 0, self.thickness)


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
    known: bool
    """Whether anything tells how thick a slice is."""
    told: Mapping[str, object]
    """For the sidecar."""
    remarks: tuple[str, ...]
    """What was assumed or changed, a sentence each."""


def take(scan: Volume, thin: Thin) -> Taken:
    """How the slices of ``scan`` lay, made even, and where it shall go.

    Raises Refusal for a scan without thick slices, of one slice, or already as fine as asked, and for a grid much finer
    than the pixels.
    """
    axis = slice_axis(scan) if thin.axis is None else thin.axis
    pixel = max(mm for n, mm in enumerate(scan.spacing) if n != axis)
    wanted = thin.spacing or (pixel,) * 3
    i, j, k = (None if abs(mm - own) <= SAME * own else mm for mm, own in zip(wanted, scan.spacing, strict=True))
    target = (i, j, k)
    header = None if scan.source is None else scan.source.slice_thickness
    acquisition = Acquisition(axis, thin.thickness or header, thin.profile)
    shape = fine_shape(scan, acquisition, target)
    _check_pixels(scan, shape, axis)
    apart = scan.spacing[axis]
    said = "asked for" if thin.thickness else "the header" if header else "not known, taken to be the spacing"
    known, remarks = bool(thin.thickness or header), []
    if not known:
        remarks.append(
            f"How thick a slice is, nothing tells: taken as {apart:.3g} mm, as they are apart (--thickness)."
        )
    jump = alternation(scan, axis) if thin.even else 0.0
    even = evened(scan, axis, jump)
    if even is not scan:
        remarks.append(
            f"Every other slice was {abs(2 * jump):.1%} brighter than its neighbours, and was made even (--even off)."
        )
    told = {
        "slice_axis": axis,
        "slice_spacing_mm": round(apart, 4),
        "slice_thickness_mm": round(acquisition.thickness or apart, 4),
        "slice_thickness": said,
        "slice_profile": thin.profile,
        "interleaves": {
            "made_even": even is not scan,
            "log_brightness": round(2 * jump, 5) if thin.even else None,
            "threshold": 2 * DOUBT,
        },
    }
    return Taken(even, acquisition, target, shape, known, told, tuple(remarks))


def _check_pixels(scan: Volume, shape: tuple[int, int, int], axis: int) -> None:
    spans = [m / n for a, (m, n) in enumerate(zip(shape, scan.shape, strict=True)) if a != axis]
    if max(spans) > COARSEST:
        pixels = millimetres([mm for n, mm in enumerate(scan.spacing) if n != axis])
        raise Refusal(
            f"This scan's pixels are {pixels}, and the grid asked for is {max(spans):.2g} times finer; nothing here "
            f"knows what lies in between: ask for {max(scan.spacing[a] for a in range(3) if a != axis):.3g} mm or so."
        )
