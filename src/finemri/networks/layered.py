"""A network that somebody else trained: a list of dilated 3D convolutions, one after the other, as JSON has it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor, nn
from torch.nn import functional

from finemri.refusal import Refusal
from finemri.shapes import Batch, Made

MOST = {"out": 256, "kernel": 7, "dilation": 64}
"""Above these, a file asks for more than any such network needs."""
LAYERS = 100
SLAB = 16
"""Slices along i that ``labels`` works on at a time."""
CONVOLUTION = {"conv", "in", "out", "kernel", "dilation", "padding", "activation"}
ACTIVATIONS = ("linear", "elu", "relu")

Labelled = UInt8[Tensor, "i j k"]


@dataclass(frozen=True)
class Layer:
    """One convolution that keeps the size, and what follows it."""

    inputs: int
    outputs: int
    kernel: int
    dilation: int
    activation: str

    @property
    def reach(self) -> int:
        """How far it looks, in voxels; as many zeros lie around its input."""
        return self.dilation * (self.kernel // 2)


class LayeredNetwork(nn.Module):
    """x ↦ a(w_n ∗ … a(w_0 ∗ x + b_0) … + b_n), zeros around every layer: the MeshNet of Fedorov et al., 2017.

    ``layers``: the JSON list, {"op": "InputLayer"} first, then {"conv": n, "in", "out", "kernel", "dilation",
    "padding": "same", "activation"} with {"op": "Activation", "activation": "elu" or "relu"} between them. ``tensors``:
    n.weight (out, in, kernel, kernel, kernel) and n.bias of each. Raises Refusal for anything else in either.
    """

    def __init__(self, layers: object, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.layers = read_layers(layers)
        _check(self.layers, tensors)
        self.convolutions = nn.ModuleList()
        for n, layer in enumerate(self.layers):
            with torch.device("meta"):
                convolution = nn.Conv3d(layer.inputs, layer.outputs, layer.kernel, dilation=layer.dilation)
            for name in ("weight", "bias"):
                value = tensors[f"{n}.{name}"].float()
                setattr(convolution, name, nn.Parameter(value, requires_grad=False))
            self.convolutions.append(convolution)
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # twice as fast on a CPU

    @property
    def classes(self) -> int:
        """How many labels it tells apart."""
        return self.layers[-1].outputs

    def forward(self, x: Batch) -> Made:
        """(b, 1, i, j, k) -> logits (b, classes, i, j, k)."""
        y: Tensor = x
        for n, layer in enumerate(self.layers):
            y = self._layer(n, functional.pad(y, (layer.reach,) * 6))
        return y

    def labels(self, x: Tensor) -> Labelled:
        """argmax of the logits of (i, j, k): as ``forward``, in little more memory than the widest layer takes.

        Each layer is worked out in slabs along i that overwrite its own input, of which what the next slab looks back
        on is kept aside.
        """
        with torch.inference_mode():
            y = x[None, None].clone(memory_format=torch.channels_last_3d)
            for n, layer in enumerate(self.layers[:-1]):
                y = self._in_slabs(n, layer, y)
            found = [self._layer(len(self.layers) - 1, slab).argmax(1)[0] for slab in self._slabs(y, self.layers[-1])]
            return torch.cat(found).to(torch.uint8)

    def _in_slabs(self, n: int, layer: Layer, y: Tensor) -> Tensor:
        made, start = y, 0
        if layer.inputs != layer.outputs:
            shape = (1, layer.outputs, *y.shape[2:])
            made = torch.empty(shape, dtype=y.dtype, device=y.device, memory_format=torch.channels_last_3d)
        for slab in self._slabs(y, layer):
            part = self._layer(n, slab)
            made[:, :, start : start + part.shape[2]] = part
            start += part.shape[2]
        return made

    def _slabs(self, y: Tensor, layer: Layer) -> Iterator[Tensor]:
        """Slabs of the input with all that the layer looks at around them; zeros beyond the edges."""
        size, reach = y.shape[2], layer.reach
        depth = max(SLAB, reach)
        behind = y[:, :, :0]
        for start in range(0, size, depth):
            ahead = y[:, :, start : min(size, start + depth + reach)]
            slab = torch.cat([behind, ahead], 2)
            before = reach - behind.shape[2]
            after = max(0, start + depth + reach - size) if start + depth < size else reach
            behind = y[:, :, start + depth - reach : start + depth].clone()  # before the caller writes over it
            yield functional.pad(slab, (reach,) * 4 + (before, after))

    def _layer(self, n: int, padded: Tensor) -> Tensor:
        y: Tensor = self.convolutions[n](padded)
        kind = self.layers[n].activation
        return functional.elu_(y) if kind == "elu" else functional.relu_(y) if kind == "relu" else y


def read_layers(layers: object) -> tuple[Layer, ...]:
    """The convolutions of such a list. Raises Refusal for an operation, a field or a size that none has."""
    if not isinstance(layers, list) or not 2 <= len(layers) <= LAYERS or layers[0] != {"op": "InputLayer"}:
        raise Refusal(
            f"A layer list has 2 to {LAYERS} entries, the first of them the InputLayer; this file holds another thing."
        )
    found: list[Layer] = []
    for place, entry in enumerate(layers[1:], 1):
        if not isinstance(entry, dict):
            raise Refusal(f"Entry {place} of the layer list is no layer; give the list that came with the weights.")
        if entry.get("op") == "Activation" and entry.keys() == {"op", "activation"} and found:
            if found[-1].activation != "linear":
                raise Refusal(f"Entry {place} of the layer list is a second activation of one layer; leave one out.")
            found[-1] = _activated(found[-1], entry["activation"], place)
        elif entry.keys() == CONVOLUTION:
            found.append(_convolution(entry, found, place))
        else:
            raise Refusal(
                f"Entry {place} of the layer list is {entry.get('op', 'no convolution')!r}, and finemri runs "
                "convolutions with activations between them; use another network."
            )
    if not found or found[-1].activation != "linear" or not 2 <= found[-1].outputs <= 255:
        raise Refusal("The last layer tells labels apart: it is linear and has 2 to 255 outputs; use another network.")
    return tuple(found)


def _convolution(entry: Mapping[str, Any], before: Sequence[Layer], place: int) -> Layer:
    sizes = {name: entry[name] for name in ("in", "out", "kernel", "dilation")}
    for name, size in sizes.items():
        most = MOST.get(name, MOST["out"])
        if type(size) is not int or not 1 <= size <= most:  # a bool is an int to isinstance
            raise Refusal(f"Entry {place} of the layer list has {name} = {size!r}; it is a whole number, 1 to {most}.")
    expected = before[-1].outputs if before else 1
    if sizes["in"] != expected:
        raise Refusal(f"Entry {place} of the layer list takes {sizes['in']} maps and gets {expected}; mend the list.")
    if entry["conv"] != len(before) or sizes["kernel"] % 2 == 0 or entry["padding"] != "same":
        raise Refusal(
            f"Entry {place} of the layer list is not convolution {len(before)} of odd size, padded to keep the size; "
            "use another network."
        )
    layer = Layer(sizes["in"], sizes["out"], sizes["kernel"], sizes["dilation"], "linear")
    return _activated(layer, entry["activation"], place)


def _activated(layer: Layer, activation: object, place: int) -> Layer:
    if activation not in ACTIVATIONS:
        raise Refusal(f"Entry {place} of the layer list has the activation {activation!r}; known are {ACTIVATIONS}.")
    return Layer(layer.inputs, layer.outputs, layer.kernel, layer.dilation, str(activation))


def _check(layers: Sequence[Layer], tensors: Mapping[str, Tensor]) -> None:
    shapes: dict[str, tuple[int, ...]] = {}
    for n, layer in enumerate(layers):
        shapes[f"{n}.weight"] = (layer.outputs, layer.inputs, *(layer.kernel,) * 3)
        shapes[f"{n}.bias"] = (layer.outputs,)
    if strangers := sorted(tensors.keys() ^ shapes.keys()):
        raise Refusal(f"Weights and layer list do not belong together: only one of them has {strangers[0]}.")
    for name, shape in shapes.items():
        tensor = tensors[name]
        if tuple(tensor.shape) != shape or not tensor.is_floating_point() or not bool(tensor.isfinite().all()):
            raise Refusal(
                f"{name} of the weights is {tuple(tensor.shape)}, and the layer list says {shape} finite numbers; "
                "give files that belong together."
            )
