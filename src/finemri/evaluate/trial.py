"""One scan on trial: its slices with samples left out, and what the images that come back are worth."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from finemri.cohorts.slices import LabelledSlice
from finemri.evaluate.slices import Scanner, Slices, chance
from finemri.landing import landing_file
from finemri.measures import BROKEN, MEASURES, SLICEWISE, contract_of_broken, contract_of_labels, contract_of_slices
from finemri.measures.contract import Contract, Region
from finemri.measures.mask import head_mask
from finemri.measures.segmentation import Labels, interpretability, mean_dice
from finemri.measures.tidy import Row
from finemri.physics.coils import estimate_sensitivities
from finemri.physics.kspace import KSpace
from finemri.physics.sampling import ONE_MASK, Sampling
from finemri.rawdata.reconstructor import Reconstructor
from finemri.refusal import Refusal
from finemri.shapes import Magnitude, Sampled, Slice
from finemri.shelf import SegmentationMethod

TRUTH = "truth"
"""The method that is none: what the segmenter finds in the true images."""


@dataclass(frozen=True)
class Study:
    """What is asked, of every scan the same."""

    sampling: Sampling
    scanner: Scanner
    slices: int | None = None
    one_mask: bool = False
    peak: Literal["slice", "scan"] = "slice"
    segmenter: SegmentationMethod | None = None

    def __post_init__(self) -> None:
        if self.slices is not None and self.slices < 1:
            raise Refusal(f"At least one slice of each scan is judged, not {self.slices}.")

    @property
    def name(self) -> str:
        """As the CSV has it: poisson-2d 4x, 8 coils, noise 0.01, seed 0."""
        s, scanner = self.sampling, self.scanner
        parts = {
            f"{s.pattern} {s.acceleration:g}x": True,
            f"ACS {s.acs}": s.acs is not None,
            f"{scanner.coils} coils": scanner.coils > 1,
            f"noise {scanner.noise:g}": scanner.noise > 0,
            "one mask": self.one_mask,
            f"seed {scanner.seed}": True,
        }
        return ", ".join(part for part, told in parts.items() if told)

    @property
    def scale(self) -> int:
        """As the CSV has it: the acceleration, rounded."""
        return round(self.sampling.acceleration)

    @property
    def settings(self) -> Mapping[str, str | int | bool | None]:
        """What all rows of a folder have in common."""
        matrix = self.scanner.matrix
        return {
            "degradation": self.name,
            "scale": self.scale,
            "axis": self.scanner.axis,
            "matrix": None if matrix is None else f"{matrix[0]}x{matrix[1]}",
            "slices": self.slices,
            "phase": self.scanner.phase,
            "domain": self.scanner.domain,
            "peak": self.peak,
            "segmenter": None if self.segmenter is None else self.segmenter.digest,
        }

    def chosen(self, count: int) -> list[int]:
        """Which of so many slices: evenly spread, none twice."""
        wanted = min(self.slices or count, count)
        return [(2 * n + 1) * count // (2 * wanted) for n in range(wanted)]

    def mask(self, shape: tuple[int, int], subject: str, n: int) -> Sampled:
        """Of this slice the same, whichever slices are judged and by whom."""
        seed = ONE_MASK if self.one_mask else chance(self.scanner.seed, subject, n, "mask")
        return self.sampling.draw(shape, seed)


@dataclass(frozen=True, eq=False)
class View:
    """One slice: what is true of it, and what was measured."""

    truth: Magnitude
    kspace: KSpace

    @cached_property
    def head(self) -> Sampled:
        """Where anatomy is."""
        inside: Sampled = head_mask(self.truth[None])[0]
        return inside

    @cached_property
    def known(self) -> KSpace:
        """The same k-space with sensitivities, estimated from its own centre where nobody gave them."""
        if self.kspace.sensitivities is not None:
            return self.kspace
        return self.kspace.with_sensitivities(estimate_sensitivities(self.kspace))

    def offered(self, reconstructor: Reconstructor) -> KSpace:
        """What a method gets."""
        return self.known if reconstructor.needs_sensitivities else self.kspace


@dataclass
class Trial:
    """The numbers of every method so far. Raises Refusal for a scan of which nothing can be judged."""

    study: Study
    name: str
    slices: Slices
    values: dict[str, dict[tuple[str, Region], list[float]]] = field(default_factory=dict)
    """Method -> measure and region -> one number a slice."""
    found: dict[str, list[Labels]] = field(default_factory=dict)
    """Method -> what the segmenter finds, slice by slice."""
    broken: dict[str, list[float]] = field(default_factory=dict)
    """Method -> the share of each slice that is no number."""
    images: dict[str, list[Slice]] = field(default_factory=dict)
    """Method -> what it made, where that is kept."""

    def __post_init__(self) -> None:
        self.numbers = self.study.chosen(len(self.slices))
        if not self.numbers:
            raise Refusal(f"No slice of {self.name} shows anything; leave this scan out.")
        self.brightest = max(float(self.slices.truth(n).max()) for n in self.numbers)
        self.labels = [self._labels(n) for n in self.numbers] if self.study.segmenter else []

    def view(self, n: int) -> View:
        """Slice n, with samples left out."""
        whole = self.slices.kspace(n)
        view = View(self.slices.truth(n), whole.undersampled(self.study.mask(whole.shape, self.name, n)))
        self._segment(TRUTH, view.truth, view)
        return view

    def judge(self, label: str, image: Slice, view: View) -> None:
        """Measure what a method made of the slice."""
        magnitude = self.slices.shown(np.abs(image).astype(np.float32))
        self.broken.setdefault(label, []).append(float(1 - np.isfinite(magnitude).mean()))
        peak = float(view.truth.max()) if self.study.peak == "slice" else self.brightest
        masks: dict[Region, Sampled | None] = {"head": view.head[None], "full": None}
        values = self.values.setdefault(label, {})
        for name in SLICEWISE:
            for region, mask in masks.items():
                value = MEASURES[name].or_nan(magnitude[None], view.truth[None], mask, peak=peak, axis=0)
                values.setdefault((name, region), []).append(value)
        self._segment(label, magnitude, view)

    def rows(self, label: str) -> Iterator[Row]:
        """All numbers of one method: means over slices."""
        peak, count, about = None if self.study.peak == "slice" else self.brightest, len(self.numbers), self._about()
        for (name, region), values in self.values.get(label, {}).items():
            contract = contract_of_slices(name, mask=region, peak=peak, count=count, **about)
            yield self._row(label, name, math.fsum(values) / count, contract)
        if any(shares := self.broken.get(label, [])):
            yield self._row(label, BROKEN, math.fsum(shares) / count, contract_of_broken(self.slices.crop))
        for which, (count, ceiling) in self._ceilings().items():
            kinds = {"dice": mean_dice(self.found[label], self.labels, which)}
            if label != TRUTH and ceiling > 0:
                kinds["sis"] = interpretability(self.found[label], self.found[TRUTH], self.labels, which)
            for kind, value in kinds.items():
                contract = contract_of_labels(kind, which, count=count, by=self._judge(), **about)
                yield self._row(label, contract.measure, value, contract)

    def remarks(self) -> list[str]:
        """Where there is no SIS, and why; and who made images that are no numbers."""
        failed = [label for label, shares in self.broken.items() if any(shares)]
        return [
            f"{label} made pixels of {self.name} that are no numbers: it failed here, and its means are NaN."
            for label in failed
        ] + [
            f"The segmenter finds label {which} nowhere in the true slices of {self.name}: no SIS of it."
            for which, (_, ceiling) in self._ceilings().items()
            if ceiling == 0
        ]

    def keep(self, label: str, image: Slice) -> None:
        """Remember an image for ``save``."""
        self.images.setdefault(label, []).append(image)

    def save(self, folder: Path) -> None:
        """Images that were kept, complex (slice, i, j), and the true magnitudes."""
        if not self.images:
            return
        folder.mkdir(exist_ok=True)
        truth = np.stack([self.slices.truth(n) for n in self.numbers])
        for label, stack in {TRUTH: truth, **{label: np.stack(made) for label, made in self.images.items()}}.items():
            with landing_file(folder / f"{self.name}_{label}.npy") as stream:
                np.save(stream, stack, allow_pickle=False)

    def _segment(self, label: str, magnitude: Magnitude, view: View) -> None:
        """Every image in units of the truth's maximum."""
        if self.study.segmenter is not None:
            found = self.study.segmenter.segmenter(magnitude / view.truth.max())
            self.found.setdefault(label, []).append(found.astype(np.int16))

    def _labels(self, n: int) -> LabelledSlice:
        """What is truly where, in the words of the segmenter."""
        labels, judge = self.slices.labels(n), self.study.segmenter
        if labels is None or judge is None:
            raise Refusal(f"There is no label map of {self.name}, so no segmenter can be judged on it; leave it out.")
        return (labels > 0).astype(np.int64) if judge.classes == 2 else labels

    def _ceilings(self) -> dict[int, tuple[int, float]]:
        """Label -> how many slices contain it, and the Dice of what is found in their true images."""
        present = sorted({int(label) for each in self.labels for label in np.unique(each) if label > 0})
        return {
            label: (
                sum(bool((each == label).any()) for each in self.labels),
                mean_dice(self.found[TRUTH], self.labels, label),
            )
            for label in present
        }

    def _judge(self) -> str:
        judge = self.study.segmenter
        return f"{judge.name}@{judge.digest[:8]}" if judge else ""

    def _about(self) -> dict[str, str]:
        return {"across": self.slices.across, "crop": self.slices.crop, "data": self.slices.about}

    def _row(self, label: str, measure: str, value: float, contract: Contract) -> Row:
        return Row(self.name, label, self.study.name, self.study.scale, measure, value, contract)
