"""A folder of results remembers how all of them were made, so that a run that was stopped goes on and no two mix."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from finemri.enhance.one import Job
from finemri.landing import is_empty_folder, landing_file
from finemri.provenance import digest
from finemri.refusal import Refusal
from finemri.volumes.files import open_volume, sidecar_path

SETTINGS = "settings.json"


def missing(
    jobs: Sequence[Job],
    folder: Path,
    told: Mapping[str, object],
    maps: Callable[[Path], Iterable[Path]],
    *,
    force: bool,
) -> list[Job]:
    """The scans without a result in ``folder``, which remembers ``told``; with ``force`` all, and until they are
    replaced, results of other settings lose what tells how they were made, so that a later run does not take them.
    ``maps``: what else lies beside a result.

    Raises Refusal where results were made in another way, from other scans, or nobody knows how.
    """
    about, text = folder / SETTINGS, json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    there = [job for job in jobs if _is_there(job.output)]
    if not force and about.is_file():
        if there and about.read_text(encoding="utf-8") != text:
            raise Refusal(
                f"{folder} holds results of another method or other settings; choose another folder, or pass --force "
                "to replace them."
            )
    elif not force:
        taken = [job for job in jobs if any(map(_is_there, (job.output, sidecar_path(job.output), *maps(job.output))))]
        if taken:
            raise Refusal(
                f"{len(taken)} of {len(jobs)} results exist already, {taken[0].output} for one, and nothing tells how "
                "they were made; choose another folder, or pass --force to replace them."
            )
    if force and there and not (about.is_file() and about.read_text(encoding="utf-8") == text):
        for job in there:
            sidecar_path(job.output).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    with landing_file(about) as stream:
        stream.write(text.encode())
    if force or not there:
        return list(jobs)
    for job in there:
        _check_source(job)
    left = [job for job in jobs if job not in there]
    print(f"finemri: {len(there)} of {len(jobs)} results are there already, {len(left)} to go.", file=sys.stderr)
    return left


def _check_source(job: Job) -> None:
    """Raises Refusal where a result was made from other bytes than lie there now."""
    try:
        made_from = json.loads(sidecar_path(job.output).read_text(encoding="utf-8"))["input"]["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        raise Refusal(
            f"Nothing tells how {job.output} was made; take it away, or pass --force to replace all results."
        ) from None
    if job.source.is_file():
        now = digest([job.source])
    else:
        source = open_volume(job.source).source
        now = source.sha256 if source else ""
    if now != made_from:
        raise Refusal(
            f"{job.source.name} has changed since its result was made; take {job.output} away, or pass --force to "
            "replace all results."
        )


def _is_there(path: Path) -> bool:
    return os.path.lexists(path) and not is_empty_folder(path)
