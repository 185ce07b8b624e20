"""Tables of numbers over people: what each method is worth, how sure that is, and at whom it fails."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from finemri.measures import better_of, title_of
from finemri.measures.cases import Cases, cases_of
from finemri.measures.effects import check_enough
from finemri.measures.seeds import spreads
from finemri.measures.statistics import FEWEST, Gain, gains
from finemri.measures.structures import MEAN
from finemri.measures.tidy import Row
from finemri.refusal import Refusal
from finemri.report.found import Job, Key
from finemri.report.markup import cell, esc, number, table
from finemri.report.words import WHERE, digits_of, setting_of

MAIN = ("psnr", "psnr_peak255", "ssim", "ssim-slices", "hfen", "gradient-energy")
COLUMNS = ("method", "mean", "gain over {}", "95 % interval", "p (Holm)", "verdict", "effect r", "d_z", "worst 5 %",
           "lost", "people")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Group:
    """One measure, one mask, one setting of a job, and all that is said of it."""

    key: Key
    rows: Sequence[Row]
    cases: Mapping[str, Cases]
    """Method -> its people."""
    gains: Mapping[str, Gain]
    """Of those methods that have one; where nearer is better, of the distance to the best value."""
    doubt: str | None
    """Why no test is made, if none is."""
    lone: bool = False
    """Whether its job has this setting alone, so that it need not be said again."""
    summed: bool = False
    """Whether it is of one structure, and its job has the mean over all structures too."""

    @property
    def title(self) -> str:
        """For a heading."""
        degradation, scale, mask, measure = self.key
        setting = "" if self.lone else f", {setting_of(degradation, scale)}"
        return f"{title_of(measure)}, {WHERE[mask]}{setting}"

    @property
    def is_main(self) -> bool:
        """Whether it stands in the first table."""
        measure = self.key[3]
        of_labels = measure == f"surface-{MEAN}" or measure.partition("-")[0] in ("dice", "sis")
        return (of_labels and not self.summed) or (self.key[2] == "head" and measure in MAIN)

    @property
    def sense(self) -> str:
        """Which way is better, in words."""
        better, best = better_of(self.key[3])
        nearer = f"nearer to {best:g} is better; the gain is of the distance to it, less is better"
        return {"higher": "higher is better", "lower": "lower is better", "nearer": nearer, None: ""}[better]


def groups_of(job: Job, level: float) -> list[Group]:
    """All that a job measured, in the order of its CSV."""
    kinds = job.groups
    lone = len({key[:2] for key in kinds}) == 1
    means = {key for key in kinds if key[3].endswith(f"-{MEAN}")}
    return [
        replace(_group(key, rows, job.methods, job.baseline, level), lone=lone, summed=_mean_of(key) in means - {key})
        for key, rows in kinds.items()
    ]


def _mean_of(key: Key) -> Key:
    """The mean over structures that a number of one structure belongs to."""
    return (*key[:3], f"{key[3].partition('-')[0]}-{MEAN}")


def _group(key: Key, rows: Sequence[Row], methods: Sequence[str], baseline: str | None, level: float) -> Group:
    better, best = better_of(key[3])
    compared = [replace(row, value=abs(row.value - best)) for row in rows] if better == "nearer" else list(rows)
    higher = better not in ("lower", "nearer")
    found = {}
    for method in methods:
        if cases := cases_of(compared, method, baseline or method, higher=higher):
            found[method] = cases
    over = {gain.method: gain for gain in gains(compared, baseline)} if baseline else {}
    doubt = None
    try:
        if over:
            check_enough(min(gain.people for gain in over.values()), level, len(over))
    except Refusal as refusal:
        doubt = str(refusal)
    return Group(key, rows, found, over, doubt)


def results(job: Job, groups: Sequence[Group], caption: str, level: float, contracts: Mapping[Key, int]) -> str:
    """The table of a job: a body for each measure."""
    bodies = []
    for group in groups:
        n = contracts[group.key]
        mark = f' <a href="#contract-{n}" aria-label="contract {n}">[{n}]</a>'
        sense = f" <small>{esc(group.sense)}</small>" if group.sense else ""
        rows = [_row(group, method, job.baseline, level) for method in job.methods if method in group.cases]
        bodies.append((f"{esc(group.title)}{mark}{sense}", rows))
    return table(caption, [column.format(job.baseline or "nothing") for column in COLUMNS], bodies)


def verdict_of(gain: Gain, level: float, *, tested: bool) -> str:
    """Better or worse where both the interval and the adjusted test say so, and the same: where a few large gains
    outweigh the losses of most, the mean and the ranks that are tested point different ways."""
    better, _ = better_of(gain.measure)
    if not tested:
        return "not tested"
    if better is None or not gain.sure or gain.p_holm >= level or gain.mean * gain.rank_biserial <= 0:
        return "open"
    return "better" if (gain.mean > 0) == (better == "higher") else "worse"


def why_no_gain(group: Group, method: str, baseline: str | None) -> str:
    """Why a method has none."""
    if baseline is None:
        return "no baseline was judged"
    if method == baseline:
        return "the baseline"
    gained = group.cases[method].gains
    if not_finite := sum(not math.isfinite(gain) for gain in gained.values()):
        return f"{not_finite} people without a finite gain"
    return f"{len(gained)} people, an interval takes {FEWEST}"


def conventions_of(groups: Sequence[Group], methods: Sequence[str], contracts: Mapping[Key, int]) -> str:
    """The same images as each convention judges them, side by side; "" where nobody asked for others."""
    bodies = []
    for own in ("psnr", "ssim"):
        found = [g for g in groups if g.key[3].rpartition(":")[2] == own and ":" in g.key[3]]
        for group in found:
            n, digits = contracts[group.key], digits_of(own)
            name = f'{esc(group.key[3].partition(":")[0])} <a href="#contract-{n}" aria-label="contract {n}">[{n}]</a>'
            values = {method: _means(group.rows, method) for method in methods}
            means = [number(math.fsum(v) / len(v), digits) if v else "–" for v in values.values()]
            bodies.append((own, [name, *(cell(mean, kind="n") for mean in means)]))
    grouped = [
        (esc(title_of(own)), [row for of, row in bodies if of == own]) for own in dict.fromkeys(o for o, _ in bodies)
    ]
    caption = "The same images by each convention, means over people"
    return table(caption, ["convention", *methods], grouped) if bodies else ""


def seeds_of(job: Job, main: Sequence[Group], contracts: Mapping[Key, int]) -> str:
    """How much of a method is chance, by the ``main`` measures; "" where nobody knows which differ in seed alone."""
    rows, shown = [], {group.key for group in main}
    for spread in spreads(job.rows, job.seeds):
        key = (spread.degradation, spread.scale, spread.mask, spread.measure)
        digits, n = digits_of(spread.measure), contracts[key]
        if key not in shown:
            continue
        name = (
            f"{esc(' · '.join(spread.family.methods))} <small>seeds {', '.join(map(str, spread.family.seeds))}</small>"
        )
        kind = f'{esc(title_of(spread.measure))} <a href="#contract-{n}" aria-label="contract {n}">[{n}]</a>'
        numbers = [cell(number(v, digits), kind="n") for v in (spread.mean, spread.std, spread.min, spread.max)]
        rows.append([name, cell(kind), *numbers, cell(str(spread.people), kind="n")])
    columns = ("methods that differ in their seed", "measure", "mean over seeds", "std over seeds", "least", "most",
               "people")  # fmt: skip
    return table("Seeds as a factor", columns, [(None, rows)]) if rows else ""


def _row(group: Group, method: str, baseline: str | None, level: float) -> list[str]:
    cases, gain, digits = group.cases[method], group.gains.get(method), digits_of(group.key[3])
    better, _ = better_of(group.key[3])
    values = _means(group.rows, method)
    lost_numbers = sum(not math.isfinite(value) for value in values)
    people = f"{len(values)}" + (f" ({lost_numbers} not finite)" if lost_numbers else "")
    first = [esc(method), cell(number(math.fsum(values) / len(values) if values else math.nan, digits), kind="n")]
    worst = cell(number(cases.tail, digits) + (" off" if better == "nearer" else ""), kind="n")
    last = [worst, cell(_lost(cases, better), kind="n"), cell(people, kind="n")]
    if gain is None:
        why = cell(f"<small>{esc(why_no_gain(group, method, baseline))}</small>")
        return [*first, why, *[cell("–", kind="n")] * 5, *last]
    verdict = verdict_of(gain, level, tested=group.doubt is None)
    interval = f"{number(gain.low, digits)} to {number(gain.high, digits)}"
    p = "–" if group.doubt else f'<data value="{gain.p_holm!r}" title="unadjusted: {gain.p!r}">{gain.p_holm:.2g}</data>'
    told = [
        cell(number(gain.mean, digits, "+"), kind="n"),
        cell(interval, kind="n"),
        cell(p, kind="n"),
        cell(verdict, kind=f"verdict {verdict.partition(' ')[0]}"),
        cell(number(gain.rank_biserial, 2, "+"), kind="n"),
        cell(number(gain.standardised, 2, "+"), kind="n"),
    ]
    return [*first, *told, *last]


def _means(rows: Sequence[Row], method: str) -> list[float]:
    scans: dict[str, list[float]] = {}
    for row in rows:
        if row.method == method:
            scans.setdefault(row.person, []).append(row.value)
    return [math.fsum(values) / len(values) for values in scans.values()]


def _lost(cases: Cases, better: str | None) -> str:
    """How many people are worse off than with the baseline."""
    if better is None or not cases.gains:
        return "–"
    worse = sum(gain < 0 if better == "higher" else gain > 0 for gain in cases.gains.values())
    return f"{worse} of {len(cases.gains)}"
