"""A 2D network at work on volumes: slice by slice along one axis, or along all three and averaged."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice, product
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from finemri.recipes.dense import Blend, Dense, Slices, Window, mirrored
from finemri.recipes.network_enhancer import LARGEST, Ledger, Precision, at_work, find_device, has_bf16, radius
from finemri.refusal import Refusal
from finemri.shapes import FineVoxels, Voxels

FLAT = (512, 512, 1)
"""Input voxels of the largest tile that is one slice."""
EVERYWHERE = 2**12
"""The margin of a network that works on patches: where they lie depends on the whole slice, however wide, so that is
never cut."""
AT_A_TIME = 2**25
"""Bytes that the network may take for the slices or patches of one pass; one of them passes in any case."""
POOLING = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)

Channels = Float32[np.ndarray, "channel ci cj"]
Images = Float32[np.ndarray, "batch channel i j"]
Axes = tuple[int, ...]
Item = TypeVar("Item")


class SliceEnhancer:
    """y = mean over axes of network(slices along the axis): (i, j, k) -> (i, j, k). An Enhancer of scale 1.

    The network makes (b, c', i, j) of (b, 1 + 2n, i, j), a slice between its n ``neighbours`` on either side (beyond
    the volume the outermost slice stands in for them); where it makes several slices, the one in the middle counts.
    Slices along i, j and k show (j, k), (i, k) and (i, j).

    Whole slices go through a network of convolutions alone. ``patch`` is for one that takes images of one size, or
    pools: patches every ``stride`` pixels, put together as ``Dense`` says (``blend`` and ``border``); a slice smaller
    than a patch is mirrored at its ends, and what that added is cut off again.
    As NetworkEnhancer: the network is copied, ``precision`` and ``device`` are what they are there. Raises Refusal for
    a device that is not there, axes that are none, spacings that leave gaps, and a pooling network without a patch.
    """

    scale = (1, 1, 1)

    def __init__(
        self,
        network: nn.Module,
        *,
        normaliser: str,
        axes: Sequence[int] = (2,),
        neighbours: int = 0,
        patch: int | None = None,
        stride: int | None = None,
        border: int = 4,
        blend: Blend = "blend",
        device: str = "cpu",
        precision: Precision = "fp32",
    ) -> None:
        if not axes or len(set(axes)) != len(axes) or not set(axes) <= {0, 1, 2}:
            raise Refusal(f"Slices lie along 0, 1 or 2, each named once at most, not {tuple(axes)}.")
        self.normaliser = normaliser
        self.axes: Axes = tuple(axes)
        self.neighbours = neighbours
        self.device = find_device(device)
        self.precision: Precision = precision if has_bf16(self.device) else "fp32"
        network = copy.deepcopy(network).eval().requires_grad_(False).to(self.device)  # noqa: FBT003
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.dense = None if patch is None else Dense(patch, stride or _spacing(patch, blend), border, blend)
        if patch is None and _pools(network):
            raise Refusal("This network pools, and what it makes depends on where an image is cut; give it a patch.")

    def __call__(self, image: Voxels) -> FineVoxels:
        total = np.zeros(image.shape, np.float32)
        for axis in self.axes:
            slices = np.moveaxis(image, axis, 0)
            total += np.moveaxis(self._whole(slices) if self.dense is None else self._patches(slices), 0, axis)
        total /= len(self.axes)
        return total

    @property
    def tile(self) -> tuple[int, int, int]:
        """One slice; several where slices look at their neighbours or lie along other axes too."""
        return FLAT if self._flat else LARGEST

    @property
    def settings(self) -> dict[str, str]:
        """What it runs on and how, for the provenance."""
        told = {"device": str(self.device), "precision": self.precision, "axes": " ".join(map(str, self.axes))}
        if self.neighbours:
            told["neighbours"] = str(self.neighbours)
        if self.dense is not None:
            told["patches"] = f"{self.dense.patch} every {self.dense.stride}, border {self.dense.border}"
            told["stitching"] = self.dense.blend
        return told

    @cached_property
    def margin(self) -> tuple[int, int, int]:
        """Across slices, their neighbours; within, the network's receptive radius, or the whole of it."""
        i, j = self._radius
        margins = [0, 0, 0]
        for axis in self.axes:
            looks = [i, j]
            looks.insert(axis, self.neighbours)
            margins = [max(pair) for pair in zip(margins, looks, strict=True)]
        return margins[0], margins[1], margins[2]

    @property
    def bytes_per_voxel(self) -> float:
        """Slices, what they became, and their sum; with it, of whole slices, what the network takes for one.

        What it takes for patches is a number of its own, AT_A_TIME: here as if spread over a slice of 512 × 512, and
        half of that where the tile is deeper.
        """
        held = 4.0 * (4 + 2 * self.neighbours)
        if self.dense is None:
            return held + self._bytes_per_pixel
        return held + AT_A_TIME / (FLAT[0] * FLAT[1]) / (1 if self._flat else 16)

    @property
    def _flat(self) -> bool:
        return self.axes == (2,) and not self.neighbours

    @cached_property
    def _radius(self) -> tuple[int, int]:
        if self.dense is not None:
            return EVERYWHERE, EVERYWHERE
        i, j = (radius(self._network, axis, 1, self.device, 2, self._channels) for axis in (0, 1))
        return i, j

    @property
    def _channels(self) -> int:
        return 1 + 2 * self.neighbours

    @cached_property
    def _bytes_per_pixel(self) -> float:
        """Most that tensors held at one time, counted on a patch or a small image."""
        edge = 32 if self.dense is None else self.dense.patch
        with Ledger() as ledger:
            self._run(np.zeros((1, self._channels, edge, edge), np.float32))
        return float(ledger.most / edge**2)

    def _at_a_time(self, pixels: int) -> int:
        return max(1, int(AT_A_TIME / (self._bytes_per_pixel * pixels)))

    def _whole(self, slices: Slices) -> Slices:
        made = np.empty(slices.shape, np.float32)
        for numbers in _batches(range(len(slices)), self._at_a_time(slices[0].size)):
            made[numbers] = self._run(np.stack([self._seen(slices, n) for n in numbers]))
        return made

    def _patches(self, slices: Slices) -> Slices:
        assert self.dense is not None
        edge = self.dense.patch
        i, j = (max(n, edge) for n in slices.shape[1:])
        rows, columns = self.dense.windows(i), self.dense.windows(j)
        made = np.zeros((len(slices), i, j), np.float32)
        for each in _batches(product(range(len(slices)), rows, columns), self._at_a_time(edge**2)):
            images = self._run(np.stack([self._cut(slices, *job) for job in each]))
            for image, (n, row, column) in zip(images, each, strict=True):
                place = made[n, row.start : row.start + edge, column.start : column.start + edge]
                place += image * row.weights[:, None] * column.weights
        top, left = (max(0, edge - n) // 2 for n in slices.shape[1:])
        return made[:, top : top + slices.shape[1], left : left + slices.shape[2]]

    def _cut(self, slices: Slices, n: int, row: Window, column: Window) -> Channels:
        assert self.dense is not None
        edge = self.dense.patch
        seen = mirrored(self._seen(slices, n), edge)
        return seen[:, row.start : row.start + edge, column.start : column.start + edge]

    def _seen(self, slices: Slices, n: int) -> Channels:
        """Slice n between its neighbours."""
        around = np.arange(n - self.neighbours, n + self.neighbours + 1).clip(0, len(slices) - 1)
        seen: Channels = slices[around]
        return seen

    def _run(self, images: Images) -> Slices:
        x = torch.from_numpy(np.ascontiguousarray(images)).to(self.device)
        with at_work(self.device, self.precision):
            y: Tensor = self._network(x)
        if y.shape[2:] != x.shape[2:]:
            raise Refusal(f"A network at scale 1 made {tuple(y.shape[2:])} of {tuple(x.shape[2:])}; give it a patch.")
        made: Slices = y[:, y.shape[1] // 2].float().cpu().numpy()
        return made


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of so many, the last one maybe shorter."""
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch


def _spacing(patch: int, blend: Blend) -> int:
    """The paper's for its own way; half a patch for ours."""
    return 20 if blend == "published" else patch // 2


def _pools(network: nn.Module) -> bool:
    """Whether some layer leaves out places: what it makes is then not the same one pixel on."""
    return any(
        isinstance(layer, POOLING) or (isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and max(layer.stride) > 1)
        for layer in network.modules()
    )
