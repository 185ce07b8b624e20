"""Reading an image between its voxels: one small matrix an axis, as in degradation."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float64
from torch import Tensor

from finemri.refusal import Refusal
from finemri.shapes import Coarse, Image

Kernel = Literal["lanczos", "gaussian", "linear"]
Positions = Float64[Tensor, "rows"]


def resample(
    image: Image,
    shape: Sequence[int],
    step: Sequence[float | int],
    *,
    offset: Sequence[float | int] | None = None,
    kernel: Kernel = "lanczos",
    sigma: float = 0.5,
) -> Coarse:
    """y(p) = Σ_j h(j − x_p) x_j at x_p = step · (p + ½) − ½ + offset, with weights normalised to one.

    Mirrored beyond the edges; without an offset the field of view stays centred. ``kernel``: "lanczos" (three lobes,
    the sharpest), widened to hinder aliasing where step > 1; "gaussian" with ``sigma`` in voxels of ``image``; "linear"
    without widening. Raises Refusal for steps that are not positive.
    """
    if min(step) <= 0:
        raise Refusal(f"A step from voxel to voxel is a positive number, not {tuple(step)}.")
    size = tuple(image.shape[-3:])
    if offset is None:
        offset = [(n - s * m) / 2 for n, m, s in zip(size, shape, step, strict=True)]
    for axis in range(3):
        matrix = _weights(shape[axis], size[axis], float(step[axis]), float(offset[axis]), kernel, sigma).to(
            image.dtype
        )
        image = (image.movedim(axis - 3, -1) @ matrix.T).movedim(-1, axis - 3)
    return image.contiguous()


def _weights(rows: int, size: int, step: float, offset: float, kernel: Kernel, sigma: float) -> Tensor:
    """(rows, size): what each voxel of an axis gives to each new one."""
    at = step * (torch.arange(rows, dtype=torch.float64) + 0.5) - 0.5 + offset
    return line_weights(at, size, kernel, sigma=sigma, width=max(step, 1.0))


def line_weights(
    at: Positions, size: int, kernel: Kernel, *, sigma: float = 0.5, width: float = 1.0
) -> Float64[Tensor, "rows size"]:
    """W with y = W x: what each of ``size`` voxels of an axis gives to a reading at each of the positions ``at``.

    Positions and ``sigma`` in voxels, 0 the middle of the first; ``width`` widens "lanczos". Rows add up to one.
    """
    reach = {"lanczos": 3 * width, "gaussian": 4 * sigma, "linear": 1.0}[kernel]
    taps = torch.arange(-int(reach) - 1, int(reach) + 2)
    source = torch.floor(at).long()[:, None] + taps
    distance = source - at[:, None]
    if kernel == "lanczos":
        x = distance / width
        h = torch.sinc(x) * torch.sinc(x / 3) * (x.abs() < 3)
    elif kernel == "gaussian":
        h = torch.exp(-((distance / sigma) ** 2) / 2)
    else:
        h = (1 - distance.abs()).clamp(min=0)
    h = h / h.sum(1, keepdim=True)
    source = source % (2 * size)
    source = torch.where(source < size, source, 2 * size - 1 - source)
    return torch.zeros(len(at), size, dtype=torch.float64).scatter_add_(1, source, h)
