"""Networks of others: run as their list says, in slabs as in one go, and nothing taken on trust."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from finemri.networks.layered import LayeredNetwork, read_layers
from finemri.refusal import Refusal

torch.set_num_threads(1)
DILATIONS = (1, 2, 9, 17, 1)
CLASSES = 4


def layer(n: int, inputs: int, outputs: int, kernel: int, dilation: int) -> dict[str, Any]:
    sizes = {"conv": n, "in": inputs, "out": outputs, "kernel": kernel, "dilation": dilation}
    return {**sizes, "padding": "same", "activation": "linear"}


def files(maps: int = 3, seed: int = 0) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """A small network of the same kind, one of whose layers reaches further than a slab is deep."""
    generator, layers, tensors = torch.Generator().manual_seed(seed), [{"op": "InputLayer"}], {}
    sizes = [(1, maps), *[(maps, maps)] * (len(DILATIONS) - 1), (maps, CLASSES)]
    for n, (inputs, outputs) in enumerate(sizes):
        last = n == len(DILATIONS)
        kernel = 1 if last else 3
        layers.append(layer(n, inputs, outputs, kernel, 1 if last else DILATIONS[n]))
        if not last:
            layers.append({"op": "Activation", "activation": "elu"})
        tensors[f"{n}.weight"] = torch.randn(outputs, inputs, *(kernel,) * 3, generator=generator) / inputs**0.5
        tensors[f"{n}.bias"] = torch.randn(outputs, generator=generator)
    return layers, tensors


def by_torch(tensors: dict[str, Tensor], x: Tensor) -> Tensor:
    """The same with torch's own layers."""
    for n, dilation in enumerate((*DILATIONS, 1)):
        weight = tensors[f"{n}.weight"]
        x = nn.functional.conv3d(x, weight, tensors[f"{n}.bias"], padding="same", dilation=dilation)
        x = nn.functional.elu(x) if n < len(DILATIONS) else x
    return x


@pytest.mark.parametrize("depth", [5, 16, 17, 40])
def test_in_slabs_as_in_one_go_and_as_torch_has_it(depth: int) -> None:
    """Zeros lie around every layer, at the edges of the volume and nowhere else."""
    layers, tensors = files()
    network, x = LayeredNetwork(layers, tensors), torch.rand(depth, 9, 7)
    with torch.inference_mode():
        whole, expected = network(x[None, None]), by_torch(tensors, x[None, None])
    torch.testing.assert_close(whole, expected, rtol=1e-4, atol=1e-4)
    labels = network.labels(x)
    assert labels.shape == x.shape
    assert labels.dtype == torch.uint8
    assert len(labels.unique()) > 1, "else anything agrees"
    assert torch.equal(labels, whole.argmax(1)[0].to(torch.uint8))
    assert network.classes == CLASSES


def test_what_is_given_is_not_written_over() -> None:
    network, x = LayeredNetwork(*files(maps=1)), torch.rand(20, 4, 4)
    kept = x.clone()
    network.labels(x)
    assert torch.equal(x, kept)


@pytest.mark.parametrize(
    ("place", "change", "sentence"),
    [
        (1, {"dilation": 1.0}, "whole number"),
        (1, {"dilation": True}, "whole number"),
        (1, {"dilation": 10**6}, "1 to 64"),
        (1, {"out": -3}, "whole number"),
        (1, {"kernel": 2}, "odd"),
        (1, {"padding": "valid"}, "keep the size"),
        (1, {"conv": 4}, "convolution 0"),
        (1, {"activation": "exec"}, "activation"),
        (3, {"in": 7}, "takes 7 maps and gets 3"),
        (2, {"op": "Upsample"}, "Upsample"),
        (2, {"activation": "softmax"}, "softmax"),
        (2, {"extra": 1}, "Activation"),
        (0, {"op": "Lambda"}, "InputLayer"),
    ],
)
def test_lists_that_finemri_does_not_run_are_refused(place: int, change: dict[str, Any], sentence: str) -> None:
    layers, _ = files()
    layers[place] = {**layers[place], **change}
    with pytest.raises(Refusal, match=sentence):
        read_layers(layers)


@pytest.mark.parametrize("layers", [None, {}, [], [{"op": "InputLayer"}], [{"op": "InputLayer"}, 3], "[]"])
def test_what_is_no_list_of_layers_is_refused(layers: object) -> None:
    with pytest.raises(Refusal):
        read_layers(layers)


def test_the_last_layer_has_to_tell_labels() -> None:
    layers, _ = files()
    with pytest.raises(Refusal, match="last layer"):
        read_layers([*layers, {"op": "Activation", "activation": "elu"}])
    with pytest.raises(Refusal, match="second activation"):
        read_layers([*layers[:3], layers[2], *layers[3:]])


def test_weights_that_do_not_belong_to_the_list_are_refused() -> None:
    layers, tensors = files()
    for change, sentence in (
        ({"0.bias": torch.zeros(2)}, "0.bias"),
        ({"0.bias": torch.full((3,), torch.nan)}, "finite"),
        ({"1.weight": torch.zeros(3, 3, 3, 3, 3, dtype=torch.int32)}, "1.weight"),
        ({"9.weight": torch.zeros(1)}, "9.weight"),
    ):
        with pytest.raises(Refusal, match=sentence):
            LayeredNetwork(layers, {**copy.copy(tensors), **change})
    with pytest.raises(Refusal, match="only one of them"):
        LayeredNetwork(layers, {name: t for name, t in tensors.items() if name != "2.bias"})
