"""Ballots, unblinded: who said what of which method."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from finemri.measures.preference import Choice
from finemri.measures.readers import Opinion
from finemri.study.ballots import Ballot
from finemri.study.design import SPOILT, Design, Trial
from finemri.study.protocol import passed, protocol


@dataclass(frozen=True)
class Judged:
    """A ballot with the trial that it answers."""

    reader: str
    """reader 1, reader 2 …: never what the organiser calls them."""
    place: int
    trial: Trial
    ballot: Ballot

    @property
    def case(self) -> str:
        """A subject, or one slice of one."""
        return self.trial.shown[0].case

    @property
    def person(self) -> str:
        """Whose image it is; a person's second scan is called person#2."""
        return self.case.partition("/slice-")[0].partition("#")[0]

    def scores(self, criterion: str) -> dict[str, float]:
        """Method -> its score: an opinion, 1 for the chosen and 0 for the other, or m − rank of m in a ranking."""
        value, methods = self.ballot.answer[criterion], [shown.method for shown in self.trial.shown]
        if isinstance(value, tuple):
            return {methods[pane]: float(len(value) - 1 - rank) for rank, pane in enumerate(value)}
        if len(methods) == 1:
            return {methods[0]: float(value)}
        return {method: float(pane == value) for pane, method in enumerate(methods)}


def judged(design: Design, ballots: Sequence[Ballot]) -> list[Judged]:
    """Every ballot beside its trial, training trials too."""
    protocols = {number: protocol(design, number) for number in {ballot.reader for ballot in ballots}}
    return [Judged(f"reader {b.reader + 1}", b.trial, protocols[b.reader][b.trial], b) for b in ballots]


def opinions(told: Sequence[Judged], criterion: str) -> list[Opinion]:
    """Of the main trials alone; repeats, catches and training never count."""
    return [
        Opinion(each.reader, each.person, method, score)
        for each in told
        if each.trial.role == "main"
        for method, score in each.scores(criterion).items()
    ]


def choices(told: Sequence[Judged], criterion: str) -> list[Choice]:
    """Who was preferred to whom, of pairs and of rankings; of opinions too, where two of one case and reader differ."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    made: list[Choice] = []
    for each in told:
        if each.trial.role != "main":
            continue
        scores = each.scores(criterion)
        if len(scores) > 1:
            made += _wins(scores, each.person)
        else:
            found.setdefault((each.reader, each.case), {}).update(scores)
    for (_, case), scores in found.items():
        made += _wins(scores, case.partition("/slice-")[0].partition("#")[0])
    return made


def repeated(told: Sequence[Judged]) -> Iterator[tuple[Judged, Judged]]:
    """First and second judgement of the same, by the same reader."""
    by_place = {(each.reader, each.place): each for each in told}
    for each in told:
        if each.trial.repeats is not None and (each.reader, each.trial.repeats) in by_place:
            yield by_place[each.reader, each.trial.repeats], each


def caught(design: Design, told: Sequence[Judged]) -> dict[str, tuple[int, int]]:
    """Reader -> catch trials failed, and seen."""
    found: dict[str, tuple[int, int]] = {}
    for each in told:
        failed, seen = found.get(each.reader, (0, 0))
        if each.trial.role == "catch":
            failed, seen = failed + (not passed(design, each.trial, each.ballot.answer)), seen + 1
        found[each.reader] = failed, seen
    return found


def _wins(scores: dict[str, float], person: str) -> list[Choice]:
    methods = [method for method in scores if method != SPOILT]
    return [Choice(a, b, person) for a in methods for b in methods if scores[a] > scores[b]]
