"""Conventions: the same two images judged as other code bases and the five papers judge them, each with its contract.

By peak, mask, pooling and unit alone the same images give numbers many dB apart. Where published code has a fault that
changes its numbers, the plain name is what it published, and the name with "-corrected" what it meant.
"""

from functools import partial
from typing import Literal

import numpy as np

from finemri.measures import MEASURES, MORE
from finemri.measures.convention import Convention, Number
from finemri.measures.fidelity import Scan, mse, nmse, psnr, snr, ssim
from finemri.measures.scales import (
    BOTH,
    BY_MAXIMUM,
    BY_PERCENTILE,
    EITHER,
    MASKED,
    MOVED,
    OF_255,
    OF_SCAN,
    OF_SLICE,
    ONE,
    RANGE,
    UNIT,
)


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


_GAUSSIAN = "gaussian, sigma 1.5, 11 voxels; population covariance; K 0.01, 0.03"
_UNIFORM = "uniform, 7 voxels; sample covariance; K 0.01, 0.03"
_MEAN = "mean of the map, without the border of half a window"
_U, _G = partial(_ssim, window="uniform"), partial(_ssim, window="gaussian")
_OURS = {name: measure for name, measure in (MEASURES | MORE).items() if name in ("psnr", "ssim", "nmse", *MORE)}

CONVENTIONS: dict[str, Convention] = {
    "finemri": Convention(
        "what evaluate prints, over the full field, and the measures that are too slow for it",
        {
            name: Number(
                m.function,
                peak=EITHER if "peak" in m.needs else None,
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
            "psnr": Number(psnr, peak=OF_SCAN),
            "ssim": Number(_U, "slices", OF_SCAN, window=_UNIFORM, how=_MEAN),
            "nmse": Number(nmse),
            "mse": Number(mse, how="mean over the voxels"),
        },
    ),
    "skimage": Convention(
        "skimage.metrics with its defaults, data_range = max - min of the truth",
        {
            "psnr": Number(psnr, peak=RANGE),
            "ssim": Number(_U, peak=RANGE, window=_UNIFORM, how=_MEAN),
            "nmse": Number(nmse, how="sums over the voxels (normalized_root_mse squared)"),
            "mse": Number(mse, how="mean over the voxels"),
        },
    ),
    "monai": Convention(
        "PSNRMetric, SSIMMetric and MSEMetric of monai.metrics, max_val 1, on images scaled by the truth's own range",
        {
            "psnr": Number(psnr, peak=ONE, unit=UNIT),
            "ssim": Number(_G, peak=ONE, unit=UNIT, window=_GAUSSIAN, how=_MEAN),
            "mse": Number(mse, unit=UNIT, how="mean over the voxels"),
        },
    ),
    "paper-000": Convention(
        "Lei & Mardani: SSIM and SNR of each image of unit scale; the window of SSIM is not stated",
        {
            "ssim": Number(_G, "shown", ONE, BY_MAXIMUM, _GAUSSIAN, _MEAN),
            "snr": Number(snr, "shown", unit=BY_MAXIMUM),
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
            "psnr": Number(psnr, peak=BOTH, unit=MOVED),
            "ssim": Number(_U, peak=BOTH, unit=MOVED, window=_UNIFORM, how=_MEAN),
            "psnr-corrected": Number(psnr, peak=BOTH, unit=MASKED),
            "ssim-corrected": Number(_U, peak=BOTH, unit=MASKED, window=_UNIFORM, how=_MEAN),
        },
    ),
    "paper-003": Convention(
        "Ravikumar et al.: a peak of 255 on data of unit scale; SSIM by its formula, of the whole image at once",
        {
            "psnr": Number(psnr, "shown", OF_255, BY_PERCENTILE),
            "psnr-corrected": Number(psnr, "shown", ONE, BY_PERCENTILE),
            "ssim": Number(_ssim_global, "shown", ONE, BY_PERCENTILE, "the whole image; K 0.01, 0.03", "one number"),
            "mse": Number(mse, "shown", unit=BY_PERCENTILE, how="mean over the pixels"),
        },
    ),
    "paper-004": Convention(
        "Seitzer et al., 2018: each slice by itself, its own maximum the range",
        {
            "psnr": Number(psnr, "shown", OF_SLICE),
            "ssim": Number(_G, "shown", OF_SLICE, window=_GAUSSIAN, how=_MEAN),
        },
    ),
}
