"""Segmenters of whole scans, which judge what methods make: weights that others trained, and slice by slice our own."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Integer

from finemri.cohorts.slices import LabelledSlice
from finemri.networks.layered import LayeredNetwork
from finemri.refusal import Refusal
from finemri.shapes import Magnitude
from finemri.training.weights import read_tensors
from finemri.volumes.conform import conform
from finemri.volumes.volume import Volume

BRIGHT = 98
"""Percentile of a head that becomes 1."""
LARGEST = 1 << 20
"""Bytes of a layer list or of labels' names that anybody reads."""

Labels = Integer[np.ndarray, "i j k"]


@runtime_checkable
class VolumeSegmenter(Protocol):
    """Volume -> labels on its own grid."""

    @property
    def grid(self) -> str:
        """On which voxels it looks, as a contract says it."""

    def __call__(self, scan: Volume) -> Labels:
        """What is where."""


@dataclass(frozen=True, eq=False)
class WholeHead:
    """argmax N(c / p₉₈ in 0…1), c the head on 256³ voxels of 1 mm, p₉₈ its own percentile; back on the scan's grid.

    Raises Refusal for a scan that cannot be a head, or shows nothing.
    """

    network: LayeredNetwork
    device: str = "cpu"
    grid: str = "on a grid of 256³ voxels of 1 mm, then on the scan's by nearest neighbour"

    def __call__(self, scan: Volume) -> Labels:
        head = conform(scan)
        bright = float(np.percentile(head.voxels, BRIGHT))
        if bright <= 0:
            raise Refusal("Nearly all of this scan is 0, so a segmenter of heads sees nothing; give whole heads.")
        shown = torch.from_numpy(np.clip(head.voxels / np.float32(bright), 0, 1).astype(np.float32))
        return head.back(self.network.to(self.device).labels(shown.to(self.device)).cpu().numpy().astype(np.uint16))


@dataclass(frozen=True, eq=False)
class SliceBySlice:
    """A segmenter of slices, on all slices of a volume across one axis; a slice without any signal shows nothing."""

    segmenter: Callable[[Magnitude], LabelledSlice]
    axis: int

    @property
    def grid(self) -> str:
        """As the contract has it."""
        return f"slice by slice across axis {self.axis}"

    def __call__(self, scan: Volume) -> Labels:
        found = np.zeros(scan.shape, np.int16)
        slices, labels = np.moveaxis(scan.voxels.clip(min=0), self.axis, 0), np.moveaxis(found, self.axis, 0)
        for n, image in enumerate(slices):
            if image.max() > 0:
                labels[n] = self.segmenter(np.ascontiguousarray(image))
        return found


def open_layered(path: Path) -> tuple[LayeredNetwork, dict[int, str]]:
    """The network in x.json and x.safetensors, given one of them, and the names of its labels in x_labels.json.

    Names may be lacking. Raises Refusal for a file that is missing or damaged, and for as many names as there are not
    labels.
    """
    listed, weights, named = path.with_suffix(".json"), path.with_suffix(".safetensors"), _names_beside(path)
    tensors, _ = read_tensors(weights)
    network = LayeredNetwork(_json(listed), tensors)
    if not named.is_file():
        return network, {}
    names = _json(named)
    if not (isinstance(names, list) and all(isinstance(name, str) and name.strip() for name in names)):
        raise Refusal(f"{named} is no list of names; mend it, or leave it away and labels go by their numbers.")
    if len(names) != network.classes or len(set(names)) != len(names):
        raise Refusal(f"{named} has {len(names)} names, and the network tells {network.classes} labels apart; mend it.")
    return network, {n: "-".join(name.split()) for n, name in enumerate(names)}


def layered_files(path: Path) -> list[Path]:
    """All that ``open_layered`` reads, so that a change is noticed."""
    files = [path.with_suffix(".json"), path.with_suffix(".safetensors"), _names_beside(path)]
    return [file for file in files if file.is_file()]


def is_layered(path: Path) -> bool:
    """Whether a path names a network with a layer list beside its weights."""
    listed = path.with_suffix(".json")
    return path.suffix == ".json" or (path.suffix == ".safetensors" and listed.is_file() and _is_list(listed))


def _is_list(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(64).lstrip()[:1] == b"["


def _names_beside(path: Path) -> Path:
    return path.with_name(f"{path.stem}_labels.json")


def _json(path: Path) -> Any:
    if not path.is_file():
        raise Refusal(f"There is no {path}, and a network takes its layer list beside its weights; put it there.")
    if path.stat().st_size > LARGEST:
        raise Refusal(f"{path} is too large for a layer list or names of labels; check the path.")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise Refusal(f"{path} cannot be read as JSON; get it again.") from error
