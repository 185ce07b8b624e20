"""What the benchmarks of thick slices share: a head cut into slices, who makes it fine, and a CSV that grows."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from finemri.landing import landing_file
from finemri.measures.mask import head_mask
from finemri.physics.slices import Profile, Slices
from finemri.recipes.restoring import Consistency, Restorer
from finemri.recipes.self_super import SelfSuper, self_super
from finemri.shapes import Voxels
from finemri.shelf import find_restorer
from finemri.trained import self_super_start, shipped_index
from finemri.volumes.grid import lay_on_grid, scaled_affine
from finemri.volumes.thick import Acquisition
from finemri.volumes.volume import Volume

HEAD = Path("../shared/data/head_t1_1mm/t1.nii.gz")
"""A whole head that no training saw, in voxels of 1 mm."""
WEIGHTS = ("anyspacing-faithful", "anyspacing-sharp")
SELF = SelfSuper(rounds=275)
"""As many rounds as it takes from the weights that ship."""


@dataclass(frozen=True)
class Method:
    """Thick slices -> the same head on its own grid."""

    name: str
    digest: str
    """Of the weights, by which a number that is there already is known; "" without weights."""
    run: Callable[[Volume, Acquisition], Voxels]

    @property
    def title(self) -> str:
        """Short, for the head of a table."""
        return self.name.removeprefix("anyspacing-")


def interpolated() -> list[Method]:
    """Nearest neighbour, linear, and the cubic spline."""
    return [Method("nearest", "", _zoomed(0)), Method("linear", "", _zoomed(1)), Method("spline", "", _spline)]


def restored(weights: Sequence[str], damping: Sequence[float] = (Consistency().damping,)) -> list[Method]:
    """Each by name or path; the first also with what the slices measured put back."""
    found = []
    for n, name in enumerate(weights):
        method, stem = find_restorer(name), Path(name).stem
        found.append(Method(stem, method.digest, partial(_restored, method.restorer, None)))
        for value in damping if n == 0 else ():
            again = partial(_restored, method.restorer, Consistency(value))
            found.append(Method(f"{stem}-{consistent(value)}", method.digest, again))
    return found


def consistent(damping: float) -> str:
    """What a damping is called."""
    return "consistent" if damping == Consistency().damping else f"consistent-{damping:g}"


def taught_by_itself(cache: Path) -> Method:
    """``self_super`` from the weights that ship; what a scan taught is kept in ``cache``."""

    def run(scan: Volume, acquisition: Acquisition) -> Voxels:
        fine = min(scan.spacing)
        return self_super(scan, acquisition, fine, settings=SELF, start=self_super_start(), cache=cache).volume.voxels

    return Method("selfsuper", str(shipped_index()["selfsuper-start"]["sha256"]), run)


def cut(head: Volume, axis: int, thickness: float, gap: float, profile: Profile) -> tuple[Volume, Volume]:
    """The head, shortened to a whole number of slices, and those slices; ``gap`` as a share of the thickness."""
    size, mm = head.shape[axis], head.spacing[axis]
    count = int(size * mm / (thickness * (1 + gap)) + 1e-6)
    length = round(count * thickness * (1 + gap) / mm)
    truth = Volume(head.voxels.take(np.arange(length), axis), head.affine)
    slices = Slices(axis, length / count, thickness / mm, profile)
    scale = [count / length if n == axis else 1.0 for n in range(3)]
    measured = slices(torch.tensor(np.ascontiguousarray(truth.voxels))).numpy()
    return truth, Volume(measured, scaled_affine(truth.affine, scale))


def body(head: Volume, margin: int = 6, multiple: int = 1) -> Volume:
    """The head without most of the air around it: the mask, ``margin`` voxels around it at least, and as many more as
    make each side a multiple of ``multiple`` voxels. Raises ValueError where the scan is too small for that."""
    inside = np.argwhere(head_mask(head.voxels))
    first, last = inside.min(0), inside.max(0) + 1
    if multiple == 1:
        start, stop = np.maximum(first - margin, 0), np.minimum(last + margin, head.shape)
    else:
        sides = -(-(last - first + 2 * margin) // multiple) * multiple
        start = np.clip((first + last - sides) // 2, 0, np.maximum(head.shape - sides, 0))
        stop = start + sides
    if (stop > head.shape).any():
        raise ValueError(f"No multiple of {multiple} voxels holds the head within {head.shape}.")
    affine = head.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ start
    i, j, k = (slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    return Volume(np.ascontiguousarray(head.voxels[i, j, k]), affine)


class Results:
    """A tidy CSV that lands whole after every cell: its columns, then measure and value."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self.columns = path, (*columns, "measure", "value")
        self.rows: list[tuple[str, ...]] = []
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                head, *rows = csv.reader(file)
            if tuple(head) != self.columns:
                raise SystemExit(f"{path} has other columns; choose another folder.")
            self.rows = [tuple(row) for row in rows]

    def has(self, *cell: object) -> bool:
        """Whether a cell was measured before."""
        return any(row[:-2] == tuple(map(str, cell)) for row in self.rows)

    def add(self, cell: Sequence[object], values: Mapping[str, float]) -> None:
        """All that was measured of a cell, at once."""
        self.rows += [(*map(str, cell), measure, f"{value:.6g}") for measure, value in values.items()]
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([self.columns, *self.rows])
        with landing_file(self.path) as file:
            file.write(text.getvalue().encode())

    def of(self, *cell: object) -> dict[str, float]:
        """Measure -> value of a cell; empty where it was not measured."""
        return {row[-2]: float(row[-1]) for row in self.rows if row[:-2] == tuple(map(str, cell))}


def _restored(restore: Restorer, consistency: Consistency | None, scan: Volume, acquisition: Acquisition) -> Voxels:
    return restore(scan, acquisition, _finer(scan, acquisition), consistency=consistency).voxels


def _finer(scan: Volume, acquisition: Acquisition) -> list[float | None]:
    own = min(scan.spacing)
    return [own if n == acquisition.axis else None for n in range(3)]


def _spline(scan: Volume, acquisition: Acquisition) -> Voxels:
    return lay_on_grid(scan, _finer(scan, acquisition)).voxels


def _zoomed(order: int) -> Callable[[Volume, Acquisition], Voxels]:
    def run(scan: Volume, acquisition: Acquisition) -> Voxels:
        shape = lay_on_grid(scan, _finer(scan, acquisition)).shape
        factors = [m / n for m, n in zip(shape, scan.shape, strict=True)]
        fine: Voxels = ndimage.zoom(scan.voxels, factors, order=order, mode="nearest", grid_mode=True)
        return fine

    return run
