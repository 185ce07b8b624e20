"""Strangeness: how unlike a cohort one scan is, as a distance and as a p-value whose false alarms are counted.

Some people tell what is usual, others how far usual scans lie from it. Nothing here knows the network, so it does not
matter whether it learnt from these people. Needs numpy alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from finemri.refusal import Refusal

Row = Float64[np.ndarray, " feature"]
Rows = Float64[np.ndarray, "scan feature"]
Square = Float64[np.ndarray, "feature feature"]
People = Sequence[Sequence[Mapping[str, float]]]
"""For each person, the features by name of each of their scans."""


@dataclass(frozen=True)
class Verdict:
    """What is said of one scan."""

    score: float
    """Its distance d from the cohort."""
    p: float
    """The share of the cohort's people, and of this one, who are at least as far."""
    alpha: float
    """The highest false-alarm rate: of scans like the cohort's, at most so many have p ≤ α."""
    outstanding: tuple[str, ...]
    """The features that lie farthest out, each by itself."""

    @property
    def alarm(self) -> bool:
        """Whether p ≤ α."""
        return self.p <= self.alpha

    @property
    def sentence(self) -> str:
        """For a person."""
        return (
            f"Farther from the calibration's scans than usual (p = {self.p:.2g}; at most {100 * self.alpha:.3g}% of "
            f"scans like those are), above all in its {' and '.join(self.outstanding)}."
        )


@dataclass(frozen=True)
class Usual:
    """d(x) = √((x − x̄)ᵀ Σ⁻¹ (x − x̄)), x standardised features: how far a scan lies from a cohort (Mahalanobis).

    Raises Refusal for numbers that do not fit together.
    """

    features: tuple[str, ...]
    centre: tuple[float, ...]
    spread: tuple[float, ...]
    """Standard deviations."""
    precision: tuple[tuple[float, ...], ...]
    """Σ⁻¹ of the standardised features."""

    def __post_init__(self) -> None:
        sizes = {len(self.centre), len(self.spread), len(self.precision), *map(len, self.precision)}
        if sizes != {len(self.features)} or not self.features or min(self.spread) <= 0:
            raise Refusal("The numbers of this calibration do not fit together; calibrate again.")

    def distance(self, signature: Mapping[str, float]) -> float:
        """d. Raises Refusal for a signature that lacks a feature."""
        z = self._standardised(signature)
        return math.sqrt(max(0.0, float(z @ np.asarray(self.precision) @ z)))

    def outstanding(self, signature: Mapping[str, float], count: int = 2) -> tuple[str, ...]:
        """The features that lie farthest out, each by itself."""
        order = np.argsort(-np.abs(self._standardised(signature)), kind="stable")[:count]
        return tuple(self.features[n] for n in order)

    def _standardised(self, signature: Mapping[str, float]) -> Row:
        if missing := [name for name in self.features if name not in signature]:
            raise Refusal(f"This calibration wants the feature {missing[0]}, which is not measured; calibrate again.")
        values = np.asarray([signature[name] for name in self.features], np.float64)
        z: Row = (values - np.asarray(self.centre)) / np.asarray(self.spread)
        return z


@dataclass(frozen=True)
class Calibration:
    """p(x) = (1 + Σ_k s_k) / (n + 1), s_k the share of person k's scans that lie as far out as x or farther.

    A person counts once, however many scans they have. For one scan, taken at random, of somebody of the same
    population, P(p ≤ α) ≤ α (Vovk et al., 2005; with several scans a person, Lee et al., 2023). Raises Refusal where α
    is below 1 / (n + 1), so that no alarm could ever be raised.
    """

    usual: Usual
    distances: tuple[tuple[float, ...], ...]
    """d of every scan of every person who calibrates: nameless, in no order of the cohort's."""
    fitted: int
    """People who told what is usual; none of them calibrates."""
    alpha: float = 0.05
    weights_sha256: str | None = None
    """The weights for whose scans this was made."""

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise Refusal(f"A false-alarm rate lies between 0 and 1, not at {self.alpha:g}.")
        people = len(self.distances)
        if not all(self.distances):
            raise Refusal("A calibration needs a scan of everybody; leave out who has none.")
        if self.alpha * (people + 1) < 1 - 1e-9:
            raise Refusal(
                f"With {people} people to calibrate on, p is never below 1/{people + 1}, so a false-alarm rate of "
                f"{self.alpha:g} raises no alarm; give {math.ceil(1 / self.alpha - 1e-9) - 1} to calibrate on and as "
                "many to fit on, or allow a higher rate."
            )

    def judge(self, signature: Mapping[str, float]) -> Verdict:
        """Score and p of one scan. Raises Refusal for a signature that lacks a feature."""
        score = self.usual.distance(signature)
        farther = sum(float(np.mean(np.asarray(person) >= score)) for person in self.distances)
        p = (1 + farther) / (len(self.distances) + 1)
        return Verdict(score, p, self.alpha, self.usual.outstanding(signature))


def learn_calibration(
    fitting: People,
    calibrating: People,
    *,
    tolerances: Mapping[str, float],
    alpha: float = 0.05,
    weights_sha256: str | None = None,
) -> Calibration:
    """Learn what is usual from some people, and how far out usual scans lie from others.

    ``tolerances``: name of each feature -> a standard deviation of its own, which is added to the cohort's: so little
    is no difference. Raises Refusal for fewer than two people to fit on, and as Calibration does.
    """
    usual = learn_usual(fitting, tolerances)
    distances = sorted(tuple(usual.distance(scan) for scan in person) for person in calibrating)
    return Calibration(usual, tuple(distances), len(fitting), alpha, weights_sha256)


def learn_usual(people: People, tolerances: Mapping[str, float]) -> Usual:
    """Mean and shrunk covariance of all scans of these people. Raises Refusal as ``learn_calibration``."""
    if len(people) < 2:
        raise Refusal("It takes two people or more to tell what is usual; give a larger cohort.")
    rows: Rows = np.array([[scan[name] for name in tolerances] for person in people for scan in person], np.float64)
    own = np.asarray(list(tolerances.values()))
    spread = np.hypot(rows.std(0), own)
    covariance = ledoit_wolf((rows - rows.mean(0)) / spread) + np.diag((own / spread) ** 2)
    precision = tuple(tuple(row) for row in np.linalg.inv(covariance).tolist())
    return Usual(tuple(tolerances), tuple(rows.mean(0).tolist()), tuple(spread.tolist()), precision)


def ledoit_wolf(rows: Rows) -> Square:
    """(1 − ρ) S + ρ μ I: S = XᵀX / n of centred rows, μ = tr S / p, ρ = min(β², δ²) / δ², δ² = ‖S − μ I‖² and
    β² = Σ ‖x xᵀ − S‖² / n². (Ledoit & Wolf, 2004)."""
    n, p = rows.shape
    sample = rows.T @ rows / n
    mean = np.trace(sample) / p
    delta = float(np.square(sample - mean * np.eye(p)).sum())
    beta = (float((np.square(rows).sum(1) ** 2).mean()) - float(np.square(sample).sum())) / n
    share = min(beta, delta) / delta if delta > 0 else 0.0
    shrunk: Square = (1 - share) * sample + share * mean * np.eye(p)
    return shrunk
