"""Losses that compare class scores with labels."""

import torch
from jaxtyping import Int64
from torch import Tensor
from torch.nn import functional

from finemri.shapes import MadeMaps

Labels = Int64[Tensor, "batch mi mj"]


def cross_entropy(made: MadeMaps, true: Labels) -> Tensor:
    """−(1/n) Σ ln softmax(x̂)_label; `made` are logits, one map a class."""
    return functional.cross_entropy(made.float(), true)


def soft_dice(made: MadeMaps, true: Labels, smooth: float = 1.0) -> Tensor:
    """1 − mean over classes but 0, the background, of (2 Σ p q + s) / (Σ p + Σ q + s), over all voxels of the batch.

    p = softmax(x̂), q = 1 where the label is the class. A class that is nowhere and found nowhere costs nothing
    (Milletari et al., 2016).
    """
    classes = made.shape[1]
    p = made.float().softmax(1)[:, 1:]
    q = functional.one_hot(true, classes).movedim(-1, 1)[:, 1:].float()
    overlap, size = (p * q).sum((0, 2, 3)), (p + q).sum((0, 2, 3))
    return 1 - torch.mean((2 * overlap + smooth) / (size + smooth))
