"""Masks: which samples of k-space are measured. Every pattern measures its centre and reproduces from its seed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float64

from finemri.refusal import Refusal
from finemri.shapes import Sampled

Lines = Bool[np.ndarray, " n"]
Pattern = Literal["gaussian-1d", "density-1d", "random-1d", "equispaced-1d", "density-2d", "poisson-2d"]
PATTERNS: tuple[Pattern, ...] = get_args(Pattern)
ACS: dict[Pattern, float] = {
    "gaussian-1d": 1 / 64,
    "density-1d": 3 / 256,
    "random-1d": 0.08,
    "equispaced-1d": 0.08,
    "density-2d": 0.1,
    "poisson-2d": 0.1,
}
"""Fully sampled centre: share of the lines (1D), radius over the half-width (2D). As published, where it was."""
ONE_MASK = 0
"""Seed of the mask where there is one for all: trainings of other seeds, and their exam, then share it."""


@dataclass(frozen=True)
class Sampling:
    """m: which of i×j samples are measured, 1/``acceleration`` of them.

    1D patterns choose whole lines along i; the readout j is full. gaussian-1d: Seitzer et al. (2018), lines drawn from
    exp(−½((i − N/2)/(N/10))²) + 1/(2R). density-1d: GANCS (Mardani et al., 2019), from |1 − r|^α, α = 2. random-1d and
    equispaced-1d: fastMRI (Zbontar et al., 2018), uniform or every n-th line beside the centre. density-2d: Lei &
    Mardani, (1 − r)^α inside the ellipse that fits k-space, α solved so that exactly 1/R is measured. poisson-2d:
    Bridson's discs whose radius grows with r, thinned by dart throwing. Raises Refusal for settings that make no sense.
    """

    pattern: Pattern
    acceleration: float = 4.0
    """All samples over those measured."""
    acs: float | None = None
    """Size of the fully sampled centre (ACS): share of the lines (1D), radius over the half-width (2D); None: ACS."""

    def __post_init__(self) -> None:
        if self.pattern not in PATTERNS:
            raise Refusal(f"There is no sampling pattern {self.pattern!r}; choose one of {', '.join(PATTERNS)}.")
        if not 1 <= self.acceleration <= 64:
            raise Refusal(f"An acceleration lies in 1..64, not {self.acceleration:g}.")
        if self.acs is not None and not 0 <= self.acs <= 1:
            raise Refusal(f"The fully sampled centre is a share of k-space in 0..1, not {self.acs:g}.")

    @property
    def name(self) -> str:
        """For tables: pattern and acceleration."""
        return f"{self.pattern} x{self.acceleration:g}" + ("" if self.acs is None else f" acs {self.acs:g}")

    def draw(self, shape: tuple[int, int], seed: int) -> Sampled:
        """The mask (i, j) of this seed. Raises Refusal where the matrix is too small for the acceleration."""
        i, j = shape
        rng = np.random.default_rng(seed)
        acs = ACS[self.pattern] if self.acs is None else self.acs
        if self.pattern.endswith("1d"):
            count, centre = _counts(i, self.acceleration, round(acs * i), least=1)
            lines = _LINES[self.pattern](i, count, centre, rng)
            return np.repeat(lines[:, None], j, axis=1)
        count = round(i * j / self.acceleration)
        r = _radius(shape)
        centre_2d = r <= max(acs, 1.5 / min(shape))
        if count < centre_2d.sum():
            raise Refusal(
                f"At acceleration {self.acceleration:g} a matrix of {i}×{j} has {count} samples, fewer than its fully "
                f"sampled centre ({centre_2d.sum()}); choose a lower acceleration or a smaller centre."
            )
        return (_density_2d if self.pattern == "density-2d" else _poisson_2d)(r, count, centre_2d, rng)


def _counts(lines: int, acceleration: float, centre: int, least: int) -> tuple[int, int]:
    count = max(round(lines / acceleration), 1)
    centre = min(max(centre, least), lines)
    if centre > count:
        raise Refusal(
            f"At acceleration {acceleration:g} a matrix of {lines} lines has {count}, fewer than its fully sampled "
            f"centre ({centre}); choose a lower acceleration or a smaller centre."
        )
    return count, centre


def _centre(n: int, width: int) -> Lines:
    """The middle ``width`` of n lines, DC (n // 2) among them."""
    lines = np.zeros(n, dtype=bool)
    first = n // 2 - width // 2
    lines[first : first + width] = True
    return lines


def _drawn(density: Float64[np.ndarray, " n"], count: int, centre: int, rng: np.random.Generator) -> Lines:
    """The centre, and as many lines as are left, without replacement."""
    lines = _centre(density.size, centre)
    density = np.where(lines, 0.0, density)
    left = count - int(lines.sum())
    if left > 0:
        lines[rng.choice(density.size, size=left, replace=False, p=density / density.sum())] = True
    return lines


def _gaussian_lines(n: int, count: int, centre: int, rng: np.random.Generator) -> Lines:
    i = np.arange(n)
    return _drawn(np.exp(-0.5 * ((i - n / 2) / (n / 10)) ** 2) + count / (2 * n), count, centre, rng)


def _density_lines(n: int, count: int, centre: int, rng: np.random.Generator) -> Lines:
    r = np.abs(np.arange(n) - n // 2) / (n / 2)
    return _drawn((1 - np.minimum(r, 1)) ** 2 + 1e-6, count, centre, rng)


def _random_lines(n: int, count: int, centre: int, rng: np.random.Generator) -> Lines:
    return _drawn(np.ones(n), count, centre, rng)


def _equispaced_lines(n: int, count: int, centre: int, rng: np.random.Generator) -> Lines:
    """Every s-th line from a random offset, s such that centre and comb together are as many as asked for."""
    lines = _centre(n, centre)
    left = count - centre
    if left > 0:
        outside = np.flatnonzero(~lines)
        step = outside.size / left
        lines[outside[np.floor((np.arange(left) + rng.random()) * step).astype(int)]] = True
    return lines


_LINES: dict[str, Callable[[int, int, int, np.random.Generator], Lines]] = {
    "gaussian-1d": _gaussian_lines,
    "density-1d": _density_lines,
    "random-1d": _random_lines,
    "equispaced-1d": _equispaced_lines,
}


def _radius(shape: tuple[int, int]) -> Float64[np.ndarray, "i j"]:
    """Distance from DC, 1 at the ellipse that fits k-space."""
    i, j = ((np.arange(n) - n // 2) / (n / 2) for n in shape)
    return np.hypot(i[:, None], j[None, :])


def _density_2d(r: Float64[np.ndarray, "i j"], count: int, centre: Sampled, rng: np.random.Generator) -> Sampled:
    """(1 − r)^α inside the ellipse: α by bisection so that Σ min(p, 1) is what is left, then exactly so many drawn."""
    mask = centre.copy()
    free = ~centre & (r < 1)
    left = count - int(centre.sum())
    if left >= free.sum():  # the ellipse is not enough: the rest comes from its corners
        mask |= free
        corners = np.flatnonzero(~mask)
        mask.flat[rng.choice(corners, size=count - int(mask.sum()), replace=False)] = True
        return mask
    low, high = 0.0, 16.0
    for _ in range(40):
        alpha = (low + high) / 2
        low, high = (alpha, high) if ((1 - r[free]) ** alpha).sum() > left else (low, alpha)
    weight = np.where(free, np.clip(1 - r, 1e-9, None) ** low, 0).ravel()
    mask.flat[_systematic(weight, left, rng)] = True
    return mask


def _systematic(weight: Float64[np.ndarray, " n"], count: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` different places, each with a probability close to its weight (Efraimidis & Spirakis, 2006)."""
    keys = np.full(weight.shape, -np.inf)
    some = weight > 0
    keys[some] = np.log(rng.random(int(some.sum()))) / weight[some]
    return np.argpartition(keys, -count)[-count:]


def _poisson_2d(r: Float64[np.ndarray, "i j"], count: int, centre: Sampled, rng: np.random.Generator) -> Sampled:
    """Darts in random order; one sticks where no other lies within d(r) = s·(0.5 + r), s by bisection to the count."""
    inside = np.flatnonzero((~centre & (r < 1)).ravel())
    order = rng.permutation(inside)
    left = count - int(centre.sum())
    low, high, best = 0.0, 32.0, order[:0]
    for _ in range(9):
        spread = (low + high) / 2
        stuck = _darts(order, r, spread)
        if stuck.size >= left:
            low, best = spread, stuck
        else:
            high = spread
    mask = centre.copy()
    if best.size < left:  # no room for discs: every place of the ellipse, then its corners
        mask.flat[inside] = True
        rest = rng.permutation(np.flatnonzero(~mask.ravel()))
        mask.flat[rest[: max(count - int(mask.sum()), 0)]] = True
        return mask
    mask.flat[rng.permutation(best)[:left]] = True
    return mask


def _darts(order: np.ndarray, r: Float64[np.ndarray, "i j"], spread: float) -> np.ndarray:
    """The darts of ``order`` that stick."""
    taken = np.zeros(r.shape, dtype=bool)
    rows, columns = np.unravel_index(order, r.shape)
    reach = spread * (0.5 + r)
    stuck = []
    for place, i, j in zip(order, rows, columns, strict=True):
        d = reach[i, j]
        w = int(d)
        if w == 0:
            stuck.append(place)
            continue
        near = taken[max(i - w, 0) : i + w + 1, max(j - w, 0) : j + w + 1]
        if near.any():
            y, x = np.nonzero(near)
            if ((y + max(i - w, 0) - i) ** 2 + (x + max(j - w, 0) - j) ** 2 < d * d).any():
                continue
        taken[i, j] = True
        stuck.append(place)
    return np.asarray(stuck, dtype=np.int64)
