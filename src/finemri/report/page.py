"""The page, read top down: what was compared on whom, what came of it, where it fails, and how to do it again."""

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from finemri import __version__
from finemri.measures import title_of
from finemri.report.budget import budgets_of
from finemri.report.cards import cards_of
from finemri.report.checklist import checklist_of
from finemri.report.claimed import Docket, claimed
from finemri.report.compared import Name, compared
from finemri.report.cost import cost_of
from finemri.report.cross import cross_of, is_crossed
from finemri.report.failures import failures_of
from finemri.report.found import Job, Key
from finemri.report.gains import agreement_of, figures_of
from finemri.report.lesions import lesions_of
from finemri.report.markup import esc, heading, note
from finemri.report.opinions import opinions_of, title_of_study
from finemri.report.spectra import spectra_of
from finemri.report.tables import Group, conventions_of, groups_of, results, seeds_of
from finemri.report.words import command_of, contract_in_words, setting_of

GENERATOR = '<meta name="generator" content="finemri report'
"""How a page of ours is told from another."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What a browser may fetch for the page: nothing."""


def page_of(
    jobs: Sequence[Job],
    level: float,
    *,
    names: bool = False,
    docket: Docket | None = None,
    studies: Mapping[str, Any] | None = None,
) -> str:
    """All jobs on one page, each with a section, below the claims; contracts are numbered over all. ``studies``: what
    readers said, by folder."""
    studies = studies or {}
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
    known = {(job.name, key): n for job, own in zip(jobs, numbers, strict=True) for key, n in own.items()}
    contents = '<li><a href="#claims">Claims</a></li>' if docket else ""
    contents += "".join(f'<li><a href="#job-{n}">{esc(_title(job))}</a></li>' for n, job in enumerate(jobs, 1))
    contents += "".join(
        f'<li><a href="#study-{n}">{esc(title_of_study(*each))}</a></li>' for n, each in enumerate(studies.items(), 1)
    )
    called = (
        "People go by the names of the CSV."
        if names
        else "People go by numbers, in the alphabetical order of their names in the CSVs of this folder."
    )
    sources = " and ".join(
        ["tidy CSVs and saved images"] * bool(jobs) + ["the results of reader studies"] * bool(studies)
    )
    body = [
        heading(1, "What the methods are worth"),
        note(f"Made by finemri {__version__} from {sources} alone.{f' {called}' if jobs else ''}"),
        f'<nav aria-label="Contents"><ol>{contents}{_ENDS if jobs else ""}</ol></nav>',
        claimed(docket, known, level) if docket else "",
        *sections,
        *(opinions_of(*each, n, level) for n, each in enumerate(studies.items(), 1)),
        _ends(jobs, level, texts) if jobs else "",
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


def _ends(jobs: Sequence[Job], level: float, texts: Mapping[str, int]) -> str:
    """What stands once for all jobs."""
    contracts = "".join(f'<li id="contract-{n}">{esc(text)}</li>' for text, n in texts.items())
    about = note("What each number depends on but the two images. Numbers of two contracts do not compare.")
    parts = [_reading(level), heading(2, "Contracts", "contracts"), about, f"<ol>{contracts}</ol>"]
    return "\n".join([*parts, checklist_of(jobs, level)])


def _title(job: Job) -> str:
    settings = dict.fromkeys(setting_of(row.degradation, row.scale) for row in job.rows)
    return f"{job.name}: {', '.join(settings)}" if job.name else ", ".join(settings)


def _section(job: Job, groups: Sequence[Group], contracts: Mapping[Key, int], n: int, level: float, name: Name) -> str:
    main, others = [g for g in groups if g.is_main], [g for g in groups if not g.is_main]
    main, others = (main, others) if main else (others, [])
    doubts = "".join(note(doubt, kind="doubt") for doubt in dict.fromkeys(g.doubt for g in groups if g.doubt))
    everything = results(job, others, "Every other measure", level, contracts) if others else ""
    told = {
        "What was compared, on whom": compared(job, name),
        "Results": results(job, main, "Means over people, and how sure the gains are", level, contracts) + doubts,
        "Failures": failures_of(job, groups, name),
        "Gains, person by person": "".join(figures_of(main, n)),
        "Spectra": spectra_of(job, n),
        "Cost beside quality": cost_of(job, main, n),
        "Label budgets": budgets_of(job, n),
        "Sizes of structures": agreement_of(groups, n),
        "Lesions": lesions_of(job),
        "Kernels crossed": cross_of(job),
        "Conventions": conventions_of(groups, job.methods, contracts),
        "Seeds": seeds_of(job, main, contracts) if job.seeds else "",
        "Every other measure": everything and f"<details><summary>All of them</summary>{everything}</details>",
        "Model cards": cards_of(job),
        "Do it again": _again(job),
    }
    parts = [heading(3, title) + content for title, content in told.items() if content]
    return f'<section aria-labelledby="job-{n}">{heading(2, _title(job), f"job-{n}")}{"".join(parts)}</section>'


def _again(job: Job) -> str:
    crossed = is_crossed(job)
    into = Path(job.name).parent if crossed else Path(job.name)
    name = "" if into == Path() else into.as_posix()
    command = command_of(job.settings, job.methods, name, images=job.images is not None, crossed=crossed)
    if command is None:
        return note("No settings.json tells how these rows were made.")
    note_ = (
        "COHORT and SPLIT are yours to fill in, for a path may tell who was scanned; so are paths of weights: "
        "NAME@DIGEST stands for the file whose SHA-256 begins so, and so does the digest after --segmenter; "
        "MAPS is a folder of label maps that an outside program left. "
    )
    return f"<pre><code>{esc(command)}</code></pre>{note(note_)}"


def _reading(level: float) -> str:
    lines = "".join(f"<li>{esc(line)}</li>" for line in READING.format(level=f"{level:g}").strip().splitlines())
    return f"{heading(2, 'How to read the numbers', 'reading')}<ul>{lines}</ul>"


_ENDS = '<li><a href="#reading">How to read the numbers</a></li><li><a href="#contracts">Contracts</a></li>'
_ENDS += '<li><a href="#claim-2024">CLAIM 2024 checklist</a></li>'
READING = """
The unit is the person: several scans of one are averaged first, and count once.
Gain: the mean over people of value − value of the baseline, same person. Its interval: bootstrap over people (BCa).
p: Wilcoxon's signed-rank test over people, two-sided, adjusted by Holm over the methods of one measure and setting.
It is not adjusted over measures: choose the one that a claim is about before you look.
Better or worse: the interval leaves out 0, r has the gain's sign, and the adjusted p is below {level}. Open: not so.
Effect r: the matched-pairs rank-biserial correlation, from −1 (everybody lost) to 1 (everybody gained).
d_z: the mean gain over the standard deviation of the gains.
Worst 5 %: the mean over the worst twentieth of people, at least one. Lost: people worse off than with the baseline.
Who has no finite number counts among the worst, and is never dropped.
Rest the pointer on a number for all its digits; the number in brackets leads to its contract.
"""
