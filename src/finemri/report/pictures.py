"""Thumbnails of the images that evaluate kept: greyscale PNGs on one fixed scale, as data URIs."""

import base64
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from finemri.measures.statistics import TRUTH
from finemri.refusal import Refusal

Shown = Float[np.ndarray, "rows columns"]
Scan = Float[np.ndarray, "slices rows columns"]
ERROR = 0.25
"""White in an error map, as a share of what is white in the images: the same for every person and method."""
WIDEST = 320
"""Pixels of a thumbnail; of larger slices, the middle."""
ZOOM, LEAST = 3, 12
"""A zoomed patch is a square, one ZOOMth of the slice's shorter side, but at least LEAST pixels."""


@dataclass(frozen=True, eq=False)
class Strip:
    """The slice of one person where a method errs most."""

    pictures: dict[str, str]
    """Truth, baseline, method, error: title -> data URI of a PNG."""
    zooms: dict[str, str]
    """The same, of the patch alone."""
    frame: tuple[float, float, float, float]
    """Where the patch lies in the picture: left, top, width, height, as shares."""
    aspect: float
    """Width over height, in millimetres where those are known."""
    zoom_aspect: float
    slice: int
    slices: int
    lost: int
    """Pixels of the method's slice that are no numbers, shown black."""


def strip_of(images: Path, person: str, method: str, baseline: str | None, *, upright: bool) -> Strip | None:
    """Of a person's first scan; None where its images were not kept, or lie on another grid.

    Upright: whether slices of stacks are cut from volumes whose axes run right, front and up, as they are shown then.
    """
    truth, image = (read_scan(images, person, name, upright=upright) for name in (TRUTH, method))
    if truth is None or image is None or truth[0].shape != image[0].shape:
        return None
    white = float(np.percentile(truth[0], 99.8)) or 1.0
    lost = ~np.isfinite(image[0])
    made = np.where(lost, 0, image[0])
    errors = np.abs(made - truth[0])
    n = int(np.argmax((errors**2).sum(axis=(1, 2))))
    shown = {"truth": truth[0][n]}
    base = read_scan(images, person, baseline, upright=upright) if baseline not in (None, method) else None
    if base is not None and base[0].shape == made.shape:
        shown[str(baseline)] = np.nan_to_num(base[0][n])
    shown[method] = made[n]
    grey = {title: _middle(slice_) / white for title, slice_ in shown.items()}
    grey["error"] = _middle(errors[n]) / (ERROR * white)
    rows, columns = grey["error"].shape
    patch = zoom_of(grey["error"])
    frame = (patch[1].start / columns, patch[0].start / rows, _size(patch[1]) / columns, _size(patch[0]) / rows)
    return Strip(
        {title: _uri(each) for title, each in grey.items()},
        {title: _uri(each[patch]) for title, each in grey.items()},
        frame,
        truth[1] * columns / rows,
        truth[1],
        n + 1,
        len(made),
        int(lost[n].sum()),
    )


def zoom_of(errors: Shown) -> tuple[slice, slice]:
    """The square in which the squared errors sum highest; of several, the first from the top left."""
    side = min(*errors.shape, max(LEAST, min(errors.shape) // ZOOM))
    sums = np.pad(errors**2, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    inside = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    row, column = np.unravel_index(int(np.argmax(inside)), inside.shape)
    return slice(int(row), int(row) + side), slice(int(column), int(column) + side)


def read_scan(images: Path, person: str, method: str | None, *, upright: bool) -> tuple[Scan, float] | None:
    """Magnitudes (slice, row, column), top row first, and the width of a pixel over its height; None where none is
    kept. Raises Refusal for a file that is no image."""
    stem = f"{person}_{method}"
    if method is None or Path(stem).name != stem:  # a name in a CSV may not lead out of the folder
        return None
    stack, volume = images / f"{stem}.npy", images / f"{stem}.nii.gz"
    if stack.is_file():
        try:
            found = np.abs(np.load(stack, allow_pickle=False)).astype(np.float64)
        except (OSError, ValueError, EOFError) as error:
            raise Refusal(f"{stack} is no array of images; evaluate again, or take the folder away.") from error
        if found.ndim != 3 or not found.size:
            raise Refusal(f"{stack} holds no stack of slices; evaluate again, or take the folder away.")
        return (np.ascontiguousarray(found.transpose(0, 2, 1)[:, ::-1]) if upright else found), 1.0
    if volume.is_file():
        from finemri.volumes.files import open_volume

        opened = open_volume(volume)
        spacing = opened.spacing
        return np.ascontiguousarray(opened.voxels.astype(np.float64).transpose(2, 1, 0)[:, ::-1]), spacing[0] / spacing[
            1
        ]
    return None


def png_of(grey: UInt8[np.ndarray, "rows columns"]) -> bytes:
    """Eight bits, one channel: signature, header, one block of data, end (ISO/IEC 15948)."""
    rows, columns = grey.shape
    lines = np.hstack([np.zeros((rows, 1), np.uint8), grey]).tobytes()  # each line begins with its filter: none

    def block(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    blocks = block(b"IHDR", header) + block(b"IDAT", zlib.compress(lines, 9)) + block(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + blocks


def _uri(values: Shown) -> str:
    grey = np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return "data:image/png;base64," + base64.b64encode(png_of(grey)).decode()


def _size(part: slice) -> int:
    return int(part.stop - part.start)


def _middle(values: Shown) -> Shown:
    return values[tuple(slice(max(0, (n - WIDEST) // 2), (n + WIDEST) // 2) for n in values.shape)]
