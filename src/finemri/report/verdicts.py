"""A verdict on every claim, from rows alone: person by person, seeds averaged, Holm over the claims of the page."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from finemri.measures.effects import holm, rank_biserial, smallest_p
from finemri.measures.statistics import FEWEST, TRUTH, bootstrap_interval, gains_by_person, wilcoxon
from finemri.measures.tidy import Row
from finemri.refusal import Refusal
from finemri.report.claims import Claim
from finemri.report.found import Job, Key

REPRODUCED, NOT_REPRODUCED, NOT_SETTLED, NOT_TESTABLE, NOT_RUN = VERDICTS = (
    "reproduced", "not reproduced", "not settled", "not testable", "not run",
)  # fmt: skip


@dataclass(frozen=True)
class Ruling:
    """A claim, what was found, and what follows."""

    claim: Claim
    verdict: str = ""
    """One of VERDICTS."""
    why: str = ""
    """In words, where the numbers do not say it."""
    key: Key | None = None
    people: Mapping[str, float] = field(default_factory=dict)
    """Person -> A − B, each the mean over its seeds; of those who have all of them."""
    a: float = math.nan
    """Mean over people of the mean over seeds."""
    b: float = math.nan
    low: float = math.nan
    """Of the 95 % interval of the mean of A − B (BCa over people)."""
    high: float = math.nan
    seeds: tuple[int, int] = (0, 0)
    """How many methods A and B are."""
    by_seed: tuple[float, ...] = ()
    """The mean over people of A − B, for every seed of A with every seed of B."""
    p: float = math.nan
    p_holm: float = math.nan

    @property
    def mean(self) -> float:
        """Of A − B over people."""
        return math.fsum(self.people.values()) / len(self.people) if self.people else math.nan


def judge(claims: Sequence[Claim], jobs: Sequence[Job], level: float) -> list[Ruling]:
    """Every claim, in the order of the file.

    p: Wilcoxon over people of A − B less the bound that the claim sets. Where the mean lies within two bounds, the
    larger p of both. Adjusted over all claims that are tested. Raises Refusal where a claim that is not optional
    names what was not judged.
    """
    found = [_evidence(claim, jobs) for claim in claims]
    tested = [n for n, each in enumerate(found) if not each.verdict]
    for n in tested:
        if len(found[n].people) >= FEWEST:
            low, high = bootstrap_interval(found[n].people)
            found[n] = replace(found[n], low=low, high=high, p=_p_of(found[n]))
    tried = [n for n in tested if not math.isnan(found[n].p)]
    for n, adjusted in zip(tried, holm([found[n].p for n in tried]), strict=True):
        found[n] = replace(found[n], p_holm=adjusted)
    for n in tested:
        verdict, why = _verdict(found[n], level)
        found[n] = replace(found[n], verdict=verdict, why=why)
    return found


def _verdict(ruling: Ruling, level: float) -> tuple[str, str]:
    """The verdict, and why where it is open."""
    least, most = ruling.claim.holds
    if len(ruling.people) < FEWEST:
        return NOT_SETTLED, f"{_people(len(ruling.people))}, an interval takes {FEWEST}"
    if smallest_p(len(ruling.people)) >= level:
        return NOT_SETTLED, f"with {len(ruling.people)} people no p falls below {smallest_p(len(ruling.people)):.2g}"
    true = least < ruling.low and ruling.high < most
    false = ruling.high < least or ruling.low > most
    if not (true or false):
        return NOT_SETTLED, "the interval spans the bound"
    if ruling.p_holm >= level:
        return NOT_SETTLED, f"p is not below {level:g}, adjusted for all claims"
    if not _ranks_agree(ruling):
        return NOT_SETTLED, "the mean and the ranks lie on different sides of the bound"
    if any((least < mean < most) != true for mean in ruling.by_seed):
        return NOT_SETTLED, "the seeds disagree"
    return (REPRODUCED if true else NOT_REPRODUCED), ""


def _ranks_agree(ruling: Ruling) -> bool:
    """Whether the ranks, which the test is of, lie on the side of every bound that the mean lies on."""
    bounds = [bound for bound in ruling.claim.holds if math.isfinite(bound)]
    return all(
        rank_biserial({person: value - bound for person, value in ruling.people.items()}) * (ruling.mean - bound) > 0
        for bound in bounds
    )


def _p_of(ruling: Ruling) -> float:
    """Of the side of the bounds that the mean lies on."""
    least, most = ruling.claim.holds

    def against(bound: float) -> float:
        return wilcoxon({person: value - bound for person, value in ruling.people.items()})

    if ruling.mean <= least:
        return against(least)
    if ruling.mean >= most:
        return against(most)
    return max(against(bound) for bound in (least, most) if math.isfinite(bound))


def _evidence(claim: Claim, jobs: Sequence[Job]) -> Ruling:
    """What was found, with a verdict already where no test is made."""
    if not claim.a:
        return Ruling(claim, NOT_TESTABLE, claim.not_testable)
    try:
        key, rows, a, b = _rows_of(claim, jobs)
    except _Absent as absent:
        if claim.optional or claim.not_testable:
            return Ruling(
                claim, *((NOT_TESTABLE, claim.not_testable) if claim.not_testable else (NOT_RUN, str(absent)))
            )
        raise Refusal(
            f"The claim {claim.id!r} names what was not judged: {absent}. Judge it, or write optional = true."
        ) from None
    pairs = [gains_by_person([*rows[x], *rows[y]], x, y) for x in a for y in b]
    common = sorted(set.intersection(*(set(pair) for pair in pairs)))
    people = {person: math.fsum(pair[person] for pair in pairs) / len(pairs) for person in common}
    by_seed = tuple(math.fsum(pair[p] for p in common) / len(common) for pair in pairs) if common else ()
    means = [_mean([row for name in side for row in rows[name]], common) for side in (a, b)]
    ruling = Ruling(claim, key=key, people=people, a=means[0], b=means[1], seeds=(len(a), len(b)), by_seed=by_seed)
    if claim.not_testable:
        return replace(ruling, verdict=NOT_TESTABLE, why=claim.not_testable)
    if lost := sum(not math.isfinite(value) for value in people.values()):
        return replace(ruling, verdict=NOT_SETTLED, why=f"{_people(lost)} without a finite difference")
    return ruling


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


class _Absent(Exception):
    """What a claim names, and nobody judged."""


def _rows_of(claim: Claim, jobs: Sequence[Job]) -> tuple[Key, dict[str, list[Row]], list[str], list[str]]:
    """The claim's measure: its key, its rows by method, and the methods that A and B are."""
    job = next((job for job in jobs if job.name == claim.job), None)
    if job is None:
        raise _Absent(f"there is no measures.csv in the folder {claim.job or '.'!r}")
    keys = [key for key in job.groups if key[2:] == (claim.mask, claim.measure)]
    if not keys:
        raise _Absent(f"{claim.measure!r}, mask {claim.mask!r}, is not in {claim.job or '.'}/measures.csv")
    if len(keys) > 1:
        raise Refusal(
            f"The claim {claim.id!r} is of one setting, and {claim.job or '.'}/measures.csv has {len(keys)}; "
            "judge each in a folder of its own."
        )
    rows: dict[str, list[Row]] = {}
    for row in job.groups[keys[0]]:
        rows.setdefault(row.method, []).append(row)
    a, b = (_named(names, [name for name in rows if name != TRUTH]) for names in (claim.a, claim.b))
    if both := set(a) & set(b):
        raise Refusal(f"The claim {claim.id!r} holds {min(both)!r} against itself.")
    return keys[0], rows, a, b


def _named(names: Sequence[str], judged: Sequence[str]) -> list[str]:
    """The methods that these names mean, where * stands for anything."""
    found: dict[str, None] = {}
    for name in names:
        pattern = re.compile(".*".join(map(re.escape, name.split("*"))), re.DOTALL)
        if not (meant := [method for method in judged if pattern.fullmatch(method)]):
            raise _Absent(f"there is no method {name!r}")
        found |= dict.fromkeys(meant)
    return list(found)


def _mean(rows: Sequence[Row], people: Sequence[str]) -> float:
    """Over people, of the mean over their rows."""
    values: dict[str, list[float]] = {person: [] for person in people}
    for row in rows:
        if row.person in values:
            values[row.person].append(row.value)
    means = [math.fsum(own) / len(own) for own in values.values()]
    return math.fsum(means) / len(means) if means else math.nan
