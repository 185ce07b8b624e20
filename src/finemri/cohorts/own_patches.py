"""Examples from one scan alone: its own slices, made thick along one of their axes, and what was there before.

In the manner of SMORE (Zhao et al., IEEE TMI 2021) and ECLARE (Remedios et al., 2025): what a scan shows well in plane
teaches what it does not show through plane, so nobody else's anatomy, contrast or scanner comes in.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float32, Float64
from torch import Tensor

from finemri.cohorts.cutting import TRIES
from finemri.physics.resampling import line_weights
from finemri.physics.slices import Profile, Slices
from finemri.refusal import Refusal
from finemri.shapes import Voxels
from finemri.volumes.thick import THINNEST

Patch = Float32[Tensor, "1 _ _"]
Matrix = Float64[Tensor, "_ _"]
FEWEST = 6
"""Thick slices that a field of view has to hold in plane for anything to be learnt."""
TISSUE = 0.1
"""Of the brightness of 1: darker voxels are air, and few patches lie about them."""


@dataclass(frozen=True, eq=False)
class OwnPatches:
    """``{"coarse": (1, rows, slices), "fine": (1, rows, phases · slices)}``: example n is a pure function of (seed, n).

    A plane (i, j) of the scan is read along one in-plane axis, which one is drawn: fine = R x, at every 1/``phases`` of
    a slice, and coarse = A x + n, A the slice profile (physics.slices), both from a start anywhere between two voxels.
    Nine patches of ten lie about tissue. Thick slices of a scan are as noisy as the planes they are learnt from, and
    averaging along the profile has made A x less so: n ~ N(0, σ² (1 − Σ A²)) puts that back.

    Raises Refusal for a field of view of fewer than six slices, or settings that make no sense.
    """

    voxels: Voxels
    """(i, j, slice), brightness about 0…1."""
    in_plane: tuple[float, float]
    """Millimetres from voxel to voxel along i and j."""
    spacing: float
    """Millimetres from slice to slice."""
    thickness: float
    """Of a slice, in millimetres: full width at half maximum."""
    target: float
    """Millimetres between the thin slices that are wanted: finer detail is left out of what is learnt."""
    profile: Profile = "gaussian"
    phases: int = 8
    """Sub-slices of a thick slice."""
    patch: tuple[int, int] = (32, 24)
    """Rows and thick slices; less where the field of view is smaller."""
    noise: float = 0.0
    """σ of the scan, in the units of ``voxels``."""
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.patch) < 1 or self.phases < 1 or self.noise < 0 or self.seed < 0:
            raise Refusal("A patch and its phases are at least 1, noise and seed at least 0; mend these settings.")
        if self.size[1] < FEWEST:
            shortest = min(n * mm for n, mm in zip(self.voxels.shape, self.in_plane, strict=False))
            raise Refusal(
                f"The field of view is {shortest:.3g} mm in plane, as wide as {self.size[1]} slices, and a scan learns "
                f"from itself where at least {FEWEST} fit; use a spline or trained weights."
            )

    @cached_property
    def size(self) -> tuple[int, int]:
        """Rows and thick slices of a patch, the same whichever axis is drawn."""
        i, j = self.voxels.shape[:2]
        fits = min(int(n * mm / self.spacing) for n, mm in zip((i, j), self.in_plane, strict=True))
        return min(self.patch[0], i, j), min(self.patch[1], fits)

    def __getitem__(self, n: int) -> dict[str, Patch]:
        rng = np.random.default_rng([self.seed, n])
        axis = int(rng.integers(2))
        place = self._place(rng)
        plane = self.voxels[:, :, place[2]] if axis == 1 else self.voxels[:, :, place[2]].T
        own = self.in_plane[axis]
        rows, slices = self.size
        row = int(np.clip(place[1 - axis] - rng.integers(rows), 0, plane.shape[0] - rows))
        room = plane.shape[1] - slices * self.spacing / own
        first = float(np.clip(place[axis] - rng.uniform(0, slices * self.spacing / own), 0, max(room, 0)))
        x = torch.from_numpy(np.ascontiguousarray(plane[row : row + rows]))
        thick = Slices(2, self.spacing / own, max(THINNEST, self.thickness / own), self.profile)
        A = thick.matrix(plane.shape[1], slices, first)
        coarse = x @ A.T.to(x)
        if self.noise:
            lost = (1 - A.square().sum(1)).clamp(min=0).sqrt().to(x)
            coarse = coarse + self.noise * lost * torch.from_numpy(rng.standard_normal(coarse.shape, np.float32))
        fine = x @ self._reading(plane.shape[1], own, first).T.to(x)
        mirrored = np.flatnonzero(rng.integers(0, 2, 2)).tolist()
        return {key: image.flip(mirrored)[None].contiguous() for key, image in (("coarse", coarse), ("fine", fine))}

    def _place(self, rng: np.random.Generator) -> list[int]:
        """A voxel (i, j, slice) to lie about."""
        tried = rng.integers(self.voxels.shape, size=(TRIES, 3))
        hits = np.flatnonzero(self.voxels[tuple(tried.T)] > TISSUE)
        return [int(n) for n in tried[hits[0] if hits.size and rng.random() < 0.9 else 0]]

    def _reading(self, size: int, own: float, first: float) -> Matrix:
        """R: the image where the sub-slices are, of the fineness that is wanted of them."""
        step = self.spacing / self.phases / own
        at = first + step * (torch.arange(self.size[1] * self.phases, dtype=torch.float64) + 0.5) - 0.5
        return line_weights(at, size, "lanczos", width=max(1.0, self.target / own))


def noise_level(voxels: Voxels) -> float:
    """σ of white noise: median |d| / (2 · 0.6745) over tissue, d = x − its right − its lower + its diagonal neighbour.

    Of a scan (i, j, slice) in plane; d is 0 on anything linear, and edges are few enough for a median (Donoho, 1995).
    Raises Refusal for planes of fewer than 2 × 2 voxels.
    """
    if min(voxels.shape[:2]) < 2:
        raise Refusal(f"Noise is measured on planes of at least 2 × 2 voxels, not {voxels.shape[:2]}.")
    d = np.diff(np.diff(voxels, axis=0), axis=1)
    tissue = voxels[1:, 1:] > TISSUE * np.percentile(voxels, 99.9)
    found = np.abs(d[tissue] if tissue.any() else d.ravel())
    return float(np.median(found) / (2 * 0.6745))
