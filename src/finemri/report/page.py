"""The page, read top down: what was compared on whom, what came of it, where it fails, and how to do it again."""

from collections.abc import Callable, Mapping, Sequence
from importlib import resources

from finemri import __version__
from finemri.measures import title_of
from finemri.measures.statistics import TRUTH
from finemri.report.failures import failures_of
from finemri.report.figures import Lane, bland_altman, dot_plot, limits_of
from finemri.report.found import Job, Key
from finemri.report.markup import cell, esc, heading, note, number, table
from finemri.report.tables import Group, conventions_of, groups_of, results, seeds_of
from finemri.report.words import command_of, contract_in_words, digits_of, setting_of

GENERATOR = '<meta name="generator" content="finemri report'
"""How a page of ours is told from another."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What a browser may fetch for the page: nothing."""


def page_of(jobs: Sequence[Job], level: float, *, names: bool = False) -> str:
    """All jobs on one page, each with a section; contracts are numbered over all."""
    people = {person: n + 1 for n, person in enumerate(sorted({p for job in jobs for p in job.people}))}

    def name(person: str) -> str:
        return person if names else f"person {people[person]}"

    all_groups = [groups_of(job, level) for job in jobs]
    texts: dict[str, int] = {}
    numbers: list[dict[Key, int]] = []
    for groups in all_groups:
        told = {g.key: f"{title_of(g.key[3])}. {contract_in_words(row.contract for row in g.rows)}" for g in groups}
        numbers.append({key: texts.setdefault(text, len(texts) + 1) for key, text in told.items()})
    sections = [
        _section(job, groups, contracts, n, level, name)
        for n, (job, groups, contracts) in enumerate(zip(jobs, all_groups, numbers, strict=True), 1)
    ]
    contents = "".join(f'<li><a href="#job-{n}">{esc(_title(job))}</a></li>' for n, job in enumerate(jobs, 1))
    called = (
        "People go by the names of the CSV."
        if names
        else "People go by numbers, in the alphabetical order of their names in the CSVs of this folder."
    )
    body = [
        heading(1, "What the methods are worth"),
        note(f"Made by finemri {__version__} from tidy CSVs and saved images alone. {called}"),
        f'<nav aria-label="Contents"><ol>{contents}{_ENDS}</ol></nav>',
        *sections,
        _reading(level),
        heading(2, "Contracts", "contracts"),
        note("What each number depends on but the two images. Numbers of two contracts do not compare."),
        "<ol>" + "".join(f'<li id="contract-{n}">{esc(text)}</li>' for text, n in texts.items()) + "</ol>",
    ]
    style = resources.files("finemri.report").joinpath("page.css").read_text(encoding="utf-8")
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">{GENERATOR} {__version__}">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>finemri report</title><style>{style}</style></head>\n<body><main>\n"
        + "\n".join(body)
        + "\n</main></body></html>\n"
    )


def _title(job: Job) -> str:
    settings = dict.fromkeys(setting_of(row.degradation, row.scale) for row in job.rows)
    return f"{job.name}: {', '.join(settings)}" if job.name else ", ".join(settings)


def _section(
    job: Job, groups: Sequence[Group], contracts: Mapping[Key, int], n: int, level: float, name: Callable[[str], str]
) -> str:
    main, others = [g for g in groups if g.is_main], [g for g in groups if not g.is_main]
    main, others = (main, others) if main else (others, [])
    parts = [heading(2, _title(job), f"job-{n}"), heading(3, "What was compared, on whom"), _compared(job)]
    parts += [
        heading(3, "Results"),
        results(job, main, "Means over people, and how sure the gains are", level, contracts),
    ]
    parts += [note(doubt, kind="doubt") for doubt in dict.fromkeys(g.doubt for g in groups if g.doubt)]
    parts += [heading(3, "Failures"), failures_of(job, groups, name)]
    if figures := _figures(main, n):
        parts += [heading(3, "Gains, person by person"), *figures]
    if agreement := _agreement(groups, n):
        parts += [heading(3, "Sizes of structures"), agreement]
    if side_by_side := conventions_of(groups, job.methods, contracts):
        parts += [heading(3, "Conventions"), side_by_side]
    if job.seeds:
        parts += [heading(3, "Seeds"), seeds_of(job, contracts)]
    if others:
        everything = results(job, others, "Every other measure", level, contracts)
        parts.append(f"<details><summary>Every other measure</summary>{everything}</details>")
    return f'<section aria-labelledby="job-{n}">{"".join(parts)}{_again(job)}</section>'


