"""Where the images of a study come from: what evaluate kept, or a folder for every method."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from finemri.refusal import Refusal
from finemri.study.design import SPOILT, Design, Shown
from finemri.study.organise import View
from finemri.study.pictures import ACROSS, Picture, Plane, Voxels, grey, plane_of, spoil
from finemri.volumes.files import open_volume
from finemri.volumes.intensity import NORMALISERS
from finemri.volumes.nifti import claims
from finemri.volumes.volume import Volume

TRUTH = "truth"
INPUT = "coarse"
"""What evaluate keeps of the methods' input: on a grid of its own."""
Files = Mapping[str, Mapping[str, Path]]
"""Subject -> method -> image."""


@dataclass(frozen=True)
class Showing:
    """How images become cases. Raises Refusal for what shows nothing."""

    view: View = "slice"
    plane: Plane = "axial"
    slices: int = 3
    """Of every subject, evenly spread over the middle half."""

    def __post_init__(self) -> None:
        if self.slices < 1:
            raise Refusal(f"At least one slice of every subject is shown, not {self.slices}.")

    def cases(self, subject: str, shape: Sequence[int]) -> list[str]:
        """A volume is one case; of slices each."""
        if self.view == "volume":
            return [subject]
        count = shape[ACROSS[self.plane]]
        wanted = min(self.slices, max(1, count // 2))
        numbers = [count // 4 + (2 * n + 1) * (count - count // 2) // (2 * wanted) for n in range(wanted)]
        return [f"{subject}/slice-{n}" for n in numbers]


def find_images(sources: Sequence[str]) -> Files:
    """``sources``: one folder that evaluate --save-images wrote, or METHOD=FOLDER several times.

    Files of one name in several folders are of one subject. Raises Refusal where nothing is found, or a subject's image
    by some method is missing.
    """
    of_evaluate = len(sources) == 1 and "=" not in sources[0]
    found = _of_evaluate(Path(sources[0])) if of_evaluate else _of_folders(sources)
    methods = list(dict.fromkeys(method for images in found.values() for method in images))
    for subject, images in found.items():
        if missing := [method for method in methods if method not in images]:
            raise Refusal(
                f"There is no image of {subject} by {missing[0]}; every method shows every subject, so leave the "
                "subject or the method out."
            )
    return found


def pictures_of(files: Files, design: Design, showing: Showing) -> Iterator[tuple[Shown, Picture]]:
    """Every case of the design by every method, and spoilt, in units of the case's truth or of its first method."""
    wanted = {*design.cases, *design.training_cases}
    for subject, images in files.items():
        cases = [case for case in wanted if case.partition("/slice-")[0] == subject]
        if not cases:
            continue
        opened = {method: upright(open_volume(images[method])) for method in design.methods}
        sound = design.anchor or design.methods[0]
        white = NORMALISERS["percentile"](opened[sound][0]).scale
        for case in sorted(cases):
            shown = {method: _cut(*opened[method], case, showing) for method in design.methods}
            seed = int.from_bytes(hashlib.sha256(f"{design.seed} {case}".encode()).digest()[:6], "big")
            shown[SPOILT] = (spoil(shown[sound][0], white, seed), shown[sound][1])
            for method, (voxels, spacing) in shown.items():
                yield Shown(case, method), Picture(grey(voxels, white), spacing)


def upright(volume: Volume) -> tuple[Voxels, tuple[float, float, float]]:
    """Voxels turned so that their axes run right, front and up as nearly as they do at all, and their spacing."""
    turns = nib.io_orientation(volume.affine)
    i, j, k = (volume.spacing[int(np.flatnonzero(turns[:, 0] == axis)[0])] for axis in range(3))
    return np.ascontiguousarray(nib.apply_orientation(volume.voxels, turns), dtype=np.float32), (i, j, k)


def _cut(
    voxels: np.ndarray, spacing: tuple[float, float, float], case: str, showing: Showing
) -> tuple[np.ndarray, tuple[float, ...]]:
    if showing.view == "volume":
        return voxels, spacing
    return plane_of(voxels, spacing, showing.plane, int(case.rpartition("-")[2]))


def _of_evaluate(folder: Path) -> dict[str, dict[str, Path]]:
    images = folder / "images"
    try:
        methods = list(json.loads((folder / "settings.json").read_text(encoding="utf-8"))["methods"])
    except (OSError, ValueError, KeyError, TypeError):
        raise Refusal(
            f"{folder} is not what finemri evaluate wrote; give such a folder, or METHOD=FOLDER for every method."
        ) from None
    found: dict[str, dict[str, Path]] = {}
    for method in (TRUTH, *methods):
        for path in sorted(images.glob(f"*_{method}.nii.gz")):
            found.setdefault(path.name.removesuffix(f"_{method}.nii.gz"), {})[method] = path
    if not found:
        raise Refusal(f"No images were kept in {folder}; run finemri evaluate again with --save-images.")
    return found


def _of_folders(sources: Sequence[str]) -> dict[str, dict[str, Path]]:
    found: dict[str, dict[str, Path]] = {}
    for source in sources:
        method, equals, folder = source.partition("=")
        if not (equals and method and Path(folder).is_dir()):
            raise Refusal(f"{source} is not METHOD=FOLDER with a folder that is there; name each method's folder.")
        for path in sorted(Path(folder).iterdir()):
            if claims(path):
                found.setdefault(path.name.removesuffix(".gz").removesuffix(".nii"), {})[method] = path
    if not found:
        raise Refusal("None of the folders holds a NIfTI file; name folders that do.")
    return found
