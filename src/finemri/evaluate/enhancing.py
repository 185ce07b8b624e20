"""Make whole scans coarse, let every enhancing method bring them back, and measure what came of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Generic, Protocol, TypeVar, runtime_checkable

from rich.console import Console

from finemri.evaluate.coarse import Degrade, Kind
from finemri.evaluate.guards import flaws_of, kernels_of, refuse_seen, say
from finemri.evaluate.running import Found, Named, Scan, Unit, device_of, found_again, refuse, run, say_unkept, shelved
from finemri.evaluate.scans import EVERYBODY, People, scans_of
from finemri.evaluate.stopwatch import Stopwatch, settle
from finemri.landing import alone_in
from finemri.measures.contract import Contract
from finemri.measures.ledger import Ledger
from finemri.measures.table import BASELINE, NOTE, PRINTED, write_gains, write_tables
from finemri.measures.tidy import Row
from finemri.refusal import Refusal
from finemri.shapes import FineVoxels, Voxels
from finemri.shelf import Method, find_method
from finemri.spread import ALONE, Bench, Crew, told
from finemri.volumes.enhancer import Enhancer
from finemri.volumes.tiles import enhance_voxels
from finemri.volumes.volume import Volume

ScanIn = TypeVar("ScanIn", contravariant=True)


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
    crew: Crew = ALONE,
    lesions: Sequence[float] = (),
) -> Path:
    """Cohort × methods -> ``into/measures.csv``, one number a row; then table.csv and table.md, made from it alone.

    Each scan is the truth: cropped to a multiple of ``scale``, made coarse, and brought back by each method as the verb
    enhance would. ``degradation``: "blur" (Gaussian, σ = 1 voxel, then decimation) or "kspace" (truncation, periodic).
    ``noise`` adds Rician noise to the coarse scan, σ as a share of the truth's 99.9th percentile; ``seed`` and the
    subject's name draw it. Masks, ranges and units are the truth's. ``save_images`` keeps every image in into/images.
    ``lesions``: diameters in mm of balls, bright and dark, that are put into the truth one at a time, each a further
    image of every method: are they kept, and does it make some up? ``people``: who is judged. ``crew``: who does the
    work; ``memory`` is for all processes of this machine together.

    Run again, it goes on where it stopped; methods and people may be added. Returns the path of the CSV. Raises Refusal
    where the folder holds results of other settings, unless ``force`` starts afresh; and at the end, where some scans
    could not be judged.
    """
    degrade = Degrade(degradation, scale, noise, seed, tuple(lesions))
    shelf, plain = methods_of(methods, scale, device)
    scans = scans_of(cohort, people)
    seen = refuse_seen(shelf, scans, people)
    images = into.absolute() / "images" if save_images else None
    with alone_in(into):
        settings = {"degradation": degrade.name, "scale": scale, "people": people.name}
        settings["lesions"] = list(degrade.lesions) or None
        ledger = Ledger(into, settings, force=force)
        say(ledger, seen=seen, kernels=kernels_of(shelf, degrade.kind))
        return Enhancing(degrade, plain, device, memory, images, force=force).judge_all(scans, shelf, ledger, crew)


@runtime_checkable
class Judge(Protocol):
    """A truth, what methods get of it, and how they are judged."""

    @property
    def coarse(self) -> Volume:
        """What methods get."""

    @property
    def crimes(self) -> tuple[str, ...]:
        """Data crimes that the scans give away."""

    def judge(self, image: FineVoxels, by: Enhancer) -> Iterator[tuple[str, float, Contract]]:
        """Measure, value, contract of what a method made."""

    def probe(
        self, image: FineVoxels, enhance: Callable[[Voxels], FineVoxels]
    ) -> Iterator[tuple[str, float, Contract]]:
        """Numbers that take further images of the same method, ``image`` being what it made of the scan itself."""

    def save(self, folder: Path, label: str, image: FineVoxels, *, force: bool) -> None:
        """Keep the image."""


@runtime_checkable
class Setting(Protocol[ScanIn]):
    """What methods get of a scan, and what is held against it; plain data."""

    @property
    def name(self) -> str:
        """As the CSV has it, under "degradation"."""

    @property
    def scale(self) -> int:
        """How much finer methods make it."""

    def open(self, subject: str, scan: ScanIn) -> tuple[str, Callable[[], Judge]]:
        """Digest of the files, and the judge to be."""


@dataclass(frozen=True)
class Enhancing(Generic[Scan]):
    """Let methods enhance what a setting makes of a scan, and judge the images. Plain data, which travels."""

    setting: Setting[Scan]
    methods: Mapping[str, Named]
    device: str
    memory: int | None
    images: Path | None
    """Where images are kept, if they are."""
    force: bool = False

    def ready(self) -> Bench[Unit[Scan], Found]:
        """With the weights loaded."""
        return self.bench(found_again(self.methods, _finder(self.setting.scale, self.device)))

    def within(self, workers: int) -> "Enhancing[Scan]":
        """Each has its share of the memory."""
        return replace(self, memory=None if self.memory is None else self.memory // workers)

    def bench(self, shelf: Mapping[str, Method]) -> Bench[Unit[Scan], Found]:
        """One subject: every method whose rows are missing."""
        setting = self.setting

        def judge(unit: Unit[Scan]) -> Iterator[Found]:
            digest, opened = setting.open(unit.subject, unit.scan)
            yield Found(unit.agree(digest))
            if not unit.missing:
                return
            trial, trouble = opened(), []
            for label in unit.missing:
                enhancer, watch = shelf[label].enhancer, Stopwatch()
                settle(enhancer)
                enhance = partial(enhance_voxels, enhancer, memory=self.memory)
                try:
                    with watch.running():
                        image = enhance(trial.coarse.voxels)
                except Exception as reason:  # another method may still do
                    trouble.append(f"{label}: {told(reason)}")
                    continue
                broken, remarks = flaws_of(image, unit.subject, label)
                if self.images is not None and not broken:
                    trial.save(self.images, label, image, force=self.force)
                numbers = [*trial.judge(image, enhancer), *(() if broken else trial.probe(image, enhance)), *broken]
                rows = tuple(Row(unit.subject, label, setting.name, setting.scale, *number) for number in numbers)
                cost, about = watch.cost(unit.subject, label, enhancer), {"crimes": list(trial.crimes)}
                yield Found(digest, label, rows, cost, remarks, about)
            if trouble:
                raise Refusal(" ".join(trouble))

        return judge

    def judge_all(self, scans: Mapping[str, Scan], shelf: Mapping[str, Method], ledger: Ledger, crew: Crew) -> Path:
        """Every method on everybody whose rows are missing, then the tables. Returns the path of the CSV."""
        failed = run(self, self.bench(shelf), scans, shelf, ledger, crew.on(device_of(self.device)), memory=self.memory)
        say_unkept(self.images, ".nii.gz", ledger)
        if ledger.rows:
            tell(ledger.path)
        refuse(failed, len(scans))
        return ledger.path


def methods_of(names: Sequence[str], scale: int, device: str) -> tuple[dict[str, Method], dict[str, Named]]:
    """Label -> method, here and as plain data. Raises Refusal where there is none."""
    return shelved(names, _finder(scale, device), BASELINE)


def _finder(scale: int, device: str) -> Callable[[str], Method]:
    here = device_of(device)
    return lambda name: find_method(name, scale, here)


def tell(measures: Path, baseline: str = BASELINE, printed: Sequence[str] = PRINTED) -> None:
    """Write the tables, and print what matters."""
    console = Console()
    for table in write_tables(measures, baseline, printed):
        console.print(table)
    for line in write_gains(measures, baseline):
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"{NOTE} Every measure, and the full field: {measures.with_name('table.md')}")
