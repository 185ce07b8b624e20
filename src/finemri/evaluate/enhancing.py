"""Make whole scans coarse, let every enhancing method bring them back, and measure what came of it."""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch
from rich.console import Console

from finemri.evaluate.scans import EVERYBODY, People, label_of, progress_bar, scans_of
from finemri.measures import MEASURES, contract_of
from finemri.measures.contract import Contract, Region
from finemri.measures.fidelity import reference_range
from finemri.measures.ledger import Ledger
from finemri.measures.mask import head_mask
from finemri.measures.table import BASELINE, NOTE, write_gains, write_tables
from finemri.measures.tidy import Row
from finemri.physics.degradation import Degradation, GaussianBlur, KSpaceTruncation, add_rician_noise
from finemri.refusal import Refusal
from finemri.shapes import FineVoxels, Mask, Voxels
from finemri.shelf import Method, find_method
from finemri.volumes.enhancer import Enhancer
from finemri.volumes.files import open_volume, save_volume
from finemri.volumes.grid import crop_to_multiple, scaled_affine
from finemri.volumes.intensity import NORMALISERS
from finemri.volumes.tiles import enhance_voxels
from finemri.volumes.volume import Volume

Kind = Literal["blur", "kspace"]


def evaluate(
    cohort: Path | Sequence[Path],
    methods: Sequence[str],
    *,
    degradation: Kind,
    scale: int = 2,
    noise: float = 0.0,
    into: Path,
    device: str = "auto",
    memory: int | None = None,
    force: bool = False,
    seed: int = 0,
    save_images: bool = False,
    people: People = EVERYBODY,
) -> Path:
    """Cohort × methods -> ``into/measures.csv``, one number a row; then table.csv and table.md, made from it alone.

    Each scan is the truth: cropped to a multiple of ``scale``, made coarse, and brought back by each method as the verb
    enhance would. ``degradation``: "blur" (Gaussian, σ = 1 voxel, then decimation) or "kspace" (truncation, periodic).
    ``noise`` adds Rician noise to the coarse scan, σ as a share of the truth's 99.9th percentile; ``seed`` and the
    subject's name draw it. Masks, ranges and units are the truth's. ``save_images`` keeps every image in into/images.
    ``people``: who is judged.

    Run again, it goes on where it stopped; methods and people may be added. Returns the path of the CSV. Raises Refusal
    where the folder holds results of other settings, unless ``force`` starts afresh.
    """
    degrade = Degrade(degradation, scale, noise, seed)
    shelf = methods_of(methods, scale, device)
    scans = scans_of(cohort, people)
    into.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(into, {"degradation": degrade.name, "scale": scale, "people": people.name}, force=force)

    def case(subject: str) -> tuple[str, Callable[[], Trial]]:
        scan = open_volume(scans[subject].images[0])
        return scan.source.sha256 if scan.source else "", lambda: Trial.of(scan, subject, degrade)

    images = into / "images" if save_images else None
    judge_all(scans, case, shelf, ledger, (degrade.name, scale), memory=memory, images=images, force=force)
    tell(ledger.path)
    return ledger.path


class Judge(Protocol):
    """A truth, what methods get of it, and how they are judged."""

    @property
    def coarse(self) -> Volume:
        """What methods get."""

    def judge(self, image: FineVoxels, by: Enhancer) -> Iterator[tuple[str, float, Contract]]:
        """Measure, value, contract of what a method made."""

    def save(self, folder: Path, label: str, image: FineVoxels, *, force: bool) -> None:
        """Keep the image."""


def methods_of(names: Sequence[str], scale: int, device: str) -> dict[str, Method]:
    """Label -> method. Raises Refusal where there is none."""
    device = device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    found = [(name, find_method(name, scale, device)) for name in names]
    shelf = {label_of(name, method.name, method.digest): method for name, method in found}
    if not shelf:
        raise Refusal(f"There is no method to evaluate; name at least one, for example {BASELINE}.")
    return shelf


