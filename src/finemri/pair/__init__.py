"""The verb pair: two folders of scans of the same people, coarse and fine, become a cohort of pairs to learn from."""

import hashlib
import importlib.util
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from finemri import __version__
from finemri.cohorts.cohort import Pair, Subject
from finemri.cohorts.described import DESCRIPTION, write_pairs
from finemri.landing import check_landing, landing_folder
from finemri.pair.people import Person, check_patient, match_people
from finemri.pair.picture import save_picture
from finemri.pair.scans import Made, Pairing, pair_scans
from finemri.provenance import plain
from finemri.refusal import Refusal
from finemri.volumes.files import describe_series, open_volume, save_volume
from finemri.volumes.volume import Volume

__all__ = ["Pairing", "pair"]

TOLD = "pair.json"
PARTS = ".finemri-*.part"
"""What a kill leaves behind."""
LISTED = 10
"""People who failed that are listed by name."""


def pair(
    coarse: Path,
    fine: Path,
    *,
    into: Path,
    settings: Pairing | None = None,
    force: bool = False,
    progress: bool = True,
) -> Path:
    """Pair everybody whose scans are in both folders; return the cohort's folder.

    ``into`` gets a folder a person (coarse.nii.gz, fine.nii.gz, pair.json, a checkerboard of registered volumes), and
    last cohort.json. Run again, it goes on where it stopped: whoever was paired from the same voxels with the same
    settings is left alone. A person who fails does not stop the others. Raises Refusal: before anything is written,
    for whatever can be known by then; for a person paired from something else, unless ``force``; at the end, with the
    list of those who failed.
    """
    settings, into = settings or Pairing(), Path(into)
    if settings.registration in ("rigid", "affine", "deformable") and importlib.util.find_spec("SimpleITK") is None:
        raise Refusal(
            "Registration needs SimpleITK, which is not installed: pip install 'finemri[registration]'; "
            "or pair where the scans lie, with --registration none."
        )
    for side in (Path(coarse), Path(fine)):
        if side.is_dir() and side.resolve() in into.resolve().parents:
            raise Refusal(f"{into} lies inside {side}, where pairs would be taken for scans; choose a place outside.")
    people = match_people(Path(coarse), Path(fine))
    _check_place(into)
    new = not into.exists()
    into.mkdir(exist_ok=True)
    paired, failed = [], []
    with _bar(len(people), shown=progress) as step:
        for person in people:
            try:
                paired.append(Subject(person.name, pairs=(_pair_one(person, into, settings, force=force),)))
            except Exception as reason:  # whatever it is, the next person's scans may be sound
                failed.append(f"{person.name}: {reason if isinstance(reason, Refusal) else type(reason).__name__}")
            step()
    if paired:
        write_pairs([*paired, *_others(into, {subject.name for subject in paired})], into)
    elif new and not any(into.iterdir()):
        into.rmdir()
    if failed and len(people) == 1:
        raise Refusal(failed[0].removeprefix(f"{people[0].name}: "))
    if failed:
        more = [f"And {len(failed) - LISTED} more."] if len(failed) > LISTED else []
        raise Refusal(f"{len(failed)} of {len(people)} people could not be paired. {' '.join(failed[:LISTED] + more)}")
    return into


def _pair_one(person: Person, into: Path, settings: Pairing, *, force: bool) -> Pair:
    """One person's folder, made unless it is there already."""
    check_patient(person.coarse, person.fine)
    coarse, fine = _opened(person.coarse, "coarse"), _opened(person.fine, "fine")
    folder, key = into / person.name, _key(coarse, fine, settings)
    known = _told(folder)
    if known.get("key") != key:
        if known and not force:
            raise Refusal(
                f"{folder} was paired from other scans or with other settings; choose another folder, or pass --force."
            )
        made = pair_scans(coarse, fine, settings)
        with landing_folder(folder) as place:
            _save(made, place, {"settings": asdict(settings), "key": key, "given": _given(coarse, fine)})
        known = _told(folder)
    return _pair_of(folder, known)


def _opened(path: Path, side: str) -> Volume:
    try:
        return open_volume(path)
    except Refusal as reason:
        if path.is_dir() and len(describe_series(path)) > 1:
            raise Refusal(f"The {side} folder holds several series; leave one in it, or name single folders.") from None
        raise Refusal(f"The {side} scan: {reason}") from reason


