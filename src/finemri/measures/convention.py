"""What a convention is: numbers of one image against the truth, each with its contract."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from finemri.measures.contract import Contract
from finemri.measures.fidelity import Inside, Scan
from finemri.measures.mask import head_mask
from finemri.refusal import Refusal

Pieces = Literal["volume", "slices", "shown"]
Both = tuple[Scan, Scan]


@dataclass(frozen=True, eq=False)
class Truth:
    """What everybody's image of one scan is held against."""

    voxels: Scan
    axis: int
    """Slices lie across it."""
    flat: bool
    """The slices were made one by one, so that nothing is 3D."""

    @cached_property
    def head(self) -> Inside:
        """Where there is anatomy; of slices that were made one by one, in each."""
        if not self.flat:
            found: Inside = head_mask(self.voxels)
            return found
        return np.stack([head_mask(plane[None])[0] for plane in np.moveaxis(self.voxels, self.axis, 0)], self.axis)


@dataclass(frozen=True, eq=False)
class Case:
    """An image and the truth, as they were saved."""

    image: Scan
    true: Truth
    crop: str = "none"
    """As the contract has it; so has ``data``."""
    data: str | None = None

    @property
    def truth(self) -> Scan:
        """Its voxels."""
        return self.true.voxels


@dataclass(frozen=True)
class Peak:
    """L, and where it comes from."""

    source: str
    """As the contract has it."""
    of: Callable[[Scan, Scan, Scan], float]
    """What is judged of image and truth, and the whole truth -> L."""
    fixed: bool = False
    """Of all pieces the same."""


@dataclass(frozen=True)
class Unit:
    """What is done to both images before they are compared."""

    name: str | None
    """As the contract has it; None: they are compared as they were saved."""
    of: Callable[[Case], Both]


@dataclass(frozen=True)
class Number:
    """One number of a convention."""

    function: Callable[..., float]
    """(image, truth), ``peak`` if it has one, ``axis`` where it is of slices or of both."""
    pieces: Pieces = "volume"
    """What is judged by itself and then averaged. Shown: the slices that show the head."""
    peak: Peak | None = None
    unit: Unit = Unit(None, lambda case: (case.image, case.truth))
    window: str | None = None
    how: str = "sums over the voxels"
    """As the contract has it."""
    axis: bool = False
    """Whether the function asks for the axis of the slices."""


@dataclass(frozen=True)
class Convention:
    """Whose numbers these are."""

    source: str
    numbers: dict[str, Number]

    def judge(self, name: str, case: Case) -> Iterator[tuple[str, float, Contract, str]]:
        """Measure ("fastmri:psnr"), value, contract, and why the value is NaN, "" if it is not."""
        for measure, number in self.numbers.items():
            value, contract, why = _judge(f"{name}:{measure}", number, case)
            yield contract.measure, value, contract, why


def _judge(name: str, number: Number, case: Case) -> tuple[float, Contract, str]:
    found: list[float] = []
    L, why = None, ""
    lost = int(case.image.size - np.isfinite(case.image).sum())
    try:
        if lost:
            raise Refusal(f"{lost} of {case.image.size} voxels are not finite (NaN or Inf).")
        image, truth = number.unit.of(case)
        for x, y in _cut(image, truth, case, number.pieces):
            words: dict[str, float | int] = {}
            if number.peak is not None:
                L = words["peak"] = number.peak.of(x, y, truth)
            if number.axis:
                words["axis"] = 0 if len(y) == 1 else case.true.axis
            found.append(number.function(x, y, **words))
        if not found:
            raise Refusal("No slice shows anything.")
    except Refusal as refusal:
        why = str(refusal)
    return (math.nan if why else math.fsum(found) / len(found)), _contract(name, number, case, L, len(found)), why


def _contract(name: str, number: Number, case: Case, L: float | None, count: int) -> Contract:
    peak, sliced = number.peak, number.pieces != "volume" or case.true.flat
    which = " that show the head" if number.pieces == "shown" else ""
    over = f"per slice: {number.how}; mean over {count} slices{which}"
    return Contract(
        measure=name,
        mask="full",
        range=L if peak is not None and (peak.fixed or not sliced) else None,
        range_from=peak.source if peak is not None else None,
        dimension=f"2D, slices across axis {case.true.axis}" if sliced or number.axis else "3D",
        window=number.window,
        aggregation=over if sliced else f"per volume: {number.how}",
        crop=case.crop,
        data=case.data,
        units=number.unit.name,
    )


def _cut(image: Scan, truth: Scan, case: Case, pieces: Pieces) -> Iterator[Both]:
    if pieces == "volume" and not case.true.flat:
        yield image, truth
        return
    x, y = (np.moveaxis(voxels, case.true.axis, 0) for voxels in (image, truth))
    shown = np.ones(len(y), bool)
    if pieces == "shown" and not case.true.flat:  # slices that were judged one by one were chosen so already
        shown = np.asarray(np.moveaxis(case.true.head, case.true.axis, 0).any(axis=(1, 2)))
    for n in np.flatnonzero(shown):
        yield x[n][None], y[n][None]
