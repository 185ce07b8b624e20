"""The same question answered without learning; a shelf: name -> (scale -> Enhancer)."""

from collections.abc import Callable
from functools import partial

from finemri.baselines.interpolation import Interpolation
from finemri.volumes.enhancer import Enhancer

BASELINES: dict[str, Callable[[int], Enhancer]] = {
    "nearest": partial(Interpolation, order=0),
    "linear": partial(Interpolation, order=1),
    "spline": partial(Interpolation, order=3),
}
