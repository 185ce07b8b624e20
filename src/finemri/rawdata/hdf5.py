"""HDF5 from strangers: nothing is read that lies outside the file, and nothing larger than the file can hold."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from finemri.rawdata.stored import check_size
from finemri.refusal import Refusal

MAGIC = b"\x89HDF\r\n\x1a\n"
SUFFIXES = (".h5", ".hdf5", ".hdf", ".mrd")
MOST_ENTRIES = 1000


def is_hdf5(path: Path) -> bool:
    """By its first bytes, which MATLAB pushes back by 512."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        for start in (0, 512, 1024, 2048):
            stream.seek(start)
            if stream.read(len(MAGIC)) == MAGIC:
                return True
    return False


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file's root group. Raises Refusal without h5py, and for files that are truncated or damaged."""
    try:
        import h5py
    except ImportError as missing:
        raise Refusal("HDF5 files need h5py; run pip install 'finemri[rawdata]'.") from missing
    try:
        with h5py.File(path, "r") as root:
            yield root
    except Refusal:
        raise
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as broken:
        raise Refusal(f"{path.name} is truncated or damaged (HDF5 cannot read it); copy it again.") from broken


def entry(group: Any, name: str, path: Path) -> Any:
    """What stands at ``name``, a/b included. Raises Refusal for links out of the file or out of their group."""
    import h5py

    for part in (part for part in name.split("/") if part):
        if not isinstance(group, h5py.Group) or part not in group.keys():  # noqa: SIM118  (`in group` follows links)
            raise Refusal(f"{path.name} has no dataset {name}; choose one of those it has.")
        link = group.get(part, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            raise Refusal(
                f"{path.name} points to another file (an external link); copy the data into one file (h5repack)."
            )
        if isinstance(link, h5py.SoftLink) and ("/" in link.path or link.path in ("", ".", "..")):
            raise Refusal(
                f"{path.name} has a link that leaves its group ({part}); copy the data to its place (h5repack)."
            )
        group = group[part]
    return group


def names(group: Any) -> list[str]:
    """The datasets of numbers right in this group, links not followed out of it."""
    import h5py

    listed = list(group.keys())[:MOST_ENTRIES]
    own = [name for name in listed if isinstance(group.get(name, getlink=True), h5py.HardLink)]
    return [name for name in own if isinstance(group[name], h5py.Dataset) and is_numeric(group[name].dtype)]


def is_numeric(dtype: np.dtype[Any]) -> bool:
    """Numbers, or MATLAB's compound of real and imag."""
    return dtype.kind in "fciub" or (dtype.names is not None and set(dtype.names) in ({"real", "imag"}, {"r", "i"}))


def has(group: Any, name: str) -> bool:
    """Whether there is anything by that name, reachable or not."""
    return name in group.keys()  # noqa: SIM118  (`in group` follows links)


def array(group: Any, name: str, path: Path) -> np.ndarray:
    """A dataset of numbers, complex ones joined. Raises Refusal for data outside the file, other types and bombs."""
    import h5py

    dataset = checked(entry(group, name, path), name, path)
    if not isinstance(dataset, h5py.Dataset) or not is_numeric(dataset.dtype):
        raise Refusal(f"{name} in {path.name} holds no numbers; choose another dataset.")
    check_size(f"{name} in {path.name}", dataset.shape, dataset.dtype.itemsize, dataset.id.get_storage_size())
    values: np.ndarray = np.asarray(dataset[()])
    if values.dtype.names is not None:
        real, imag = ("real", "imag") if "real" in values.dtype.names else ("r", "i")
        joined = np.empty(values.shape, np.complex64)
        with np.errstate(over="ignore"):  # not finite, which RawScan refuses with a sentence
            joined.real, joined.imag = values[real], values[imag]
        return joined
    return values


def checked(dataset: Any, name: str, path: Path) -> Any:
    """The same, once it is sure that its bytes lie in this file."""
    import h5py

    if isinstance(dataset, h5py.Dataset) and (dataset.is_virtual or dataset.external):
        raise Refusal(f"{name} in {path.name} lies in other files; copy the data into one file (h5repack).")
    return dataset


def text(group: Any, name: str, path: Path) -> str:
    """A string, such as an XML header: the first one, if it is a list of them."""
    import h5py

    dataset = checked(entry(group, name, path), name, path)
    words = isinstance(dataset, h5py.Dataset) and h5py.check_string_dtype(dataset.dtype) is not None
    if not words or dataset.size != 1:
        raise Refusal(f"{name} in {path.name} is not one piece of text; export the file again.")
    value = np.asarray(dataset[()]).ravel()[0]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
