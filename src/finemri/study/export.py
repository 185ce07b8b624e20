"""Ballots for other programs: coded while the study is blind, with names after that."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from finemri.study.ballots import Ballot
from finemri.study.organise import Study
from finemri.study.tally import judged

COLUMNS = ("reader", "place", "revision", "role", "case", "method", "criterion", "score", "seconds", "stored_at")


def exported_json(study: Study, ballots: Sequence[Ballot], *, unblinded: bool) -> list[dict[str, Any]]:
    """One entry a score; every revision. Codes are the same for the whole study, and mean nothing without it."""
    rows = []
    for each in judged(study.design, ballots):
        for criterion in each.ballot.answer:
            for method, score in each.scores(criterion).items():
                names = (each.case, method) if unblinded else _codes(study, each.case, method)
                told = (each.reader, each.place + 1, each.ballot.revision, each.trial.role, *names, criterion, score)
                rows.append(dict(zip(COLUMNS, (*told, each.ballot.seconds, each.ballot.stored_at), strict=True)))
    return rows


def exported_csv(study: Study, ballots: Sequence[Ballot], *, unblinded: bool) -> str:
    """The same as a table."""
    text = io.StringIO(newline="")
    lines = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    lines.writeheader()
    lines.writerows(exported_json(study, ballots, unblinded=unblinded))
    return text.getvalue()


def _codes(study: Study, case: str, method: str) -> tuple[str, str]:
    return f"case-{study.token('code', case)[:8]}", f"method-{study.token('code', 'method', method)[:8]}"
