"""Restorer: a scan of thick slices, at any spacing, made fine."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional

from finemri.physics.slices import Slices, inverse
from finemri.recipes.network_enhancer import NetworkEnhancer, Precision
from finemri.refusal import Refusal
from finemri.shapes import Batch, Made
from finemri.volumes.grid import over_same_field
from finemri.volumes.intensity import NORMALISERS
from finemri.volumes.thick import Acquisition, fine_shape, lay
from finemri.volumes.volume import Volume

Stack = Float32[Tensor, "_ _ _"]
NORMALISER = "percentile"
MEMORY = 2**31
"""Bytes of a tile's tensors, where nobody says otherwise."""


@dataclass(frozen=True)
class Consistency:
    """What the slices measured is put back: x + A⁺(y − A x), column by column along the slice axis.

    ``damping`` is the noise's variance over that of what the network leaves out (physics.slices.inverse). 0 makes the
    slices of the output those of the scan, to rounding, noise and all; a tenth is better than either under noise, and
    where the profile is not quite what it was taken for (docs/thick-slices.md).
    """

    damping: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.damping < math.inf:
            raise Refusal(f"Damping is at least 0, not {self.damping:g}.")


class Told(nn.Module):
    """The network, told of the slices itself: (b, 1, i, j, k) -> (b, 1, i, j, k), k the whole stack.

    ``twice``: the mean of G(x) and of G one voxel further along the stack, so that what G draws with a period of two
    voxels, as it takes two side by side, takes itself away.
    """

    def __init__(self, network: nn.Module, slices: Slices, in_plane: float = 1.0, *, twice: bool = False) -> None:
        super().__init__()
        self.network, self.slices, self.in_plane, self.twice = network, slices, in_plane, twice

    def forward(self, x: Batch) -> Made:
        if not self.twice:
            return self._from(0, x)
        further = self._from(-1, functional.pad(x, (1, 1, 0, 0, 0, 0), mode="replicate"))
        return (self._from(0, x) + further[..., 1:-1]) / 2

    def _from(self, first: int, x: Batch) -> Made:
        b, _, i, j, k = x.shape
        told = self.slices.told(torch.arange(first, first + k, dtype=torch.float64), self.in_plane).to(x)
        y: Made = self.network(torch.cat((x, told[None, :, None, None].expand(b, -1, i, j, k)), 1))
        return y


def enhancer_for(
    network: nn.Module,
    slices: Slices,
    *,
    in_plane: float = 1.0,
    twice: bool = False,
    device: str = "cpu",
    precision: Precision = "fp32",
) -> NetworkEnhancer:
    """On images laid on the fine grid already, slices along k; a tile has to span the whole stack."""
    if slices.axis != 2:
        raise Refusal(f"The network knows slices along the last axis, not along axis {slices.axis}; turn the image.")
    told = Told(network, slices, in_plane, twice=twice)
    return NetworkEnhancer(told, scale=1, normaliser=NORMALISER, device=device, precision=precision)


