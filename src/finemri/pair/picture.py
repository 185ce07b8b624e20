"""A grey picture as PNG, without a library."""

import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8


def save_picture(picture: UInt8[np.ndarray, "row column"], path: Path) -> None:
    """0 is black, 255 is white."""
    rows, columns = picture.shape
    lines = b"".join(b"\0" + line.tobytes() for line in picture)
    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    blocks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in blocks))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
