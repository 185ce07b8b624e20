"""How an image is judged, and the shelf of measures: each by name, with what its number means."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np

from finemri.measures.artefacts import checkerboard_ratio
from finemri.measures.contract import Contract, Region
from finemri.measures.fidelity import Inside, Scan, gradient_energy, hfen, mse, nmse, psnr, psnr_peak255, snr, ssim
from finemri.measures.multiscale import ms_ssim
from finemri.measures.sharpness import edge_sharpness, rise_ratio
from finemri.measures.spectrum import mean_shell_correlation, shell_resolution, spectral_distance

BROKEN = "nan-share"
"""The measure that stands beside NaN alone: of an image that is whole there is no such row."""


@dataclass(frozen=True)
class Measure:
    """A function of two images, and what has to be said about its number."""

    function: Callable[..., float]
    """(image, reference, mask), and ``peak`` or ``axis`` where it needs them."""
    title: str
    """For the head of a table."""
    best: float
    """Its value where both images are the same."""
    better: Literal["higher", "lower", "nearer"]
    """Nearer: to ``best``, from either side."""
    needs: frozenset[str] = field(default_factory=frozenset)
    """Of "peak" and "axis"."""
    window: str | None = None
    """As the contract has it."""
    aggregation: str = "per volume: sums over the voxels"
    """As the contract has it."""

    def __call__(self, image: Scan, reference: Scan, mask: Inside | None, *, peak: float, axis: int) -> float:
        """Judge; ``peak`` is the range of the data and ``axis`` the one that slices lie across."""
        offered: dict[str, Any] = {"peak": peak, "axis": axis}
        return self.function(image, reference, mask, **{key: offered[key] for key in sorted(self.needs)})

    def or_nan(self, image: Scan, reference: Scan, mask: Inside | None, *, peak: float, axis: int) -> float:
        """As when called; NaN of an image with voxels that are no numbers: it failed, and is never dropped."""
        whole = all(np.isfinite(plane).all() for plane in image)
        return self(image, reference, mask, peak=peak, axis=axis) if whole else math.nan


def contract_of(name: str, *, mask: Region, peak: float, crop: str) -> Contract:
    """The contract of a measure of the shelf whose peak is the reference's range and whose slices are axial."""
    measure = MEASURES[name]
    ranged = "peak" in measure.needs
    return Contract(
        measure=name,
        mask=mask,
        range=peak if ranged else None,
        range_from="reference: max - min over the full field" if ranged else None,
        dimension="axial slices" if "axis" in measure.needs else "3D",
        window=measure.window,
        aggregation=measure.aggregation,
        crop=crop,
    )


def contract_of_broken(crop: str) -> Contract:
    """The contract of ``BROKEN``: how much of an image is no number."""
    return Contract(
        measure=BROKEN,
        mask="full",
        range=None,
        range_from=None,
        dimension="3D",
        window=None,
        aggregation="per scan: voxels that are NaN or Inf over all",
        crop=crop,
    )


def contract_of_slices(
    name: str, *, mask: Region, peak: float | None, count: int, across: str, crop: str, data: str | None
) -> Contract:
    """The contract of a measure of SLICEWISE: the mean over ``count`` slices of a person, each judged by itself.

    ``peak`` is that of all these slices; None: each has its own. ``across`` says how the slices lie.
    """
    measure = MEASURES[name]
    whose = "each slice" if peak is None else "the slices judged"
    mean = f"; mean over {count} slices of the person"
    return Contract(
        measure=name,
        mask=mask,
        range=peak if "peak" in measure.needs else None,
        range_from=f"reference: maximum of {whose}" if "peak" in measure.needs else None,
        dimension=f"2D, {across}",
        window=measure.window,
        aggregation=measure.aggregation.replace("per volume", "per slice").replace("voxels", "pixels") + mean,
        crop=crop,
        data=data,
    )


def contract_in_units(name: str, *, mask: Region, count: int, across: str, crop: str, units: str) -> Contract:
    """The contract of a measure of IN_UNITS, over ``count`` slices of a person that lie as ``across`` says."""
    fixed = name == "psnr_peak255"
    mean = f"per slice: mean over pixels; mean over {count} slices of the person"
    return Contract(
        measure=name,
        mask=mask,
        range=255.0 if fixed else None,
        range_from="fixed: 255, on data of unit scale" if fixed else None,
        dimension=f"2D, {across}",
        window=None,
        aggregation=mean if fixed else "per person: mean over the voxels",
        crop=crop,
        units=units,
    )


def contract_of_labels(kind: str, label: int, *, count: int, by: str, across: str, crop: str, data: str) -> Contract:
    """The contract of a measure of OF_LABELS: the mean over the ``count`` slices of a person that contain the label,
    of what the segmenter ``by`` finds."""
    share = ", divided by the same mean on the true images" if kind == "sis" else ""
    return Contract(
        measure=f"{kind}-{label}",
        mask="full",
        range=None,
        range_from=None,
        dimension=f"2D, {across}",
        window=None,
        aggregation=f"per slice; mean over {count} slices of the person that contain the label; found by {by}{share}",
        crop=crop,
        data=data,
    )


