"""Slices measured in full: as a scanner would have measured an image, or as one did. What methods get is a part."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32

from finemri.cohorts.acquisitions import measure
from finemri.cohorts.cohort import Cohort, Subject
from finemri.cohorts.layouts import KSPACE, PICTURES
from finemri.cohorts.measured import is_whole
from finemri.cohorts.planes import centred
from finemri.cohorts.slices import LabelledSlice, SliceSource, VolumeSlices
from finemri.cohorts.stacks import StackSlices
from finemri.physics.coils import root_sum_of_squares, simulate_sensitivities
from finemri.physics.fourier import to_image
from finemri.physics.kspace import KSpace
from finemri.physics.phase import smooth_phase
from finemri.rawdata.files import LOOKS_LIKE_IMAGE, Domain, open_raw
from finemri.refusal import Refusal
from finemri.shapes import Magnitude
from finemri.volumes.crimes import CRIME, crimes_of
from finemri.volumes.files import open_volume

Size = tuple[int, int]
Axis = Literal[0, 1, 2]
Shown = Float32[np.ndarray, "si sj"]
"""A magnitude as well, of a part: its sides have lengths of their own."""
SHOWS = 0.05
"""Share of a slice that has to be brighter than a tenth of the scan's brightest tissue, for the slice to be judged."""


@dataclass(frozen=True)
class Scanner:
    """How k-space comes about. Raises Refusal for settings that make no sense."""

    axis: Axis = 2
    """Of the file: slices lie across it."""
    matrix: Size | None = None
    """Of images: cropped or padded to it before k-space is made. Of k-space: the middle of the image that counts."""
    coils: int = 1
    """Receive coils that see an image."""
    noise: float = 0.0
    """σ in either part of a complex sample, as a share of the brightest tissue (99.9th percentile)."""
    phase: bool = False
    """Give real images a smooth random phase."""
    domain: Domain | None = None
    """What the samples of a file of k-space are; None: real ones an image, complex ones k-space."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.coils < 0 or not 0 <= self.noise < np.inf:
            raise Refusal(f"A scanner has coils and no negative noise, not {self.coils}, {self.noise:g}.")

    @property
    def is_plain(self) -> bool:
        """Whether nothing is asked that only a simulated scan can have."""
        return (self.axis, max(self.coils, 1), self.phase) == (2, 1, False)


@runtime_checkable
class Slices(Protocol):
    """The slices of one scan that show something."""

    about: str
    """Where k-space came from, as the contract has it."""
    crimes: tuple[str, ...]
    """Data crimes that the file gives away; they stand in ``about`` as well."""
    crop: str
    """The part of the field of view that counts, as the contract has it."""
    across: str
    """How the slices lie, as the contract has it."""

    def __len__(self) -> int:
        """How many."""

    def truth(self, n: int) -> Magnitude:
        """What slice n shows, in the part that counts."""

    def labels(self, n: int) -> LabelledSlice | None:
        """What is where, if that is known."""

    def kspace(self, n: int) -> KSpace:
        """Every sample of slice n, with sensitivities where they are known: noisy if noise was asked for."""

    def shown(self, image: Magnitude) -> Shown:
        """The part of an image that counts."""


def open_slices(scan: Subject, scanner: Scanner, *, labels: bool = False) -> Slices:
    """The slices of a file of images or of k-space. Raises Refusal where they do not suit the scanner."""
    path = scan.images[0]
    return Measured(scan, scanner) if is_raw(path) else Simulated(scan, scanner, labels=labels)


def is_raw(path: Path) -> bool:
    """Whether a file holds k-space, by its name."""
    return path.name.lower().endswith(KSPACE)


def chance(*words: object) -> int:
    """A seed of its own for everything that is drawn, whatever the order in which it is."""
    return int.from_bytes(hashlib.sha256(" ".join(map(str, words)).encode()).digest()[:7], "big")


class Simulated:
    """F S x + n of every slice x of a volume or a stack of pictures, as bright as the cohorts' rooms make it."""

    def __init__(self, scan: Subject, scanner: Scanner, *, labels: bool) -> None:
        self.name, self.scanner, matrix = scan.name, scanner, scanner.matrix
        pictures = scan.images[0].name.lower().endswith(PICTURES)
        self.draws = list(_source(scan, scanner, pictures=pictures, labels=labels).every())
        rng = np.random.default_rng(chance(scanner.seed, scan.name, "coils"))
        self.sensitivities = simulate_sensitivities(_size(self.draws[0].image), max(scanner.coils, 1), rng)
        image = "8-bit pictures of magnitude and phase" if pictures else "a magnitude image"
        phase = " given a smooth random phase" if scanner.phase and not pictures else ""
        coils = f"; {scanner.coils} simulated coils" if scanner.coils > 1 else ""
        self.crimes = () if pictures else crimes_of(open_volume(scan.images[0]).voxels)
        self.about = "; ".join([f"k-space simulated from {image}{phase} (data crime){coils}", *self.crimes])
        resized = "resized" if pictures else "cropped or padded about the centre"
        self.crop = "none" if matrix is None else f"{resized} to {_by(matrix)} before k-space is made"
        self.across = "slice by slice" if pictures else f"slice by slice across axis {scanner.axis}"

    def __len__(self) -> int:
        return len(self.draws)

    def truth(self, n: int) -> Magnitude:
        return np.asarray(np.abs(self.draws[n].image), dtype=np.float32)

    def labels(self, n: int) -> LabelledSlice | None:
        return self.draws[n].labels

    def kspace(self, n: int) -> KSpace:
        image = self.draws[n].image
        rng = np.random.default_rng(chance(self.scanner.seed, self.name, n, "scan"))
        if self.scanner.phase and not np.iscomplexobj(image):
            image = image * np.exp(1j * smooth_phase(_size(image), rng))
        scan = measure(image.astype(np.complex64), self.sensitivities, self.scanner.noise, rng)
        return KSpace(scan.kspace.numpy(), np.ones(image.shape, dtype=bool), self.sensitivities)

    def shown(self, image: Magnitude) -> Shown:
        return image


