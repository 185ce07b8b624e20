"""DICOM headers below a folder: read with caps, before any pixel, keeping nothing of the patient."""

import math
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from logging import CRITICAL, getLogger
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

from pydicom import Dataset, dcmread
from pydicom.config import disable_value_validation
from pydicom.filereader import read_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian

from finemri.refusal import Refusal
from finemri.volumes.slice_thickness import sane

MAX_FILES = 100_000
MAX_FILE_BYTES = 1 << 29
"""A classic slice is about one megabyte; nothing that finemri reads comes near this."""

BROKEN = (
    OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError, struct.error,
)  # fmt: skip
"""What pydicom may raise on a file that is damaged, or made to do damage."""
WANTED = [
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "Modality", "NumberOfFrames",
    "SamplesPerPixel", "Rows", "Columns", "PhotometricInterpretation", "ImagePositionPatient",
    "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices", "BitsAllocated",
    "BitsStored", "PixelRepresentation", "ModalityLUTSequence", "InstanceNumber", "SliceLocation",
]  # fmt: skip


@dataclass(frozen=True)
class Slice:
    """What one file's header says about its image."""

    path: Path
    series: str
    number: int | None
    instance: float | None
    """InstanceNumber: which way a viewer pages."""
    modality: str
    sop_class: str
    sop_instance: str
    transfer_syntax: str
    frames: int
    grey: bool
    """One sample a pixel, MONOCHROME1 or 2."""
    lookup: bool
    """Whether stored numbers become intensities by a table instead of a slope."""
    bits: int
    signed: bool
    rows: int
    columns: int
    position: tuple[float, ...]
    """LPS millimetres of the first pixel's centre; () where the file does not say."""
    orientation: tuple[float, ...]
    """Direction along a row, then along a column (LPS)."""
    spacing: tuple[float, ...]
    """Between rows, between columns; millimetres."""
    apart: float
    """Millimetres to the next slice as far as one header can tell, else 0."""
    thickness: float | None
    """Millimetres that the slice is thick, if the header tells."""
    location: float | None
    """SliceLocation: millimetres along the stack, from where and which way is the vendor's affair."""


@dataclass(frozen=True)
class Folder:
    """The images below a folder."""

    slices: tuple[Slice, ...]
    skipped: int
    """Files that are no DICOM images, and links that lead out of the folder."""
    damaged: int
    """Files that begin like DICOM and then cannot be read."""


def scan(path: Path) -> Folder:
    """All images in a folder and its subfolders; for a single file, that file's series in the file's own folder."""
    if path.is_dir():
        return read_headers(files_below(path), path)
    own = read_headers([path], path.parent)
    if not own.slices:
        raise Refusal("This DICOM file holds no image that can be read (an index or a damaged file); give its folder.")
    beside = read_headers((file for file in sorted(path.parent.iterdir()) if file.is_file()), path.parent)
    same = tuple(image for image in beside.slices if image.series == own.slices[0].series)
    return Folder(same, beside.skipped, beside.damaged)


def files_below(folder: Path) -> Iterator[Path]:
    """In name order. Raises Refusal for a whole archive, where the user surely meant something smaller."""
    count = 0
    for place, subfolders, names in os.walk(folder):  # does not follow links to folders
        subfolders.sort()
        count += len(names)
        if count > MAX_FILES:
            raise Refusal(f"There are more than {MAX_FILES} files below this folder; give that of one examination.")
        yield from (Path(place, name) for name in sorted(names))


def read_headers(paths: Iterable[Path], root: Path) -> Folder:
    """Sort files into images, others, and damaged ones."""
    slices, skipped, damaged, real_root = [], 0, 0, root.resolve()
    for path in paths:
        if not is_dicom(path) or (path.is_symlink() and not path.resolve().is_relative_to(real_root)):
            skipped += 1
            continue
        try:
            image = read_slice(path)
        except BROKEN:
            damaged += 1
            continue
        slices.append(image) if image else (skipped := skipped + 1)
    return Folder(tuple(slices), skipped, damaged)


def is_dicom(path: Path) -> bool:
    """A regular file with DICM behind the preamble. The preamble itself is not looked at: it may be a program."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


@contextmanager
def quiet() -> Iterator[None]:
    """Without pydicom's warnings, on screen or in a log: they quote values, and values may be names."""
    log = getLogger("pydicom")
    level = log.level
    try:
        log.setLevel(CRITICAL + 1)
        with catch_warnings(), disable_value_validation():
            simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def read_dataset(path: Path, only: list[str] | None = None) -> Dataset:
    """The header without pixels. Raises ValueError where the file is too large, or deflated (it may be a zip bomb)."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError("too large")
    if read_file_meta_info(path).get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        raise ValueError("deflated")
    return dcmread(path, stop_before_pixels=True, specific_tags=only)


def read_slice(path: Path) -> Slice | None:
    """One header; None where it belongs to something that is not an image: a report, an index."""
    with quiet():
        dataset = read_dataset(path, WANTED)
        kind = dataset.file_meta.MediaStorageSOPClassUID
        if "Rows" not in dataset and "Image Storage" not in kind.name:  # an image without rows was cut off: damaged
            return None
        return Slice(
            path=path,
            series=str(dataset.SeriesInstanceUID),
            number=None if dataset.get("SeriesNumber") is None else int(dataset.SeriesNumber),
            instance=number(dataset, "InstanceNumber"),
            modality=str(dataset.get("Modality", "")),
            sop_class=str(dataset.SOPClassUID),
            sop_instance=str(dataset.SOPInstanceUID),
            transfer_syntax=str(dataset.file_meta.TransferSyntaxUID),
            frames=int(dataset.get("NumberOfFrames") or 1),
            grey=dataset.get("SamplesPerPixel") == 1
            and dataset.get("PhotometricInterpretation") in ("MONOCHROME1", "MONOCHROME2"),
            lookup="ModalityLUTSequence" in dataset,
            bits=int(dataset.BitsAllocated),
            signed=dataset.PixelRepresentation == 1,
            rows=int(dataset.Rows),
            columns=int(dataset.Columns),
            position=numbers(dataset, "ImagePositionPatient", 3),
            orientation=numbers(dataset, "ImageOrientationPatient", 6),
            spacing=numbers(dataset, "PixelSpacing", 2),
            apart=abs(number(dataset, "SpacingBetweenSlices") or number(dataset, "SliceThickness") or 0.0),
            thickness=sane(number(dataset, "SliceThickness")),
            location=number(dataset, "SliceLocation"),
        )


def numbers(dataset: Dataset, keyword: str, count: int) -> tuple[float, ...]:
    """So many numbers, or () where there are not."""
    value: Any = dataset.get(keyword)
    values = () if value is None or isinstance(value, str | float) else tuple(float(number) for number in value)
    return values if len(values) == count else ()


def number(dataset: Dataset, keyword: str) -> float | None:
    """One finite number, or None where it is missing, empty, words or several: a slice is not damaged for that."""
    try:
        value = float(dataset[keyword].value)
    except BROKEN:
        return None
    return value if math.isfinite(value) else None
