"""DICOM out: a derived MR series that a PACS files beside its source."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int16, UInt16
from pydicom import Dataset, dcmwrite
from pydicom.uid import generate_uid
from pydicom.valuerep import format_number_as_ds

from finemri.landing import landing_folder, make_sure
from finemri.provenance import digest
from finemri.refusal import Refusal
from finemri.shapes import Affine, Voxels
from finemri.volumes.dicom_header import derived_header, references
from finemri.volumes.dicom_origin import Origin, origin_of
from finemri.volumes.dicom_scan import quiet
from finemri.volumes.dicom_series import LPS_TO_RAS, PERPENDICULAR
from finemri.volumes.slice_thickness import same
from finemri.volumes.volume import Source


@dataclass(frozen=True)
class Rescale:
    """x = slope · stored, one for the whole series, so that no slice is brighter than the next.

    No intercept: zero stays zero, and viewers that ignore the rescale of MR images still show the right picture.
    """

    slope: float
    signed: bool

    def store(self, slab: Voxels) -> UInt16[np.ndarray, "i j k"] | Int16[np.ndarray, "i j k"]:
        """To the nearest of 65,536 numbers."""
        kind = np.int16 if self.signed else np.uint16
        limits = np.iinfo(kind)
        stored: UInt16[np.ndarray, "i j k"] | Int16[np.ndarray, "i j k"]
        stored = np.clip(np.rint(slab / self.slope), limits.min, limits.max).astype(kind)
        return stored


@dataclass(frozen=True)
class Spool:
    """The whole result as raw float32 on the disk, because its range decides the rescale of its first slice."""

    path: Path
    shape: tuple[int, int, int]
    low: float
    high: float
    whole: bool
    """Whether every value is a whole number."""

    def slab(self, k: int) -> Voxels:
        """Slice k, as (i, j, 1)."""
        i, j, _ = self.shape
        data = np.fromfile(self.path, np.float32, count=i * j, offset=4 * i * j * k)
        return data.reshape((i, j, 1), order="F")


def write(
    slabs: Iterable[Voxels],
    shape: tuple[int, int, int],
    affine: Affine,
    path: Path,
    *,
    source: Source | None,
    provenance: Mapping[str, object],
) -> str:
    """A folder of 16-bit slices IM-0001.dcm …, numbered the way the source is. Returns the SHA-256 of all files, in
    order along their normal, as reading them gives it.

    Patient and study come from a DICOM source by allow-list; any other source gets a new study of nobody. Raises
    Refusal for a sheared grid, and for a source whose files are gone.
    """
    geometry = Geometry.of(affine, shape)
    with quiet():  # the source's values are passed on as they are, even where they are not quite valid
        origin = origin_of(source)
    with landing_folder(path) as folder:
        spool = spooled(slabs, shape, folder / "voxels.raw")
        rescale = rescale_for(spool)
        with quiet():
            header = derived_header(origin, provenance, geometry.spacing)
            describe_pixels(header, geometry, rescale, window(spool))
            if source is not None and source.slice_thickness and same(origin.apart, abs(geometry.step)):
                header.SliceThickness = decimal(source.slice_thickness)  # only the pixels are other ones
            places = write_slices(header, geometry, rescale, spool, origin, folder)
        spool.path.unlink()
        return digest(places)


@dataclass(frozen=True, eq=False)
class Geometry:
    """An affine in DICOM's words. The order is that in which a reader finds the slices, along row × column."""

    lps: Affine
    shape: tuple[int, int, int]

    @classmethod
    def of(cls, affine: Affine, shape: tuple[int, int, int]) -> "Geometry":
        """Raises Refusal where rows and columns are not perpendicular, or there are too many of them."""
        lps = LPS_TO_RAS @ affine
        row, column = (lps[:3, n] / np.linalg.norm(lps[:3, n]) for n in (0, 1))
        if abs(row @ column) > PERPENDICULAR:
            raise Refusal(
                "DICOM cannot hold a sheared grid (its rows and columns are not perpendicular); save as .nii.gz."
            )
        if max(shape[:2]) > 65535:
            raise Refusal("DICOM cannot hold more than 65535 rows or columns; save as .nii.gz.")
        return cls(lps, shape)

    @property
    def directions(self) -> np.ndarray:
        """Unit vectors along a row, along a column, and their normal, as rows of a 3 × 3 matrix."""
        row, column = (self.lps[:3, n] / np.linalg.norm(self.lps[:3, n]) for n in (0, 1))
        return np.array([row, column, np.cross(row, column)])

    @property
    def spacing(self) -> list[float]:
        """Millimetres from column to column, from row to row, and from slice to slice along the normal."""
        column, row = np.linalg.norm(self.lps[:3, :2], axis=0)
        return [float(column), float(row), abs(self.step)]

    @property
    def step(self) -> float:
        """Millimetres from slice to slice along the normal; negative where k runs against it."""
        return float(self.directions[2] @ self.lps[:3, 2])

    @property
    def order(self) -> range:
        """The k that a reader finds first, second …"""
        slices = range(self.shape[2])
        return slices if self.step > 0 else slices[::-1]

    def position(self, k: int) -> np.ndarray:
        """LPS millimetres of the first pixel of slice k."""
        return np.asarray(self.lps[:3, 3] + k * self.lps[:3, 2])


