"""The verb rescan: what a second, coarser scan of every person of a cohort might have looked like."""

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from finemri import __version__
from finemri.cohorts.cohort import Subject
from finemri.cohorts.described import DESCRIPTION
from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.rescan import Rescan, Rescanned
from finemri.cohorts.rescan import rescan as rescan_volume
from finemri.landing import check_landing, is_empty_folder, landing_folder
from finemri.provenance import plain
from finemri.refusal import Refusal
from finemri.volumes.dicom_simulated import write_simulated
from finemri.volumes.files import open_volume, save_volume
from finemri.volumes.volume import Volume

POSES = "poses.json"
FORMAT = "finemri rescan"
NOTE = (
    "These scans are simulated from the fine ones, not measured: pose, contrast, coils and noise were drawn by chance. "
    "No number that is found on them tells how anything does on scans of a real second scanner."
)
CONVENTION = (
    "pose is a 4×4 matrix in RAS millimetres, from the world of the coarse scan to the world of the fine one: the "
    "tissue at (x, y, z) of the coarse scan lies at pose · (x, y, z, 1) of the fine scan. valid: first and stop of the "
    "coarse voxels along i, j, k that hold only what the fine scan saw."
)


def rescan(
    fine: Path,
    into: Path,
    settings: Rescan,
    *,
    seed: int = 0,
    kind: Literal["dicom", "nifti"] = "dicom",
    force: bool = False,
) -> Path:
    """One coarse scan a person -> ``into/NAME`` (DICOM) or ``into/NAME.nii.gz``, with ``poses.json`` and cohort.json.

    ``seed`` and the person's name draw the pose and all else, whoever else is in the cohort. Of a person with several
    scans the first is taken. The folder lands as a whole or not at all; a scan that cannot be scanned again does not
    stop the others. Returns the folder. Raises Refusal where something is there that is no rescan, or is one and not
    ``force``; at the end, with the list of those who failed.
    """
    people = [subject for subject in find_cohort(fine).subjects if subject.images]
    if not people:
        raise Refusal(f"{fine} holds label maps only, and nobody can be scanned again from those; give fine scans.")
    _check(into, fine, people, force=force)
    told: list[dict[str, object]] = []
    failed: dict[str, str] = {}
    columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    with (
        landing_folder(into) as folder,
        Progress(*columns, TextColumn("{task.description}"), console=Console(stderr=True)) as progress,
    ):
        task = progress.add_task("", total=len(people))
        for person in people:
            progress.update(task, description=person.name)
            try:
                told.append(_one(person, folder, settings, seed, kind))
            except Refusal as reason:
                failed[person.name] = f"{person.name}: {reason}"
                print(f"finemri: {failed[person.name]}", file=sys.stderr)
            progress.advance(task)
        if not told:
            raise Refusal(f"Nobody could be scanned again. {next(iter(failed.values()))}")
        _tell(folder, told, {"settings": asdict(settings), "seed": seed, "failed": list(failed)})
    if failed:
        reasons = " ".join(failed.values())
        raise Refusal(f"{len(failed)} of {len(people)} could not be scanned again, the others are done. {reasons}")
    return into


def rng_of(seed: int, name: str) -> np.random.Generator:
    """Of this person only, whoever else is in the cohort and in whatever order."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest(), "big"))


def _check(into: Path, fine: Path, people: list[Subject], *, force: bool) -> None:
    """Raises Refusal where the result would lie on somebody's data, or a name is no name of a file."""
    here, there = into.resolve(), fine.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise Refusal("The coarse scans would lie in the folder of the fine ones, or over it; choose another folder.")
    if not here.parent.is_dir():
        here.parent.mkdir(parents=True)
    check_landing(into, force=force)
    if into.exists() and not is_empty_folder(into) and not _ours(into):
        raise Refusal(f"{into} holds something else than a rescan, so it stays; choose another folder.")
    for person in people:
        if Path(person.name).name != person.name or person.name.startswith("."):
            raise Refusal(f"{person.name!r} cannot be the name of a folder; give this person another name.")


def _ours(folder: Path) -> bool:
    """Whether --force may replace it: what this verb wrote, and nothing beside."""
    try:
        told = json.loads((folder / POSES).read_text(encoding="utf-8"))
        files = {POSES, DESCRIPTION, *(subject["file"] for subject in told["subjects"])}
        return bool(told["format"] == FORMAT) and {entry.name for entry in folder.iterdir()} <= files
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _one(person: Subject, folder: Path, settings: Rescan, seed: int, kind: str) -> dict[str, object]:
    """Scan one person again; returns what is told of it."""
    fine = open_volume(person.images[0])
    made = rescan_volume(fine, settings, rng_of(seed, person.name))
    file = person.name if kind == "dicom" else f"{person.name}.nii.gz"
    if kind == "dicom":
        about = {"method": "rescan"}
        write_simulated(
            made.volume,
            folder / file,
            patient=person.name,
            thickness=made.thickness,
            tesla=settings.tesla,
            method=about,
        )
    else:
        save_volume(made.volume, folder / file)
    return _told(person, file, fine, made)


def _told(person: Subject, file: str, fine: Volume, made: Rescanned) -> dict[str, object]:
    coarse = made.volume
    return {
        "name": person.name,
        "file": file,
        "simulated": True,
        "pose": made.pose.tolist(),
        "shape": list(coarse.shape),
        "spacing_mm": list(coarse.spacing),
        "affine": coarse.affine.tolist(),
        "valid": [list(ends) for ends in made.valid],
        "drawn": dict(made.drawn),
        "fine": {
            "sha256": fine.source.sha256 if fine.source else "",
            "shape": list(fine.shape),
            "spacing_mm": list(fine.spacing),
            "scans_left_out": len(person.images) - 1,
        },
    }


def _tell(folder: Path, told: list[dict[str, object]], how: Mapping[str, object]) -> None:
    """poses.json, and a cohort.json by which people keep their names."""
    head = {"format": FORMAT, "version": 1, "finemri": __version__, "simulated": True, "note": NOTE}
    poses = {**head, "convention": CONVENTION, **how, "subjects": told}
    cohort = {"subjects": [{"name": subject["name"], "images": [subject["file"]]} for subject in told]}
    for name, content in ((POSES, poses), (DESCRIPTION, cohort)):
        text = json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False)
        (folder / name).write_text(text + "\n", encoding="utf-8")
