"""VGG for a recipe's perceptual loss: from the file that the user names, and never silently absent."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from finemri.refusal import Refusal

if TYPE_CHECKING:
    from finemri.networks.features import VGGFeatures


@runtime_checkable
class Asking(Protocol):
    """The settings that name the file."""

    @property
    def vgg(self) -> str:
        """Safetensors with torchvision's key names."""

    @property
    def vgg_convention(self) -> Literal["file", "torchvision", "caffe"]:
        """How it was taught to see images."""

    @property
    def vgg_sha256(self) -> str:
        """What its digest has to be; empty: not checked."""


def features_of(settings: Asking, layer: str | tuple[str, ...], **seen: Any) -> "VGGFeatures":
    """VGG up to ``layer``; ``seen``: VGGFeatures' size and brightness. Raises Refusal where no file was named."""
    if not settings.vgg:
        raise Refusal(
            "The perceptual loss needs VGG's weights: give a safetensors file with torchvision's key names by "
            "--recipe.vgg, or leave the loss out with --recipe.perceptual 0."
        )
    from finemri.networks.features import VGGFeatures

    convention = None if settings.vgg_convention == "file" else settings.vgg_convention
    return VGGFeatures(Path(settings.vgg), layer, convention, sha256=settings.vgg_sha256 or None, **seen)
