"""People who were scanned twice: enhance their coarse scan as it is, and compare with the fine one."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from finemri.cohorts.cohort import Pair
from finemri.cohorts.pairing import read_pair
from finemri.evaluate.coarse import judge_volume
from finemri.evaluate.enhancing import Enhancing, methods_of
from finemri.evaluate.guards import kernels_of, refuse_seen, say
from finemri.evaluate.scans import EVERYBODY, People, pairs_of
from finemri.landing import alone_in
from finemri.measures import IN_UNITS, MEASURES, SLICEWISE, contract_in_units, contract_of_slices
from finemri.measures.contract import Contract, Region
from finemri.measures.ledger import Ledger
from finemri.measures.mask import head_mask
from finemri.measures.saved import write_matches
from finemri.refusal import Refusal
from finemri.shapes import FineVoxels, Mask, Voxels
from finemri.spread import ALONE, Crew
from finemri.volumes.crimes import crimes_of
from finemri.volumes.enhancer import Enhancer
from finemri.volumes.files import save_volume
from finemri.volumes.intensity import NORMALISERS
from finemri.volumes.volume import Volume

NAME = "pairs"
"""As the column "degradation" has it."""
BORDER = 5
"""Pixels at the edge of a slice that the widest window of SSIM cannot judge."""

Peak = Literal["slice", "scan"]
Numbers = Iterator[tuple[str, float, Contract]]


def evaluate_pairs(
    cohort: Path | Sequence[Path],
    methods: Sequence[str],
    *,
    into: Path,
    peak: Peak = "slice",
    people: People = EVERYBODY,
    device: str = "auto",
    memory: int | None = None,
    force: bool = False,
    save_images: bool = False,
    crew: Crew = ALONE,
) -> Path:
    """Pairs × methods -> ``into/measures.csv``, one number a row; then the tables, made from it alone.

    The coarse scan goes in as it is, the fine one is the truth: at scale 1 every interpolation is the coarse scan
    itself. Scanners have no unit of brightness, so each image is compared in units of its own scan: what a method made
    by the coarse scan's normaliser, the truth by its own, both such that the 99.9th percentile of the fine scan is 1.

    Volumes on one grid get every measure in 3D. Of matched slices each is judged by itself, L the maximum of the true
    slice, or for ``peak`` "scan" of all that are judged; a person's number is the mean over them. MSE and PSNR with a
    peak of 255 on this unit scale stand beside. ``people``: who is judged. Otherwise as ``evaluate``.
    """
    shelf, plain = methods_of(methods, 1, device)
    pairs = pairs_of(cohort, people)
    sliced = any(pair.matches is not None for pair in pairs.values())
    if peak != "slice" and not sliced:
        raise Refusal("--peak is of slices, and these pairs are volumes, judged as a whole; leave it out.")
    seen = refuse_seen(shelf, pairs, people)
    about = {"degradation": NAME, "scale": 1, "people": people.name, "peak": peak if sliced else None}
    images = into.absolute() / "images" if save_images else None
    with alone_in(into):
        ledger = Ledger(into, about, force=force)
        say(ledger, seen=seen, kernels=kernels_of(shelf, None))
        return Enhancing(Facing(peak), plain, device, memory, images, force=force).judge_all(pairs, shelf, ledger, crew)


@dataclass(frozen=True)
class Facing:
    """The coarse scan as it is, facing the fine one."""

    peak: Peak
    name: str = NAME
    scale: int = 1

    def open(self, subject: str, scan: Pair) -> tuple[str, Callable[[], "Trial"]]:
        """Both scans; nothing is spoilt."""
        coarse, fine = read_pair(scan)
        for volume, what in ((coarse, "coarse"), (fine, "fine")):
            if np.ptp(volume.voxels) == 0:
                raise Refusal(f"The {what} scan of {subject} is constant: it shows nothing. Leave this person out.")
        return _digest(scan, coarse, fine), lambda: Trial(subject, coarse, fine, scan.matches, self.peak)


@dataclass(frozen=True, eq=False)
class Trial:
    """One person: the coarse scan, the fine one, and how what is made of the first is held against the second."""

    subject: str
    coarse: Volume
    fine: Volume
    matches: tuple[tuple[int, int], ...] | None
    peak: Peak

    @cached_property
    def truth(self) -> Volume:
        """The fine scan, its 99.9th percentile 1."""
        return self.fine.with_voxels(NORMALISERS["percentile"](self.fine.voxels).apply(self.fine.voxels))

    @cached_property
    def head(self) -> Mask:
        """Where there is anatomy, in the fine scan."""
        found: Mask = head_mask(self.fine.voxels)
        return found

    @cached_property
    def crimes(self) -> tuple[str, ...]:
        """Data crimes of either scan."""
        found = {"the fine scan": self.fine, "the coarse scan": self.coarse}
        return tuple(f"{which}: {crime}" for which, scan in found.items() for crime in crimes_of(scan.voxels))

    def judge(self, image: FineVoxels, by: Enhancer) -> Numbers:
        """Measure, value, contract: inside the head and over the full field."""
        data = "; ".join(self.crimes) or None
        for name, value, contract in self._judge(image, by):
            yield name, value, replace(contract, data=data)

    def _judge(self, image: FineVoxels, by: Enhancer) -> Numbers:
        made, units = self._in_units(image, by.normaliser), _units(by.normaliser)
        if self.matches is None:
            for name, value, contract in judge_volume(made, self.truth, self.head, "none"):
                yield name, value, replace(contract, units=units)
            shown = np.flatnonzero(self.head.any(axis=(0, 1)))
            slices = (made[:, :, shown], self.truth.voxels[:, :, shown], self.head[:, :, shown])
            yield from _in_units(*slices, "slices along k", units)
            return
        ours, theirs = self._chosen()
        slices = (made[:, :, ours], self.truth.voxels[:, :, theirs], self.head[:, :, theirs])
        yield from self._by_slices(*slices, units)
        yield from _in_units(*slices, "matched slices", units)

    def probe(self, image: FineVoxels, enhance: Callable[[Voxels], FineVoxels]) -> Numbers:  # noqa: ARG002
        """Nothing: nobody knows how a second scanner would have seen a lesion."""
        return iter(())

    def save(self, folder: Path, label: str, image: FineVoxels, *, force: bool) -> None:
        """The image in the units of the fine scan, and once both scans; which slices were judged of which."""
        folder.mkdir(exist_ok=True)
        by_fine = NORMALISERS["percentile"](self.fine.voxels)
        made = by_fine.undo(NORMALISERS["percentile"](self.coarse.voxels).apply(image))
        for name, volume in (("truth", self.fine), ("coarse", self.coarse), (label, self.coarse.with_voxels(made))):
            path = folder / f"{self.subject}_{name}.nii.gz"
            if force or name == label or not path.exists():
                save_volume(volume, path, force=True)
        if self.matches is not None:
            ours, theirs = self._chosen()
            write_matches(folder, self.subject, list(zip(ours, theirs, strict=True)))

    def _in_units(self, image: FineVoxels, normaliser: str) -> FineVoxels:
        """x′ = p(f(c⁻¹(x))): out of the coarse scan's units by the method's own normaliser, into those of the truth."""
        own = NORMALISERS["percentile" if normaliser == "none" else normaliser]
        fine = self.fine.voxels
        told: FineVoxels = own(self.coarse.voxels).apply(image)
        return NORMALISERS["percentile"](fine).apply(own(fine).undo(told))

    def _chosen(self) -> tuple[list[int], list[int]]:
        """The matches whose true slice shows something that every window can judge."""
        assert self.matches is not None
        inner = self.head[BORDER:-BORDER, BORDER:-BORDER]
        chosen = [(ours, theirs) for ours, theirs in self.matches if inner[:, :, theirs].any()]
        if not chosen:
            raise Refusal(f"No matched slice of {self.subject} shows anything; leave this person out.")
        ours, theirs = (list(side) for side in zip(*chosen, strict=True))
        return ours, theirs

    def _by_slices(self, made: FineVoxels, truth: FineVoxels, head: Mask, units: str) -> Numbers:
        count = truth.shape[2]
        brightest = None if self.peak == "slice" else float(truth.max())
        masks: dict[Region, Mask | None] = {"head": head, "full": None}
        for name in SLICEWISE:
            for region, mask in masks.items():
                total = 0.0
                for n in range(count):
                    image, true = made[None, :, :, n], truth[None, :, :, n]
                    inside = None if mask is None else mask[None, :, :, n]
                    L = float(true.max()) if brightest is None else brightest
                    total += MEASURES[name].or_nan(image, true, inside, peak=L, axis=0)
                contract = contract_of_slices(
                    name, mask=region, peak=brightest, count=count, across="matched slices", crop="none", data=None
                )
                yield name, total / count, replace(contract, units=units)


def _in_units(made: FineVoxels, truth: FineVoxels, head: Mask, across: str, units: str) -> Numbers:
    """The measures that depend on the unit: over slices along k."""
    masks: dict[Region, Mask | None] = {"head": head, "full": None}
    for name, measure in IN_UNITS.items():
        for region, mask in masks.items():
            value = measure.or_nan(made, truth, mask, peak=1.0, axis=2)
            count = truth.shape[2]
            yield (
                name,
                value,
                contract_in_units(name, mask=region, count=count, across=across, crop="none", units=units),
            )


def _units(normaliser: str) -> str:
    """As the contract has it."""
    own = "99.9th percentile" if normaliser in ("none", "percentile") else f"normaliser, {normaliser}"
    return f"each scan by its own {own}; 1 is the 99.9th percentile of the fine scan"


def _digest(pair: Pair, coarse: Volume, fine: Volume) -> str:
    """Changes with either file, and with what is matched."""
    files = [scan.source.sha256 if scan.source else "" for scan in (coarse, fine)]
    return hashlib.sha256(f"{files} {pair.matches}".encode()).hexdigest()
