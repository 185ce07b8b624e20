"""Slices of people who were measured in full: k-space files, of which images with their own phase are made."""

import copy
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Complex64

from finemri.cohorts.cohort import Cohort
from finemri.cohorts.planes import Size, centred, checked_matrix
from finemri.cohorts.roll import Roll
from finemri.cohorts.slices import SliceDraw
from finemri.physics.coils import combine, estimate_sensitivities
from finemri.physics.fourier import to_image
from finemri.physics.kspace import KSpace
from finemri.rawdata.files import LOOKS_LIKE_IMAGE, Domain, open_raw
from finemri.refusal import Refusal
from finemri.shapes import Sampled, Slice
from finemri.volumes.intensity import by_percentile

Images = Complex64[np.ndarray, "slice i j"]


class MeasuredSlices:
    """x = Σ_c S̄_c Fᴴ k_c of fully sampled k-space; S as the file has it, else estimated (ESPIRiT), 1 for one coil.

    ``matrix`` (i, j): cropped or padded about the centre; None: as measured. ``domain`` as in open_raw. Empty slices
    are left out. Raises Refusal for people without a file, for k-space with gaps (see ``is_whole``), for what looks
    like an image but was not said to be one, and for whatever open_raw refuses.
    """

    def __init__(self, cohort: Cohort, *, matrix: Size | None = None, domain: Domain | None = None) -> None:
        self.matrix = checked_matrix(matrix)
        self.roll = Roll({s.name: tuple(_images(path, domain) for path in s.images) for s in cohort.subjects})

    @property
    def people(self) -> tuple[str, ...]:
        return self.roll.people

    @property
    def matrices(self) -> frozenset[Size]:
        if self.matrix is not None:
            return frozenset({self.matrix})
        return frozenset((x.shape[1], x.shape[2]) for _, x in self.roll.every())

    def only(self, people: Iterable[str]) -> "MeasuredSlices":
        other = copy.copy(self)
        other.roll = self.roll.only(people)
        return other

    def draw(self, rng: np.random.Generator) -> SliceDraw:
        person, images = self.roll.draw(rng)
        return SliceDraw(person, centred(images[rng.integers(len(images))], self.matrix))

    def every(self) -> Iterator[SliceDraw]:
        for person, images in self.roll.every():
            for image in images:
                yield SliceDraw(person, centred(image, self.matrix))


def is_whole(mask: Sampled) -> bool:
    """Whether everything is sampled of a box that is at least half of k-space: zeros around it are no gaps."""
    i, j = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    box = mask[i[0] : i[-1] + 1, j[0] : j[-1] + 1] if i.size else mask
    return bool(box.all() and 2 * box.size >= mask.size)


def _images(path: Path, domain: Domain | None) -> Images:
    """The slices of a file, in units of their brightness."""
    scan = open_raw(path, domain=domain)
    if LOOKS_LIKE_IMAGE in scan.flags:
        raise Refusal(f"{path.name} {LOOKS_LIKE_IMAGE}, or --domain kspace if it is not.")
    images = np.stack([_image(scan.slice(n), path) for n in range(len(scan)) if scan.samples[n].any()])
    return images / np.float32(by_percentile(np.abs(images)).scale)


def _image(kspace: KSpace, path: Path) -> Slice:
    if not is_whole(kspace.mask):
        raise Refusal(
            f"{path.name} is sampled at {kspace.mask.mean():.0%}, so nobody knows the true image; "
            "train and evaluate on fully sampled k-space."
        )
    maps = estimate_sensitivities(kspace) if kspace.sensitivities is None else kspace.sensitivities
    return combine(to_image(torch.from_numpy(kspace.samples)).numpy(), maps)