def _pair_of(folder: Path, told: Mapping[str, Any]) -> Pair:
    matches = told["cohort"]["matches"]
    return Pair(
        folder / "coarse.nii.gz",
        folder / "fine.nii.gz",
        None if matches is None else tuple((int(c), int(f)) for c, f in matches),
    )


def _others(into: Path, names: set[str]) -> list[Subject]:
    """Whoever else the cohort lists already, by a folder that is whole: of an earlier run, or who failed this time."""
    if not (into / DESCRIPTION).is_file():
        return []
    entries = json.loads((into / DESCRIPTION).read_text(encoding="utf-8")).get("subjects", [])
    kept = [name for entry in entries if (name := str(entry.get("name"))) not in names]
    told = {name: _told(into / name) for name in kept}
    return [Subject(name, pairs=(_pair_of(into / name, told[name]),)) for name in kept if told[name]]


def _save(made: Made, place: Path, told: Mapping[str, Any]) -> None:
    save_volume(Volume(made.coarse.voxels, made.coarse.affine), place / "coarse.nii.gz")
    save_volume(Volume(made.fine.voxels, made.fine.affine), place / "fine.nii.gz")
    if made.picture is not None:
        save_picture(made.picture, place / "checkerboard.png")
    matches = None if made.matches is None else [list(match) for match in made.matches]
    entry = {"format": "finemri pair", "version": 1, "finemri": __version__, **told, **made.told}
    text = json.dumps(plain({**entry, "cohort": {"matches": matches}}), indent=2, allow_nan=False) + "\n"
    (place / TOLD).write_text(text, encoding="utf-8")


def _key(coarse: Volume, fine: Volume, settings: Pairing) -> str:
    """SHA-256 of all that the pair depends on: voxels, affines, settings, version."""
    sha256 = hashlib.sha256(json.dumps([__version__, asdict(settings)], sort_keys=True).encode())
    for volume in (coarse, fine):
        sha256.update(repr(volume.shape).encode())
        sha256.update(np.ascontiguousarray(volume.affine, dtype="<f8").tobytes())
        for k in range(volume.shape[2]):
            sha256.update(np.ascontiguousarray(volume.voxels[:, :, k], dtype="<f4").tobytes())
    return sha256.hexdigest()


def _given(coarse: Volume, fine: Volume) -> dict[str, Any]:
    return {
        side: {"shape": list(volume.shape), "spacing_mm": list(volume.spacing), "affine": volume.affine.tolist()}
        for side, volume in (("coarse", coarse), ("fine", fine))
    }


def _told(folder: Path) -> dict[str, Any]:
    """What pair.json of a whole folder says; nothing where there is none."""
    try:
        told = json.loads((folder / TOLD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    whole = isinstance(told, dict) and all((folder / f"{side}.nii.gz").is_file() for side in ("coarse", "fine"))
    return told if whole else {}


def _check_place(into: Path) -> None:
    """Raises Refusal where the folder holds something else than a cohort of pairs; clears what a kill left behind."""
    check_landing(into, force=True)
    if not into.exists():
        return
    if not into.is_dir():
        raise Refusal(f"{into} is a file, and a cohort is a folder; choose another name.")
    for part in into.glob(PARTS):
        shutil.rmtree(part, ignore_errors=True)
        part.unlink(missing_ok=True)
    strange = [p for p in into.iterdir() if p.name != DESCRIPTION and not (p / TOLD).is_file()]
    if strange or ((into / DESCRIPTION).is_file() and not _is_ours(into / DESCRIPTION)):
        raise Refusal(f"{into} holds something else than a cohort of finemri pair, so it stays; choose another folder.")


def _is_ours(path: Path) -> bool:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and told.get("format") == "finemri pairs"


@contextmanager
def _bar(people: int, *, shown: bool) -> Iterator[Any]:
    """A progress bar on the error channel."""
    columns = TextColumn("pair"), BarColumn(), MofNCompleteColumn(), TextColumn("people")
    times = TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()
    with Progress(*columns, *times, console=Console(stderr=True), disable=not shown) as progress:
        task = progress.add_task("pair", total=people)
        yield lambda: progress.advance(task)
