"""What a report is made of: the jobs that evaluate left in a folder, each with its rows, settings and images."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finemri.measures.seeds import Family, families
from finemri.measures.statistics import TRUTH, check_persons
from finemri.measures.tidy import Row, read_rows
from finemri.provenance import digest
from finemri.refusal import Refusal

BASELINES = ("spline", "zero-filled")
Key = tuple[str, int, str, str]
"""Degradation, scale, mask, measure: numbers of two of these never mix."""


@dataclass(frozen=True, eq=False)
class Job:
    """One folder that evaluate wrote."""

    folder: Path
    """Where it lies. The page never names it."""
    name: str
    """The folder, seen from the one that was asked for; "" for that itself."""
    rows: Sequence[Row]
    settings: Mapping[str, Any]
    """What settings.json tells; empty where there is none."""
    images: Path | None
    baseline: str | None
    """None where it was not judged."""
    seeds: Sequence[Family] = ()

    @property
    def methods(self) -> list[str]:
        """In the order of the CSV, the truth left out."""
        return [method for method in dict.fromkeys(row.method for row in self.rows) if method != TRUTH]

    @property
    def people(self) -> list[str]:
        """In alphabetical order."""
        return sorted({row.person for row in self.rows})

    @property
    def digests(self) -> dict[str, str]:
        """Method -> SHA-256 of its weights; "" where it has none or nobody knows."""
        told = self.settings.get("methods")
        known = told if isinstance(told, dict) else {}
        return {method: str(known.get(method) or "") for method in self.methods}

    @property
    def groups(self) -> dict[Key, list[Row]]:
        """Rows that compare with each other."""
        found: dict[Key, list[Row]] = {}
        for row in self.rows:
            found.setdefault((row.degradation, row.scale, row.contract.mask, row.measure), []).append(row)
        return found


def find_jobs(folder: Path, baseline: str | None = None, weights: Sequence[Path] = ()) -> list[Job]:
    """Every measures.csv with rows, in the folder and below. Raises Refusal for a file that evaluate did not write,
    and where rows are of single slices."""
    if not folder.is_dir():
        raise Refusal(f"There is no folder {folder}; give the one that finemri evaluate wrote.")
    headers = {digest([path]): _header(path) for path in weights}
    jobs: list[Job] = []
    for path in sorted(folder.rglob("measures.csv")):
        if rows := read_rows(path):
            others = path.with_name("conventions.csv")  # the same saved images, as other code bases judge them
            rows += read_rows(others) if others.is_file() else []
            check_persons(rows)
            jobs.append(_job(path, path.parent.relative_to(folder).as_posix(), rows, baseline, headers))
    return jobs


def _job(path: Path, name: str, rows: Sequence[Row], baseline: str | None, headers: Mapping[str, Any]) -> Job:
    settings = _settings(path.with_name("settings.json"))
    judged = {row.method for row in rows}
    against = next((each for each in ([baseline] if baseline else BASELINES) if each in judged), None)
    told, known = settings.get("methods"), settings.get("headers")
    digests = dict(told) if isinstance(told, dict) else {}
    of = {m: header for m, header in known.items() if isinstance(header, dict)} if isinstance(known, dict) else {}
    of |= {method: headers[value] for method, value in digests.items() if value in headers}
    found = families({method: header for method, header in of.items() if method in judged}, digests)
    images = path.parent / "images"
    called = "" if name == "." else name
    return Job(path.absolute().parent, called, rows, settings, images if images.is_dir() else None, against, found)


def _header(path: Path) -> Mapping[str, Any]:
    from finemri.training.weights import load_weights

    return load_weights(path)[1]


def _settings(path: Path) -> Mapping[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        raise Refusal(f"{path} is not what finemri evaluate wrote; run it again, or remove this file.") from None
    return dict(told) if isinstance(told, dict) else {}
