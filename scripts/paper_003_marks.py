"""What evaluate does not measure of paper 003's systems: seams where patches end, and how bright an image is.

scripts/paper_003.py calls it. It leaves more/measures.csv, tidy rows person by person, and seams.md, their means.
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch.nn import Module

from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.pairing import OpenPair, open_pair
from finemri.measures.artefacts import seam_energy
from finemri.measures.contract import Contract
from finemri.measures.mask import head_mask
from finemri.measures.tidy import Row, write_rows
from finemri.recipes import FieldGAN, revive
from finemri.recipes.dense import Dense
from finemri.recipes.field_gan import SPACING
from finemri.training.weights import load_weights
from finemri.volumes.files import open_volume
from finemri.volumes.intensity import by_percentile

STITCHED = ("field-unet", "field-gan-5", "field-gan-5-borderless", "field-gan-6", "field-gan-7", "field-gan-8")
"""Those whose generator takes patches, so that there are seams."""
WAYS: Mapping[str, Mapping[str, Any]] = {
    "": {"stitching": "published", "border": 0},
    "-cut": {"stitching": "published", "border": 4},
    "-blended": {"stitching": "blend", "border": 4},
}
"""Added to the system's name: every 20 and averaged; and 4 pixels cut off; blended."""
TITLES = ("every 20, averaged", "and 4 pixels cut off", "blended")
UNITS = "the fine scan's 99.9th percentile = 1"


def marks(exam: Path, weights: Mapping[str, Path], images: Mapping[str, str], into: Path) -> None:
    """``weights``: run -> file. ``images``: label -> run, of the images that evaluate kept in into/exam/images."""
    people = {person.name: open_pair(person.pairs[0]) for person in find_cohort(exam).subjects}
    seams = list(stitched(weights, people))
    more = into / "more"
    more.mkdir(exist_ok=True)
    write_rows(more / "measures.csv", [*seams, *brightness(people, images, into / "exam" / "images")])
    lines = ["| system | " + " | ".join(TITLES) + " |", "|---" * (1 + len(WAYS)) + "|"]
    for system in STITCHED:
        cells = []
        for way in WAYS:
            found = [r.value for r in seams if r.method.rpartition("-seed")[0] == system + way]
            cells.append(f"{statistics.fmean(found):.2f}" if found else "–")
        lines.append(f"| `{system}` | " + " | ".join(cells) + " |")
    (into / "seams.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def stitched(weights: Mapping[str, Path], people: Mapping[str, OpenPair]) -> Iterator[Row]:
    """Seam energy of every run, stitched in every way, of those people whose slices hold a patch."""
    for run, path in weights.items():
        system, _, seed = run.rpartition("-seed")
        if system not in STITCHED:
            continue
        tensors, header = load_weights(path)
        recipe = revive(header)
        assert isinstance(recipe, FieldGAN)
        generator: Module = recipe.generator()
        generator.load_state_dict(tensors)
        for way, settings in WAYS.items():
            enhancer = replace(recipe, **settings).enhancer(generator)
            for person, pair in people.items():
                seams = {axis: ends(pair.fine.shape[axis], recipe.patch) for axis in (0, 1)}
                if all(n >= recipe.patch for n in pair.fine.shape[:2]) and any(seams.values()):
                    coarse, fine = (by_percentile(scan.voxels).apply(scan.voxels) for scan in (pair.coarse, pair.fine))
                    value = seam_energy(enhancer(coarse), fine, seams)
                    yield row(person, f"{system}{way}-seed{seed}", value, SEAMS)


def brightness(people: Mapping[str, OpenPair], images: Mapping[str, str], folder: Path) -> Iterator[Row]:
    """Mean of what was made over the mean of the truth, inside the head: below 1 is darker."""
    for label, run in images.items():
        for person, pair in people.items():
            made = open_volume(folder / f"{person}_{label}.nii.gz").voxels
            head = head_mask(pair.fine.voxels)
            told, true = (by_percentile(pair.fine.voxels).apply(voxels)[head] for voxels in (made, pair.fine.voxels))
            yield row(person, run, float(told.mean(dtype=float) / true.mean(dtype=float)), BRIGHTNESS)


def ends(length: int, patch: int) -> Sequence[int]:
    """Where the published patches begin and end inside an axis."""
    windows = Dense(patch, SPACING, border=0, blend="published").windows(length) if length >= patch else []
    return sorted({n for window in windows for n in (window.start, window.start + patch) if 0 < n < length})


def row(person: str, method: str, value: float, contract: Contract) -> Row:
    """Of pairs, as evaluate has them."""
    return Row(person, method, "pairs", 1, contract.measure, value, contract)


SEAMS = Contract(
    measure="seam-energy",
    mask="full",
    range=None,
    range_from=None,
    dimension="slices across k",
    window="steps of one voxel of the error, across the ends of published patches over all others",
    aggregation="per volume: mean of absolute steps over both axes",
    crop="none",
    units=UNITS,
)
BRIGHTNESS = Contract(
    measure="brightness",
    mask="head",
    range=None,
    range_from=None,
    dimension="3D",
    window=None,
    aggregation="per volume: mean over the voxels, over the truth's",
    crop="none",
    units=UNITS,
)
