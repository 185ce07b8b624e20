"""How a training measures its people: the settings that every reconstructing recipe shares."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from finemri.refusal import Refusal

if TYPE_CHECKING:
    from finemri.cohorts.cohort import Cohort
    from finemri.cohorts.examples import Examples
    from finemri.cohorts.slices import SliceSource
    from finemri.physics.sampling import Sampling

KSPACE = ("kspace", "mask", "sensitivities")
"""What a reconstructing network is given, by the keys of a batch."""
Pattern = Literal["gaussian-1d", "density-1d", "random-1d", "equispaced-1d", "density-2d", "poisson-2d"]


@dataclass(frozen=True)
class Scanning:
    """Settings of the simulated scanner; see finemri.cohorts.acquisitions."""

    patterns: tuple[Pattern, ...] = ("density-2d",)
    """Which samples are measured; with several, one is drawn for each slice."""
    accelerations: tuple[float, ...] = (4.0,)
    """All samples over those measured; each goes with each pattern."""
    acs: float | None = None
    """Size of the fully sampled centre: share of the lines (1D), radius over the half-width (2D); none: as published.
    """
    one_mask: bool = False
    """The same mask throughout, in training and at test, as paper 000 has it; else a fresh one for each slice."""
    coils: tuple[int, int] = (1, 1)
    """Fewest and most receive coils."""
    estimated: float = 0.0
    """Share of slices whose sensitivities are estimated from the scan's own centre, as they are in life."""
    noise: tuple[float, float] = (0.0, 0.0)
    """Lowest and highest σ of the noise of a sample, relative to the brightest tissue; even in the logarithm, if both
    are above 0."""
    phase: bool = True
    """Give real-valued images a smooth random phase; else they stay real (paper 004)."""
    shaded: float = 0.0
    """Share of slices that are brighter towards the coils, as uncorrected scans are."""
    turn: bool = True
    """Turn and mirror slices at random."""
    axis: Literal["0", "1", "2", "any"] = "2"
    """Which voxel axis is perpendicular to the slices."""
    matrices: tuple[tuple[int, int], ...] = ()
    """Matrix sizes, one drawn for each batch; none: that of the slices, which then have to be of one size."""
    zoom: tuple[float, float] = (1.0, 1.0)
    """How many times as wide as the matrix a slice is, before it is cropped to it."""
    jitter: float = 0.0
    """Deviation of log brightness."""
    labels: int = 0
    """How many people lend their fully sampled images (the label budget); 0: everybody."""
    unpaired: bool = False
    """True images come from other slices, and people, than the measured ones: no pixel loss is possible."""
    labels_from: int = 0
    """Unpaired: the true images come from the cohort of this number (1 the first), another body part say; 0: own."""

    def __post_init__(self) -> None:
        if not self.patterns or not self.accelerations:
            raise Refusal("A training on k-space needs at least one pattern and one acceleration.")
        if self.labels < 0:
            raise Refusal(f"The label budget is a number of people, 0 for everybody, not {self.labels}.")
        if self.labels_from < 0 or (self.labels_from and not self.unpaired):
            raise Refusal("labels_from is the number of a cohort, 1 the first, and goes with unpaired.")
        if not 0 < self.zoom[0] <= self.zoom[1]:
            raise Refusal(f"zoom goes from a lower to a higher factor, both above 0, not {self.zoom}.")

    def samplings(self) -> "list[Sampling]":
        """Every pattern at every acceleration."""
        from finemri.physics.sampling import Sampling

        return [Sampling(p, a, self.acs) for p in self.patterns for a in self.accelerations]

    def examples(
        self, cohorts: "Sequence[Cohort]", shares: Sequence[float], *, batch: int, seed: int, labelled: bool = False
    ) -> "Examples":
        """Slices of the cohorts' people, measured; cohort n is drawn ``shares[n]`` times as often.

        With a label budget, pairs are of those people only; unpaired, everybody is measured and the true images are of
        those people. ``labels_from`` takes the true images from another cohort, another body part for example.
        ``labelled`` hands on the label maps.
        """
        from finemri.cohorts.acquisitions import Acquisitions
        from finemri.cohorts.examples import Mixture
        from finemri.cohorts.sources import slices_of

        axis = "any" if self.axis == "any" else int(self.axis)
        sources = [slices_of(cohort, axis=axis, labels=labelled) for cohort in cohorts]  # type: ignore[arg-type]
        if not sources:
            raise Refusal("A training needs at least one cohort; give its folder with --cohort.")
        if self.labels_from > len(sources):
            raise Refusal(f"labels_from names cohort {self.labels_from}, and {len(sources)} were given; add it.")
        lenders = [self._lenders(sources[self.labels_from - 1] if self.labels_from else own, seed) for own in sources]
        if self.labels_from:
            del sources[self.labels_from - 1], lenders[self.labels_from - 1]
            shares = [share for n, share in enumerate(shares, start=1) if n != self.labels_from]
            if not sources:
                raise Refusal("labels_from leaves nobody to measure; give the cohort to learn for as well.")
        kinds = [
            Acquisitions(
                own if self.unpaired else lender,
                self.samplings(),
                seed,  # the same for all: slices of a batch share their matrix, whoever they are
                coils=self.coils,
                noise=self.noise,
                phase=self.phase,
                estimated=self.estimated,
                shaded=self.shaded,
                turn=self.turn,
                batch=batch,
                matrices=self.matrices or None,
                zoom=self.zoom,
                jitter=self.jitter,
                one_mask=self.one_mask,
                labelled=labelled,
                truths=lender if self.unpaired else None,
            )
            for own, lender in zip(sources, lenders, strict=True)
        ]
        return kinds[0] if len(kinds) == 1 else Mixture(kinds, shares, seed)

    def _lenders(self, source: "SliceSource", seed: int) -> "SliceSource":
        """Those whose true images are known."""
        from finemri.cohorts.budget import labelled

        return source.only(labelled(source.people, self.labels, seed)) if self.labels else source


def paired(examples: "Examples") -> "Examples":
    """The same trainings' pairs, for a stage that needs them: of the people whose true images are known."""
    from finemri.cohorts.acquisitions import Acquisitions
    from finemri.cohorts.examples import Mixture

    if isinstance(examples, Mixture):
        return Mixture([paired(kind) for kind in examples.examples], examples.shares.tolist(), examples.seed)
    if isinstance(examples, Acquisitions) and examples.truths is not None:
        return replace(examples, source=examples.truths, truths=None)
    return examples
