"""A cohort that describes itself: cohort.json says who is who, and which scans are pairs."""

import json
import os
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from finemri.cohorts.cohort import Pair, Subject
from finemri.landing import landing_file
from finemri.refusal import Refusal

DESCRIPTION = "cohort.json"


def read_description(path: Path) -> list[Subject]:
    """The subjects of a cohort.json, or of the one in a folder; paths are relative to it.

    Raises Refusal for a file that says something else, and for paths that do not exist.
    """
    path = path / DESCRIPTION if path.is_dir() else path
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["subjects"]
        return [
            Subject(_text(e["name"]), _listed(e, "images", path), _listed(e, "labels", path), _pairs(e, path))
            for e in entries
        ]
    except Refusal:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refusal(
            f'{path} does not describe a cohort; write {{"subjects": [{{"name": "a", "images": ["a.nii.gz"]}}]}}.'
        ) from error


def write_pairs(subjects: Iterable[Subject], folder: Path) -> None:
    """A cohort.json of pairs, by paths relative to ``folder``, whole or not at all; ``read_description`` reads it."""
    entries = [{"name": s.name, "pairs": [_entry(pair, folder) for pair in s.pairs]} for s in subjects]
    text = json.dumps({"format": "finemri pairs", "version": 1, "subjects": entries}, indent=2) + "\n"
    with landing_file(folder / DESCRIPTION) as stream:
        stream.write(text.encode())


def _entry(pair: Pair, folder: Path) -> dict[str, object]:
    files: dict[str, object] = {"coarse": _below(pair.coarse, folder), "fine": _below(pair.fine, folder)}
    return files if pair.matches is None else {**files, "matches": [list(match) for match in pair.matches]}


def _below(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def _listed(entry: dict[str, Any], key: str, path: Path) -> tuple[Path, ...]:
    """Paths of an entry, all of which exist."""
    if isinstance(entry.get(key, []), str):
        raise TypeError(f"{key} is a list")
    return _existing([_text(name) for name in entry.get(key, [])], key, path)


def _existing(names: list[str], key: str, path: Path) -> tuple[Path, ...]:
    paths = tuple(path.parent / name for name in names)
    missing = sum(not p.exists() for p in paths)
    if missing:
        raise Refusal(
            f"{path} lists {missing} {key} of one subject that do not exist; write paths relative to its own folder."
        )
    return paths


def _pairs(entry: dict[str, Any], path: Path) -> tuple[Pair, ...]:
    """Pairs of an entry. Matches rise on both sides, so that no slice is used twice."""
    pairs = []
    for each in entry.get("pairs") or []:
        coarse, fine = _existing([_text(each["coarse"]), _text(each["fine"])], "pairs", path)
        matches = each.get("matches")
        pairs.append(Pair(coarse, fine, None if matches is None else _matches(matches)))
    return tuple(pairs)


def _matches(listed: list[list[int]]) -> tuple[tuple[int, int], ...]:
    matches = [(coarse, fine) for coarse, fine in listed]
    if not all(type(n) is int and n >= 0 for match in matches for n in match):
        raise TypeError("a slice is a whole number from 0")
    rising = all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(matches))
    if not matches or not rising:
        raise TypeError("matches rise on both sides")
    return tuple(matches)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("a name is a text")
    return value
