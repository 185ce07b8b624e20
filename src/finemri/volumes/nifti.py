"""NIfTI: .nii and .nii.gz, versions 1 and 2, read and written a few slices at a time."""

import gzip
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import BufferedIOBase, BufferedReader, BytesIO
from pathlib import Path
from typing import cast

import nibabel as nib
import numpy as np
from nibabel.nifti1 import data_type_codes

from finemri.landing import landing_file
from finemri.provenance import digest
from finemri.refusal import Refusal
from finemri.shapes import Affine, Voxels
from finemri.volumes.description import MAX_VOXELS, Description
from finemri.volumes.slice_thickness import from_bids
from finemri.volumes.volume import Source, Volume

SUFFIXES = (".nii", ".nii.gz")
DEFLATE_LIMIT = 1032
"""Deflate cannot shrink further than 1 : 1032, so a file says by its size how much can be in it."""
SLAB_BYTES = 1 << 24
MILLIMETRES = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""Length of the units of xyzt_units; 0 says nothing, and everyone means millimetres."""


def claims(path: Path) -> bool:
    """By name, whether it exists or not."""
    return path.name.lower().endswith(SUFFIXES)


def read(path: Path, series: str | None = None) -> Volume:
    """One 3D volume, float32, scl_slope applied; sform before qform. Raises Refusal for anything else."""
    if series is not None:
        raise Refusal(f"{path.name} holds a single series, so there is none to pick; leave the series out.")
    with opened(path) as stream:
        header = read_header(stream, path)
        shape = spatial_shape(header, path)
        voxels = read_voxels(stream, header, shape, path)
    source = Source("nifti", (path,), digest([path]), from_bids(path.with_name(stem(path) + ".json")))
    return Volume(voxels, affine_of(header, path), source)


def describe(path: Path) -> list[Description]:
    """The one series that a NIfTI file is."""
    with opened(path) as stream:
        header = read_header(stream, path)
    refusal, shape = "", [*(int(n) for n in header["dim"][1:4]), 1, 1][:3]
    try:
        shape = list(spatial_shape(header, path))
        spacing = np.linalg.norm(affine_of(header, path)[:3, :3], axis=0)
    except Refusal as reason:
        refusal, spacing = str(reason), np.zeros(3)
    i, j, k = shape
    code = int(header["datatype"])
    stored = str(data_type_codes.label[code]) if code in data_type_codes.value_set() else f"type {code}"
    sides = (float(spacing[0]), float(spacing[1]), float(spacing[2]))
    thickness = from_bids(path.with_name(stem(path) + ".json"))
    return [Description("nifti", "", "", "", (i, j, k), sides, stored, 0, refusal, thickness)]


def stem(path: Path) -> str:
    """The name without .nii or .nii.gz, if it has either."""
    ending = next((ending for ending in SUFFIXES[::-1] if path.name.lower().endswith(ending)), "")
    return path.name[: len(path.name) - len(ending)]


@contextmanager
def opened(path: Path) -> Iterator[BufferedIOBase]:
    """The uncompressed stream, whatever the suffix says. Raises Refusal for what gzip cannot undo."""
    with path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        try:
            yield gzip.GzipFile(fileobj=raw) if zipped else raw
        except (EOFError, zlib.error, gzip.BadGzipFile) as broken:
            raise Refusal(f"{path.name} is truncated or damaged (its gzip stream is not whole); copy it.") from broken


def read_header(stream: BufferedIOBase, path: Path) -> nib.Nifti1Header:
    """The header of a single-file NIfTI; the stream then stands behind it."""
    start = stream.read(348)
    size = {start[:4], start[:4][::-1]}
    second = (540).to_bytes(4, "little") in size
    if second:
        start += stream.read(540 - 348)
    magic = start[4:8] if second else start[344:348]
    if magic in (b"ni1\0", b"ni2\0"):
        raise Refusal(f"{path.name} is half of a .hdr/.img pair; convert the pair to one .nii file.")
    if len(start) < (540 if second else 348) or magic != (b"n+2\0" if second else b"n+1\0"):
        raise Refusal(f"{path.name} is not a NIfTI file, whatever its name says; convert the image to NIfTI.")
    kind = nib.Nifti2Header if second else nib.Nifti1Header
    header: nib.Nifti1Header = kind.from_fileobj(BytesIO(start), check=False)
    return header


def spatial_shape(header: nib.Nifti1Header, path: Path) -> tuple[int, int, int]:
    """Shape (i, j, k); axes of length one are dropped behind the third. Raises Refusal for more than one volume."""
    axes = int(header["dim"][0])
    shape = [int(n) for n in header["dim"][1 : 1 + axes]] if 1 <= axes <= 7 else []
    if not shape or min(shape) < 1:
        raise Refusal(f"{path.name} has a header without a sensible shape; it is damaged, so export it again.")
    i, j, k = [*shape, 1, 1][:3]
    if (volumes := math.prod(shape[3:])) > 1:
        raise Refusal(f"{path.name} holds {volumes} volumes and finemri takes one; cut it into files of one 3D volume.")
    if i * j * k > MAX_VOXELS:
        raise Refusal(f"{path.name} claims {i} × {j} × {k} voxels, more than any scan; its header is damaged.")
    return i, j, k


def stored_type(header: nib.Nifti1Header, path: Path) -> np.dtype[np.generic]:
    """How a voxel lies on disk. Raises Refusal for colours, complex numbers and codes that NIfTI does not know."""
    code = int(header["datatype"])
    known = code in data_type_codes.value_set()
    stored = cast("np.dtype[np.generic]", data_type_codes.dtype[code]) if known else np.dtype(np.void)
    if stored.fields:
        raise Refusal(f"{path.name} is a colour picture (RGB); finemri needs the grey intensities of the scan.")
    if stored.kind == "c":
        raise Refusal(f"{path.name} holds complex numbers; save its magnitude as a file of its own.")
    if stored.kind not in "iuf":
        raise Refusal(
            f"{path.name} stores its voxels as data type {code}, which finemri cannot read; convert it to float32."
        )
    return stored.newbyteorder(header.endianness)


def read_voxels(stream: BufferedIOBase, header: nib.Nifti1Header, shape: tuple[int, int, int], path: Path) -> Voxels:
    """Slab by slab into one float32 array, k slowest; the scaling is done in float64, but never on more than a slab."""
    stored, (i, j, k) = stored_type(header, path), shape
    offset = float(header["vox_offset"])
    skip = (int(offset) if 0 < offset < 2**40 else 0) - header.sizeof_hdr
    if skip < 0:
        raise Refusal(f"{path.name} has a header that does not say where its voxels begin; it is damaged.")
    most = path.stat().st_size * (1 if isinstance(stream, BufferedReader) else DEFLATE_LIMIT)
    if header.sizeof_hdr + skip + i * j * k * stored.itemsize > most:
        raise Refusal(f"{path.name} is truncated: its header tells of {i} × {j} × {k} voxels; copy it again.")
    while skip > 0 and (block := stream.read(min(skip, SLAB_BYTES))):
        skip -= len(block)
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not np.isfinite([slope, intercept]).all():  # the standard's way to say "not scaled"
        slope, intercept = 1.0, 0.0
    voxels = np.empty(shape, np.float32, order="F")
    depth = max(1, SLAB_BYTES // (i * j * stored.itemsize))
    for start in range(0, k, depth):
        slab = voxels[:, :, start : start + depth]
        data = stream.read(slab.size * stored.itemsize)
        if len(data) < slab.size * stored.itemsize:
            raise Refusal(f"{path.name} is truncated: its header tells of {i} × {j} × {k} voxels; copy it again.")
        values = np.frombuffer(data, stored).reshape(slab.shape, order="F")
        with np.errstate(over="ignore", invalid="ignore"):  # not finite, which Volume refuses with a sentence
            slab[...] = values if (slope, intercept) == (1, 0) else values.astype(np.float64) * slope + intercept
    stream.read(SLAB_BYTES)  # what follows is nobody's business, but gzip's checksum stands there
    return voxels


def affine_of(header: nib.Nifti1Header, path: Path) -> Affine:
    """Voxel indices to RAS millimetres: sform, else qform, else the image's centre is the origin (nibabel's rule)."""
    try:
        affine = np.array(header.get_best_affine(), np.float64)
    except (ValueError, nib.spatialimages.HeaderDataError) as broken:
        raise Refusal(f"{path.name} has a qform that is no rotation; repair the header first.") from broken
    affine[:3] *= MILLIMETRES.get(int(header["xyzt_units"]) & 7, 1.0)
    return affine


def write(
    slabs: Iterable[Voxels],
    shape: tuple[int, int, int],
    affine: Affine,
    path: Path,
    *,
    source: Source | None,
    provenance: Mapping[str, object],  # noqa: ARG001  (a NIfTI header has no room for it)
) -> str:
    """float32 in RAS millimetres, slab by slab; equal results are equal bytes. Returns the file's SHA-256."""
    header = new_header(shape, affine, scanner=source is not None and source.format == "dicom")
    with landing_file(path) as raw:
        if path.name.lower().endswith(".gz"):  # no name and no time in the gzip header: nothing that could differ
            with gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=raw, mtime=0) as stream:
                write_slabs(stream, header, slabs)
        else:
            write_slabs(raw, header, slabs)
    return digest([path])


