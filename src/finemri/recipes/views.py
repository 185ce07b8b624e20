"""Planes across the slices, seen from several sides: turned about the slice normal, restored, and combined."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from scipy import fft
from torch import nn

from finemri.recipes.network_enhancer import Ledger, Precision, at_work
from finemri.refusal import Refusal
from finemri.shapes import FineVoxels, Voxels
from finemri.volumes.grid import spline_matrix
from finemri.volumes.tiles import Progress

Combine = Literal["maximum", "mean"]
TURNS = {2: (0, 1), 4: (0, 1, 2, 3)}
"""Quarter turns about the slice normal: no pixel in plane has to be interpolated for them."""
AT_A_TIME = 2**27
"""Bytes that the network may take for the planes of one pass."""


def restore(
    network: nn.Module,
    voxels: Voxels,
    thin: int,
    *,
    views: int = 2,
    combine: Combine = "mean",
    device: torch.device,
    precision: Precision = "fp32",
    progress: Progress | None = None,
) -> FineVoxels:
    """(i, j, n) -> (i, j, thin): every plane (i, n) of the scan turned by 0, 90, … degrees, restored and turned back.

    The views are combined in Fourier space. "mean": Y = mean_v X_v (ECLARE), which is the mean of the images.
    "maximum": Y(f) = X_v(f) of the view v where |X_v(f)| is largest, as a view that has lost a detail shows less of it
    (Fourier burst accumulation: Delbracio & Sapiro, 2015; SMORE); it prefers noise as well. ``progress`` hears (views
    done, views in all). Raises Refusal for another number of views.
    """
    if views not in TURNS:
        raise Refusal(f"A scan is seen under 2 or 4 quarter turns, not {views}.")
    total: np.ndarray = np.zeros((*voxels.shape[:2], thin), np.float32)
    for done, turn in enumerate(TURNS[views], start=1):
        turned = np.rot90(voxels, turn)
        view = np.rot90(_planes(network, turned, thin, device, precision), -turn)
        if combine == "mean":
            total += view / np.float32(views)
        else:
            X = fft.rfftn(view)
            total = X if done == 1 else np.where(np.abs(X) > np.abs(total), X, total)
        if progress is not None:
            progress(done, views)
    if combine == "maximum":
        total = fft.irfftn(total, s=(*voxels.shape[:2], thin))
    return np.ascontiguousarray(total, dtype=np.float32)


def _planes(network: nn.Module, voxels: Voxels, thin: int, device: torch.device, precision: Precision) -> FineVoxels:
    """Every plane (i, n) through the network, its sub-slices read where the thin slices lie."""
    made = np.empty((*voxels.shape[:2], thin), np.float32)
    for first, last in _batches(network, voxels, device):
        planes = np.ascontiguousarray(voxels[:, first:last].transpose(1, 0, 2))
        x = torch.from_numpy(planes)[:, None].to(device).contiguous(memory_format=torch.channels_last)
        with at_work(device, precision):
            fine = network(x)[:, 0].float().cpu().numpy()
        made[:, first:last] = (fine @ spline_matrix(fine.shape[2], thin).T).transpose(1, 0, 2)
    return made


def _batches(network: nn.Module, voxels: Voxels, device: torch.device) -> Iterator[tuple[int, int]]:
    """Ranges of planes that fit into the bytes of one pass; one plane passes in any case."""
    edge = 16
    with Ledger() as ledger:
        network(torch.zeros(1, 1, edge, edge, device=device))
    step = max(1, int(AT_A_TIME * edge**2 / (ledger.most * voxels.shape[0] * voxels.shape[2])))
    for first in range(0, voxels.shape[1], step):
        yield first, min(first + step, voxels.shape[1])
