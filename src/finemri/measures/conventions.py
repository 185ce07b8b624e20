"""Conventions: the same two images judged as other code bases and the five papers judge them, each with its contract.

By peak, mask, pooling and unit alone the same images give numbers many dB apart. Where published code has a fault that
changes its numbers, the plain name is what it published, and the name with "-corrected" what it meant.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal

import numpy as np

from finemri.measures import MEASURES, MORE
from finemri.measures.contract import Contract
from finemri.measures.fidelity import Inside, Scan, mse, nmse, psnr, snr, ssim
from finemri.measures.mask import head_mask
from finemri.refusal import Refusal
from finemri.volumes.intensity import by_percentile

SHIFT = 16
"""Voxels by which the published code of paper 002 moves its mask along every axis."""

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


def _ssim(image: Scan, truth: Scan, *, peak: float, window: Literal["gaussian", "uniform"]) -> float:
    return ssim(image, truth, peak=peak, window=window, axis=0 if len(truth) == 1 else None)


def _ssim_global(image: Scan, truth: Scan, *, peak: float) -> float:
    """SSIM of one window, the whole image."""
    x, y = image.astype(np.float64), truth.astype(np.float64)
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    mx, my, both = x.mean(), y.mean(), ((x - x.mean()) * (y - y.mean())).mean()
    return float((2 * mx * my + c1) * (2 * both + c2) / ((mx**2 + my**2 + c1) * (x.var() + y.var() + c2)))


def _mse_by_rows(image: Scan, truth: Scan) -> float:
    """Σ (x − y)² over the number of rows: of a square image its columns times too large."""
    return mse(image, truth) * float(truth.shape[-1])


def _scaled(case: Case, low: float, high: float) -> Both:
    if not high > low:
        raise Refusal("The reference is constant, so it has no unit; leave this scan out.")
    return (case.image - low) / (high - low), (case.truth - low) / (high - low)


def _inside(case: Case, shift: int) -> Both:
    """Both times the mask, which may stand wrongly; beyond its border it is 0."""
    mask = case.true.head
    for axis in [] if not shift else [a for a in range(3) if not (case.true.flat and a == case.true.axis)]:
        moved = np.zeros_like(mask)
        np.moveaxis(moved, axis, 0)[shift:] = np.moveaxis(mask, axis, 0)[: max(0, mask.shape[axis] - shift)]
        mask = moved
    return case.image * mask, case.truth * mask


def _of_both(x: Scan, y: Scan, _: Scan) -> float:
    return float(max(x.max(), y.max())) - float(min(x.min(), y.min()))


_GAUSSIAN = "gaussian, sigma 1.5, 11 voxels; population covariance; K 0.01, 0.03"
_UNIFORM = "uniform, 7 voxels; sample covariance; K 0.01, 0.03"
_MEAN = "mean of the map, without the border of half a window"
_OF_SCAN = Peak("reference: maximum of the scan", lambda _x, _y, whole: float(whole.max()), fixed=True)
_OF_SLICE = Peak("reference: maximum of each slice", lambda _x, y, _: float(y.max()))
_RANGE = Peak("reference: max - min of what is judged", lambda _x, y, _: float(y.max()) - float(y.min()))
_EITHER = Peak("reference: max - min of a volume, the maximum of a slice",
               lambda _x, y, _: float(y.max()) - (float(y.min()) if len(y) > 1 else 0.0))  # fmt: skip
_BOTH = Peak("both: max - min of truth and image together, the image that is judged among them", _of_both)
_ONE = Peak("fixed: 1, on data of unit scale", lambda _x, _y, _: 1.0, fixed=True)
_255 = Peak("fixed: 255, on data of unit scale", lambda _x, _y, _: 255.0, fixed=True)
_UNIT = Unit("0 and 1 are the reference's minimum and maximum",
             lambda case: _scaled(case, float(case.truth.min()), float(case.truth.max())))  # fmt: skip
_BY_MAXIMUM = Unit("1 is the reference's maximum", lambda case: _scaled(case, 0.0, float(case.truth.max())))
_BY_PERCENTILE = Unit("1 is the reference's 99.9th percentile",
                      lambda case: _scaled(case, 0.0, by_percentile(case.truth).scale))  # fmt: skip
_MASKED = Unit("as saved, 0 outside the head", lambda case: _inside(case, 0))
_MOVED = Unit(f"as saved, 0 outside the head's mask moved by {SHIFT} voxels", lambda case: _inside(case, SHIFT))
_U, _G = partial(_ssim, window="uniform"), partial(_ssim, window="gaussian")
_OURS = {name: measure for name, measure in (MEASURES | MORE).items() if name in ("psnr", "ssim", "nmse", *MORE)}

CONVENTIONS: dict[str, Convention] = {
    "finemri": Convention(
        "what evaluate prints, over the full field, and the measures that are too slow for it",
        {
            name: Number(
                m.function,
                peak=_EITHER if "peak" in m.needs else None,
                window=m.window,
                axis="axis" in m.needs,
                how=m.aggregation.removeprefix("per volume: "),
            )
            for name, m in _OURS.items()
        }
        | {"mse": Number(mse, how="mean over the voxels")},
    ),
    "fastmri": Convention(
        "fastmri/evaluate.py of facebookresearch/fastMRI (Zbontar et al., 2018)",
        {
            "psnr": Number(psnr, peak=_OF_SCAN),
            "ssim": Number(_U, "slices", _OF_SCAN, window=_UNIFORM, how=_MEAN),
            "nmse": Number(nmse),
            "mse": Number(mse, how="mean over the voxels"),
        },
    ),
    "skimage": Convention(
        "skimage.metrics with its defaults, data_range = max - min of the truth",
        {
            "psnr": Number(psnr, peak=_RANGE),
            "ssim": Number(_U, peak=_RANGE, window=_UNIFORM, how=_MEAN),
            "nmse": Number(nmse, how="sums over the voxels (normalized_root_mse squared)"),
            "mse": Number(mse, how="mean over the voxels"),
        },
    ),
    "monai": Convention(
        "PSNRMetric, SSIMMetric and MSEMetric of monai.metrics, max_val 1, on images scaled by the truth's own range",
        {
            "psnr": Number(psnr, peak=_ONE, unit=_UNIT),
            "ssim": Number(_G, peak=_ONE, unit=_UNIT, window=_GAUSSIAN, how=_MEAN),
            "mse": Number(mse, unit=_UNIT, how="mean over the voxels"),
        },
    ),
    "paper-000": Convention(
        "Lei & Mardani: SSIM and SNR of each image of unit scale; the window of SSIM is not stated",
        {
            "ssim": Number(_G, "shown", _ONE, _BY_MAXIMUM, _GAUSSIAN, _MEAN),
            "snr": Number(snr, "shown", unit=_BY_MAXIMUM),
        },
    ),
    "paper-001": Convention(
        "Narcomey & Gu, model 1, in units of the file: sums over pixels divided by the rows alone",
        {
            "mse": Number(_mse_by_rows, "shown", how="sum over the pixels divided by the number of rows"),
            "mse-corrected": Number(mse, "shown", how="mean over the pixels"),
        },
    ),
    "paper-002": Convention(
        "Sanchez & Vilaplana: inside a mask that its code moves by 16 voxels; the rest is 0 and counts",
        {
            "psnr": Number(psnr, peak=_BOTH, unit=_MOVED),
            "ssim": Number(_U, peak=_BOTH, unit=_MOVED, window=_UNIFORM, how=_MEAN),
            "psnr-corrected": Number(psnr, peak=_BOTH, unit=_MASKED),
            "ssim-corrected": Number(_U, peak=_BOTH, unit=_MASKED, window=_UNIFORM, how=_MEAN),
        },
    ),
    "paper-003": Convention(
        "Ravikumar et al.: a peak of 255 on data of unit scale; SSIM by its formula, of the whole image at once",
        {
            "psnr": Number(psnr, "shown", _255, _BY_PERCENTILE),
            "psnr-corrected": Number(psnr, "shown", _ONE, _BY_PERCENTILE),
            "ssim": Number(_ssim_global, "shown", _ONE, _BY_PERCENTILE, "the whole image; K 0.01, 0.03", "one number"),
            "mse": Number(mse, "shown", unit=_BY_PERCENTILE, how="mean over the pixels"),
        },
    ),
    "paper-004": Convention(
        "Seitzer et al., 2018: each slice by itself, its own maximum the range",
        {
            "psnr": Number(psnr, "shown", _OF_SLICE),
            "ssim": Number(_G, "shown", _OF_SLICE, window=_GAUSSIAN, how=_MEAN),
        },
    ),
}
