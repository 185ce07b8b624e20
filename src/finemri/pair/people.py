"""Who of the coarse scans is who of the fine ones: by the names of files or folders, which are told to nobody."""

import re
import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from finemri.cohorts.cohort import Subject
from finemri.cohorts.described import DESCRIPTION
from finemri.cohorts.layouts import find_cohort
from finemri.refusal import Refusal
from finemri.volumes.dicom_scan import BROKEN, files_below, is_dicom, quiet, read_dataset

COARSE = re.compile(r"(?:[-_. ]?(?:low(?:res)?|coarse|thick|lr)|(?<=\d)l)$", re.IGNORECASE)
FINE = re.compile(r"(?:[-_. ]?(?:high(?:res)?|fine|thin|hr)|(?<=\d)h)$", re.IGNORECASE)
"""What a name says of the quality, after the person: anon556l and anon556h (Narcomey & Gu), sub-01_thick …"""


@dataclass(frozen=True)
class Person:
    """One person's two scans, each by a name on disk that is good to be told."""

    name: str
    coarse: Path
    fine: Path


def match_people(coarse: Path, fine: Path) -> list[Person]:
    """Everybody who was scanned in both qualities, in the order of their names.

    Names agree once the ending that tells the quality is gone; two single scans are a pair whatever their names.
    Whoever is on one side alone is counted on the error channel. A person is called by the name that NIfTI files have,
    or counted: subject-001. Raises Refusal for people with several scans on a side, and where nobody is on both.
    """
    if Path(coarse).resolve() == Path(fine).resolve():
        raise Refusal("The coarse and the fine scans are the same folder; name two.")
    roots = Path(coarse), Path(fine)
    ours, theirs = _by_key(roots[0], COARSE, "coarse"), _by_key(roots[1], FINE, "fine")
    if not ours.keys() & theirs.keys() and any((root / DESCRIPTION).is_file() for root in roots):
        # finemri rescan calls people as find_cohort does, who counts those behind DICOM folders
        ours = _by_key(roots[0], COARSE, "coarse", folders=False)
        theirs = _by_key(roots[1], FINE, "fine", folders=False)
    if len(ours) == len(theirs) == 1:  # what a NIfTI file is called may be told
        scans = [(next(iter(ours.values())), next(iter(theirs.values())))]
        keys = [next(iter((theirs if scans[0][0].is_dir() else ours).keys()))]
    else:
        keys = sorted(ours.keys() & theirs.keys())
        scans = [(ours[key], theirs[key]) for key in keys]
    if not scans:
        raise Refusal(
            f"Nobody is on both sides: {len(ours)} coarse and {len(theirs)} fine scans, and no name in common; "
            "give each person's file or folder the same name on both sides."
        )
    alone = len(ours) + len(theirs) - 2 * len(scans)
    if alone:
        print(f"finemri: {alone} people were scanned in one quality only, and are left out.", file=sys.stderr)
    return [Person(_told(n, key, *pair), *pair) for n, (key, pair) in enumerate(zip(keys, scans, strict=True), start=1)]


def check_patient(coarse: Path, fine: Path) -> None:
    """Raises Refusal where the two scans are of two patients, as far as PatientID tells; no ID is repeated.

    A pseudonym says nothing against an ID of the hospital, so one is compared only with another.
    """
    (one, hidden), (other, too) = _patient(coarse), _patient(fine)
    one, other = COARSE.sub("", one), FINE.sub("", other)
    if one and other and hidden == too and one != other:
        raise Refusal("The coarse and the fine series carry different PatientIDs; pair the scans of one patient.")


def _by_key(root: Path, ending: re.Pattern[str], side: str, *, folders: bool = True) -> dict[str, Path]:
    """Name without its ending -> scan. ``folders``: people behind DICOM folders are called after those."""
    found: dict[str, Path] = {}
    for subject in find_cohort(root).subjects:
        if not subject.images:
            continue
        if len(subject.images) > 1:
            raise Refusal(
                f"Somebody has {len(subject.images)} {side} scans, and which of them is meant is not clear; "
                "give folders with one scan of each person."
            )
        name = unicodedata.normalize("NFC", _name(subject, root) if folders else subject.name)  # macOS decomposes ë
        key = ending.sub("", name) or subject.name
        if key in found:
            raise Refusal(f"Two {side} scans have the same name but for its ending; give each person one name.")
        found[key] = subject.images[0]
    if not found:
        raise Refusal(f"There is no scan on the {side} side, only label maps or pairs; give a folder with scans.")
    return found


def _name(subject: Subject, root: Path) -> str:
    """The folder right below the root for DICOM, whose subjects are counted; else the subject's own name."""
    image = subject.images[0]
    if image.is_dir() and image.is_relative_to(root) and image != root:
        return image.relative_to(root).parts[0]
    return subject.name


def _told(number: int, key: str, coarse: Path, fine: Path) -> str:
    """A name of a NIfTI file is a pseudonym; a DICOM folder may be called after the patient, and is counted."""
    return f"subject-{number:03d}" if coarse.is_dir() and fine.is_dir() else key


def _patient(path: Path) -> tuple[str, bool]:
    """PatientID of the first slice, "" where there is none, and whether it is a pseudonym."""
    files = files_below(path) if path.is_dir() else [path]
    first = next((file for file in files if is_dicom(file)), None)
    if first is None:
        return "", False
    try:
        with quiet():
            told = read_dataset(first, ["PatientID", "PatientIdentityRemoved"])
            patient = str(told.get("PatientID") or "").strip()
            made_up = patient.startswith("FINEMRI-")  # by finemri itself, for a NIfTI file that it wrote as DICOM
            return "" if made_up else patient, told.get("PatientIdentityRemoved") == "YES"
    except BROKEN:
        return "", False
