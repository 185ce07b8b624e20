"""Segmentation: whether an image still shows what was there, judged by labels that somebody finds in it."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Integer

from finemri.refusal import Refusal

Labels = Integer[np.ndarray, "..."]
"""What is where: one whole number a pixel or voxel."""


def dice(found: Labels, truth: Labels, label: int) -> float:
    """2 |A ∩ B| / (|A| + |B|), A and B where each of the maps has ``label``: 1 is best, no unit (Dice, 1945).

    Raises Refusal for shapes that differ, and for a label that neither has.
    """
    if found.shape != truth.shape:
        raise Refusal(f"Only label maps on one grid compare, not {found.shape} with {truth.shape}; resample one.")
    a, b = found == label, truth == label
    both = int(a.sum()) + int(b.sum())
    if both == 0:
        raise Refusal(f"Neither map has the label {label}, so there is no overlap to measure; choose another label.")
    return 2 * int((a & b).sum()) / both


def mean_dice(found: Sequence[Labels], truth: Sequence[Labels], label: int) -> float:
    """Mean Dice over those slices whose truth contains ``label``; the others would count noise.

    Raises Refusal where no slice contains it, and where the slices are not as many.
    """
    if len(found) != len(truth):
        raise Refusal(f"There are {len(found)} slices and {len(truth)} of the truth; give the same ones.")
    numbers = [dice(f, t, label) for f, t in zip(found, truth, strict=True) if (t == label).any()]
    if not numbers:
        raise Refusal(f"No slice contains the label {label}, so nothing can be said of it; choose another label.")
    return math.fsum(numbers) / len(numbers)


def interpretability(
    found: Sequence[Labels], found_in_truth: Sequence[Labels], truth: Sequence[Labels], label: int
) -> float:
    """SIS = mean Dice of what a segmenter finds in images / the same mean of what it finds in the true images.

    Semantic interpretability score (Seitzer et al., 2018): 1 where an image serves the segmenter as well as the truth,
    above it where better. Means run over slices that contain ``label``. Raises Refusal where the segmenter finds
    nothing right in the true images, for then it judges nobody.
    """
    ceiling = mean_dice(found_in_truth, truth, label)
    if ceiling == 0:
        raise Refusal(f"The segmenter finds label {label} nowhere in the true images; choose another segmenter.")
    return mean_dice(found, truth, label) / ceiling
