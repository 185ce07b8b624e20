"""Onto the grid that weights learnt on, before anything else is done to a scan."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from finemri.refusal import Refusal
from finemri.volumes.grid import grid_shape, lay_on_grid, millimetres
from finemri.volumes.tiles import RESERVE, resident_bytes
from finemri.volumes.volume import Volume

ALIKE = 0.05
"""Spacings that differ by no more than this share of what was learnt are taken as they are."""

Grid = tuple[float | None, float | None, float | None]


def learnt_grid(header: Mapping[str, Any]) -> Grid | None:
    """Millimetres along i, j, k that the examples had, None for an axis that any spacing suits; None where the weights
    say nothing. Raises Refusal for a grid that is none."""
    grid = header.get("grid")
    if grid is None:
        return None
    if not isinstance(grid, Sequence) or len(grid) != 3 or not all(mm is None or _is_length(mm) for mm in grid):
        raise Refusal(f"The weights tell of a grid that is none ({grid}); train them once more.")
    i, j, k = grid
    return i, j, k


def fit(volume: Volume, grid: Grid, memory: int | None) -> Volume:
    """The scan on ``grid`` along each axis where it is more than 5 % coarser; see ``lay_on_grid``.

    Raises Refusal, before anything is computed, where ``memory`` does not suffice for that.
    """
    wanted = [
        mm if mm is not None and own > mm * (1 + ALIKE) else None for mm, own in zip(grid, volume.spacing, strict=True)
    ]
    needed = resident_bytes() + RESERVE + 4 * math.prod(grid_shape(volume, wanted))
    if memory is not None and any(wanted) and needed > memory:
        raise Refusal(
            f"On the grid that the weights learnt on ({millimetres(grid)}) this scan alone takes more than the "
            f"{memory / 2**20:.0f} MiB of the budget; it takes at least --memory {math.ceil(needed / 2**20)}MiB."
        )
    return lay_on_grid(volume, wanted)


def finer_than(volume: Volume, grid: Grid) -> list[str]:
    """A sentence where the scan is more than 5 % finer than what was learnt, along any axis."""
    pairs = zip(grid, volume.spacing, strict=True)
    if not any(mm is not None and own < mm * (1 - ALIKE) for mm, own in pairs):
        return []
    own, learnt = millimetres(volume.spacing), millimetres(grid)
    return [f"Its voxels are {own}, finer than the {learnt} that was learnt: is its detail taken for something larger?"]


def _is_length(mm: object) -> bool:
    return isinstance(mm, int | float) and not isinstance(mm, bool) and math.isfinite(mm) and mm > 0