class Measured:
    """Fully sampled k-space of a file. The truth is √Σ_c |Fᴴ k_c|², noise included: no image knows better.

    Raises Refusal for k-space with gaps, and for what only an image can be asked: coils, a phase, an axis.
    """

    def __init__(self, scan: Subject, scanner: Scanner) -> None:
        self.name, self.scanner = scan.name, scanner
        if not scanner.is_plain:
            raise Refusal(f"{scan.name} is k-space as it was measured; leave out --coils, --phase and --axis.")
        self.raw = open_raw(scan.images[0], domain=scanner.domain)
        if LOOKS_LIKE_IMAGE in self.raw.flags:
            raise Refusal(f"The k-space of {scan.name} {LOOKS_LIKE_IMAGE}, or --domain kspace if it is not.")
        if not is_whole(self.raw.sampled):
            share = self.raw.sampled.mean()
            raise Refusal(
                f"Only {share:.0%} of the k-space of {scan.name} was measured, with gaps, so nobody knows the true "
                "image; evaluate on fully sampled scans."
            )
        self.matrix = scanner.matrix or self.raw.shown or self.raw.shape
        if any(m > n for m, n in zip(self.matrix, self.raw.shape, strict=True)):
            raise Refusal(f"The image of {scan.name} is {_by(self.raw.shape)}; choose a smaller --matrix.")
        whole = self.matrix == self.raw.shape
        self.crop = "none" if whole else f"the middle {_by(self.matrix)} of {_by(self.raw.shape)} pixels"
        self.across = "slice by slice, as measured"
        coils = "1 coil" if self.raw.coils == 1 else f"{self.raw.coils} coils, truth: root of the sum of squares"
        self.crimes = tuple(flag for flag in self.raw.flags if CRIME in flag)
        self.about = "; ".join([f"k-space as measured, {coils}", *self.raw.flags])
        found = [self.shown(self._image(n)) for n in range(len(self.raw))]
        self.brightest = max(float(np.percentile(image, 99.9)) for image in found)
        self.numbers = [n for n, image in enumerate(found) if (image > 0.1 * self.brightest).mean() >= SHOWS]
        self.truths: Sequence[Magnitude] = [found[n] for n in self.numbers]

    def __len__(self) -> int:
        return len(self.numbers)

    def truth(self, n: int) -> Magnitude:
        return self.truths[n]

    def labels(self, n: int) -> LabelledSlice | None:  # noqa: ARG002  # nobody labels k-space
        return None

    def kspace(self, n: int) -> KSpace:
        kspace = self.raw.slice(self.numbers[n])
        maps = np.ones_like(kspace.samples) if kspace.coils == 1 else kspace.sensitivities
        samples = kspace.samples
        if self.scanner.noise > 0:
            rng = np.random.default_rng(chance(self.scanner.seed, self.name, n, "scan"))
            real, imaginary = rng.standard_normal((2, *samples.shape), dtype=np.float32)
            samples = samples + np.float32(self.scanner.noise * self.brightest) * (real + 1j * imaginary)
        return KSpace.of(samples, kspace.mask, maps)

    def shown(self, image: Magnitude) -> Shown:
        return centred(image, self.matrix)

    def _image(self, n: int) -> Magnitude:
        return root_sum_of_squares(to_image(torch.from_numpy(self.raw.samples[n])).numpy())


def _source(scan: Subject, scanner: Scanner, *, pictures: bool, labels: bool) -> SliceSource:
    cohort = Cohort((scan,))
    if pictures:
        return StackSlices(cohort, matrix=scanner.matrix)
    return VolumeSlices(cohort, axis=scanner.axis, matrix=scanner.matrix, labels=labels)


def _size(image: np.ndarray) -> Size:
    return image.shape[0], image.shape[1]


def _by(shape: Size) -> str:
    return f"{shape[0]}x{shape[1]}"
