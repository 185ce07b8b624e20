"""Brightness: scanners have no unit for it, networks need one. Measure, apply, undo."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from finemri.shapes import Voxels


@dataclass(frozen=True)
class Normaliser:
    """x′ = (x − offset) / scale, and back. Linear, so nothing is clipped and undo(apply(x)) = x."""

    offset: float
    scale: float

    def apply(self, voxels: Voxels) -> Voxels:
        """To the network's units."""
        return ((voxels - np.float32(self.offset)) / np.float32(self.scale)).astype(np.float32, copy=False)

    def undo(self, voxels: Voxels) -> Voxels:
        """Back to the file's units."""
        return (voxels * np.float32(self.scale) + np.float32(self.offset)).astype(np.float32, copy=False)


def unchanged(_voxels: Voxels) -> Normaliser:
    """x′ = x."""
    return Normaliser(0.0, 1.0)


def by_maximum(voxels: Voxels) -> Normaliser:
    """x′ = (x − m/2) / (m/2), m the maximum: 0 → −1, m → 1 (Sanchez & Vilaplana, 2018)."""
    half = float(voxels.max()) / 2
    return Normaliser(half, half) if half > 0 else Normaliser(0.0, 1.0)


def by_percentile(voxels: Voxels) -> Normaliser:
    """x′ = x / p, p the 99.9th percentile of |x|: background stays 0, and one bright vessel does not dim the brain."""
    stride = max(1, round((voxels.size / 4e6) ** (1 / 3)))  # a sample of millions is as good, and takes no memory
    p = float(np.percentile(np.abs(voxels[::stride, ::stride, ::stride]), 99.9))
    if p <= 0:
        p = float(np.abs(voxels).max())
    return Normaliser(0.0, p if p > 0 else 1.0)


NORMALISERS: dict[str, Callable[[Voxels], Normaliser]] = {
    "percentile": by_percentile,
    "max": by_maximum,
    "none": unchanged,
}
