"""Claims on the page: a table of verdicts, a figure for each claim that has numbers, and the rules they follow."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from finemri.measures import title_of
from finemri.report.claims import Claims
from finemri.report.figures import Lane, dot_plot
from finemri.report.found import Key
from finemri.report.markup import cell, esc, heading, note, number, table
from finemri.report.verdicts import NOT_REPRODUCED, NOT_SETTLED, REPRODUCED, VERDICTS, Ruling
from finemri.report.words import WHERE, digits_of, printed

COLUMNS = ("claim", "verdict", "the paper: A, B", "here: A, B", "A − B", "p (Holm)", "seeds A, B", "people")
LOOKS = {REPRODUCED: "better", NOT_REPRODUCED: "worse", NOT_SETTLED: "open"}
"""As page.css colours verdicts; "not" where nothing was tested."""
RULES = """
A − B: person by person, each the mean over the seeds of A and of B, and over the scans of the person.
Below its mean the 95 % interval (BCa over people), and where the claim is true. People: of how many it is true.
Below the seeds: the least and the greatest A − B of any seed of A with any of B.
Reproduced: the whole interval and the ranks lie where the claim is true, and p is below {level}.
Not reproduced: the whole interval and the ranks lie where the claim is not true, and p is below {level}.
Not settled: all else. It is no evidence against a claim.
p: Wilcoxon's signed-rank test of A − B less the claim's bound, two-sided, adjusted by Holm over {tests} tests.
Of several seeds, each of A against each of B must lie on the same side of the bound; else the claim is not settled.
With one seed of each, p says that these two trainings differ, and not that another two would.
Not testable: these numbers cannot decide it; the reason stands in the claims file. Not run: A or B was not judged.
The paper's numbers are of other people and contracts: its orders compare with ours, its numbers do not.
"""


@dataclass(frozen=True)
class Docket:
    """A claims file and its verdicts."""

    claims: Claims
    rulings: Sequence[Ruling]


def claimed(docket: Docket, contracts: Mapping[tuple[str, Key], int], level: float) -> str:
    """The section. ``contracts``: job and key -> the contract's number on the page."""
    rulings = docket.rulings
    count = Counter(ruling.verdict for ruling in rulings)
    told = ", ".join(f"{count[verdict]} {verdict}" for verdict in VERDICTS if count[verdict])
    tests = sum(not math.isnan(ruling.p) for ruling in rulings)
    rules = RULES.format(level=f"{level:g}", tests=tests).strip().splitlines()
    shown = [ruling for ruling in rulings if ruling.people]
    return "".join([
        f'<section class="claims" aria-labelledby="claims">{heading(2, docket.claims.title, "claims")}',
        note(docket.claims.about) if docket.claims.about else "",
        note(f"{len(rulings)} claims: {told}."),
        table("Claims, and what became of them", COLUMNS, [(None, [_row(ruling, contracts) for ruling in rulings])]),
        heading(3, "How a verdict comes about"),
        f"<ul>{''.join(f'<li>{esc(rule)}</li>' for rule in rules)}</ul>",
        heading(3, "Claim by claim, person by person") if shown else "",
        *(_figure(ruling) for ruling in shown),
        "</section>",
    ])  # fmt: skip


def _row(ruling: Ruling, contracts: Mapping[tuple[str, Key], int]) -> list[str]:
    claim, why = ruling.claim, _small(esc(ruling.why))
    text = f'<a href="#claim-{claim.id}">{esc(claim.text)}</a>' if ruling.people else esc(claim.text)
    first = text + _small(esc(". ".join(part for part in (claim.source, claim.note) if part)))
    verdict = cell(esc(ruling.verdict) + why, kind=f"verdict {LOOKS.get(ruling.verdict, 'not')}")
    papers = (claim.paper_a, claim.paper_b)
    paper = ", ".join("–" if value is None else f"{value:g}" for value in papers) if papers != (None, None) else "–"
    if ruling.key is None:
        return [first, verdict, cell(paper, kind="n"), *[cell("–", kind="n")] * 5]
    measure, digits = ruling.key[3], digits_of(ruling.key[3])
    n = contracts[claim.job, ruling.key]
    mark = f'{esc(title_of(measure))} <a href="#contract-{n}" aria-label="contract {n}">[{n}]</a>'
    interval = f"{number(ruling.low, digits)} to {number(ruling.high, digits)}" if math.isfinite(ruling.low) else ""
    spread = ""
    if len(ruling.by_seed) > 1:
        spread = f"{printed(min(ruling.by_seed), digits)} to {printed(max(ruling.by_seed), digits)}"
    p = "–"
    if not math.isnan(ruling.p_holm):
        p = f'<data value="{ruling.p_holm!r}" title="unadjusted: {ruling.p!r}">{ruling.p_holm:.2g}</data>'
    return [
        first + _small(mark),
        verdict,
        cell(paper, kind="n"),
        cell(f"{number(ruling.a, digits)}, {number(ruling.b, digits)}", kind="n"),
        cell(number(ruling.mean, digits, "+") + _small(interval) + _small(f"true {_holds(ruling)}"), kind="n"),
        cell(p, kind="n"),
        cell(", ".join(map(str, ruling.seeds)) + _small(spread), kind="n"),
        cell(_ahead(ruling), kind="n"),
    ]


def _small(markup: str) -> str:
    """A line below, smaller."""
    return f"<br><small>{markup}</small>" if markup else ""


def _holds(ruling: Ruling) -> str:
    """Where the claim is true, short."""
    least, most = (f"{bound:g}".replace("-", "−") for bound in ruling.claim.holds)
    return {"higher": f"above {least}", "lower": f"below {most}", "within": f"between {least} and {most}"}[
        ruling.claim.direction
    ]


def _ahead(ruling: Ruling) -> str:
    """Of how many people it is true."""
    least, most = ruling.claim.holds
    return f"{sum(least < value < most for value in ruling.people.values())} of {len(ruling.people)}"


def _figure(ruling: Ruling) -> str:
    claim = ruling.claim
    assert ruling.key is not None
    names = f"A: {', '.join(claim.a)}; B: {', '.join(claim.b)}"
    axis = f"A − B, {title_of(ruling.key[3])}, {WHERE[ruling.key[2]]}; the claim is true {_holds(ruling)}"
    lane = Lane(names, list(ruling.people.values()), ruling.mean, ruling.low, ruling.high)
    title = f"{claim.text}: {ruling.verdict}"
    bounds = [bound for bound in claim.holds if math.isfinite(bound) and bound]
    return f'<div id="claim-{claim.id}">{dot_plot(f"drawn-{claim.id}", title, axis, [lane], bounds)}</div>'
