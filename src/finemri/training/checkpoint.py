"""Everything that a resume needs, on disk: safetensors and JSON, written whole or not at all, checked by digest.

<directory>/checkpoints/round-000400/
    state.json            where the run stands, its settings, the digest of each other file and of itself
    shared.safetensors    what every process has in common: networks, optimisers, averages
    own-000.safetensors   what process 0 has for itself: random generators, replay pool; and so on
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric
from safetensors.torch import save
from torch import Tensor

from finemri.refusal import Refusal
from finemri.training.weights import read_tensors, sync_folder, write_whole

KEEP = 2
"""Checkpoints that stay: the newest, and one to fall back to."""


@dataclass(frozen=True)
class Place:
    """Where a run stands: `stage` and `round` of it count from 0, `total` counts rounds over all stages."""

    stage: int
    round: int
    total: int
    journal: int
    """Bytes of the journal that belong to the rounds so far."""


class Checkpoints:
    """The checkpoints of one run, oldest first."""

    def __init__(self, directory: Path, settings: Mapping[str, object]) -> None:
        self.folder = directory / "checkpoints"
        self.settings: dict[str, object] = json.loads(json.dumps(settings))

    @property
    def last(self) -> Path | None:
        """The newest, whether whole or not."""
        return next(reversed(self._all()), None)

    def write(self, fabric: Fabric, place: Place, shared: object, own: object) -> Path:
        """All processes together. The checkpoint is there when its folder has its name, and not a moment before."""
        final = self.folder / f"round-{place.total:06d}"
        temporary = self.folder / f".{final.name}.tmp"
        if fabric.is_global_zero:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
        fabric.barrier()
        write_whole(temporary / f"own-{fabric.global_rank:03d}.safetensors", pack(own))
        if fabric.is_global_zero:
            write_whole(temporary / "shared.safetensors", pack(shared))
        fabric.barrier()
        if fabric.is_global_zero:
            files = {file.name: _sha256(file) for file in sorted(temporary.glob("*.safetensors"))}
            content: dict[str, object] = {"place": vars(place), "settings": self.settings, "files": files}
            content["sha256"] = _sha256_of(content)
            write_whole(temporary / "state.json", json.dumps(content, indent=1, ensure_ascii=False).encode())
            if final.exists():  # only after a newer, damaged one was deleted by hand
                shutil.rmtree(final)
            temporary.replace(final)
            sync_folder(self.folder)
            self._prune()
        fabric.barrier()
        return final

    def find(self) -> tuple[Path, Place] | None:
        """The newest checkpoint, whole and of these settings; None where a run has none yet.

        Raises:
            Refusal: the newest is damaged (the message names an older one that is whole), or of other settings.
        """
        newest = self.last
        if newest is None:
            return None
        content, fault = _check(newest)
        if fault:
            older = [path for path in self._all()[:-1] if not _check(path)[1]]
            way = f"to go on from {older[-1].name}, which is whole" if older else "to begin anew, as no other is whole"
            raise Refusal(f"The checkpoint {newest} is damaged ({fault}); delete that folder {way}.")
        field, was, now = _difference(content["settings"], self.settings)
        if field:
            raise Refusal(
                f"The run in {self.folder.parent} has {field} = {was} and this one asks for {now}; "
                "use the same settings to resume it, or another directory."
            )
        return newest, Place(**content["place"])

    def read(self, path: Path, rank: int) -> tuple[Any, Any]:
        """What `write` was given, for this process. The digests were checked by `find`."""
        return unpack(path / "shared.safetensors"), unpack(path / f"own-{rank:03d}.safetensors")

    def sweep(self) -> None:
        """Remove what a killed run left half written or half deleted."""
        for path in self.folder.parent.glob(".*.safetensors.*.tmp"):
            path.unlink()
        for path in self.folder.glob(".round-*"):
            shutil.rmtree(path)

    def _all(self) -> list[Path]:
        return sorted(self.folder.glob("round-[0-9]*"), key=lambda path: int(path.name.removeprefix("round-")))

    def _prune(self) -> None:
        for path in self._all()[:-KEEP]:
            hidden = path.with_name(f".{path.name}.old")
            path.rename(hidden)  # so that a kill half way leaves no half checkpoint under a good name
            shutil.rmtree(hidden)


def _check(path: Path) -> tuple[dict[str, Any], str]:
    """The content of state.json, and what is wrong with the checkpoint: "" for nothing."""
    try:
        content = json.loads((path / "state.json").read_text(encoding="utf-8"))
        said = content.pop("sha256")
    except (OSError, ValueError, KeyError, AttributeError):
        return {}, "state.json cannot be read"
    if said != _sha256_of(content):
        return {}, "state.json does not match its digest"
    for name, expected in content["files"].items():
        if not (path / name).is_file():
            return {}, f"{name} is missing"
        if _sha256(path / name) != expected:
            return {}, f"{name} does not match its digest"
    return content, ""


def _difference(was: object, now: object, field: str = "") -> tuple[str, str, str]:
    """The first field in which two settings differ, dotted, and both values; "" where they agree."""
    if isinstance(was, dict) and isinstance(now, dict):
        for key in sorted(was.keys() | now.keys()):
            found = _difference(was.get(key, "nothing"), now.get(key, "nothing"), f"{field}.{key}".lstrip("."))
            if found[0]:
                return found
        return "", "", ""
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        return _difference(dict(enumerate(was)), dict(enumerate(now)), field)
    return (field, json.dumps(was), json.dumps(now)) if was != now else ("", "", "")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256_of(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def pack(state: object) -> bytes:
    """A nest of dicts (string keys), lists, plain values and tensors, as one safetensors file."""
    tensors: dict[str, Tensor] = {}

    def plain(value: object) -> object:
        if isinstance(value, Tensor):
            name = f"{len(tensors):05d}"
            tensors[name] = value.detach().cpu().contiguous().clone()
            return {"tensor": name}
        if isinstance(value, Mapping):
            return {str(key): plain(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [plain(inner) for inner in value]
        return value

    nest = json.dumps({"nest": plain(state)})
    return save(tensors, {"nest": nest})


def unpack(path: Path) -> Any:
    """What was packed into the file; tuples come back as lists."""
    tensors, metadata = read_tensors(path)

    def whole(value: Any) -> Any:
        if isinstance(value, dict):
            if value.keys() == {"tensor"} and isinstance(value["tensor"], str):
                return tensors[value["tensor"]]
            return {key: whole(inner) for key, inner in value.items()}
        return [whole(inner) for inner in value] if isinstance(value, list) else value

    return whole(json.loads(metadata["nest"])["nest"])
