"""What a segmenter finds of every structure: how much of it, in the right place, with which outline."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from finemri.measures.contract import Contract
from finemri.measures.segmentation import Labels, dice, interpretability
from finemri.measures.surface import surface_distances
from finemri.refusal import Refusal
from finemri.shapes import Affine

MEAN = "mean"
"""In place of a structure: the mean over all that the reference has."""
UNITS = {"volume": "mL", "surface": "mm", "hausdorff95": "mm"}


@dataclass(frozen=True)
class Judgement:
    """Who judges, and against what: all that the numbers of a scan depend on but the image."""

    by: str
    """The segmenter, name@digest; or that an outside program left its maps."""
    grid: str
    """On which voxels it looks."""
    reference: str
    """Whose label map Dice and surfaces are held against."""
    names: Mapping[int, str]
    """Label -> what it is called; those without a name go by their number."""
    crop: str = "none"

    def contract(self, kind: str, label: int | None, count: int) -> Contract:
        """What the number of a kind means; ``label`` None: the mean over ``count`` structures."""
        name = MEAN if label is None else self.names.get(label, str(label))
        which = " that are found at all in the true image" if kind == "sis" else ""
        of = f"mean over the {count} structures of the reference{which}" if label is None else f"label {label}"
        against = {
            "volume": "voxels × their volume",
            "sis": f"Dice with {self.reference}, divided by that of what is found in the true image",
        }.get(kind, f"against {self.reference}")
        return Contract(
            measure=f"{kind}-{name}",
            mask="full",
            range=None,
            range_from=None,
            dimension="3D",
            window=None,
            aggregation=f"per volume: {against}; {of}; found by {self.by}, {self.grid}",
            crop=self.crop,
            units=UNITS.get(kind),
        )


def millilitres(labels: Labels, label: int, affine: Affine) -> float:
    """V = n · |det A| / 1000 mL: n voxels have the label, A takes voxels to millimetres."""
    return int((labels == label).sum()) * abs(float(np.linalg.det(affine[:3, :3]))) / 1000


def judge_structures(
    found: Labels, reference: Labels, found_in_truth: Labels | None, affine: Affine, judgement: Judgement
) -> Iterator[tuple[str, float, Contract]]:
    """Measure, value, contract: volume, Dice, surface distances and SIS of every label above 0 that ``found`` or
    ``reference`` has, and the means over those of the reference.

    ``found_in_truth``: what the same segmenter finds in the true image, where ``reference`` is a label map that it did
    not make; with it there is a semantic interpretability score (Seitzer et al., 2018), of labels of which it finds
    anything in the true image. A structure that is missing on one side has Dice 0 and no distance, NaN. Raises Refusal
    for maps on different grids.
    """
    if found.shape != reference.shape:
        raise Refusal(f"Only label maps on one grid compare, not {found.shape} with {reference.shape}; resample one.")
    spacing = [float(mm) for mm in np.linalg.norm(affine[:3, :3], axis=0)]
    wanted = [int(label) for label in np.unique(reference) if label > 0]
    means: dict[str, list[float]] = {}
    for label in sorted({*wanted, *(int(label) for label in np.unique(found) if label > 0)}):
        distances = surface_distances(found, reference, label, spacing)
        values = {
            "volume": millilitres(found, label, affine),
            "dice": dice(found, reference, label),
            "surface": distances.mean,
            "hausdorff95": distances.hausdorff95,
        }
        if found_in_truth is not None and label in wanted and dice(found_in_truth, reference, label) > 0:
            values["sis"] = interpretability([found], [found_in_truth], [reference], label)
        for kind, value in values.items():
            contract = judgement.contract(kind, label, 1)
            yield contract.measure, value, contract
            if label in wanted and kind != "volume":
                means.setdefault(kind, []).append(value)
    for kind, numbers in means.items():
        contract = judgement.contract(kind, None, len(numbers))
        yield contract.measure, math.fsum(numbers) / len(numbers), contract
