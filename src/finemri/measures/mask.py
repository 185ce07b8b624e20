"""The head mask: which voxels are anatomy, air inside it included, so that empty background flatters nobody."""

import math
from typing import Any

import numpy as np
from scipy import ndimage

from finemri.refusal import Refusal
from finemri.shapes import FineVoxels, Mask, Voxels

LARGEST = 2e7
"""Voxels; a larger scan is looked at in blocks."""


def head_mask(voxels: Voxels, fraction: float = 0.1) -> Mask:
    """Voxels (i, j, k) brighter than ``fraction`` of the way from background to tissue, made one solid body.

    Smooth (σ = 1 voxel); threshold b + fraction·(t − b), b the darkest and t the 98th percentile; keep the largest
    piece; close it by 5 voxels; fill its holes in 3D and in the slices of every axis, as airways and ears open to the
    outside. Holds for whole heads, brains without a skull, and crops. Raises Refusal for an image without contrast.
    """
    step = max(1, math.ceil((voxels.size / LARGEST) ** (1 / 3)))
    smooth = ndimage.gaussian_filter(_blocks(voxels, step), 1.0, mode="nearest")
    darkest, tissue = np.percentile(smooth, [0.5, 98])
    if not tissue > darkest:
        raise Refusal("There is no head in an image without contrast; look at it first (finemri inspect).")
    body = _largest(smooth > darkest + fraction * (tissue - darkest))
    body = _fill(_largest(_close(body, 5)))
    for axis, size in enumerate(voxels.shape):
        body = np.repeat(body, step, axis=axis).take(np.arange(size), axis=axis, mode="clip")
    return body


def _blocks(voxels: Voxels, step: int) -> FineVoxels:
    """Means over blocks of step³ voxels; those at the far edges may be thinner."""
    for axis, size in enumerate(voxels.shape if step > 1 else ()):
        starts = np.arange(0, size, step)
        shape = [-1 if a == axis else 1 for a in range(3)]
        voxels = np.add.reduceat(voxels, starts, axis=axis) / np.diff([*starts, size]).reshape(shape).astype(np.float32)
    return voxels


def _largest(body: Mask) -> Mask:
    pieces, count = ndimage.label(body)
    if count < 2:
        return body
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    largest: Mask = pieces == sizes.argmax()
    return largest


def _close(body: Mask, radius: int) -> Mask:
    """Closing with a ball, by distances: grow, then shrink by one voxel more, as smoothing had moved the edge outwards.

    Beyond the border the image goes on as it ends there.
    """
    padded = np.pad(body, radius + 2, mode="edge")
    grown = padded if padded.all() else _distance(~padded) <= radius
    closed: Mask = grown if grown.all() else _distance(grown) > radius + 1
    inner = slice(radius + 2, -radius - 2)
    return closed[inner, inner, inner]


def _distance(body: Mask) -> Any:
    return ndimage.distance_transform_edt(body)


def _fill(body: Mask) -> Mask:
    """Fill what is enclosed, in space and in any slice."""
    body = ndimage.binary_fill_holes(body)
    filled = body.copy()
    for axis in range(3):
        for n, plane in enumerate(np.moveaxis(body, axis, 0)):
            np.moveaxis(filled, axis, 0)[n] |= ndimage.binary_fill_holes(plane)
    return filled