def judge_all(
    subjects: Iterable[str],
    case: Callable[[str], tuple[str, Callable[[], Judge]]],
    shelf: Mapping[str, Method],
    ledger: Ledger,
    setting: tuple[str, int],
    *,
    memory: int | None,
    images: Path | None,
    force: bool,
) -> None:
    """Every method on everybody whose rows are missing. ``case``: subject -> digest of the files, and the judge to be;
    ``setting``: degradation and scale, as the CSV has them."""
    subjects, (kind, scale) = list(subjects), setting
    for label, method in shelf.items():
        ledger.agree("methods", label, method.digest or "")
        ledger.describe(label, method.header)
    with progress_bar() as progress:
        task = progress.add_task("", total=len(subjects) * len(shelf))
        for subject in subjects:
            digest, judge = case(subject)
            ledger.agree("subjects", subject, digest)
            missing = [label for label in shelf if (subject, label) not in ledger]
            progress.advance(task, len(shelf) - len(missing))
            if not missing:
                continue
            trial = judge()
            for label in missing:
                progress.update(task, description=f"{subject} {label}")
                enhancer = shelf[label].enhancer
                image = enhance_voxels(enhancer, trial.coarse.voxels, memory=memory)
                if images is not None:
                    trial.save(images, label, image, force=force)
                ledger.add([Row(subject, label, kind, scale, *number) for number in trial.judge(image, enhancer)])
                progress.advance(task)


def tell(measures: Path) -> None:
    """Write the tables, and print what matters."""
    console = Console()
    for table in write_tables(measures):
        console.print(table)
    for line in write_gains(measures):
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"{NOTE} Every measure, and the full field: {measures.with_name('table.md')}")


@dataclass(frozen=True)
class Degrade:
    """What is done to the truth."""

    kind: Kind
    scale: int
    noise: float
    seed: int

    def __post_init__(self) -> None:
        if self.scale < 2 or not (math.isfinite(self.noise) and self.noise >= 0):
            raise Refusal(
                f"Evaluating needs a scale of at least 2 and no negative noise, not {self.scale}, {self.noise}."
            )

    @property
    def name(self) -> str:
        """As the CSV has it."""
        return self.kind if self.noise == 0 else f"{self.kind} + Rician {self.noise:g} (seed {self.seed})"

    def __call__(self, truth: Volume, subject: str) -> Volume:
        """The coarse scan, on its own grid over the same field of view."""
        operators: dict[str, Degradation] = {"blur": GaussianBlur(self.scale), "kspace": KSpaceTruncation(self.scale)}
        coarse = operators[self.kind](torch.tensor(truth.voxels))
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

    @classmethod
    def of(cls, scan: Volume, subject: str, degrade: Degrade) -> "Trial":
        """Crop, degrade, and find the head."""
        truth = crop_to_multiple(scan, (degrade.scale,) * 3)
        kept, whole = ("x".join(str(n) for n in volume.shape) for volume in (truth, scan))
        crop = "none" if kept == whole else f"the first {kept} of {whole} voxels"
        return cls(subject, truth, degrade(truth, subject), head_mask(truth.voxels), crop)

    def judge(self, image: FineVoxels, by: Enhancer) -> Iterator[tuple[str, float, Contract]]:  # noqa: ARG002
        """Measure, value, contract: every measure, inside the head and over the full field."""
        return judge_volume(image, self.truth, self.head, self.crop)

    def save(self, folder: Path, label: str, image: FineVoxels, *, force: bool) -> None:
        """The image, and once the truth and the coarse scan."""
        folder.mkdir(exist_ok=True)
        for name, volume in (("truth", self.truth), ("coarse", self.coarse), (label, self.truth.with_voxels(image))):
            path = folder / f"{self.subject}_{name}.nii.gz"
            if force or name == label or not path.exists():
                save_volume(volume, path, force=True)


def judge_volume(image: FineVoxels, true: Volume, head: Mask, crop: str) -> Iterator[tuple[str, float, Contract]]:
    """Every measure of a volume, inside the head and over the full field; slices are those that lie most upright."""
    truth: Voxels = true.voxels
    peak = reference_range(truth)
    upright = np.abs(true.affine[2, :3]) / true.spacing
    masks: dict[Region, Mask | None] = {"head": head, "full": None}
    for name, measure in MEASURES.items():
        for region, mask in masks.items():
            value = measure(image, truth, mask, peak=peak, axis=int(upright.argmax()))
            yield name, value, contract_of(name, mask=region, peak=peak, crop=crop)
