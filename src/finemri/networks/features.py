"""What a classifier of photographs sees in an image: the features of VGG, for perceptual losses."""

import hashlib
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional

from finemri.refusal import Refusal
from finemri.shapes import MadeMaps, Maps

Convention = Literal["torchvision", "caffe"]
Brightness = Literal["unit", "standardised", "bare"]

CONVOLUTIONS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""How many stand before each pooling, by depth of the network."""
MAPS = (64, 128, 256, 512, 512)


class VGGFeatures(nn.Module):
    """φ(x): VGG16 or VGG19 up to ``layer`` ("conv3_4", "relu5_4", "pool4" …), frozen (Simonyan & Zisserman, 2015).

    (b, 1 or 3, i, j) of brightness 0…1, not clamped -> (b, maps, mi, mj); one channel is taken for red, green and blue.
    Several layers: ``maps`` gives what each makes of the image, calling it what the last one does.
    ``path`` is a safetensors file with torchvision's names (features.N.weight); which of the two networks it holds
    shows in those names. ``convention``: "torchvision" (RGB, 0…1, ImageNet's mean and deviation) or "caffe" (BGR,
    0…255, less 103.939, 116.779, 123.68); None reads the file's metadata (order: BGR or RGB). ``size`` resizes images
    to size × size first, bilinearly. ``sha256`` is what the file must be. ``brightness`` is what images come in:
    "unit", 0…1; "standardised", mean 0 and deviation 1, which stands for ImageNet's; "bare", into the first
    convolution as they are, whose kernels' mean over the colours sees one channel (the code of Narcomey & Gu, 2019).
    Raises Refusal for a file that is not such, for a layer that it lacks and for an image smaller than the poolings on
    the way.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        path: Path,
        layer: str | tuple[str, ...],
        convention: Convention | None = None,
        size: int | None = None,
        sha256: str | None = None,
        brightness: Brightness = "unit",
    ) -> None:
        super().__init__()
        wanted = (layer,) if isinstance(layer, str) else layer
        if not wanted:
            raise Refusal("No layer of VGG was named; name one at least, such as relu3_3.")
        self.size, self.brightness = size, brightness
        weights, said = _read(path, sha256)
        plan = list(_plan(19 if "features.16.weight" in weights or "features.17.weight" not in weights else 16))
        names = [name for name, _ in plan]
        for name in wanted:
            if name not in names:
                raise Refusal(f"VGG has no layer {name!r}; its layers are conv1_1, relu1_1 … pool5.")
        self.told = sorted(names.index(name) for name in wanted)
        self.layer = names[self.told[-1]]
        plan = plan[: self.told[-1] + 1]
        lacking = [
            name for number, (name, maps) in enumerate(plan) if maps and f"features.{number}.weight" not in weights
        ]
        if lacking:
            number = names.index(lacking[0])
            deepest = f"reaches {names[number - 1]}" if number else "holds no VGG under torchvision's names"
            raise Refusal(f"{path} {deepest} and not {self.layer}; choose an earlier layer or another file.")
        layers: list[nn.Module] = []
        for number, (name, maps) in enumerate(plan):
            if maps:
                convolution = nn.Conv2d(*maps, 3, padding=1)
                _fill(convolution, weights, number, path)
                layers.append(convolution)
            else:
                layers.append(nn.ReLU() if name.startswith("relu") else nn.MaxPool2d(2))
        self.layers = nn.Sequential(*layers).requires_grad_(requires_grad=False)
        self.reversed = (convention or said or _unsaid(path)) == "caffe" and brightness != "bare"
        mean, deviation = _scale(brightness, reverse=self.reversed)
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation)[:, None, None], persistent=False)

    def forward(self, image: Maps) -> MadeMaps:
        return self.maps(image)[-1]

    def maps(self, image: Maps) -> list[Tensor]:
        """What each of the named layers makes of the image, the first first."""
        if self.size is not None:
            image = functional.interpolate(image, (self.size, self.size), mode="bilinear", align_corners=False)
        pools = sum(isinstance(layer, nn.MaxPool2d) for layer in self.layers)
        if min(image.shape[-2:]) < 2**pools:
            i, j = image.shape[-2:]
            raise Refusal(
                f"Nothing of {i}×{j} is left at {self.layer}; give {2**pools}×{2**pools} and more, or resize."
            )
        grey = self.brightness == "bare" and image.shape[1] == 1
        x = (image / 3 if grey else image).expand(-1, 3, -1, -1)
        x = ((x.flip(1) * 255 if self.reversed else x) - self.mean) / self.deviation
        seen: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            x = layer(x)
            if number in self.told:
                seen.append(x)
        return seen


def _scale(brightness: Brightness, reverse: bool) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What is taken off each colour, and what divides it then."""
    none, one, imagenet = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.229, 0.224, 0.225)
    if brightness == "bare":
        return none, one
    if brightness == "standardised":
        return none, tuple(1 / d for d in reversed(imagenet)) if reverse else one
    if brightness == "unit":
        return ((103.939, 116.779, 123.68), one) if reverse else ((0.485, 0.456, 0.406), imagenet)
    raise Refusal(f"Images come as 'unit', 'standardised' or 'bare', not {brightness!r}.")


def _plan(depth: int) -> Iterator[tuple[str, tuple[int, int] | None]]:
    """Name and maps (in, out) of each layer in the order of torchvision's ``features``; None: nothing to learn."""
    for block, (inputs, outputs) in enumerate(itertools.pairwise((3, *MAPS)), start=1):
        for number in range(1, CONVOLUTIONS[depth][block - 1] + 1):
            yield f"conv{block}_{number}", (inputs if number == 1 else outputs, outputs)
            yield f"relu{block}_{number}", None
        yield f"pool{block}", None


def _read(path: Path, sha256: str | None) -> tuple[dict[str, Tensor], Convention | None]:
    """The weights of features, and what the file says about its colours."""
    try:
        if sha256 is not None:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != sha256.lower():
                raise Refusal(f"{path} has the SHA-256 digest {found} and not {sha256}; fetch it again.")
        with safe_open(path, "pt") as tensors:
            facts = tensors.metadata() or {}
            names = [name for name in tensors.keys() if re.fullmatch(r"features\.\d+\.(weight|bias)", name)]  # noqa: SIM118
            weights = {name: tensors.get_tensor(name) for name in names}
    except FileNotFoundError:
        raise Refusal(f"There is no file {path}; give the weights of VGG as safetensors.") from None
    except (SafetensorError, OSError):
        raise Refusal(f"{path} cannot be read as safetensors; give the weights of VGG in that format.") from None
    order = facts.get("order")
    return weights, "caffe" if order == "BGR" else "torchvision" if order == "RGB" else None


def _fill(convolution: nn.Conv2d, weights: dict[str, Tensor], number: int, path: Path) -> None:
    for name, parameter in convolution.named_parameters():
        found = weights.get(f"features.{number}.{name}")
        if found is None or found.shape != parameter.shape:
            raise Refusal(
                f"features.{number}.{name} of {path} is not VGG's; give torchvision's weights as safetensors."
            )
        parameter.data = found.float()


def _unsaid(path: Path) -> Convention:
    raise Refusal(
        f"{path} does not say how it takes colours; give convention='torchvision' (RGB, 0…1) or 'caffe' (BGR, 0…255)."
    )
