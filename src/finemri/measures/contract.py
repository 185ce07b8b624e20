"""Contract: what a number means. Stored beside every number, so that nobody has to guess afterwards.

The same images gave 27 dB or 32 dB in a public benchmark, by the range and the aggregation alone.
"""

import json
from dataclasses import asdict, dataclass, fields
from typing import Literal

from finemri.refusal import Refusal

Region = Literal["head", "full"]


@dataclass(frozen=True)
class Contract:
    """Everything that a number depends on but the two images."""

    measure: str
    """A key of MEASURES."""
    mask: Region
    """head: inside head_mask of the reference. full: the full field of view."""
    range: float | None
    """L, in the units of the reference; None where the measure needs none, or every slice has its own."""
    range_from: str | None
    """Where L comes from. Never the image that is judged."""
    dimension: str
    """3D, or slices: the mean over one family of slices; 2D: each slice judged by itself, as it was made."""
    window: str | None
    """Over which voxels local moments or filters run."""
    aggregation: str
    """Over what the mean runs. One number per volume, or per person of whom slices were judged."""
    crop: str
    """The part of the field of view that counts, in voxels."""
    data: str | None = None
    """Where k-space came from, and what makes its numbers kinder than life: data crimes (Shimron et al., 2022)."""
    units: str | None = None
    """Of what both images are when they are compared; None: those of the reference's file."""

    def __str__(self) -> str:
        """Compact JSON, one line."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> "Contract":
        """The inverse of str. Raises Refusal for text that is no contract."""
        try:
            settings = json.loads(text)
            if {"data", "units", *settings} != {field.name for field in fields(cls)}:  # older tables knew of neither
                raise ValueError
            return cls(**settings)
        except (ValueError, TypeError):
            raise Refusal("This is no contract of a measure as finemri writes it; was the CSV edited?") from None
