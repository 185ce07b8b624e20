"""Thick slices at any spacing, along any axis: what a clinical 2D scan measures of a finer grid.

As in degradation, one small matrix an axis; but here neither spacing nor thickness is a whole number of fine voxels.
Cell-centred as everywhere: slice i lies at s·(i + ½) − ½ of the fine grid, so that n slices cover n·s of its voxels.
"""

import functools
import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from finemri.refusal import Refusal
from finemri.shapes import Coarse, Image

Profile = Literal["gaussian", "sinc"]
LOBES = 4
"""Zero crossings of a windowed-sinc pulse, half of them on each side: a usual time-bandwidth product."""
REACH = {"gaussian": 2.55, "sinc": 2.5}
"""Where a profile is cut off, in thicknesses from its centre: six σ of the Gaussian."""
TOLD = 5
"""Numbers a voxel that ``told`` gives."""


@dataclass(frozen=True)
class Slices:
    """y_i = Σ_j h((j − p_i) / T) x_j / Σ_j h, p_i = s·(i + ½) − ½, mirrored beyond the edges.

    ``spacing`` s from centre to centre and ``thickness`` T, the profile's full width at half maximum, in fine voxels:
    s − T is the gap, negative where slices overlap. h is a "gaussian", or what a Hann-windowed "sinc" pulse excites: a
    plateau with soft edges and faint side lobes (Bernstein, King & Zhou, Handbook of MRI Pulse Sequences, 2004, 2.2).
    Raises Refusal for an axis that is none, a spacing below one fine voxel, or a thickness below half of one.
    """

    axis: int = 2
    spacing: float = 3.0
    thickness: float = 3.0
    profile: Profile = "gaussian"

    def __post_init__(self) -> None:
        if self.axis not in (0, 1, 2):
            raise Refusal(f"The slice axis is 0, 1 or 2, not {self.axis}.")
        if not (1 <= self.spacing < math.inf and 0.5 <= self.thickness < math.inf):
            raise Refusal(
                "Slices lie at least one fine voxel apart and are at least half a fine voxel thick, not "
                f"{self.spacing:g} apart and {self.thickness:g} thick; choose a finer grid."
            )

    def count(self, size: int) -> int:
        """How many slices fit on so many fine voxels. Raises Refusal where that is none."""
        n = int(size / self.spacing + 1e-6)
        if n < 1:
            raise Refusal(f"An axis of {size} voxels is too short for slices {self.spacing:g} voxels apart.")
        return n

    def centres(self, count: int) -> Float[Tensor, " n"]:
        """p_i of so many slices, in fine voxels."""
        return self.spacing * (torch.arange(count, dtype=torch.float64) + 0.5) - 0.5

    def matrix(self, size: int, count: int | None = None, first: float = 0.0) -> Float[Tensor, "n size"]:
        """A along the slice axis, for ``count`` slices (as many as fit), the first of which begins at ``first``."""
        n = self.count(size) if count is None else count
        return _slices(size, n, self.spacing, self.thickness, self.profile, first)

    def __call__(self, image: Image) -> Coarse:
        """A x: fine voxels to slices."""
        return along(self.matrix(image.shape[self.axis - 3]), image, self.axis)

    def adjoint(self, slices: Coarse, fine_shape: tuple[int, int, int]) -> Image:
        """Aᵀ y: slices back to fine voxels, with ⟨A x, y⟩ = ⟨x, Aᵀ y⟩."""
        return along(self.matrix(fine_shape[self.axis]).T, slices, self.axis)

    def told(self, at: Float[Tensor, " k"], in_plane: float = 1.0) -> Float[Tensor, "5 k"]:
        """What a network is told at the positions ``at`` along the slice axis: cos φ, sin φ, T/5 − 1, s/5 − 1, q − 1.

        φ = 2π (k − p₀)/s is 0 at every slice's centre. ``in_plane`` q: how many fine voxels a measured one spans
        in plane; 1 where it spans less, for then nothing is missing.
        """
        phase = 2 * math.pi * (at - self.centres(1)) / self.spacing
        constants = torch.tensor([self.thickness / 5 - 1, self.spacing / 5 - 1, max(1.0, in_plane) - 1])
        return torch.stack([phase.cos(), phase.sin(), *constants.to(at)[:, None].expand(-1, len(at))])


def along(matrix: Tensor, image: Tensor, axis: int) -> Tensor:
    """Multiply voxel axis 0, 1 or 2 by a matrix (out, in); what stands before the last three axes is carried along."""
    return torch.movedim(torch.movedim(image, axis - 3, -1) @ matrix.T.to(image), -1, axis - 3).contiguous()


def inverse(matrix: Float[Tensor, "n size"], damping: float = 0.0) -> Float[Tensor, "size n"]:
    """Aᵀ (A Aᵀ + λI)⁻¹: the smallest change of a column of voxels that changes its slices by so much.

    x + A⁺ (y − A x) then has the slices y. ``damping`` λ ≥ 0, the noise's variance over that of what the voxels lack,
    gives back less of y − A x where the slices hold little but noise.
    """
    a = matrix.to(torch.float64)
    gram = a @ a.T + damping * torch.eye(len(a), dtype=torch.float64)
    back: Tensor = torch.linalg.solve(gram, a).T.contiguous()
    return back


@functools.lru_cache(maxsize=64)
def _slices(size: int, count: int, spacing: float, thickness: float, profile: Profile, first: float) -> Tensor:
    margin = math.ceil(REACH[profile] * thickness + spacing)
    j = torch.arange(-margin, size + margin, dtype=torch.float64)
    centres = first + spacing * (torch.arange(count, dtype=torch.float64) + 0.5) - 0.5
    u = (j - centres[:, None]) / thickness
    weights = torch.exp(-4 * math.log(2) * u**2) if profile == "gaussian" else _excited(u)
    weights = torch.where(u.abs() <= REACH[profile], weights, 0.0)
    weights = weights / weights.sum(1, keepdim=True)
    source = j.long() % (2 * size)
    source = torch.where(source < size, source, 2 * size - 1 - source)
    return torch.zeros(count, size, dtype=torch.float64).index_add_(1, source, weights)


def _excited(u: Tensor) -> Tensor:
    """∫ (½ + ½ cos 2πt/L) sinc(t) cos 2πut dt over |t| ≤ L/2: a windowed-sinc pulse's profile at small flip angles."""
    t = torch.linspace(-LOBES / 2, LOBES / 2, 257, dtype=torch.float64)
    pulse = (0.5 + 0.5 * torch.cos(2 * math.pi * t / LOBES)) * torch.sinc(t)
    excited: Tensor = torch.cos(2 * math.pi * u[..., None] * t) @ pulse
    return excited
