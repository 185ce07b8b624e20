"""A trained network at work: how any image-to-image network becomes an Enhancer."""

import copy
import math
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from finemri.refusal import Refusal
from finemri.shapes import FineVoxels, Voxels

LARGEST = (256, 256, 256)
"""Input voxels. Larger tiles save no work worth having, and a GPU's convolutions count voxels × maps in 31 bits."""
FARTHEST = 1024
"""A network that looks farther than half of this many voxels is taken to look everywhere."""

Precision = Literal["bf16", "fp32"]


class NetworkEnhancer:
    """y = network(x) without gradients, on a device, channels last: (i, j, k) -> (si, sj, sk).

    ``precision="bf16"`` lets autocast run the convolutions in bfloat16 where the hardware has it (``precision`` then
    tells what is used); the image goes in as float32, so a network that adds its correction to an interpolation loses
    nothing on that path. The network is copied: training may go on with the original. Raises Refusal for a device that
    is not there.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        scale: int | tuple[int, int, int],
        normaliser: str,
        device: str = "cpu",
        precision: Precision = "fp32",
    ) -> None:
        self.scale = (scale, scale, scale) if isinstance(scale, int) else scale
        self.normaliser = normaliser
        self.device = find_device(device)
        self.precision: Precision = precision if has_bf16(self.device) else "fp32"
        network = copy.deepcopy(network).eval().requires_grad_(False).to(self.device)  # noqa: FBT003
        self._network = network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # stubs know 4D

    def __call__(self, image: Voxels) -> FineVoxels:
        x = torch.from_numpy(np.ascontiguousarray(image))[None, None].to(self.device)
        fine: FineVoxels = self._run(x)[0, 0].float().cpu().contiguous().numpy()
        return fine

    @property
    def tile(self) -> tuple[int, int, int]:
        """The largest that it likes; on a GPU, what fits into the memory that is free."""
        if self.device.type != "cuda":
            return LARGEST
        free, _ = torch.cuda.mem_get_info(self.device)
        edge = int((0.8 * free / self.bytes_per_voxel) ** (1 / 3))
        return (min(edge, LARGEST[0]), min(edge, LARGEST[1]), min(edge, LARGEST[2]))

    @property
    def settings(self) -> dict[str, str]:
        """What it runs on, for the provenance."""
        return {"device": str(self.device), "precision": self.precision}

    @cached_property
    def margin(self) -> tuple[int, int, int]:
        """The network's receptive radius."""
        return receptive_radius(self._network, self.scale, self.device)

    @cached_property
    def bytes_per_voxel(self) -> float:
        """Most that tensors held at one time, counted on a small image, and the output once more as NumPy has it."""
        edge = 16
        x = torch.zeros(1, 1, edge, edge, edge, device=self.device)
        with Ledger() as ledger:
            self._run(x)
        return float(ledger.most / edge**3 + 4 * math.prod(self.scale))

    def _run(self, x: Tensor) -> Tensor:
        with at_work(self.device, self.precision):
            y: Tensor = self._network(x)
            return y


@contextmanager
def at_work(device: torch.device, precision: Precision) -> Iterator[None]:
    """Without gradients, in that precision."""
    with (
        torch.inference_mode(),
        torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16"),
        torch.backends.cudnn.flags(enabled=True, allow_tf32=False),  # TF32 would round the interpolation to 10 bits
    ):
        yield


def receptive_radius(
    network: nn.Module, scale: tuple[int, int, int], device: torch.device | str = "cpu"
) -> tuple[int, int, int]:
    """How far an output voxel looks along each axis, in input voxels, by experiment: NaN goes wherever an input goes.

    One slice across a rod of zeros is NaN; the output voxels that are NaN see it. In float32: bfloat16 kernels multiply
    a neighbour by zero here and there, which NaN survives. Raises Refusal for a network that looks everywhere: it
    cannot be run in tiles.
    """
    i, j, k = (radius(network, axis, factor, device) for axis, factor in enumerate(scale))
    return i, j, k


@torch.inference_mode()
def radius(
    network: nn.Module, axis: int, factor: int, device: torch.device | str, axes: int = 3, channels: int = 1
) -> int:
    """``receptive_radius`` along one axis, of a network that takes so many channels on so many axes."""
    kinds = nn.Conv2d | nn.ConvTranspose2d | nn.Conv3d | nn.ConvTranspose3d
    layers = [layer for layer in network.modules() if isinstance(layer, kinds)]
    stride = max((layer.dilation[axis] * (layer.kernel_size[axis] - 1) for layer in layers), default=1)
    length = 64
    while length <= FARTHEST:
        size = [5] * axes
        size[axis] = length
        centre = length // 2
        x = torch.zeros(1, channels, *size, device=device)
        x.select(axis + 2, centre)[:] = float("nan")
        seeing = network(x).isnan().nonzero()[:, axis + 2] // factor
        first, last = int(seeing.min()), int(seeing.max())
        if first > stride and last < length - 1 - stride:  # not a single layer away from the rod's ends
            return max(centre - first, last - centre)
        length *= 2
    raise Refusal("This network looks at the whole image at once, so it cannot enhance in tiles; use another one.")


class Ledger(TorchFunctionMode):
    """Counts the bytes that tensors made within its block hold; ``most`` is the highest count."""

    def __init__(self) -> None:
        super().__init__()
        self.held = self.most = 0
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._enter(leaf.untyped_storage())
        return result

    def _enter(self, storage: torch.UntypedStorage) -> None:
        if storage in self._known:
            return
        self._known.add(storage)
        self.held += storage.nbytes()
        self.most = max(self.most, self.held)
        weakref.finalize(storage, self._leave, storage.nbytes())

    def _leave(self, size: int) -> None:
        self.held -= size


def find_device(name: str) -> torch.device:
    """cpu, cuda, cuda:1 or auto. Raises Refusal for one that is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise Refusal(f"There is no kind of device called {name!r}; use cpu, cuda, cuda:1 or auto.") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise Refusal(f"This machine offers no device {name}; use --device cpu, or auto.")
    return device


def has_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is the hardware's own; elsewhere it would be slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())  # noqa: SLF001