@dataclass(frozen=True)
class Restorer:
    """x̂ = G(S y, told) and, if asked, consistent with y: S the cubic spline onto the fine grid over the same field."""

    network: nn.Module
    device: str = "cpu"
    precision: Precision = "fp32"
    twice: bool = False
    """Seen from two starts (Told): twice the time, for weights that leave stripes of two voxels."""

    @property
    def settings(self) -> dict[str, str]:
        """What it runs on, for the provenance: the precision that this hardware has, which may not be the one asked."""
        return enhancer_for(self.network, Slices(), device=self.device, precision=self.precision).settings

    def __call__(
        self,
        scan: Volume,
        acquisition: Acquisition,
        target: Sequence[float | None],
        *,
        consistency: Consistency | None = None,
        memory: int = MEMORY,
        progress: Callable[[int, int], None] | None = None,
    ) -> Volume:
        """The scan in voxels of ``target`` millimetres (None: as they are), in its own units and orientation.

        Every tile spans the stack and is wide enough for ``memory`` bytes of tensors; tiled equals whole. ``progress``
        hears (tiles done, tiles in all). Raises Refusal for a target that betters nothing (volumes.thick.fine_shape)
        and where the memory does not suffice for the smallest tile.
        """
        shape = fine_shape(scan, acquisition, target)
        axis, count = acquisition.axis, scan.shape[acquisition.axis]
        slices = acquisition.slices(scan, shape[axis])
        flat = [count if n == axis else size for n, size in enumerate(shape)]
        measured = lay(torch.tensor(np.ascontiguousarray(scan.voxels)), flat).movedim(axis, -1)
        enhance = enhancer_for(
            self.network,
            slices,
            in_plane=_coarseness(scan, shape, axis),
            twice=self.twice,
            device=self.device,
            precision=self.precision,
        )
        units = NORMALISERS[NORMALISER](scan.voxels)
        fine = torch.empty(*measured.shape[:2], shape[axis])
        tiles = list(_tiles(fine.shape, enhance, memory))
        for done, (seen, kept, own) in enumerate(tiles, start=1):
            piece = measured[seen]
            laid = lay(piece, (*piece.shape[:2], shape[axis]))
            made = torch.from_numpy(units.undo(enhance(units.apply(laid.numpy()))))[own]
            fine[kept] = made if consistency is None else put_back(made, measured[kept], slices, consistency)
            if progress is not None:
                progress(done, len(tiles))
        return over_same_field(scan, np.ascontiguousarray(fine.movedim(-1, axis).numpy()))


def put_back(made: Stack, measured: Stack, slices: Slices, consistency: Consistency) -> Stack:
    """x + A⁺ (y − A x), slices along the last axis: (i, j, k) and (i, j, n) -> (i, j, k)."""
    a = slices.matrix(made.shape[-1], measured.shape[-1])
    back = inverse(a, consistency.damping)
    return made + (measured - made @ a.T.to(made)) @ back.T.to(made)


def _coarseness(scan: Volume, shape: Sequence[int], axis: int) -> float:
    """How many fine voxels a measured one spans in plane, the mean over both directions."""
    i, j = (shape[n] / scan.shape[n] for n in range(3) if n != axis)
    return math.sqrt(i * j)


Window = tuple[slice, slice]


def _tiles(shape: Sequence[int], enhancer: NetworkEnhancer, memory: int) -> Iterator[tuple[Window, Window, Window]]:
    """In plane: what a tile sees, what of it is kept, and where in the tile that is. Tiles begin at even voxels, for
    the network takes two side by side."""
    margin = max(enhancer.margin[:2])
    margin += margin % 2
    voxels = memory / (enhancer.bytes_per_voxel * shape[2])
    edge = int(math.sqrt(voxels)) - 2 * margin
    if min(shape[:2]) + 2 * margin <= math.sqrt(voxels):  # room in the other direction
        edge = max(edge, int(voxels / (min(shape[:2]) + 2 * margin)) - 2 * margin)
    if edge < 2:
        need = (2 * margin + 2) ** 2 * shape[2] * enhancer.bytes_per_voxel
        raise Refusal(
            f"A tile of {shape[2]} voxels along the stack takes {need / 2**20:.0f} MiB at least, and "
            f"{memory / 2**20:.0f} are left for it; allow more memory, by {math.ceil((need - memory) / 2**20)} MiB."
        )
    spans = [list(_spans(n, edge, margin)) for n in shape[:2]]
    for seen_i, kept_i, own_i in spans[0]:
        for seen_j, kept_j, own_j in spans[1]:
            yield (seen_i, seen_j), (kept_i, kept_j), (own_i, own_j)


def _spans(size: int, edge: int, margin: int) -> Iterator[tuple[slice, slice, slice]]:
    """One axis in parts of about equal, even lengths."""
    part = math.ceil(size / math.ceil(size / edge))
    part = min(part + part % 2, max(2, edge - edge % 2))
    for first in range(0, size, part):
        start, last = max(0, first - margin), min(size, first + part)
        yield slice(start, min(size, last + margin)), slice(first, last), slice(first - start, last - start)
