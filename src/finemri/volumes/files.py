"""Any file or folder with a scan in it, in and out. Each format is asked: is it yours?"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from finemri.landing import check_landing
from finemri.provenance import check_provenance, write_sidecar
from finemri.refusal import Refusal
from finemri.shapes import Affine, Voxels
from finemri.volumes import dicom, nifti
from finemri.volumes.description import Description
from finemri.volumes.volume import Source, Volume

AnyPath = str | os.PathLike[str]
SLAB = 16
"""Slices that ``save_volume`` hands over at a time."""
NO_FOLDER = frozenset([
    ".dcm", ".ima", ".img", ".hdr", ".mgz", ".mgh", ".nrrd", ".nhdr", ".mha", ".mhd", ".mnc", ".gz", ".zip",
    ".tar", ".png", ".jpg", ".tif", ".tiff", ".npy", ".json",
])  # fmt: skip
"""Suffixes that say: a file. A DICOM series is a folder."""


@runtime_checkable
class Format(Protocol):
    """What a module of a format offers."""

    def claims(self, path: Path) -> bool:
        """Whether it reads what lies at this path."""

    def read(self, path: Path, series: str | None = None) -> Volume:
        """Raises Refusal with a sentence for everything that it cannot take."""

    def describe(self, path: Path) -> list[Description]:
        """What is there, without reading voxels."""

    def bytes_needed(self, shape: tuple[int, int, int], path: Path) -> int:
        """Room on the disk while it writes."""

    def write(
        self,
        slabs: Iterable[Voxels],
        shape: tuple[int, int, int],
        affine: Affine,
        path: Path,
        *,
        source: Source | None,
        provenance: Mapping[str, object],
    ) -> str:
        """Whole or not at all; returns the SHA-256 of what it wrote."""


FORMATS: dict[str, Format] = {"nifti": nifti, "dicom": dicom}


def open_volume(path: AnyPath, series: str | None = None) -> Volume:
    """A NIfTI file, a DICOM folder, or one slice of a DICOM series, as float32 voxels and an affine to RAS millimetres.

    ``series`` is the number or SeriesInstanceUID of a DICOM series, where a folder holds several. Raises Refusal, with
    a sentence, for whatever is not one sound 3D volume.
    """
    return reader_of(Path(path)).read(Path(path), series)


def describe_series(path: AnyPath) -> list[Description]:
    """What ``open_volume`` could open at this path, read from headers only, naming no patient."""
    return reader_of(Path(path)).describe(Path(path))


def describe_one(path: AnyPath, series: str | None = None) -> Description | None:
    """What ``open_volume`` would open, read from headers only; None where it would refuse, and say why."""
    try:
        found = [each for each in describe_series(path) if series in (None, each.number, each.uid)]
    except Refusal:
        return None
    return found[0] if len(found) == 1 and not found[0].refusal else None


def reader_of(path: Path) -> Format:
    """The format that claims this path. Raises Refusal where there is nothing, or nobody claims it."""
    if not path.exists():
        raise Refusal(f"There is nothing at {path}; check the path.")
    for reader in FORMATS.values():
        if reader.claims(path):
            return reader
    raise Refusal(f"{path.name} is neither NIfTI (.nii, .nii.gz) nor DICOM; convert it to one of them.")


def save_volume(
    volume: Volume, path: AnyPath, *, force: bool = False, provenance: Mapping[str, object] | None = None
) -> None:
    """NIfTI for .nii and .nii.gz, else a folder of DICOM slices; see ``save_slabs``."""
    voxels, depth = volume.voxels, volume.shape[2]
    slabs = (voxels[:, :, start : start + SLAB] for start in range(0, depth, SLAB))
    save_slabs(slabs, volume.shape, volume.affine, path, source=volume.source, force=force, provenance=provenance)


def save_slabs(
    slabs: Iterator[Voxels],
    shape: tuple[int, int, int],
    affine: Affine,
    path: AnyPath,
    *,
    source: Source | None,
    force: bool = False,
    provenance: Mapping[str, object] | None = None,
) -> None:
    """Write a volume that never stands in memory as a whole: slabs follow one another along k.

    The target is checked before the first slab is asked for. With ``provenance``, a JSON sidecar lands beside the
    result (``name.nii.gz`` and ``folder`` get ``name.json`` and ``folder.json``). Raises Refusal where something is
    there already (unless ``force``), where the disk says no, or where a slab is not finite; nothing is left behind.
    """
    path = Path(path)
    check_output(path, shape=shape, source=source, force=force, sidecar=provenance is not None)
    if provenance is not None:
        check_provenance(provenance)
    name, writer = format_for(path)
    sha256 = writer.write(checked(slabs, shape), shape, affine, path, source=source, provenance=provenance or {})
    if provenance is not None:
        write_sidecar(
            sidecar_path(path),
            provenance,
            input=None
            if source is None
            else {"format": source.format, "files": len(source.paths), "sha256": source.sha256},
            output={
                "format": name,
                "shape": list(shape),
                "spacing_mm": [float(mm) for mm in np.linalg.norm(affine[:3, :3], axis=0)],
                "affine": affine.tolist(),
                "sha256": sha256,
            },
        )


def check_output(
    path: AnyPath,
    *,
    shape: tuple[int, int, int] = (1, 1, 1),
    source: Source | None = None,
    force: bool = False,
    sidecar: bool = True,
) -> None:
    """Raises Refusal where a result could not be saved: worth asking before hours of work."""
    path = Path(path)
    name, writer = format_for(path)
    if source is not None and any(
        path.resolve() in (place.resolve(), place.resolve().parent) for place in source.paths[:1]
    ):
        raise Refusal("The result would replace its own source; choose another name.")
    check_landing(path, force=force, bytes_needed=writer.bytes_needed(shape, path))
    if name == "dicom" and path.exists() and not replaceable(path):
        raise Refusal(f"{path} holds more than a DICOM series written by finemri, so it stays; choose another name.")
    if sidecar:
        check_landing(sidecar_path(path), force=force)


def replaceable(folder: Path) -> bool:
    """Whether --force may replace a folder: only one with nothing but IM-0001.dcm … in it."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    return all(entry.is_file() and entry.match("IM-*.dcm") for entry in folder.iterdir())


def format_for(path: Path) -> tuple[str, Format]:
    """Name and module of the format that a result of this name gets."""
    if nifti.claims(path):
        return "nifti", nifti
    if path.suffix.lower() in NO_FOLDER:
        raise Refusal(
            f"finemri does not write {path.suffix} files; name a .nii.gz file, or a folder for a DICOM series."
        )
    return "dicom", dicom


def sidecar_path(path: AnyPath) -> Path:
    """Where the provenance of a result lies: its name with .json for .nii or .nii.gz."""
    path = Path(path)
    return path.with_name(nifti.stem(path) + ".json")


def checked(slabs: Iterable[Voxels], shape: tuple[int, int, int]) -> Iterator[Voxels]:
    """The same slabs, once it is sure that they are finite and fill the shape."""
    depth = 0
    for slab in slabs:
        depth += slab.shape[2]
        if slab.shape[:2] != shape[:2] or depth > shape[2]:
            raise ValueError(f"a slab of {slab.shape} ends at {depth} in a volume of {shape}")
        if not np.isfinite(slab).all():
            raise Refusal(
                "The result holds voxels that are not finite (NaN or Inf), so it was not saved; try other weights."
            )
        yield slab
    if depth != shape[2]:
        raise ValueError(f"slabs end at {depth} in a volume of {shape}")
