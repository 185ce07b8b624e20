"""Reconstructed slices, out: NumPy and HDF5 keep the phase, NIfTI and PNG the magnitude. With a sidecar."""

import gzip
import math
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import nibabel as nib
import numpy as np
from jaxtyping import Complex64, Float32

from finemri.landing import check_landing, landing_file
from finemri.provenance import check_provenance, digest, write_sidecar
from finemri.rawdata.files import AnyPath
from finemri.rawdata.scan import Source
from finemri.refusal import Refusal

Images = Complex64[np.ndarray, "slice i j"]
SUFFIXES = (".nii.gz", ".nii", ".npy", ".h5", ".png")
NO_SPACING = "the file does not tell the size of a pixel: 1 mm is written"
NO_ORIENTATION = "k-space does not tell how the patient lay: left and right may be swapped"
BRIGHTEST = 99.9
"""Percentile of the magnitude that becomes white in a PNG."""


def save_slice_image(
    image: Images,
    path: AnyPath,
    *,
    spacing: tuple[float, float, float] | None = None,
    source: Source | None = None,
    flags: tuple[str, ...] = (),
    force: bool = False,
    provenance: Mapping[str, object] | None = None,
) -> tuple[str, ...]:
    """Complex slices -> a file by its suffix, whole or not at all; returns the warnings that the sidecar tells as well.

    .npy: complex64 (slice, i, j). .h5: `reconstruction` |x| and `reconstruction_complex`. .nii, .nii.gz: |x| (i, j,
    slice), ``spacing`` in millimetres. .png: 8 bits, 0 to the 99.9th percentile, several slices side by side.
    ``flags`` (implicit data crimes) stand under "input" of the sidecar. Raises Refusal as ``check_slice_output`` does,
    and for pixels that are not finite.
    """
    path = Path(path)
    check_slice_output(path, source=source, force=force, bytes_needed=image.nbytes, sidecar=provenance is not None)
    if provenance is not None:
        check_provenance(provenance)
    if not np.isfinite(image).all():
        raise Refusal("The result holds pixels that are not finite (NaN or Inf), so it was not saved; try another way.")
    suffix = _suffix(path)
    warnings = () if not suffix.startswith(".nii") else (NO_ORIENTATION, *(() if spacing else (NO_SPACING,)))
    data = {".npy": _npy, ".h5": _h5, ".png": _png}.get(suffix, lambda x: _nifti(x, spacing, suffix))(image)
    with landing_file(path) as stream:
        stream.write(data)
    if provenance is not None:
        told = provenance.get("warnings", ())
        told = told if isinstance(told, list | tuple) else (told,)
        write_sidecar(
            path.with_name(f"{stem(path)}.json"),
            {**provenance, "warnings": [*told, *warnings]},
            input={
                **(
                    {}
                    if source is None
                    else {"format": source.format, "files": len(source.paths), "sha256": source.sha256}
                ),
                "flags": list(flags),
            },
            output={
                "format": suffix[1:],
                "shape": list(image.shape),
                "spacing_mm": None if spacing is None else list(spacing),
                "sha256": digest([path]),
            },
        )
    return warnings


def check_slice_output(
    path: AnyPath, *, source: Source | None = None, force: bool = False, bytes_needed: int = 0, sidecar: bool = True
) -> None:
    """Raises Refusal where slices could not be saved: worth asking before hours of work."""
    path = Path(path)
    suffix = _suffix(path)
    if source is not None and path.resolve() in {place.resolve() for place in source.paths}:
        raise Refusal("The result would replace its own source; choose another name.")
    if suffix == ".h5":
        _library("h5py")
    if suffix == ".png":
        _library("PIL")
    check_landing(path, force=force, bytes_needed=bytes_needed)
    if sidecar:
        check_landing(path.with_name(f"{stem(path)}.json"), force=force)


def stem(path: Path) -> str:
    """The name without its suffix, of which .nii.gz is one. Raises Refusal for what finemri does not write."""
    return path.name[: -len(_suffix(path))]


def _suffix(path: Path) -> str:
    suffix = next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), None)
    if suffix is None or len(path.name) == len(suffix):
        raise Refusal(f"finemri does not write slices as {path.name}; name a .npy, .nii.gz, .h5 or .png file.")
    return suffix


def _library(name: str) -> None:
    from importlib.util import find_spec

    if find_spec(name) is None:
        raise Refusal(f"This format needs {name}; run pip install 'finemri[rawdata]', or name a .npy file.")


def _npy(image: Images) -> bytes:
    stream = BytesIO()
    np.save(stream, image, allow_pickle=False)
    return stream.getvalue()


def _h5(image: Images) -> bytes:
    import h5py

    stream = BytesIO()
    with h5py.File(stream, "w") as root:  # without times, so that equal results are equal bytes
        root.create_dataset("reconstruction", data=np.abs(image), track_times=False)
        root.create_dataset("reconstruction_complex", data=image, track_times=False)
    return stream.getvalue()


def _nifti(image: Images, spacing: tuple[float, float, float] | None, suffix: str) -> bytes:
    """The middle of the field of view is the origin."""
    voxels = np.abs(image).transpose(1, 2, 0)
    sides = np.asarray(spacing or (1.0, 1.0, 1.0), dtype=np.float64)
    affine = np.diag([*sides, 1.0])
    affine[:3, 3] = -sides * (np.asarray(voxels.shape) - 1) / 2
    nifti = nib.Nifti1Image(voxels, affine)
    nifti.header.set_xyzt_units("mm")
    nifti.header["descrip"] = b"finemri"
    data: bytes = nifti.to_bytes()
    return gzip.compress(data, compresslevel=1, mtime=0) if suffix == ".nii.gz" else data


def _png(image: Images) -> bytes:
    from PIL import Image

    magnitude = _montage(np.abs(image))
    white = float(np.percentile(np.abs(image), BRIGHTEST)) or float(magnitude.max()) or 1.0
    stream = BytesIO()
    Image.fromarray(np.clip(magnitude / white * 255 + 0.5, 0, 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def _montage(magnitude: Float32[np.ndarray, "slice i j"]) -> Float32[np.ndarray, "rows columns"]:
    """Slices row by row in a grid as square as can be; places without a slice are black."""
    slices, i, j = magnitude.shape
    across = min(slices, math.ceil(math.sqrt(slices * i / j)))
    down = math.ceil(slices / across)
    grid = np.zeros((down * across, i, j), np.float32)
    grid[:slices] = magnitude
    return grid.reshape(down, across, i, j).transpose(0, 2, 1, 3).reshape(down * i, across * j)
