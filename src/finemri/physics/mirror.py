"""Mirrors that the Fourier transform does not notice: about the centre of the matrix, in both domains alike."""

import numpy as np

from finemri.physics.kspace import KSpace
from finemri.shapes import Samples

Axes = tuple[bool, bool]
"""Whether i, and whether j, run backwards."""


def mirrored(stack: Samples, axes: Axes) -> Samples:
    """x(c + p) → x(c − p), c = n // 2, for complex stacks (coil, i, j): F R = R F, and R R = 1.

    Not ``numpy.flip``, which of an even axis moves the centre by one sample, and k-space by a ramp of phase. Here what
    an even axis has one more of on its near side stays where it is: its place is its own mirror image.
    """
    for axis, backwards in enumerate(axes, start=1):
        if backwards:
            stack = np.roll(np.flip(stack, axis), 1 - stack.shape[axis] % 2, axis)
    return np.ascontiguousarray(stack)


def mirrored_kspace(kspace: KSpace, axes: Axes) -> KSpace:
    """What a mirrored scanner would have measured of a mirrored body: samples, mask and sensitivities turn alike."""
    mask = mirrored(kspace.mask[None].astype(np.complex64), axes)[0] != 0
    maps = kspace.sensitivities
    return KSpace(mirrored(kspace.samples, axes), mask, None if maps is None else mirrored(maps, axes))
