"""Bare arrays: NumPy (.npy, .npz), MATLAB (v5 and v7.3) and HDF5 without a format of its own. Nothing is unpickled."""

import math
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from finemri.rawdata import hdf5
from finemri.rawdata.stored import Stored, check_size
from finemri.refusal import Refusal

BROKEN = (
    ValueError,
    TypeError,
    OSError,
    EOFError,
    SyntaxError,
    TokenError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy and zipfile raise for bytes that are not as they should be: a header of NumPy is parsed as Python."""
KSPACE = ("kspace", "ksp", "k_space", "kdata", "raw", "rawdata")
MASKS = ("mask",)
MAPS = ("sensitivities", "sens_maps", "sensitivity_maps", "maps", "smaps")


def claims(path: Path) -> bool:
    """By name; HDF5 by its first bytes as well."""
    suffix = path.suffix.lower()
    return suffix in (".npy", ".npz", ".mat") or (suffix in hdf5.SUFFIXES and hdf5.is_hdf5(path))


def read(path: Path, dataset: str | None = None) -> Stored:
    """The array of that name, the only one, or the one called kspace. Raises Refusal where there is a choice."""
    if path.suffix.lower() == ".npy":
        if dataset is not None:
            raise Refusal(f"{path.name} holds a single array, so there is none to pick; leave the dataset out.")
        return _stored(_npy(path), None, None, "NumPy .npy")
    if path.suffix.lower() == ".npz":
        return _npz(path, dataset)
    if hdf5.is_hdf5(path):
        return _hdf5(path, dataset)
    return _matlab(path, dataset)


def _npy(path: Path) -> np.ndarray:
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)  # mapped: no more than the file has
    except BROKEN as broken:
        raise Refusal(
            f"{path.name} is no whole NumPy array of numbers (truncated, or of Python objects); save it again."
        ) from broken
    check_size(path.name, array.shape, array.dtype.itemsize, path.stat().st_size)
    return array


def _npz(path: Path, dataset: str | None) -> Stored:
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            return _chosen(
                path, list(members), dataset, lambda name: _member(archive, members[name], name), "NumPy .npz"
            )
    except BROKEN as broken:
        if isinstance(broken, Refusal):
            raise
        raise Refusal(
            f"{path.name} is no whole NumPy archive of numbers (truncated, or of Python objects); save it again."
        ) from broken


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> np.ndarray:
    """Its header is read first, and has to agree with the archive's list before anything is allocated."""
    with archive.open(info) as stream:
        version = np.lib.format.read_magic(stream)
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = reader(stream)
    if math.prod(shape) * dtype.itemsize > info.file_size:
        raise Refusal(f"{name} is truncated: its header tells of {'×'.join(map(str, shape))} numbers; save it again.")
    check_size(name, shape, dtype.itemsize, info.compress_size)
    with archive.open(info) as stream:
        array: np.ndarray = np.lib.format.read_array(stream, allow_pickle=False)
    return array


def _hdf5(path: Path, dataset: str | None) -> Stored:
    """MATLAB v7.3 stores axes backwards; they are turned to the order that MATLAB shows."""
    matlab = path.suffix.lower() == ".mat"
    with hdf5.opened(path) as root:

        def take(name: str) -> np.ndarray:
            values = hdf5.array(root, name, path)
            return values.transpose() if matlab else values

        return _chosen(path, hdf5.names(root), dataset, take, "MATLAB v7.3" if matlab else "HDF5")


def _matlab(path: Path, dataset: str | None) -> Stored:
    import scipy.io

    try:
        listed = {name: (shape, kind) for name, shape, kind in scipy.io.whosmat(path)}
        size = path.stat().st_size
        numbers = [name for name, (_, kind) in listed.items() if kind in ("double", "single") or "int" in kind]

        def take(name: str) -> np.ndarray:
            check_size(name, listed[name][0], 1, size)
            values: np.ndarray = scipy.io.loadmat(path, variable_names=[name])[name]
            return values

        return _chosen(path, numbers, dataset, take, "MATLAB v5")
    except Refusal:
        raise
    except Exception as broken:  # scipy's parser raises whatever its bytes lead it to
        raise Refusal(f"{path.name} is no whole MATLAB file (truncated or damaged); save it again.") from broken


def _chosen(path: Path, names: list[str], dataset: str | None, take: Callable[[str], np.ndarray], kind: str) -> Stored:
    """k-space by name, with the mask and the sensitivities that stand beside it."""
    beside = [name for name in names if name.lower() in MASKS + MAPS]
    rest = [name for name in names if name not in beside]
    by_name = [name for name in rest if name.lower() in KSPACE]
    pick = [dataset] if dataset is not None else by_name if len(by_name) == 1 else rest or names
    if len(pick) > 1:
        raise Refusal(f"{path.name} holds several arrays ({', '.join(pick[:20])}); choose one with --dataset.")
    if not pick:
        raise Refusal(f"{path.name} holds no array of numbers; save the k-space under a name of its own.")
    if dataset is not None and dataset not in names and "/" not in dataset:
        raise Refusal(f"{path.name} has no array {dataset}; it has {', '.join(names[:20]) or 'none'}.")
    mask = next((take(name) for name in beside if name.lower() in MASKS and name != pick[0]), None)
    maps = next((take(name) for name in beside if name.lower() in MAPS and name != pick[0]), None)
    return _stored(take(pick[0]), mask, maps, kind, pick[0])


def _stored(array: np.ndarray, mask: Any, maps: Any, kind: str, name: str = "") -> Stored:
    """Real and imaginary part as a last axis of two are joined, and that is told."""
    if array.dtype.kind not in "fciub":
        raise Refusal(f"The array holds {array.dtype}, not numbers; save the k-space as complex64.")
    facts = {"format": kind} | ({"array": name} if name else {})
    if array.dtype.kind != "c" and array.ndim > 2 and array.shape[-1] == 2:
        joined = np.empty(array.shape[:-1], np.complex64)
        joined.real, joined.imag = array[..., 0], array[..., 1]
        array = joined
        facts["complex from"] = "a last axis of two: real and imaginary part"
    mask = mask.squeeze() if mask is not None and mask.ndim > 2 else mask
    return Stored(array.squeeze(), None, "", mask, None if maps is None else maps.squeeze(), facts=facts)