def spooled(slabs: Iterable[Voxels], shape: tuple[int, int, int], path: Path) -> Spool:
    """Let everything pass once, to the disk."""
    low, high, whole = math.inf, -math.inf, True
    with path.open("xb") as stream:
        for slab in slabs:
            low, high = min(low, float(slab.min())), max(high, float(slab.max()))
            whole = whole and bool((slab == np.rint(slab)).all())
            stream.write(slab.tobytes(order="F"))
    return Spool(path, shape, low, high, whole)


def rescale_for(spool: Spool) -> Rescale:
    """Slope 1 where whole numbers fit as they are, else the finest slope that holds the range."""
    signed = spool.low < 0
    limits = np.iinfo(np.int16 if signed else np.uint16)
    if spool.whole and limits.min <= spool.low and spool.high <= limits.max:
        return Rescale(1.0, signed)
    slope = max(spool.high / limits.max, spool.low / limits.min if signed else 0.0)
    return Rescale(float(decimal(slope)) or 1.0, signed)


def window(spool: Spool) -> tuple[float, float]:
    """Centre and width from the 1st to the 99.8th percentile of a sample, one for the series."""
    i, j, k = spool.shape
    across, along = max(1, min(i, j) // 64), max(1, k // 32)
    sample = np.concatenate([spool.slab(n)[::across, ::across].ravel() for n in range(0, k, along)])
    low, high = (float(value) for value in np.percentile(sample, [1, 99.8]))
    return (low + high) / 2, max(high - low, (spool.high - spool.low) / 1000)


def describe_pixels(header: Dataset, geometry: Geometry, rescale: Rescale, shown: tuple[float, float]) -> None:
    """Everything about the grid and the numbers that all slices share."""
    row, column, _ = geometry.directions
    between_columns, between_rows, between_slices = geometry.spacing
    header.ImageOrientationPatient = decimals(*row, *column)
    header.PixelSpacing = decimals(between_rows, between_columns)
    header.SliceThickness = header.SpacingBetweenSlices = decimal(between_slices)
    header.Rows, header.Columns = geometry.shape[1], geometry.shape[0]
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated = header.BitsStored = 16
    header.HighBit, header.PixelRepresentation = 15, int(rescale.signed)
    header.RescaleSlope, header.RescaleIntercept, header.RescaleType = decimal(rescale.slope), "0", "US"
    centre, width = shown
    header.WindowCenter, header.WindowWidth = decimal(centre), decimal(width or 1.0)
    if width < 1:  # the default function cannot be narrower than 1
        header.VOILUTFunction = "LINEAR_EXACT"


def write_slices(
    header: Dataset, geometry: Geometry, rescale: Rescale, spool: Spool, origin: Origin, folder: Path
) -> list[Path]:
    """All files, in order along the normal. The header is the same object for all of them; what a slice has of its own
    is set here and in ``write_slice``."""
    places, normal, count = [], geometry.directions[2], geometry.shape[2]
    down = origin.counts_down(normal)
    for n, k in enumerate(geometry.order):
        header.InstanceNumber = count - n if down else n + 1
        position = geometry.position(k)
        if (location := origin.location(position, normal)) is not None:
            header.SliceLocation = decimal(location)
        places.append(folder / f"IM-{header.InstanceNumber:04d}.dcm")
        write_slice(header, position, rescale.store(spool.slab(k)), origin, places[-1])
    return places


def write_slice(header: Dataset, position: np.ndarray, stored: np.ndarray, origin: Origin, path: Path) -> None:
    """One file."""
    header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = generate_uid(prefix=None)
    header.ImagePositionPatient = decimals(*position)
    references(header, origin, position)
    header.PixelData = stored[:, :, 0].T.astype(stored.dtype.newbyteorder("<"), copy=False).tobytes()
    if len(header.PixelData) % 2:
        header.PixelData += b"\0"
    header["PixelData"].VR = "OW"
    with path.open("xb") as stream:
        dcmwrite(stream, header, enforce_file_format=True)  # the preamble is zeros
        make_sure(stream)


def decimal(number: float) -> str:
    """The most exact of the decimal strings of at most 16 characters."""
    return format_number_as_ds(float(number) + 0.0)  # + 0.0: no minus zero


def decimals(*numbers: float) -> list[str]:
    """Several of them."""
    return [decimal(number) for number in numbers]


def bytes_needed(shape: tuple[int, int, int], path: Path) -> int:  # noqa: ARG001
    """On the disk while it is written: float32 first, 16 bits after."""
    return 6 * math.prod(shape)
