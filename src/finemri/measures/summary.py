"""The papers' table: mean, standard deviation, minimum, maximum per method; and how far each is above a baseline."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from finemri.measures.tidy import Row


@dataclass(frozen=True)
class Summary:
    """One method, one measure, one mask, over people: a person with several scans counts once, with their mean."""

    degradation: str
    scale: int
    mask: str
    measure: str
    method: str
    people: int
    mean: float
    std: float
    """Sample standard deviation (n − 1); NaN for one person."""
    min: float
    max: float
    gain: float
    """Mean over people of value − value of the baseline, same person; NaN without a baseline."""
    gain_std: float
    """Its sample standard deviation."""
    gain_min: float
    gain_max: float


def summarise(rows: Sequence[Row], baseline: str = "spline") -> list[Summary]:
    """Tidy rows -> summaries, grouped by degradation, scale, mask and measure: tables never mix these."""
    scans: dict[tuple[str, int, str, str], dict[str, dict[str, list[float]]]] = {}
    for row in rows:
        group = scans.setdefault((row.degradation, row.scale, row.contract.mask, row.measure), {})
        group.setdefault(row.method, {}).setdefault(row.person, []).append(row.value)
    found = []
    for key, methods in scans.items():
        people = {m: {p: statistics.fmean(v) for p, v in values.items()} for m, values in methods.items()}
        against = people.get(baseline, {})
        for method, values in people.items():
            gains = [value - against[person] for person, value in values.items() if person in against]
            gains = [gain for gain in gains if not math.isnan(gain)]  # ∞ − ∞ says nothing
            numbers = list(values.values())
            found.append(Summary(*key, method, len(numbers), *_four(numbers), *_four(gains)))
    return found


def _four(numbers: Sequence[float]) -> tuple[float, float, float, float]:
    """Mean, sample standard deviation, minimum, maximum."""
    if not numbers:
        return (math.nan,) * 4
    finite = len(numbers) > 1 and all(map(math.isfinite, numbers))
    return statistics.fmean(numbers), statistics.stdev(numbers) if finite else math.nan, min(numbers), max(numbers)
