"""Who finds structures in images: a network here, or a program that was run elsewhere and left its label maps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from finemri.measures.segmentation import Labels
from finemri.refusal import Refusal
from finemri.shelf import JudgeMethod
from finemri.volumes.labels import nearest_labels, open_labels
from finemri.volumes.volume import Volume

OUTSIDE = "outside"
"""The digest of a judge of which only the maps are known; theirs stand beside."""
KEPT = 0.5
"""Share of a label map that lies within the image, if it is this image's."""


@runtime_checkable
class Judge(Protocol):
    """Image -> what is where."""

    @property
    def name(self) -> str:
        """As the contract has it."""

    @property
    def grid(self) -> str:
        """On which voxels it looks, as the contract has it."""

    @property
    def digest(self) -> str:
        """By which settings.json tells judges apart."""

    @property
    def names(self) -> Mapping[int, str]:
        """Label -> what it is called, as far as that is known."""

    def file(self, subject: str, method: str) -> Path | None:
        """The map that the judge goes by, if it goes by files. Raises Refusal where that is missing."""

    def find(self, subject: str, method: str, image: Volume) -> Labels:
        """Labels, on the image's grid."""

    def in_own_words(self, labels: Labels) -> Labels:
        """Somebody else's labels as this judge numbers them. Raises Refusal for one that it does not know."""


@dataclass(frozen=True)
class Network:
    """A trained segmenter."""

    method: JudgeMethod

    @property
    def name(self) -> str:
        return f"{self.method.name}@{self.digest[:8]}"

    @property
    def grid(self) -> str:
        return self.method.segmenter.grid

    @property
    def digest(self) -> str:
        return self.method.digest

    @property
    def names(self) -> Mapping[int, str]:
        return self.method.names

    def file(self, subject: str, method: str) -> Path | None:  # noqa: ARG002
        return None

    def find(self, subject: str, method: str, image: Volume) -> Labels:  # noqa: ARG002
        return self.method.segmenter(image)

    def in_own_words(self, labels: Labels) -> Labels:
        if self.method.classes == 2:
            return (labels > 0).astype(np.uint16)
        if labels.max() >= self.method.classes:
            raise Refusal(
                f"The cohort's label maps hold {labels.max()}, and this segmenter numbers its labels 0 to "
                f"{self.method.classes - 1}; give maps in its numbers, or a cohort without maps."
            )
        return labels


@dataclass(frozen=True)
class Outside:
    """Label maps {subject}_{method}.nii.gz or .nii in a folder, on any grid that their affines tell."""

    folder: Path
    name: str = "an outside program"
    grid: str = "whose maps were laid on the image's grid by nearest neighbour"
    digest: str = OUTSIDE
    names: Mapping[int, str] = field(default_factory=dict)

    def file(self, subject: str, method: str) -> Path | None:
        for ending in (".nii.gz", ".nii"):
            path = self.folder / f"{subject}_{method}{ending}"
            if path.is_file():
                return path
        raise Refusal(
            f"{self.folder} has no {subject}_{method}.nii.gz: let your program segment every file in the folder images "
            "but the coarse ones, and leave each label map here under the name of its image."
        )

    def find(self, subject: str, method: str, image: Volume) -> Labels:
        path = self.file(subject, method)
        assert path is not None
        return labels_of(path, image)

    def in_own_words(self, labels: Labels) -> Labels:
        return labels


def labels_of(path: Path, image: Volume) -> Labels:
    """A label map on the grid of an image. Raises Refusal where most of it lies elsewhere."""
    labels, affine = open_labels(path)
    found = nearest_labels(labels, affine, image.shape, image.affine)
    own, whole = (
        float((each > 0).sum()) * abs(float(np.linalg.det(of[:3, :3])))
        for each, of in ((found, image.affine), (labels, affine))
    )
    if own < KEPT * whole:
        raise Refusal(
            f"Most of the label map {path.name} lies outside of its image, as its affine tells; give one in the same "
            "millimetres."
        )
    return found
