"""The same question answered without learning; shelves: name -> (scale -> Enhancer), name -> (() -> Reconstructor)."""

from collections.abc import Callable
from functools import partial

from finemri.baselines.compressed import CompressedSensing
from finemri.baselines.dlmri import DLMRI
from finemri.baselines.interpolation import Interpolation
from finemri.baselines.reconstruction import ZeroFilled
from finemri.rawdata.reconstructor import Reconstructor
from finemri.volumes.enhancer import Enhancer

BASELINES: dict[str, Callable[[int], Enhancer]] = {
    "nearest": partial(Interpolation, order=0),
    "linear": partial(Interpolation, order=1),
    "spline": partial(Interpolation, order=3),
}

RECONSTRUCTORS: dict[str, Callable[[], Reconstructor]] = {
    "zero-filled": ZeroFilled,
    "l1-wavelet": partial(CompressedSensing, "wavelets", 0.001),
    "total-variation": partial(CompressedSensing, "differences", 0.001),
    "dlmri": DLMRI,
}
