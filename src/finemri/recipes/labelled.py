"""What a segmenter learns from, and a trained one at work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from finemri.cohorts.acquisitions import brightness_of
from finemri.cohorts.cohort import Cohort
from finemri.cohorts.examples import Examples, Mixture
from finemri.cohorts.slices import LabelledSlice, SliceSource, VolumeSlices
from finemri.refusal import Refusal
from finemri.shapes import Magnitude


@dataclass(frozen=True)
class LabelledExamples:
    """Example n, pure in (seed, n): ``{"magnitude": (1, i, j) float32, "labels": (i, j) int64}``.

    The brightest tissue is 1 (``brightness_of``), give or take a tenth; slices are mirrored at random.
    """

    source: SliceSource
    classes: int
    seed: int

    def __getitem__(self, n: int) -> Mapping[str, Tensor]:
        rng = np.random.default_rng([self.seed, n])
        drawn = self.source.draw(rng)
        if drawn.labels is None:
            raise Refusal(
                f"{drawn.person} has no label map, and a segmenter learns from them; give a cohort with some."
            )
        image = np.abs(drawn.image)
        image = image / np.float32(brightness_of(image) * np.exp(rng.normal(0, 0.1)))
        labels = (drawn.labels > 0).astype(np.int64) if self.classes == 2 else drawn.labels
        if labels.max() >= self.classes:
            raise Refusal(f"The label maps hold {labels.max()}, so classes is at least {labels.max() + 1}; set it.")
        flips = tuple(axis for axis in (0, 1) if rng.random() < 0.5)
        return {
            "magnitude": torch.from_numpy(np.flip(image, flips)[None].copy()),
            "labels": torch.from_numpy(np.flip(labels, flips).copy()),
        }


def labelled_slices(
    cohorts: Sequence[Cohort], shares: Sequence[float], axis: str, matrix: tuple[int, int], classes: int, seed: int
) -> Examples:
    """Slices with their label maps, of the cohorts in their shares."""
    kinds = [
        LabelledExamples(
            VolumeSlices(
                cohort,
                axis="any" if axis == "any" else int(axis),  # type: ignore[arg-type]
                matrix=matrix if min(matrix) > 0 else None,
                labels=True,
            ),
            classes,
            seed,
        )
        for cohort in cohorts
    ]
    return kinds[0] if len(kinds) == 1 else Mixture(kinds, shares, seed)


class NetworkSegmenter:
    """argmax of the network's logits: magnitude (i, j), in any unit -> labels (i, j)."""

    def __init__(self, network: nn.Module, device: str = "cpu") -> None:
        self.network, self.device = network.to(device).eval(), device

    def __call__(self, image: Magnitude) -> LabelledSlice:
        shown = torch.from_numpy(np.ascontiguousarray(image / np.float32(brightness_of(image))))[None, None]
        with torch.inference_mode():
            logits: Tensor = self.network(shown.to(self.device))
        labels: LabelledSlice = logits.argmax(1)[0].cpu().numpy().astype(np.int64)
        return labels
