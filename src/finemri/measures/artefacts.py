"""Marks that a method leaves, which no scanner made."""

from collections.abc import Mapping, Sequence

import numpy as np

from finemri.refusal import Refusal
from finemri.shapes import FineVoxels


def seam_energy(image: FineVoxels, truth: FineVoxels, seams: Mapping[int, Sequence[int]]) -> float:
    """mean |∂(x̂ − x)| across the seams over the same everywhere else, along the axes that have any.

    ``seams``: axis -> the voxels that a tile begins with, so that the step from n − 1 to n crosses its border. 1: the
    error is no rougher there than elsewhere. Raises Refusal without a seam, and for one outside the image.
    """
    at_seams, elsewhere = [], []
    for axis, starts in seams.items():
        length = image.shape[axis]
        if any(not 0 < n < length for n in starts):
            raise Refusal(f"The seams of an axis of {length} voxels lie at 1 to {length - 1}, not at {list(starts)}.")
        steps = np.abs(np.diff(image - truth, axis=axis)).astype(np.float64)
        crossed = np.isin(np.arange(1, length), np.asarray(starts))
        at_seams.append(steps.compress(crossed, axis=axis).ravel())
        elsewhere.append(steps.compress(~crossed, axis=axis).ravel())
    if not sum(part.size for part in at_seams):
        raise Refusal("There is no seam to look at: name the voxels that tiles begin with.")
    return float(np.concatenate(at_seams).mean() / np.concatenate(elsewhere).mean())
