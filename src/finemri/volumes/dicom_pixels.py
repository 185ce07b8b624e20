"""Pixels of one DICOM slice, as intensities."""

import struct
from io import BytesIO

import numpy as np
from jaxtyping import Num
from pydicom import Dataset, dcmread
from pydicom.encaps import generate_frames
from pydicom.uid import RLELossless

from finemri.refusal import Refusal
from finemri.volumes.dicom_scan import BROKEN, Slice, quiet

Stored = Num[np.ndarray, "row column"]
TRUNCATED = "A slice is truncated or damaged (number {} along the stack); copy the series again."


def intensities(data: bytes, expected: Slice, place: int) -> Num[np.ndarray, "column row"]:
    """slope · stored + intercept, as [column, row]; MONOCHROME1 (low is bright) is turned over first.

    ``data`` are the bytes of a file whose header was ``expected``; ``place`` counts slices from 1, for the message.
    Raises Refusal where the bytes do not hold the picture that the header promises.
    """
    damaged = Refusal(TRUNCATED.format(place))
    try:
        with quiet():
            dataset = dcmread(BytesIO(data))
            if (dataset.Rows, dataset.Columns) != (expected.rows, expected.columns) or not promised(dataset):
                raise damaged
            stored = turned(masked(dataset.pixel_array, dataset), dataset)
            slope, intercept = (float(dataset.get(key, default)) for key, default in RESCALE)
    except Refusal:
        raise
    except (*BROKEN, MemoryError) as trouble:
        raise damaged from trouble
    if stored.shape != (expected.rows, expected.columns):
        raise damaged
    return stored.T if (slope, intercept) == (1, 0) else stored.T.astype(np.float64) * slope + intercept


RESCALE = (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))


def promised(dataset: Dataset) -> bool:
    """Whether the pixel data are as many as the header says; a compressed picture's own header must agree as well."""
    size = dataset.Rows * dataset.Columns * dataset.BitsAllocated // 8
    if not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return bool(len(dataset.PixelData) >= size)
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1), b"")
    coded = coded_size(frame)  # None for RLE, which has no header
    told = coded == (dataset.Columns, dataset.Rows) or dataset.file_meta.TransferSyntaxUID == RLELossless
    return told and len(frame) <= 2 * size + 65536


def coded_size(frame: bytes) -> tuple[int, int] | None:
    """Width and height that a JPEG 2000 or JPEG stream says it has: a decoder would believe it, however large."""
    if frame[:4] == b"\xff\x4f\xff\x51":  # SOC, SIZ
        right, bottom, left, top = struct.unpack(">4I", frame[8:24])
        return right - left, bottom - top
    if frame[:2] != b"\xff\xd8":
        return None
    place = 2
    while frame[place] == 0xFF:
        marker, length = struct.unpack(">BH", frame[place + 1 : place + 4])
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):  # a start of frame
            height, width = struct.unpack(">HH", frame[place + 5 : place + 9])
            return width, height
        place += 2 + length
    return None


def masked(stored: Stored, dataset: Dataset) -> Stored:
    """Without what old files hide in the bits above BitsStored (overlays)."""
    spare = dataset.BitsAllocated - dataset.BitsStored
    if spare <= 0 or dataset.HighBit != dataset.BitsStored - 1 or stored.dtype.itemsize * 8 != dataset.BitsAllocated:
        return stored
    clean: Stored = (stored << spare) >> spare  # an arithmetic shift for signed numbers, so the sign comes along
    return clean


def turned(stored: Stored, dataset: Dataset) -> Stored:
    """MONOCHROME1 -> MONOCHROME2: the largest storable number becomes the smallest."""
    if dataset.PhotometricInterpretation != "MONOCHROME1":
        return stored
    sum_of_extremes = -1 if dataset.PixelRepresentation == 1 else 2**dataset.BitsStored - 1
    over: Stored = (sum_of_extremes - stored.astype(np.int64)).astype(stored.dtype)
    return over
