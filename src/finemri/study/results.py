"""``finemri study results``: ballots become means, intervals, tests and agreement, as CSV and JSON for the report."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from finemri.landing import landing_file
from finemri.measures.agreement import icc, ordinal_alpha, weighted_kappa
from finemri.measures.effects import holm
from finemri.measures.preference import strengths
from finemri.measures.readers import Difference, Opinion, compare, complete, mean_opinions
from finemri.measures.readers import table_of as table_of_scores
from finemri.measures.tidy import read_rows
from finemri.refusal import Refusal
from finemri.study.ballots import Ballots
from finemri.study.correlation import correlations
from finemri.study.design import Design
from finemri.study.organise import Study
from finemri.study.tally import Judged, caught, choices, judged, opinions, repeated

COLUMNS = ("reader", "place", "role", "case", "person", "method", "criterion", "score", "seconds", "revised")


def results(
    study: Study, into: Path, *, measures: Path | None = None, unblind: bool = False, without: Sequence[int] = ()
) -> Path:
    """Write opinions.csv and study-results.json into the folder ``into``; the path of the latter.

    ``measures``: a tidy CSV of the same images, to see which measure the readers agree with. ``without``: numbers of
    readers (1, 2 …) who are left out, as the results then say. Raises Refusal while the study is blind, unless
    ``unblind``; that moment is kept, as readers who go on are no longer judging for a blind organiser.
    """
    box = Ballots(study.database, study.design.digest)
    try:
        if box.unblinded_at is None and not unblind:
            raise Refusal(
                "The study is blind still; unblind it on the organiser's page or by --unblind, after the last ballot."
            )
        asked = box.readers()
        told = judged(study.design, [ballot for ballot in box.ballots() if ballot.reader + 1 not in without])
        if not any(each.trial.role == "main" for each in told):
            raise Refusal("No ballot counts yet; let a reader answer some trials after the training.")
        if unblind:
            box.unblind()
    finally:
        box.close()
    found = {
        "design": asdict(study.design),
        "readers": {
            "invited": len(asked),
            "finished": sum(
                reader.answered >= _length(study.design, reader.number)
                for reader in asked
                if reader.number + 1 not in without
            ),
            "left_out": sorted(f"reader {n}" for n in without),
        },
        "criteria": {name: of_criterion(study.design, told, name) for name in study.design.question.criteria},
        **of_readers(study.design, told),
    }
    if measures is not None:
        rows = read_rows(measures)
        found["correlations"] = {
            name: [asdict(each) for each in correlations(opinions(told, name), rows)]
            for name in study.design.question.criteria
        }
    into.mkdir(parents=True, exist_ok=True)
    _write(into / "opinions.csv", table_of(told))
    _write(into / "study-results.json", json.dumps(_plain(found), indent=1, ensure_ascii=False) + "\n")
    return into / "study-results.json"


def of_criterion(design: Design, told: Sequence[Judged], criterion: str) -> dict[str, Any]:
    """Means, tests of every two methods, preference, and agreement between readers and of readers with themselves."""
    scored, methods = opinions(told, criterion), list(design.methods)
    means = mean_opinions(scored)
    found: dict[str, Any] = {"means": {method: asdict(means[method]) for method in methods if method in means}}
    found["by_person"] = {method: by_person(scored, method) for method in found["means"]}
    apart = [each for other in means for each in compare(scored, other)]
    found["differences"] = [{**asdict(each), "p_pairs": p} for each, p in zip(apart, _over_pairs(apart), strict=True)]
    decided = choices(told, criterion)
    try:
        found["preference"] = {name: asdict(each) for name, each in strengths(decided).items()}
    except Refusal as reason:
        found["preference"] = {}
        found["no_preference"] = str(reason)
    found["between_readers"] = between(told, criterion)
    found["within_readers"] = within(design, told, criterion)
    return found


def by_person(scored: Sequence[Opinion], method: str) -> list[float]:
    """Mean over readers of every person, without their names."""
    table, _, _ = table_of_scores(scored, method)
    known = np.isfinite(table).any(axis=0)
    return [float(mean) for mean in np.nanmean(table[:, known], axis=0)]


def between(told: Sequence[Judged], criterion: str) -> dict[str, Any]:
    """Krippendorff's ordinal α; and of opinions both intraclass correlations, over the images that ``complete`` leaves.

    Choices and rankings have no ICC: the scores of one trial add up to the same, so they are no images of their own.
    """
    cells: dict[tuple[str, tuple[str, ...], str], dict[str, float]] = {}
    for each in told:
        if each.trial.role == "main":
            shown = tuple(sorted(shown.method for shown in each.trial.shown))
            for method, score in each.scores(criterion).items():
                cells.setdefault((each.case, shown, method), {})[each.reader] = score
    readers = sorted({each.reader for each in told})
    table = np.array([[row.get(reader, math.nan) for reader in readers] for row in cells.values()], np.float64)
    if len(readers) < 2:
        return {}
    trials = {key[:2] for key in cells}
    found: dict[str, Any] = {"trials": len(trials), "alpha_ordinal": ordinal_alpha(table)}
    whole = complete(table.T).T
    if len(trials) == len(cells) and min(whole.shape) >= 2:
        found["icc_images"], found["icc_readers"] = whole.shape
        found["icc_agreement"] = asdict(icc(whole))
        found["icc_consistency"] = asdict(icc(whole, "consistency"))
    return found


def within(design: Design, told: Sequence[Judged], criterion: str) -> dict[str, Any]:
    """Reader -> repeats, the share answered alike, and for opinions the weighted κ."""
    pairs: dict[str, list[tuple[dict[str, float], dict[str, float]]]] = {}
    for first, second in repeated(told):
        pairs.setdefault(first.reader, []).append((first.scores(criterion), second.scores(criterion)))
    found: dict[str, Any] = {}
    for reader, each in sorted(pairs.items()):
        found[reader] = {"repeats": len(each), "alike": sum(a == b for a, b in each) / len(each)}
        if design.question.kind == "opinion":
            scores = [[int(next(iter(pair[side].values()))) for pair in each] for side in (0, 1)]
            found[reader]["kappa"] = weighted_kappa(scores[0], scores[1], design.question.scores)
    return found


def of_readers(design: Design, told: Sequence[Judged]) -> dict[str, Any]:
    """Reader -> trials answered, catch trials failed and seen, and the median of seconds a trial."""
    failed = caught(design, told)
    seconds: dict[str, list[float]] = {}
    for each in told:
        seconds.setdefault(each.reader, []).append(each.ballot.seconds)
    by_reader = {
        reader: {
            "trials": len(times),
            "catches_failed": failed[reader][0],
            "catches": failed[reader][1],
            "seconds": median(times),
        }
        for reader, times in sorted(seconds.items())
    }
    return {"by_reader": by_reader}


def table_of(told: Sequence[Judged]) -> str:
    """Every score as a line of CSV, training and catch trials with their role."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    for each in told:
        for criterion in each.ballot.answer:
            for method, score in each.scores(criterion).items():
                where = (each.reader, each.place + 1, each.trial.role, each.case, each.person)
                lines.writerow(
                    (*where, method, criterion, f"{score:g}", f"{each.ballot.seconds:.2f}", each.ballot.revision)
                )
    return text.getvalue()


def _over_pairs(apart: Sequence[Difference]) -> list[float]:
    """p of every difference, adjusted by Holm over all pairs of methods; a pair counts once, whoever is named first."""
    pairs = [frozenset((each.method, each.other)) for each in apart]
    ps = {pair: each.p for pair, each in zip(pairs, apart, strict=True)}
    adjusted = dict(zip(ps, holm(list(ps.values())), strict=True))
    return [adjusted[pair] for pair in pairs]


def _length(design: Design, reader: int) -> int:
    from finemri.study.protocol import protocol

    return len(protocol(design, reader))


def _write(path: Path, text: str) -> None:
    with landing_file(path) as stream:
        stream.write(text.encode())


def _plain(value: Any) -> Any:
    """JSON knows no NaN: what is not known is null."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
