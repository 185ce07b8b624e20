"""BART: .cfl (complex64, first axis fastest) and .hdr (its dimensions): read, phase, phase 2, coil, …, slice (13th).

Uecker et al., Berkeley Advanced Reconstruction Toolbox, ISMRM 2015.
"""

import math
from pathlib import Path

import numpy as np

from finemri.rawdata.stored import MAX_SAMPLES, Stored
from finemri.refusal import Refusal

COIL, SLICE = 3, 13


def claims(path: Path) -> bool:
    """By name; a .hdr alone may be of another format."""
    return path.suffix == ".cfl" or (path.suffix == ".hdr" and path.with_suffix(".cfl").is_file())


def files(path: Path) -> tuple[Path, ...]:
    """Both files of the pair."""
    return path.with_suffix(".cfl"), path.with_suffix(".hdr")


def read(path: Path, dataset: str | None = None) -> Stored:
    """Axes of length one are dropped. Raises Refusal for halves of a pair, and dimensions other than those above."""
    if dataset is not None:
        raise Refusal(f"{path.name} holds a single array, so there is none to pick; leave the dataset out.")
    data, header = files(path)
    if not data.is_file() or not header.is_file():
        raise Refusal(f"{path.name} is half of a .cfl/.hdr pair; put the other half beside it.")
    dims = dimensions(header)
    if math.prod(dims) > MAX_SAMPLES or 8 * math.prod(dims) != data.stat().st_size:
        raise Refusal(
            f"{header.name} tells of {'×'.join(str(n) for n in dims)} samples and {data.name} has "
            f"{data.stat().st_size} bytes, not {8 * math.prod(dims)}; copy the pair again."
        )
    array = np.fromfile(data, "<c8").reshape(dims, order="F")
    return Stored(array.squeeze(), axes_of(dims), "as BART stores them", facts={"format": "BART .cfl/.hdr"})


def dimensions(header: Path) -> tuple[int, ...]:
    """The numbers below "# Dimensions"; what else BART writes there (commands, file names) is left alone."""
    lines = header.read_text("ascii", "replace")[:65536].splitlines()
    place = next((n for n, line in enumerate(lines) if line.strip() == "# Dimensions"), len(lines))
    words = lines[place + 1].split() if place + 1 < len(lines) else []
    if not words or not all(word.isdigit() and 0 < int(word) <= MAX_SAMPLES for word in words):
        raise Refusal(f"{header.name} does not tell the dimensions as BART does; export the pair again.")
    return tuple(int(word) for word in words)


def axes_of(dims: tuple[int, ...]) -> tuple[str, ...] | None:
    """Words of the axes longer than one; None: a volume or a series, whose axes have to be named."""
    long = [axis for axis, n in enumerate(dims) if n > 1]
    plane = [axis for axis in long if axis < COIL]
    if len(plane) != 2 or set(long) - {*plane, COIL, SLICE}:
        return None
    words = {plane[0]: "i", plane[1]: "j", COIL: "coil", SLICE: "slice"}
    return tuple(words[axis] for axis in long)
