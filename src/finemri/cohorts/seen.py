"""Who was learnt from, as a header may say it: digests of voxels that identify nobody, and recognise a scan again."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from finemri.cohorts.cohort import Cohort
from finemri.cohorts.layouts import KSPACE, PICTURES
from finemri.provenance import digest
from finemri.volumes.files import open_volume

FIELD = "learnt_from"
"""Of a weights' header: [{"salt": …, "scans": […]}, …], its own training first, then those of the weights that it began
with; null for one of which nobody knows."""
LENGTH = 16
"""Hexadecimal digits of a digest: 64 bits, of which not two in a million scans are the same by chance."""


def content_of(path: Path) -> str:
    """SHA-256 of a scan's decoded voxels, whatever the file is called and however it is compressed.

    Of k-space and pictures that of the file: decoding them would take longer than to learn from them.
    """
    if path.name.lower().endswith((*KSPACE, *PICTURES)):
        return digest([path])
    voxels = open_volume(path).voxels
    sha256 = hashlib.sha256(f"{voxels.shape}".encode())
    for k in range(voxels.shape[2]):
        sha256.update(voxels[:, :, k].astype("<f4").tobytes())
    return sha256.hexdigest()


def learnt_from(cohorts: Sequence[Cohort], seed: int) -> dict[str, object]:
    """What a header says of everybody in ``cohorts``: a salt, and the salted digest of each of their files, sorted.

    The salt comes from ``seed`` and all scans together: a resume finds the same, and of two trainings that share some
    people no digest is the same.
    """
    contents = sorted({content_of(path) for cohort in cohorts for person in cohort.subjects for path in person.files})
    salt = hashlib.sha256(f"{seed} {contents}".encode()).hexdigest()[:32]
    return {"salt": salt, "scans": sorted(_salted(salt, content) for content in contents)}


def told_by(header: Mapping[str, Any]) -> list[Any]:
    """The header's field, for weights that begin with these."""
    told = header.get(FIELD)
    return list(told) if isinstance(told, list) and told else [None]


def knows(header: Mapping[str, Any]) -> bool:
    """Whether a header says of everybody who was learnt from."""
    return all(_is_record(record) for record in told_by(header))


def seen(header: Mapping[str, Any], contents: Mapping[str, Iterable[str]]) -> list[str]:
    """Names of those of whom any scan is known to have been learnt from. ``contents``: name -> what ``content_of`` says
    of each scan."""
    records = [(record["salt"], set(record["scans"])) for record in told_by(header) if _is_record(record)]
    return [
        name
        for name, each in contents.items()
        if any(_salted(salt, content) in learnt for salt, learnt in records for content in each)
    ]


def _is_record(record: object) -> bool:
    return isinstance(record, Mapping) and isinstance(record.get("salt"), str) and isinstance(record.get("scans"), list)


def _salted(salt: str, content: str) -> str:
    return hashlib.sha256(f"{salt} {content}".encode()).hexdigest()[:LENGTH]