def new_header(shape: tuple[int, int, int], affine: Affine, *, scanner: bool) -> nib.Nifti1Header:
    """sform and qform alike; a sheared grid has no qform, so it gets only the sform."""
    if max(shape) > np.iinfo(np.int16).max:
        raise Refusal(f"NIfTI cannot hold an axis of {max(shape)} voxels; crop the image or use a smaller scale.")
    header, code = nib.Nifti1Header(endianness="<"), 1 if scanner else 2
    header.set_data_dtype(np.float32)
    header.set_data_shape(shape)
    header.set_xyzt_units("mm")
    header.set_slope_inter(1.0, 0.0)
    header["descrip"], header["magic"], header["vox_offset"] = b"finemri", b"n+1", 352
    header.set_qform(affine, code)
    sides = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    if not np.allclose(sides.T @ sides, np.eye(3), rtol=0, atol=1e-4):
        header["qform_code"] = 0
    header.set_sform(affine, code)
    return header


def write_slabs(stream: BufferedIOBase, header: nib.Nifti1Header, slabs: Iterable[Voxels]) -> None:
    """Header, four zeros (no extensions), voxels with i fastest."""
    stream.write(header.binaryblock + b"\0\0\0\0")
    for slab in slabs:
        stream.write(slab.astype("<f4", copy=False).tobytes(order="F"))


def bytes_needed(shape: tuple[int, int, int], path: Path) -> int:
    """On the disk while it is written; a compressed file's size is not known beforehand."""
    return 0 if path.name.lower().endswith(".gz") else 352 + 4 * math.prod(shape)
