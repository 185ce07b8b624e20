"""PNG and JPEG as if they had been measured: allowed, and flagged, for an 8-bit magnitude was never k-space."""

from pathlib import Path

import numpy as np

from finemri.rawdata.crimes import PICTURE
from finemri.rawdata.stored import MAX_SAMPLES, Stored
from finemri.refusal import Refusal

SUFFIXES = (".png", ".jpg", ".jpeg")


def claims(path: Path) -> bool:
    """By name."""
    return path.suffix.lower() in SUFFIXES


def read(path: Path, dataset: str | None = None) -> Stored:
    """Grey values, rows i, columns j. Raises Refusal for colours and files that Pillow cannot read."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as missing:
        raise Refusal("Pictures need Pillow; run pip install 'finemri[rawdata]'.") from missing
    if dataset is not None:
        raise Refusal(f"{path.name} holds a single picture, so there is none to pick; leave the dataset out.")
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as picture:
            if picture.width * picture.height > MAX_SAMPLES // 64:
                raise Refusal(f"{path.name} claims {picture.width}×{picture.height} pixels, more than any slice.")
            values = np.asarray(picture)
    except (OSError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as broken:
        raise Refusal(f"{path.name} is no whole PNG or JPEG (truncated or damaged); copy it again.") from broken
    if values.ndim == 3 and (values[..., :1] == values[..., :3]).all():
        values = values[..., 0]
    if values.ndim != 2:
        raise Refusal(f"{path.name} is a colour picture; finemri needs the grey intensities of the scan.")
    facts = {"format": f"a picture, {values.dtype.itemsize * 8 if values.dtype.kind != 'b' else 1} bits a pixel"}
    return Stored(values.astype(np.float32), ("i", "j"), "rows, columns", picture=True, facts=facts, flags=(PICTURE,))
