"""A slice of any size through a network that takes patches of one: where patches lie, and what each of them counts.

Along either axis the weights add up to one by construction, and a patch's weight is the product of its two.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32

from finemri.refusal import Refusal
from finemri.volumes.layout import lay_spans

Blend = Literal["blend", "published"]
Weights = Float32[np.ndarray, " patch"]
Slices = Float32[np.ndarray, "slices i j"]


@dataclass(frozen=True, eq=False)
class Window:
    """Where a patch lies along one axis, and what its pixels count."""

    start: int
    weights: Weights


@dataclass(frozen=True)
class Dense:
    """How patches cover a slice.

    "blend": as evenly spread as tiles of volumes, at most ``stride`` apart, cut in the middle of what two of them share
    and faded over what is left when each has been kept ``border`` pixels away from its own end.
    "published": every ``stride`` pixels and once flush with the end; ``border`` pixels of each end inside the slice are
    cut off, and whatever overlaps is averaged (Ravikumar et al.).
    Raises Refusal for settings that leave gaps.
    """

    patch: int
    stride: int
    border: int = 4
    blend: Blend = "blend"

    def __post_init__(self) -> None:
        if not 1 <= self.stride <= self.patch - 2 * self.border or self.border < 0:
            raise Refusal(
                f"Patches of {self.patch} pixels without a border of {self.border} leave gaps at a spacing of "
                f"{self.stride}; space them 1 to {max(1, self.patch - 2 * self.border)} pixels apart."
            )

    def windows(self, length: int) -> list[Window]:
        """Along an axis that is at least one patch long."""
        return self._faded(length) if self.blend == "blend" else self._averaged(length)

    def _faded(self, length: int) -> list[Window]:
        windows = []
        for span in lay_spans(length, self.patch, self.patch - self.stride, self.border):
            weights = np.zeros(self.patch, np.float32)
            weights[span.first - span.start : span.last - span.start] = span.weights(1)
            windows.append(Window(span.start, weights))
        return windows

    def _averaged(self, length: int) -> list[Window]:
        last = length - self.patch
        starts = [*range(0, last, self.stride), last]
        kept = np.zeros((len(starts), length), np.float32)
        for row, start in zip(kept, starts, strict=True):
            low = start + (self.border if start else 0)
            high = start + self.patch - (self.border if start < last else 0)
            row[low:high] = 1
        kept /= kept.sum(0)
        return [Window(s, row[s : s + self.patch].copy()) for row, s in zip(kept, starts, strict=True)]


def mirrored(image: Float32[np.ndarray, "*more i j"], patch: int) -> Float32[np.ndarray, "*more pi pj"]:
    """The image, mirrored at its ends where it is smaller than a patch, in the middle of what comes out."""
    if min(image.shape[-2:]) >= patch:
        return image
    lacking = [max(0, patch - n) for n in image.shape[-2:]]
    widths = [(0, 0)] * (image.ndim - 2) + [(n // 2, n - n // 2) for n in lacking]
    return np.pad(image, widths, mode="symmetric")
