"""ISMRMRD HDF5: acquisitions, each one readout of all coils, sorted into slices by their encoding counters.

Inati et al., ISMRM raw data format, Magn Reson Med 2017. Cartesian only. The readout i keeps its oversampling.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Complex64

from finemri.rawdata import hdf5
from finemri.rawdata.header import Header, parse
from finemri.rawdata.stored import Stored, check_size
from finemri.refusal import Refusal

LEFT_OUT = {
    19: "noise",
    20: "calibration",
    23: "navigator",
    24: "phase correction",
    26: "navigator",
    27: "dummy",
    28: "navigator",
    29: "coil correction",
    30: "phase stabilisation",
}
"""ISMRMRD's flag (bit 1 is the first) -> what such a readout is, if not part of the image."""
REVERSE = 22
ONE_IMAGE = ("contrast", "phase", "repetition", "set")
"""Counters that tell one image of a slice from another."""


def claims(path: Path) -> bool:
    """An HDF5 file with a group of `xml` and `data`."""
    if not hdf5.is_hdf5(path):
        return False
    with hdf5.opened(path) as root:
        return bool(_groups(root))


def read(path: Path, dataset: str | None = None) -> Stored:
    """(slice, coil, i, j); averages are averaged, noise and navigators left out. Raises Refusal unless Cartesian."""
    with hdf5.opened(path) as root:
        groups = _groups(root)
        if dataset is None and len(groups) > 1:
            raise Refusal(f"{path.name} holds several scans ({', '.join(groups[:20])}); choose one with --dataset.")
        group = hdf5.entry(root, dataset or groups[0], path)
        header = parse(hdf5.text(group, "xml", path))
        if header.trajectory != "cartesian":
            raise Refusal(
                f"{path.name} was acquired along a {header.trajectory or 'nameless'} trajectory; finemri takes "
                "Cartesian k-space, so grid it first."
            )
        readouts, left = _readouts(hdf5.checked(hdf5.entry(group, "data", path), "data", path), path)
    samples = _sorted(readouts, header, path)
    facts = {"format": "ISMRMRD HDF5", **header.facts}
    averages = 1 + max(readout.idx.average for readout in readouts)
    facts |= {"averages": f"{averages}, averaged"} if averages > 1 else {}
    facts |= {"left out": ", ".join(f"{count} {kind} readouts" for kind, count in left.items())} if left else {}
    _, _, i, j = samples.shape
    spacing, shown = None, None
    if header.field_of_view is not None and header.matrix is not None:
        x, y, z = header.field_of_view
        spacing = (z / header.matrix[2], None, x / i, y / j)
    if header.shown is not None:
        shown = (None, None, min(header.shown[0], i), min(header.shown[1], j))
    return Stored(samples, ("slice", "coil", "i", "j"), "readout, phase", spacing=spacing, shown=shown, facts=facts)


def _groups(root: Any) -> list[str]:
    import h5py

    own = list(root.keys())[: hdf5.MOST_ENTRIES]
    own = [name for name in own if isinstance(root.get(name, getlink=True), h5py.HardLink)]
    return [
        name
        for name in own
        if isinstance(root[name], h5py.Group) and hdf5.has(root[name], "xml") and hdf5.has(root[name], "data")
    ]


def _readouts(data: Any, path: Path) -> tuple[list[Any], Counter[str]]:
    """Those of the image, and how many of each kind were left out."""
    try:
        from ismrmrd.file import Acquisitions
    except ImportError as missing:
        raise Refusal("ISMRMRD files need ismrmrd; run pip install 'finemri[rawdata]'.") from missing
    if set(data.dtype.names or ()) != {"head", "traj", "data"}:
        raise Refusal(f"{path.name} holds no ISMRMRD acquisitions; export it again.")
    check_size(f"data in {path.name}", data.shape, data.dtype.itemsize, data.id.get_storage_size())
    kept, left = [], Counter[str]()
    try:
        for readout in Acquisitions(data):
            kinds = [kind for flag, kind in LEFT_OUT.items() if readout.flags >> (flag - 1) & 1]
            if kinds:
                left[kinds[0]] += 1
            else:
                kept.append(readout)
    except (ValueError, TypeError, OSError, RuntimeError) as broken:
        raise Refusal(f"{path.name} has a readout that does not fit its header; it is damaged, so copy it.") from broken
    if not kept:
        raise Refusal(f"{path.name} holds no readout of an image (noise or calibration only); choose another scan.")
    return kept, left


def _sorted(readouts: list[Any], header: Header, path: Path) -> Complex64[np.ndarray, "slice coil i j"]:
    """Every readout at its place; several at one place are averaged."""
    coils = {int(readout.active_channels) for readout in readouts}
    if len(coils) > 1:
        raise Refusal(
            f"The readouts of {path.name} have {' and '.join(map(str, sorted(coils)))} coils; export it again."
        )
    if any(readout.flags >> (REVERSE - 1) & 1 for readout in readouts):
        raise Refusal(f"{path.name} has readouts that run backwards (EPI), which need a phase correction first.")
    for counter in ONE_IMAGE:
        several = {int(getattr(readout.idx, counter)) for readout in readouts}
        if len(several) > 1:
            raise Refusal(f"{path.name} holds {len(several)} images a slice ({counter}); export one of them.")
    if len({int(readout.idx.kspace_encode_step_2) for readout in readouts}) > 1:
        raise Refusal(f"{path.name} is encoded in 3D; transform it along one axis and save the slices first.")
    slices = sorted({int(readout.idx.slice) for readout in readouts})
    if header.matrix is None:
        raise Refusal(f"The header of {path.name} does not tell the encoded matrix; export it again.")
    nx, ny = header.matrix[0], header.matrix[1]
    shape = (len(slices), coils.pop(), nx, ny)
    check_size(path.name, shape, 8, path.stat().st_size)
    total, times = np.zeros(shape, np.complex64), np.zeros((len(slices), nx, ny), np.float32)
    middle = header.limits.get("kspace_encoding_step_1", ny // 2)
    for readout in readouts:
        before, after = int(readout.discard_pre), int(readout.number_of_samples) - int(readout.discard_post)
        line = int(readout.idx.kspace_encode_step_1) - middle + ny // 2
        start = nx // 2 - int(readout.center_sample) + before
        if not (0 <= line < ny and start >= 0 and start + after - before <= nx and before < after):
            raise Refusal(f"A readout of {path.name} lies outside the encoded matrix ({nx}×{ny}); export it again.")
        n = slices.index(int(readout.idx.slice))
        total[n, :, start : start + after - before, line] += readout.data[:, before:after]
        times[n, start : start + after - before, line] += 1
    total /= np.maximum(times, 1)[:, None]
    return total