def title_of(name: str) -> str:
    """For the head of a table: of a measure of the shelf, or of one that belongs to a label ("sis-2") or structure."""
    if name == BROKEN:
        return "share of voxels that are no number"
    convention, colon, own = name.partition(":")
    if colon:
        return f"{title_of(own)}, as {convention} has it"
    if name in (shelf := MEASURES | IN_UNITS | MORE):
        return shelf[name].title
    kind, _, label = name.partition("-")
    if kind in OF_LESIONS and label:
        sign, _, size = label.partition("-")
        return f"{OF_LESIONS[kind]}, {sign} lesion of {size.removesuffix('mm')} mm"
    if kind not in OF_LABELS or not label:
        return name
    if label == "mean":
        return f"{OF_LABELS[kind]}, mean over structures"
    return f"{OF_LABELS[kind]} of {'label ' if label.isdecimal() else ''}{label}"


def better_of(measure: str) -> tuple[str | None, float]:
    """(higher, lower, nearer or None where nobody says, best value) of a measure, whichever convention has it."""
    own = measure.rpartition(":")[2]
    if own in (shelf := MEASURES | IN_UNITS | MORE):
        return shelf[own].better, shelf[own].best
    return BETTER.get(own.partition("-")[0], (None, 1.0))


_MAP = "per volume: mean of the map, without the border of half a window"
_GAUSSIAN = "gaussian, sigma 1.5, 11 voxels; population covariance; K 0.01, 0.03"
_UNIFORM = "uniform, 7 voxels; sample covariance; K 0.01, 0.03"
_TAPER = "sin² over the whole axis"
_UNIFORM_SSIM = partial(ssim, window="uniform")
_PEAK, _AXIS, _SLICES = frozenset({"peak"}), frozenset({"axis"}), frozenset({"peak", "axis"})

MEASURES: dict[str, Measure] = {
    "psnr": Measure(psnr, "PSNR / dB", float("inf"), "higher", _PEAK),
    "ssim": Measure(ssim, "SSIM", 1.0, "higher", _PEAK, _GAUSSIAN, _MAP),
    "ssim-uniform": Measure(_UNIFORM_SSIM, "SSIM (uniform 7³)", 1.0, "higher", _PEAK, _UNIFORM, _MAP),
    "ssim-slices": Measure(ssim, "SSIM (slices)", 1.0, "higher", _SLICES, _GAUSSIAN, _MAP),
    "ssim-slices-uniform": Measure(_UNIFORM_SSIM, "SSIM (slices, uniform 7²)", 1.0, "higher", _SLICES, _UNIFORM, _MAP),
    "nmse": Measure(nmse, "NMSE", 0.0, "lower"),
    "snr": Measure(snr, "SNR / dB", float("inf"), "higher"),
    "hfen": Measure(hfen, "HFEN", 0.0, "lower", window="Laplacian of Gaussian, 15 voxels, sigma 1.5"),
    "gradient-energy": Measure(gradient_energy, "gradient energy", 1.0, "nearer"),
    "edge-sharpness": Measure(edge_sharpness, "edge sharpness", 1.0, "nearer", window="the truth's steepest 5 %"),
}
SLICEWISE = ("psnr", "ssim-slices", "ssim-slices-uniform", "nmse", "snr", "hfen", "gradient-energy")
"""Those that judge a single slice, (1, i, j) with slices across axis 0, as they would a 2D image."""
IN_UNITS: dict[str, Measure] = {
    "mse": Measure(mse, "MSE", 0.0, "lower"),
    "psnr_peak255": Measure(psnr_peak255, "PSNR / dB (peak 255 on unit scale)", float("inf"), "higher", _AXIS),
}
"""Those that depend on the unit of brightness: for images whose unit the contract tells."""
MORE: dict[str, Measure] = {
    "ms-ssim": Measure(ms_ssim, "MS-SSIM (slices)", 1.0, "higher", _SLICES, _GAUSSIAN + "; as many scales as fit"),
    "spectral-distance": Measure(spectral_distance, "spectral distance / dB", 0.0, "lower", window=_TAPER),
    "shell-correlation": Measure(mean_shell_correlation, "shell correlation", 1.0, "higher", window=_TAPER),
    "shell-resolution": Measure(shell_resolution, "FSC ½ / Nyquist", 1.0, "higher", window=_TAPER),
    "rise-ratio": Measure(rise_ratio, "rise distance / truth's", 1.0, "nearer", window="the truth's steepest 5 %"),
    "checkerboard": Measure(checkerboard_ratio, "checkerboard / truth's", 1.0, "nearer", window=_TAPER),
}
"""Those that take a transform or a pyramid of the whole image, too slow and too large for every trial, and know no
mask: the convention "finemri" has them, from saved images."""
OF_LABELS = {
    "dice": "Dice",
    "sis": "SIS",
    "volume": "volume / mL",
    "surface": "mean surface distance / mm",
    "hausdorff95": "95 % Hausdorff distance / mm",
}
"""Those of finemri.measures.segmentation and structures, one number a label: dice-1, sis-Hippocampus, dice-mean."""
OF_LESIONS = {
    "recovery": "contrast recovered",
    "lesiondice": "Dice",
    "elsewhere": "changed elsewhere",
    "invented": "made up without it",
}
"""Those of finemri.measures.lesion, one number a lesion: recovery-bright-6mm, invented-dark-3mm."""
BETTER: dict[str, tuple[Literal["higher", "lower", "nearer"], float]] = {
    "dice": ("higher", 1.0),
    "sis": ("higher", 1.0),
    "surface": ("lower", 0.0),
    "hausdorff95": ("lower", 0.0),
    "recovery": ("nearer", 1.0),
    "lesiondice": ("higher", 1.0),
    "elsewhere": ("lower", 0.0),
    "invented": ("lower", 0.0),
}
"""What is better, and best, of those that belong to a label or a lesion."""
