"""Scans made coarse: what methods get of a truth, and how the images that come back are held against it."""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from finemri.cohorts.cohort import Subject
from finemri.evaluate.lesions import judge_lesions
from finemri.measures import MEASURES, contract_of
from finemri.measures.contract import Contract, Region
from finemri.measures.fidelity import reference_range
from finemri.measures.mask import head_mask
from finemri.physics.degradation import Degradation, GaussianBlur, KSpaceTruncation, add_rician_noise
from finemri.refusal import Refusal
from finemri.shapes import FineVoxels, Mask, Voxels
from finemri.volumes.crimes import crimes_of
from finemri.volumes.enhancer import Enhancer
from finemri.volumes.files import open_volume, save_volume
from finemri.volumes.grid import crop_to_multiple, scaled_affine
from finemri.volumes.intensity import NORMALISERS
from finemri.volumes.volume import Volume

Kind = Literal["blur", "kspace", "blur-0.7", "blur-1.3"]
KERNELS: dict[Kind, Callable[[int], Degradation]] = {
    "blur": GaussianBlur,
    "kspace": KSpaceTruncation,
    "blur-0.7": lambda scale: GaussianBlur(scale, 0.7),
    "blur-1.3": lambda scale: GaussianBlur(scale, 1.3),
}
"""Name -> what makes a scan coarse, for a scale. blur has σ = 1 voxel, the others the σ of their name: a mismatch in
degree, where kspace is one in kind."""


@dataclass(frozen=True)
class Degrade:
    """What is done to the truth."""

    kind: Kind
    scale: int
    noise: float
    seed: int
    lesions: tuple[float, ...] = ()
    """Diameters in mm of balls that are put into the truth, one at a time."""

    def __post_init__(self) -> None:
        if not all(math.isfinite(diameter) and diameter > 0 for diameter in self.lesions):
            raise Refusal(f"Lesions have diameters above 0 mm, not {self.lesions}.")
        if self.scale < 2 or not (math.isfinite(self.noise) and self.noise >= 0):
            raise Refusal(
                f"Evaluating needs a scale of at least 2 and no negative noise, not {self.scale}, {self.noise}."
            )

    @property
    def name(self) -> str:
        """As the CSV has it."""
        return self.kind if self.noise == 0 else f"{self.kind} + Rician {self.noise:g} (seed {self.seed})"

    def open(self, subject: str, scan: Subject) -> tuple[str, Callable[[], "Trial"]]:
        """The scan is the truth."""
        volume = open_volume(scan.images[0])
        return volume.source.sha256 if volume.source else "", lambda: Trial.of(volume, subject, self)

    def __call__(self, truth: Volume, subject: str) -> Volume:
        """The coarse scan, on its own grid over the same field of view."""
        coarse = KERNELS[self.kind](self.scale)(torch.tensor(truth.voxels))
        if self.noise > 0:
            draw = hashlib.sha256(f"{self.seed} {subject}".encode()).digest()  # of its own, whatever the cohort's order
            generator = torch.Generator().manual_seed(int.from_bytes(draw[:7], "big"))
            coarse = add_rician_noise(coarse, self.noise * NORMALISERS["percentile"](truth.voxels).scale, generator)
        return Volume(coarse.numpy(), scaled_affine(truth.affine, (1 / self.scale,) * 3))


@dataclass(frozen=True, eq=False)
class Trial:
    """A truth, what methods get of it, and how they are judged."""

    subject: str
    truth: Volume
    coarse: Volume
    head: Mask
    crop: str
    """As the contract has it."""
    crimes: tuple[str, ...] = ()
    """Data crimes that the truth gives away."""
    degrade: Degrade | None = None

    @classmethod
    def of(cls, scan: Volume, subject: str, degrade: Degrade) -> "Trial":
        """Crop, degrade, and find the head."""
        truth = crop_to_multiple(scan, (degrade.scale,) * 3)
        kept, whole = ("x".join(str(n) for n in volume.shape) for volume in (truth, scan))
        crop = "none" if kept == whole else f"the first {kept} of {whole} voxels"
        return cls(
            subject, truth, degrade(truth, subject), head_mask(truth.voxels), crop, crimes_of(truth.voxels), degrade
        )

    def judge(self, image: FineVoxels, by: Enhancer) -> Iterator[tuple[str, float, Contract]]:  # noqa: ARG002
        """Measure, value, contract: every measure, inside the head and over the full field."""
        return judge_volume(image, self.truth, self.head, self.crop, self.crimes)

    def probe(
        self, image: FineVoxels, enhance: Callable[[Voxels], FineVoxels]
    ) -> Iterator[tuple[str, float, Contract]]:
        """Lesions, if there are any to try."""
        if (degrade := self.degrade) is None or not degrade.lesions:
            return iter(())
        return judge_lesions(
            self.truth,
            self.head,
            image,
            degrade.lesions,
            bring_back=lambda truth: enhance(degrade(truth, self.subject).voxels),
            scale=degrade.scale,
            word=f"{degrade.seed} {self.subject}",
            crop=self.crop,
        )

    def save(self, folder: Path, label: str, image: FineVoxels, *, force: bool) -> None:
        """The image, and once the truth and the coarse scan."""
        folder.mkdir(exist_ok=True)
        for name, volume in (("truth", self.truth), ("coarse", self.coarse), (label, self.truth.with_voxels(image))):
            path = folder / f"{self.subject}_{name}.nii.gz"
            if force or name == label or not path.exists():
                save_volume(volume, path, force=True)


def judge_volume(
    image: FineVoxels, true: Volume, head: Mask, crop: str, crimes: Sequence[str] = ()
) -> Iterator[tuple[str, float, Contract]]:
    """Every measure of a volume, inside the head and over the full field; slices are those that lie most upright."""
    truth: Voxels = true.voxels
    peak = reference_range(truth)
    upright = np.abs(true.affine[2, :3]) / true.spacing
    masks: dict[Region, Mask | None] = {"head": head, "full": None}
    for name, measure in MEASURES.items():
        for region, mask in masks.items():
            value = measure.or_nan(image, truth, mask, peak=peak, axis=int(upright.argmax()))
            contract = contract_of(name, mask=region, peak=peak, crop=crop)
            yield name, value, replace(contract, data="; ".join(crimes) or None)
