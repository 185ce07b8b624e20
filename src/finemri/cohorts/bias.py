"""Brightness before registration: without the receive coil's shading, clipped and scaled to 0…1000."""

from typing import Any

import numpy as np

from finemri.cohorts.itk import itk, shrunk
from finemri.refusal import Refusal

TOP = 1000.0
KNOTS = 60.0
"""Millimetres between the bias field's knots, at least: coils shade over a hand's breadth, anatomy over less."""
BLOCKS = 4e4
"""Of at least 2 mm, in the field of view, that the field is measured on."""


def without_bias(image: Any) -> Any:
    """x / exp(b), b the field of N4 (Tustison et al., 2010), measured on a small copy and evaluated at full size.

    N4 sharpens the histogram of log x inside the object (a tenth of the way from background to tissue), at most 50
    rounds a level, the knots halving from the field of view to no less than 60 mm. In a crop of 40 mm it takes away
    about half of a slope: what is shade there and what anatomy cannot be told.
    """
    sitk = itk()
    extent = max(n * mm for n, mm in zip(image.GetSize(), image.GetSpacing(), strict=True))
    levels = max(1, min(4, 1 + round(np.log2(max(1.0, extent / KNOTS)))))
    space = image.GetNumberOfPixels() * float(np.prod(image.GetSpacing()))
    small = shrunk(image, max(2.0, (space / BLOCKS) ** (1 / 3)))
    voxels = sitk.GetArrayViewFromImage(small)
    darkest, tissue = (float(p) for p in np.percentile(voxels, [0.5, 98]))
    inside = sitk.BinaryThreshold(small, darkest + 0.1 * (tissue - darkest), float("inf"), 1, 0)
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations([50] * levels)
    n4.SetConvergenceThreshold(1e-4)
    n4.SetNumberOfControlPoints([4] * 3)
    n4.Execute(sitk.Maximum(small, 1e-3 * float(voxels.max())), inside)
    return image / sitk.Exp(sitk.Cast(n4.GetLogBiasFieldAsImage(image), sitk.sitkFloat32))


def scaled(image: Any, low: float, high: float, name: str) -> Any:
    """x′ = 1000 (x − p_low) / (p_high − p_low), clipped to 0…1000: Ravikumar et al., with 0.1 and 99.9."""
    sitk = itk()
    bottom, top = (float(p) for p in np.percentile(sitk.GetArrayViewFromImage(image), [low, high]))
    if not top > bottom:
        raise Refusal(f"The {name} scan has no contrast, so there is nothing to align; look at it (finemri inspect).")
    return (sitk.Clamp(image, sitk.sitkFloat32, bottom, top) - bottom) * (TOP / (top - bottom))
