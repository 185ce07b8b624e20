"""Provenance: a JSON sidecar that tells how a result was made. What may stand in it is listed; a patient is not."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from finemri import __version__
from finemri.landing import landing_file
from finemri.refusal import Refusal

ALLOWED = frozenset([
    "method", "paper", "recipe", "kind", "licence", "scale", "style", "weights", "weights_sha256",
    "weights_header", "settings", "contract", "degradation", "normaliser", "normalisation", "portrait",
    "warnings", "tile", "overlap", "margin", "memory", "device", "precision", "threads", "seconds", "crop", "grid",
    "trust",
])  # fmt: skip
"""What a caller may tell. finemri itself adds its version and, under "input" and "output", grid and digest."""


def digest(paths: Iterable[Path]) -> str:
    """SHA-256 of the bytes of all files, one after the other."""
    sha256 = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                sha256.update(block)
    return sha256.hexdigest()


def check_provenance(provenance: Mapping[str, object]) -> None:
    """Raises Refusal for a key that is not on the list, or a value that JSON cannot say: before hours are spent."""
    if strangers := sorted(set(provenance) - ALLOWED):
        raise Refusal(f"A sidecar has no place for {', '.join(strangers)}; it tells only {', '.join(sorted(ALLOWED))}.")
    plain(provenance)


def write_sidecar(path: Path, provenance: Mapping[str, object], **grids: object) -> None:
    """``path`` gets the version, the grids and digests of input and output, and what the caller tells."""
    check_provenance(provenance)
    told = {"finemri": __version__, **grids, **provenance}
    with landing_file(path) as stream:
        stream.write((json.dumps(plain(told), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())


def plain(value: object) -> object:
    """What JSON knows, and nothing else: a Path is refused, because folders are named after patients."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    raise Refusal(f"A sidecar holds numbers and words, not a {type(value).__name__}; convert it first.")
