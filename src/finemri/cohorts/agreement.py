"""How well two scans on one grid agree: mutual information, and a checkerboard to look at."""

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from finemri.shapes import Mask, Voxels

Values = Float32[np.ndarray, " voxel"]
Codes = Int64[np.ndarray, " voxel"]
Plane = Float32[np.ndarray, "_ _"]
Picture = UInt8[np.ndarray, "row column"]


def mutual_information(a: Voxels, b: Voxels, mask: Mask | None = None, bins: int = 64) -> float:
    """I(A; B) = Σ p(a, b) log(p(a, b) / p(a) p(b)) in nats, of a histogram with ``bins`` equal bins an image.

    It needs no equal contrast, only that one tells of the other. 0 where one of the two has no contrast.
    """
    first, second = (a.ravel(), b.ravel()) if mask is None else (a[mask], b[mask])
    if first.size == 0:
        return 0.0
    codes = _bin(first, bins) * bins + _bin(second, bins)
    joint = np.bincount(codes, minlength=bins**2).reshape(bins, bins) / first.size
    alone = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    there = joint > 0
    return float(max(0.0, (joint[there] * np.log(joint[there] / alone[there])).sum()))


def _bin(values: Values, bins: int) -> Codes:
    low, high = float(values.min()), float(values.max())
    scale = bins / (high - low) if high > low else 0.0
    codes: Codes = np.minimum(((values - low) * scale).astype(np.int64), bins - 1)
    return codes


def checkerboard(a: Voxels, b: Voxels, fields: int = 8) -> Picture:
    """The three middle planes side by side, in squares of ``a`` and ``b`` in turn: edges should run on across them.

    Each image from its 0.5th percentile (black) to its 99.5th (white). Planes i = ½, j = ½ and k = ½ of the volume,
    the later axis up; ``fields`` squares along the longest axis.
    """
    side = max(1, max(a.shape) // fields)
    planes = []
    for axis in range(3):
        one, other = (_grey(x.take(x.shape[axis] // 2, axis=axis)) for x in (a, b))
        rows, columns = np.indices(one.shape) // side
        planes.append(np.where((rows + columns) % 2 == 0, one, other).T[::-1])
    picture = np.zeros((max(p.shape[0] for p in planes), sum(p.shape[1] for p in planes)), dtype=np.uint8)
    left = 0
    for plane in planes:
        picture[: plane.shape[0], left : left + plane.shape[1]] = plane
        left += plane.shape[1]
    return picture


def _grey(plane: Plane) -> Picture:
    low, high = np.percentile(plane, [0.5, 99.5])
    grey: Picture = np.clip((plane - low) / (high - low if high > low else 1) * 255, 0, 255).astype(np.uint8)
    return grey
