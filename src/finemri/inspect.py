"""The verb inspect: what a file or folder is, what can be done with it, and what to type next.

No patient data is told: a scan is known by its matrix, a series by its modality, slices, matrix and spacing.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np

from finemri.cohorts.layouts import find_cohort
from finemri.recipes import RECIPES
from finemri.refusal import Refusal
from finemri.volumes.files import open_volume
from finemri.volumes.volume import Volume


@dataclass(frozen=True)
class Findings:
    """What inspect found out."""

    what: str
    """A few words: a NIfTI volume, a cohort."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Title -> value, in the order in which they are told."""
    can: tuple[str, ...] = ()
    """What can be done with it."""
    commands: tuple[str, ...] = ()
    """The very words to type next."""

    def __str__(self) -> str:
        """As it is printed."""
        width = max((len(title) for title in self.facts), default=0)
        lines = [self.what, *(f"  {title.ljust(width)}  {value}" for title, value in self.facts.items())]
        lines += ["", "What you can do", *(f"  {line}" for line in self.can)] if self.can else []
        lines += ["", "Type next", *(f"  {command}" for command in self.commands)] if self.commands else []
        return "\n".join(lines)


def inspect(path: Path) -> Findings:
    """Look at a scan, a folder of DICOM series, a cohort or a weights file. Raises Refusal for anything else."""
    path = Path(path)
    if not path.exists():
        raise Refusal(f"There is nothing at {path}; check the name.")
    if path.suffix == ".safetensors":
        return _weights(path)
    if dicom.claims(path):
        return _series(path)
    if nifti.claims(path):
        return _volume("A NIfTI volume", path, open_volume(path))
    if path.is_dir():
        return _cohort(path)
    raise Refusal(f"{path} is none of the files that finemri knows: NIfTI, DICOM, or weights (.safetensors).")


def _volume(what: str, path: Path, volume: Volume, series: str | None = None) -> Findings:
    """One scan: its grid, its brightness, and how fine it can become."""
    darkest, brightest = float(volume.voxels.min()), float(volume.voxels.max())
    field_of_view = (n * s for n, s in zip(volume.shape, volume.spacing, strict=True))
    facts = {
        "matrix": _times(volume.shape),
        "spacing": f"{_times(volume.spacing)} mm",
        "field of view": f"{_times(field_of_view)} mm",
        "orientation": "".join(nib.aff2axcodes(volume.affine)),
        "intensities": f"{darkest:.6g} to {brightest:.6g}",
    }
    thick = max(volume.spacing) / min(volume.spacing)
    if thick > 1.5:
        facts["slices"] = f"{thick:.1f} times as thick as their pixels; the weights that ship expect equal sides"
    if brightest == darkest:
        return Findings(what, facts | {"note": "it is constant: there is nothing to make finer"})
    can = tuple(
        f"make it {scale}× finer: {_times(n * scale for n in volume.shape)} voxels of"
        f" {_times(s / scale for s in volume.spacing)} mm"
        for scale in (2, 4)
    )
    chosen = f" --series {shlex.quote(series)}" if series else ""
    return Findings(
        what, facts, can, (f"finemri enhance {_quoted(path)} -o {_quoted(_finer(path))} --scale 2{chosen}",)
    )


def _cohort(path: Path) -> Findings:
    """A folder of many."""
    cohort = find_cohort(path)
    scans, labels = (
        sum(len(files) for files in kind) for kind in zip(*((s.images, s.labels) for s in cohort.subjects))
    )
    facts = {"people": str(len(cohort)), "scans": str(scans), "label maps": str(labels)}
    recipe = next(iter(RECIPES))
    can = ["train a recipe on it" + ("" if scans else ", with synthetic contrasts drawn from the label maps")]
    commands = [f"finemri train {recipe} --cohort {_quoted(path)} --into runs/{recipe}"]
    if scans:
        can = ["make every scan finer", "judge methods on it, if they were not trained on it", *can]
        finer = _quoted(path.resolve().parent / f"{path.resolve().name}-fine")
        commands = [
            f"finemri enhance {_quoted(path)} -o {finer}",
            f"finemri evaluate --cohort {_quoted(path)} --methods linear,spline --into evaluation",
            *commands,
        ]
    return Findings("A cohort", facts, tuple(can), tuple(commands))


def _weights(path: Path) -> Findings:
    """Weights of finemri: what their header says, digest checked."""
    tensors, header = load_weights(path)
    recipe = revive(header)
    facts = {
        "recipe": str(header["recipe"]),
        "parameters": f"{sum(tensor.numel() for tensor in tensors.values()):,}",
        "after": recipe.paper,
        "made by finemri": str(header.get("finemri", "an unknown version")),
    }
    return Findings(
        "Weights",
        facts,
        ("make scans finer with them",),
        (f"finemri enhance SCAN.nii.gz -o FINE.nii.gz --weights {_quoted(path)}",),
    )


def _finer(path: Path) -> Path:
    """Where a finer one would go: beside it, in its own format."""
    ending = next((e for e in (".nii.gz", ".nii") if path.name.lower().endswith(e)), "")
    return path.with_name(path.name[: len(path.name) - len(ending)] + "-x2" + ending)


def _times(numbers: Iterable[float]) -> str:
    return " × ".join(f"{number:.4g}" if isinstance(number, float) else str(number) for number in numbers)


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
