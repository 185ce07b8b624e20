"""What was compared, on whom, and what makes its numbers kinder than life."""

from collections.abc import Callable, Mapping
from typing import Any

from finemri.report.found import Job
from finemri.report.markup import cell, esc, note, table

Name = Callable[[str], str]
"""Person -> what the page calls them."""
MOST = 6
"""People who are named where something holds of more than these, and not of everybody."""


def compared(job: Job, name: Name) -> str:
    """People, methods, and every doubt that settings.json tells of: data crimes, kernels, and who was seen before."""
    scans = len({row.subject for row in job.rows})
    who = f"{len(job.people)} people" + (f", {scans} scans" if scans != len(job.people) else "")
    part = job.settings.get("people")
    sentence = f"{who}{f', the {part} (digest of the split)' if isinstance(part, str) else ''}."
    seen, kernels = _of(job.settings, "seen"), _of(job.settings, "kernels")
    doubts = [*_data(job), *_crimes(job, name)]
    rows = []
    for method, digest in job.digests.items():
        judged = len({row.person for row in job.rows if row.method == method})
        role = "baseline" if method == job.baseline else ""
        weights = f'<code title="{esc(digest)}">{esc(digest[:16])}</code>' if digest else "no weights"
        first = [esc(method), cell(weights if job.settings else "not told"), cell(role)]
        guards = [cell(esc(str(told.get(method) or "–"))) for told in (seen, kernels) if told]
        rows.append([*first, *guards, cell(str(judged), kind="n")])
    guarded = [title for title, told in (("whom its training saw", seen), ("its kernel", kernels)) if told]
    columns = ("method", "SHA-256 of its weights", "role", *guarded, "people")
    shown = "".join(note(doubt, kind="doubt") for doubt in doubts)
    return note(sentence) + shown + table("Methods", columns, [(None, rows)])


def _data(job: Job) -> list[str]:
    """What contracts say of the data, each once, with how many people's; what is told of scans by name is left out."""
    crimes = _of(job.settings, "crimes").values()
    told = {"; ".join(map(str, sentences)) for sentences in crimes if isinstance(sentences, list)}
    found: dict[str, set[str]] = {}
    for row in job.rows:
        if row.contract.data and row.contract.data not in told:
            found.setdefault(row.contract.data, set()).add(row.person)
    total = len(job.people)
    return [
        f"{'All numbers' if len(people) == total else f'Numbers of {len(people)} of {total} people'}: {text}."
        for text, people in found.items()
    ]


def _crimes(job: Job, name: Name) -> list[str]:
    """Each data crime once, with those whose scans show it."""
    found: dict[str, set[str]] = {}
    for subject, sentences in _of(job.settings, "crimes").items():
        for sentence in sentences if isinstance(sentences, list) else [sentences]:
            found.setdefault(str(sentence), set()).add(subject.partition("#")[0])
    told = []
    for sentence, people in found.items():
        names = [name(person) for person in job.people if person in people]
        some = f": {', '.join(names[:MOST])}{' and others' if len(names) > MOST else ''}"
        whose = "all" if len(names) == len(job.people) else f"{len(names)} of {len(job.people)}"
        told.append(f"{sentence.rstrip('.')} ({whose} people{'' if whose == 'all' else some}).")
    return told


def _of(settings: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A part of settings.json that has names; empty where nobody wrote it."""
    told = settings.get(key)
    return told if isinstance(told, dict) else {}