def _compared(job: Job) -> str:
    scans = len({row.subject for row in job.rows})
    data = dict.fromkeys(row.contract.data for row in job.rows if row.contract.data)
    who = f"{len(job.people)} people" + (f", {scans} scans" if scans != len(job.people) else "")
    part = job.settings.get("people")
    told = f"{who}{f', the {part} (digest of the split)' if isinstance(part, str) else ''}."
    crimes = "".join(note(f"All numbers: {text}.", kind="doubt") for text in data)
    rows = []
    for method, digest in job.digests.items():
        judged = len({row.person for row in job.rows if row.method == method})
        role = "baseline" if method == job.baseline else ""
        weights = f'<code title="{esc(digest)}">{esc(digest[:16])}</code>' if digest else "no weights"
        rows.append(
            [esc(method), cell(weights if job.settings else "not told"), cell(role), cell(str(judged), kind="n")]
        )
    return (
        note(told) + crimes + table("Methods", ("method", "SHA-256 of its weights", "role", "people"), [(None, rows)])
    )


def _figures(groups: Sequence[Group], n: int) -> list[str]:
    """A dot plot for each measure that has gains."""
    figures = []
    for k, group in enumerate(groups):
        lanes = [
            Lane(method, list(group.cases[method].gains.values()), gain.mean, gain.low, gain.high)
            for method, gain in group.gains.items()
        ]
        if lanes:
            over = next(iter(group.gains.values())).baseline
            axis = f"gain over {over}" + (f" ({group.sense.partition(';')[0]})" if group.sense else "")
            figures.append(dot_plot(f"gains-{n}-{k}", group.title, axis, lanes))
    return figures


def _agreement(groups: Sequence[Group], n: int) -> str:
    """Bland–Altman, where sizes were measured on the true images too."""
    figures, rows = [], []
    for k, group in enumerate(
        g for g in groups if g.key[3].startswith("volume-") and TRUTH in {r.method for r in g.rows}
    ):
        true = {row.subject: row.value for row in group.rows if row.method == TRUTH}
        for m, method in enumerate(group.cases):
            found = {row.subject: row.value for row in group.rows if row.method == method}
            points = {s: (true[s], found[s]) for s in sorted(found) if s in true and "#" not in s}
            if len(points) < 3:
                continue
            unit = next((row.contract.units for row in group.rows if row.contract.units), "as stored")
            title = f"{title_of(group.key[3])} by {method}: found − true, with bias and limits of agreement"
            figures.append(bland_altman(f"agreement-{n}-{k}-{m}", title, unit, points))
            digits = digits_of(group.key[3])
            limits = [cell(number(v, digits, "+"), kind="n") for v in limits_of([b - a for a, b in points.values()])]
            rows.append([esc(method), cell(esc(title_of(group.key[3]))), *limits, cell(str(len(points)), kind="n")])
    columns = ("method", "structure", "bias", "lower limit", "upper limit", "people")
    return table("Bias and 95 % limits of agreement", columns, [(None, rows)]) + "".join(figures) if rows else ""


def _again(job: Job) -> str:
    command = command_of(job.settings, job.methods, job.name, images=job.images is not None)
    if command is None:
        return heading(3, "Do it again") + note("No settings.json tells how these rows were made.")
    note_ = (
        "COHORT and SPLIT are yours to fill in, for a path may tell who was scanned; so are paths of weights: "
        "NAME@DIGEST stands for the file whose SHA-256 begins so, and so does the digest after --segmenter. "
    )
    return f"{heading(3, 'Do it again')}<pre><code>{esc(command)}</code></pre>{note(note_)}"


def _reading(level: float) -> str:
    lines = "".join(f"<li>{esc(line)}</li>" for line in READING.format(level=f"{level:g}").strip().splitlines())
    return f"{heading(2, 'How to read the numbers', 'reading')}<ul>{lines}</ul>"


_ENDS = '<li><a href="#reading">How to read the numbers</a></li><li><a href="#contracts">Contracts</a></li>'
READING = """
The unit is the person: several scans of one are averaged first, and count once.
Gain: the mean over people of value − value of the baseline, same person. Its interval: bootstrap over people (BCa).
p: Wilcoxon's signed-rank test over people, two-sided, adjusted by Holm over the methods of one measure and setting.
It is not adjusted over measures: choose the one that a claim is about before you look.
Better or worse: the interval leaves out 0 and the adjusted p is below {level}. Open: not so.
Effect r: the matched-pairs rank-biserial correlation, from −1 (everybody lost) to 1 (everybody gained).
d_z: the mean gain over the standard deviation of the gains.
Worst 5 %: the mean over the worst twentieth of people, at least one. Lost: people worse off than with the baseline.
Who has no finite number counts among the worst, and is never dropped.
Rest the pointer on a number for all its digits; the number in brackets leads to its contract.
"""
