"""Single people: where a method is at its worst, as a mean hides them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from finemri.measures.statistics import check_persons, gains_by_person
from finemri.measures.tidy import Row

SHARE = 0.05


@dataclass(frozen=True)
class Cases:
    """One method in one measure, by its people."""

    method: str
    people: Mapping[str, float]
    """Person -> mean over the person's scans; from the worst on, those without a finite number first."""
    gains: Mapping[str, float]
    """Person -> value − value of the baseline, of those who have both."""
    worst: tuple[str, ...]
    """The worst 5 % of people, at least one."""
    tail: float
    """The mean over them."""

    @property
    def median(self) -> str:
        """Who stands in the middle; of two, the worse."""
        return list(self.people)[(len(self.people) - 1) // 2]

    @property
    def best(self) -> str:
        """Who stands last."""
        return list(self.people)[-1]


def cases_of(
    rows: Sequence[Row], method: str, baseline: str, *, higher: bool = True, share: float = SHARE
) -> Cases | None:
    """Rows of one measure, mask and setting -> the people of a method, from the worst on; None where it has none.

    Higher: whether more is better. Raises Refusal as ``gains_by_person`` does.
    """
    check_persons(rows)
    scans: dict[str, list[float]] = {}
    for row in rows:
        if row.method == method:
            scans.setdefault(row.person, []).append(row.value)
    if not scans:
        return None
    found = {person: math.fsum(values) / len(values) for person, values in scans.items()}
    order = sorted(found, key=lambda p: (not math.isnan(found[p]), found[p] if higher else -found[p], p))
    worst = tuple(order[: math.ceil(share * len(order))])
    gains = {} if method == baseline else gains_by_person(rows, method, baseline)
    tail = math.fsum(found[person] for person in worst) / len(worst)
    return Cases(method, {person: found[person] for person in order}, gains, worst, tail)
