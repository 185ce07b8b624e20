"""Self-super-resolution: a scan with thick slices learns from its own planes how to be thin through plane.

In the manner of SMORE (Zhao et al., IEEE TMI 2021) and ECLARE (Remedios et al., 2025), written anew: no outside data,
so no other anatomy, contrast or scanner; and some minutes of learning for every scan.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from finemri.refusal import Refusal
from finemri.volumes.grid import grid_shape, millimetres, over_same_field
from finemri.volumes.intensity import by_percentile
from finemri.volumes.volume import Volume

if TYPE_CHECKING:
    from finemri.recipes.network_enhancer import Precision
    from finemri.recipes.own_weights import Start
    from finemri.volumes.thick import Acquisition
    from finemri.volumes.tiles import Progress

THICKER = 1.15
"""Slices that are no more than this times as far apart, or as thick, as the wanted ones are thin already."""


@dataclass(frozen=True)
class SelfSuper:
    """Settings. Raises Refusal for those that make no sense."""

    paper: ClassVar[str] = "Zhao et al., SMORE, IEEE TMI 2021; Remedios et al., ECLARE, 2025"

    rounds: int = 800
    """Steps of Adam; from given weights a quarter of them does."""
    batch: int = 16
    """Patches of a step."""
    learning_rate: float = 1e-3
    """Of Adam, at its highest."""
    patch: tuple[int, int] = (32, 24)
    """Pixels in plane and thick slices of a patch."""
    features: int = 32
    """Maps of the network."""
    blocks: int = 8
    """Residual blocks of the network."""
    phases: int = 8
    """Sub-slices that it makes of each slice, whatever the factor."""
    noise: float = 1.0
    """How much of the noise that thick patches lose by averaging is put back; 0: none, and the result is smoother."""
    views: Literal[2, 4] = 2
    """Quarter turns about the slice normal under which the scan is restored."""
    combine: Literal["maximum", "mean"] = "mean"
    """How views are combined in Fourier space: SMORE's way or ECLARE's."""
    seed: int = 0
    """Of the network's start and of the patches."""

    def __post_init__(self) -> None:
        counts = (self.rounds, self.batch, self.features, self.blocks, *self.patch)
        if min(counts) < 1 or self.phases < 2 or self.learning_rate <= 0 or not 0 <= self.noise <= 1 or self.seed < 0:
            raise Refusal(
                "Rounds, batch, patch, features and blocks are at least 1, phases 2, the learning rate above 0, noise "
                "0…1 and the seed at least 0; mend these settings."
            )


@dataclass(frozen=True, eq=False)
class Restored:
    """A scan with thin slices, and what its sidecar tells (finemri.provenance)."""

    volume: Volume
    told: Mapping[str, object]


def self_super(
    scan: Volume,
    acquisition: "Acquisition | None" = None,
    spacing: float | None = None,
    *,
    settings: SelfSuper | None = None,
    start: "Start | None" = None,
    cache: Path | None = None,
    progress: "Progress | None" = None,
    device: str = "cpu",
    precision: "Precision" = "bf16",
) -> Restored:
    """The same field of view with n′ = round(n · own / wanted) slices; in plane nothing changes.

    Args:
        scan: of thick slices.
        acquisition: axis, thickness and profile of the slices; None: across the axis of the largest spacing, and as
            thick as they are far apart.
        spacing: of the thin slices, in millimetres; None: the coarser of the two in plane.
        settings: of the network and its learning.
        start: weights to begin with instead of random ones: it then takes fewer rounds.
        cache: folder in which what a scan taught is kept and found again; None: learnt anew each time.
        progress: hears (rounds done, rounds in all) while it learns, then (views done, views in all).
        device: cpu, cuda or auto.
        precision: bf16 where the hardware has it, else fp32.

    Raises:
        Refusal: slices that are thin already, fewer than two of them, a spacing finer than in plane or coarser than the
            scan, a field of view too small to learn from, or an image without contrast.
    """
    from finemri.cohorts.own_patches import OwnPatches, noise_level
    from finemri.cohorts.slice_thickness import hinted_thickness
    from finemri.recipes.network_enhancer import find_device, has_bf16
    from finemri.recipes.own_weights import own_network
    from finemri.recipes.views import restore
    from finemri.volumes.thick import Acquisition

    settings = settings or SelfSuper()
    acquisition = acquisition or Acquisition(int(np.argmax(scan.spacing)))
    axis, own = acquisition.axis, scan.spacing[acquisition.axis]
    i, j = (mm for n, mm in enumerate(scan.spacing) if n != axis)
    thickness, wanted = acquisition.thickness or own, spacing or max(i, j)
    thin = grid_shape(scan, [wanted if n == axis else None for n in range(3)])[axis]
    _check_slices(scan.shape[axis], own, thickness, wanted, (i, j))
    on = find_device(device)
    precision = precision if has_bf16(on) else "fp32"
    units = by_percentile(scan.voxels)
    voxels = np.ascontiguousarray(np.moveaxis(units.apply(scan.voxels), axis, 2))
    if not np.ptp(voxels) > 0:
        raise Refusal("There is nothing to learn in an image without contrast; look at it first (finemri inspect).")
    examples = OwnPatches(
        voxels,
        (i, j),
        own,
        thickness,
        wanted,
        profile=acquisition.profile,
        phases=settings.phases,
        patch=settings.patch,
        noise=settings.noise * noise_level(voxels),
        seed=settings.seed,
    )
    network, told = own_network(
        settings, examples, start=start, cache=cache, device=on, precision=precision, progress=progress
    )
    fine = restore(
        network,
        voxels,
        thin,
        views=settings.views,
        combine=settings.combine,
        device=on,
        precision=precision,
        progress=progress,
    )
    made = units.undo(np.ascontiguousarray(np.moveaxis(fine, 2, axis)))
    hint = None if acquisition.thickness else hinted_thickness(scan, axis)
    slices = {
        "slice_axis": axis,
        "slice_spacing_mm": round(own, 4),
        "slice_thickness_mm": round(thickness, 4),
        "slice_thickness": "told" if acquisition.thickness else "not known, taken to be the spacing",
        "slice_thickness_by_spectra_mm": None if hint is None else round(hint, 2),
        "slice_profile": acquisition.profile,
        "noise": round(examples.noise * units.scale, 6),
    }
    told = {"paper": settings.paper, **told, "normaliser": "percentile", "degradation": slices}
    return Restored(over_same_field(scan, made), told)


def _check_slices(count: int, own: float, thickness: float, wanted: float, in_plane: tuple[float, float]) -> None:
    """Refuse what cannot be made thinner, or not by this scan."""
    if count < 2:
        raise Refusal("One slice has no neighbours to lie between; give a scan of several.")
    if wanted < min(in_plane) * 0.999:
        raise Refusal(
            f"Nothing in this scan is finer than {min(in_plane):.3g} mm, so it cannot teach {wanted:.3g} mm; ask for "
            f"{min(in_plane):.3g} mm or more."
        )
    if max(own, thickness) < THICKER * wanted:
        raise Refusal(
            f"These slices are thin already: {own:.3g} mm apart, where {wanted:.3g} mm are wanted (in plane "
            f"{millimetres(in_plane)}); use --scale for a finer grid in all directions."
        )
