"""A weights file: tensors, and the settings that rebuild the network; safetensors, nothing that runs."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from finemri.refusal import Refusal

Header = Mapping[str, object]


def save_weights(path: Path | str, tensors: Mapping[str, Tensor], header: Header) -> None:
    """Write `tensors` with `header` (plain JSON) and the digest of the tensors, whole or not at all."""
    held = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    told = json.dumps({"header": header, "sha256": digest(held)}, ensure_ascii=False, sort_keys=True)
    write_whole(Path(path), save(held, {"finemri": told}))  # one key: safetensors writes several in a random order


def load_weights(path: Path | str) -> tuple[dict[str, Tensor], dict[str, object]]:
    """The tensors, on the CPU, and the header.

    Raises:
        Refusal: no such file, not a weights file of ours, or tensors that do not match their digest.
    """
    path = Path(path)
    tensors, metadata = read_tensors(path)
    if "finemri" not in metadata:
        raise Refusal(f"{path} is a safetensors file that finemri did not write; give one that finemri train made.")
    told = json.loads(metadata["finemri"])
    if digest(tensors) != told["sha256"]:
        raise Refusal(f"The weights in {path} do not match their digest: the file is damaged; get it again.")
    header: dict[str, object] = told["header"]
    return tensors, header


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file, unchecked; Refusal where it cannot be read."""
    if not path.is_file():
        raise Refusal(f"There is no weights file {path}; check the path.")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name).clone() for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise Refusal(f"{path} cannot be read as safetensors ({error}): it is damaged or something else.") from error


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes, whatever the order they stand in."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        total.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """`content` into a temporary file beside `path`, onto the disk, then renamed: never half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put the names in `folder` onto the disk as well."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
