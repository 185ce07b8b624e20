"""What a folder tells of the items of CLAIM 2024, item by item; nothing is inferred that no file says."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finemri import __version__
from finemri.measures import title_of
from finemri.report.cross import FILE
from finemri.report.found import Job
from finemri.report.words import setting_of


@dataclass(frozen=True)
class Answer:
    """What the folder says of an item."""

    text: str
    whole: bool = False
    """Whether nothing is left to the author."""


@dataclass(frozen=True, eq=False)
class Asked:
    """What a report is of."""

    jobs: Sequence[Job]
    level: float
    """Of its tests."""


Told = Callable[[Asked], Answer | None]
"""None where the files say nothing."""


def _technology(of: Asked) -> Answer | None:
    learnt = [f"{m} ({_kind(h)})" for m, h in _headers(of.jobs).items()]
    classical = _each(m for job in of.jobs for m, digest in job.digests.items() if job.settings and not digest)
    if not learnt:
        return None
    return Answer(f"Learned: {_listed(learnt)}. Without weights: {_listed(classical)}.")


def _preprocessing(of: Asked) -> Answer | None:
    settings = _listed(_each(setting_of(row.degradation, row.scale) for job in of.jobs for row in job.rows), "; ")
    return Answer(f"What was done to each scan before a method saw it: {settings}. Crops and units stand in the "
                  "contracts. What came before these scans is the author's to tell.")  # fmt: skip


def _subsets(of: Asked) -> Answer | None:
    parts = _each(str(part) for job in of.jobs if (part := job.settings.get("people")))
    slices = _each(str(n) for job in of.jobs if (n := job.settings.get("slices")))
    told = [f"people: {_listed(parts)} (digest of the split)"] if parts else []
    told += [f"slices of each scan: {_listed(slices)}, evenly spread"] if slices else []
    return Answer("; ".join(told).capitalize() + ".") if told else None


def _missing(of: Asked) -> Answer | None:
    lost = sum(not math.isfinite(row.value) for job in of.jobs for row in job.rows)
    return Answer(f"Numbers that are not finite: {lost}. Each is counted, stands among the worst, and is not dropped. "
                  "Scans that were missing before the evaluation are the author's to tell.")  # fmt: skip


def _reference(of: Asked) -> Answer | None:
    kinds = _each(_truth(job) for job in of.jobs)
    return Answer(f"The truth of every number is {_listed(kinds, '; or ')}.", whole=True)


def _partitions(of: Asked) -> Answer | None:
    parts = _each(str(part) for job in of.jobs if (part := job.settings.get("people")))
    if not parts:
        return None
    return Answer(f"By a file that the training dealt, whose digest stands here: {_listed(parts)}. Parts of a split "
                  "are drawn by person, from a seed.")  # fmt: skip


def _level(of: Asked) -> Answer | None:
    dealt = [job for job in of.jobs if job.settings.get("people")]
    if not dealt:
        return None
    whose = "" if len(dealt) == len(of.jobs) else f" So it is with {_listed([_called(job) for job in dealt])}."
    told = "Person: a split deals people, never slices, and a person's scans stay together."
    return Answer(told + whose, whole=not whose)


def _size(of: Asked) -> Answer | None:
    people = [len(job.people) for job in of.jobs]
    told = f"{min(people)} to {max(people)}" if min(people) < max(people) else f"{people[0]}"
    return Answer(f"{told} people a job. Where too few for any adjusted p to fall below {of.level:g}, none was tested, "
                  "and the page says how many it takes. Why so many were planned is the author's to tell.")  # fmt: skip


def _model(of: Asked) -> Answer | None:
    headers = _headers(of.jobs)
    if not headers:
        return None
    counts = {m: n for job in of.jobs for m, n in _dict(job, "parameters").items() if isinstance(n, int)}
    told = [f"{m}: {_kind(h)}" + (f", {counts[m]:,} parameters" if m in counts else "") for m, h in headers.items()]
    return Answer(f"{_listed(told, '; ')}. All settings stand in the header of the weights, and in settings.json.")


def _software(of: Asked) -> Answer | None:
    trained = _each(str(h["finemri"]) for h in _headers(of.jobs).values() if "finemri" in h)
    return Answer(f"finemri {__version__} made this page" + (f"; weights by finemri {_listed(trained)}." if trained
                  else ".") + " Versions of what stands below it are the author's to tell.")  # fmt: skip


def _initialization(of: Asked) -> Answer | None:
    starts = {m: str(h["start_sha256"])[:16] for m, h in _headers(of.jobs).items() if h.get("start_sha256")}
    seeds = {m: h["seed"] for m, h in _headers(of.jobs).items() if isinstance(h.get("seed"), int) and m not in starts}
    told = [f"{m}: from the weights {digest}" for m, digest in starts.items()]
    told += [f"{m}: drawn from seed {seed}" for m, seed in seeds.items()]
    return Answer(f"{_listed(told, '; ')}.", whole=True) if told else None


def _training(of: Asked) -> Answer | None:
    told = []
    for method, header in _headers(of.jobs).items():
        facts = {
            "recipe": "recipe {}",
            "rounds": "{} rounds",
            "seed": "seed {}",
            "stage": "stage {}",
            "precision": "{}",
        }
        own = [text.format(header[key]) for key, text in facts.items() if header.get(key) is not None]
        counts = header.get("people")
        own += [f"{' + '.join(map(str, counts))} people"] if isinstance(counts, list) else []
        told += [f"{method}: {', '.join(own)}"] if own else []
    return Answer(f"{_listed(told, '; ')}. All settings stand in settings.json.") if told else None


def _metrics(of: Asked) -> Answer | None:
    measures = _each(title_of(row.measure) for job in of.jobs for row in job.rows if ":" not in row.measure)
    return Answer(f"{_listed(measures)}. Each has a contract on this page.", whole=True)


def _statistics(of: Asked) -> Answer | None:
    tests = f"Wilcoxon's signed-rank test, two-sided, Holm over the methods of one measure, level {of.level:g}"
    return Answer(f"Over people: bootstrap intervals (BCa, 95 %); {tests}; rank-biserial r and d_z.", whole=True)


def _robustness(of: Asked) -> Answer | None:
    told = ["seeds as a factor"] if any(job.seeds for job in of.jobs) else []
    told += ["kernels of training and exam crossed"] if any((j.folder.parent / FILE).is_file() for j in of.jobs) else []
    told += ["the same images by other conventions"] if any(":" in r.measure for j in of.jobs for r in j.rows) else []
    told += ["label budgets"] if any((j.folder.parent / "budget.csv").is_file() for j in of.jobs) else []
    return Answer(f"On this page: {_listed(told)}.") if told else None


def _internal(of: Asked) -> Answer | None:
    parts = _each(str(part) for job in of.jobs if (part := job.settings.get("people")))
    held = [part for part in parts if not part.startswith("train")]
    return Answer(f"People whom the training held out of its own cohort: {_listed(held)}.") if held else None


def _numbers(of: Asked) -> Answer | None:
    told = [f"{_called(job)}: {len(job.people)} people, {len({r.subject for r in job.rows})} scans" for job in of.jobs]
    return Answer(f"Judged: {_listed(told, '; ')}. Who was excluded before is the author's to tell.")


def _performance(of: Asked) -> Answer | None:
    jobs = f"each of {len(of.jobs)} jobs" if len(of.jobs) > 1 else "the job"
    return Answer(f"Under Results of {jobs}: means, gains, intervals, p, effect sizes, the worst 5 %.", whole=True)


def _diagnostic(of: Asked) -> Answer | None:
    kinds = ("dice", "sis", "volume", "surface")
    found = _each(title_of(r.measure) for j in of.jobs for r in j.rows if r.measure.partition("-")[0] in kinds)
    return Answer(f"No diagnosis was made; of tasks there are {_listed(found)}.") if found else None


def _failures(of: Asked) -> Answer | None:
    return Answer("Under Failures of every job: the worst people of every method, and whom it harms"
                  + (", with pictures." if any(job.images for job in of.jobs) else "."), whole=True)  # fmt: skip


def _protocol(of: Asked) -> Answer | None:
    again = (
        "the command that makes them again" if any(job.settings for job in of.jobs) else "no command, for none is told"
    )
    return Answer(f"On this page: the contracts of all numbers, and {again}.")


def _availability(of: Asked) -> Answer | None:
    weights = sum(bool(digest) for job in of.jobs for digest in job.digests.values())
    licences = _each(f"{m}: {h['licence']}" for m, h in _headers(of.jobs).items() if h.get("licence"))
    told = f"finemri is free software (Apache-2.0); {weights} weights are named by their SHA-256"
    return Answer(f"{told}{'; licences: ' + _listed(licences) if licences else ''}. Where weights and data are to be "
                  "had is the author's to tell.")  # fmt: skip


TOLD: Mapping[str, Told] = {
    "technology": _technology, "preprocessing": _preprocessing, "subsets": _subsets, "missing": _missing,
    "reference": _reference, "partitions": _partitions, "level": _level, "size": _size, "model": _model,
    "software": _software, "initialization": _initialization, "training": _training, "metrics": _metrics,
    "statistics": _statistics, "robustness": _robustness, "internal": _internal, "numbers": _numbers,
    "performance": _performance, "diagnostic": _diagnostic, "failures": _failures, "protocol": _protocol,
    "availability": _availability,
}  # fmt: skip
"""What checklist.toml calls them."""


def _truth(job: Job) -> str:
    kind = str(job.settings.get("degradation") or job.rows[0].degradation)
    if kind == "pairs":
        return "the fine scan of the same person"
    if kind.partition(" + ")[0] in ("blur", "kspace"):
        return "the scan before it was made coarse"
    return "the fully sampled image, of several coils the root of the sum of squares"


def _called(job: Job) -> str:
    return job.name or "this folder"


def _kind(header: Mapping[str, Any]) -> str:
    named = _each(str(header[key]) for key in ("kind", "recipe") if header.get(key))
    return _listed(named) if named else "weights without a recipe"


def _headers(jobs: Sequence[Job]) -> dict[str, Mapping[str, Any]]:
    """Method -> what its weights say of themselves."""
    return {m: h for job in jobs for m, h in _dict(job, "headers").items() if isinstance(h, dict) and m in job.methods}


def _dict(job: Job, key: str) -> Mapping[str, Any]:
    told = job.settings.get(key)
    return told if isinstance(told, dict) else {}


def _each(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _listed(texts: Sequence[str], between: str = ", ") -> str:
    return between.join(texts) if texts else "none"
