"""Who sees what in which order: a pure function of the design and the reader's number. No files, no web, no chance.

Trials come in rounds. A round shows every case once; which method (or pair of methods) is a Latin square of case, round
and reader, so that methods are balanced over places in the session, over readers and over sides. Then come repeats and
catch trials, scattered; training trials stand first.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import TypeVar

from finemri.study.design import SPOILT, Design, Shown, Trial
from finemri.study.question import Answer

T = TypeVar("T")


def protocol(design: Design, reader: int) -> tuple[Trial, ...]:
    """The trials of reader 0, 1, 2 …, in their order. The same design and reader give the same trials."""
    draw = _Draw(f"{design.seed} {reader}")
    main = _main(design, reader, draw)
    session = [(float(place), trial) for place, trial in enumerate(main)]
    session += _repeats(design, main, draw)
    session += _catches(design, len(main), draw)
    session.sort(key=lambda placed: placed[0])
    trials = _apart([trial for _, trial in session], main)
    training = _training(design, draw)
    first = {trial: len(training) + place for place, trial in enumerate(trials) if trial.role == "main"}
    told = [
        trial if trial.repeats is None else Trial("repeat", trial.shown, first[main[trial.repeats]]) for trial in trials
    ]
    return (*training, *told)


def passed(design: Design, trial: Trial, answer: Answer) -> bool:
    """Whether a catch trial was answered as nobody careful could fail to: the spoilt image below the middle of the
    scale in the mean of the criteria, not chosen by any, last by all."""
    spoilt = next(pane for pane, shown in enumerate(trial.shown) if shown.method == SPOILT)
    if design.question.kind == "opinion":
        scores = [value for value in answer.values() if isinstance(value, int)]
        return sum(scores) / len(scores) < (1 + design.question.scores) / 2
    if design.question.kind == "forced-choice":
        return all(value != spoilt for value in answer.values())
    return all(isinstance(value, tuple) and value[-1] == spoilt for value in answer.values())


def _main(design: Design, reader: int, draw: "_Draw") -> list[Trial]:
    """Every case with every stimulus once, in rounds."""
    stimuli = _stimuli(design)
    cases = draw.shuffled(design.cases, "squares")
    trials: list[Trial] = []
    for turn in range(len(stimuli)):
        for case in draw.shuffled(cases, f"round {turn}"):
            n = cases.index(case)
            methods = stimuli[(n + turn + reader) % len(stimuli)]
            trials.append(Trial("main", _panes(design, case, methods, n + reader, draw)))
    return trials


def _stimuli(design: Design) -> list[tuple[str, ...]]:
    """What one trial sets side by side: a method, a pair, all."""
    if design.question.kind == "opinion":
        return [(method,) for method in design.methods]
    if design.question.kind == "forced-choice":
        return list(combinations(design.methods, 2))
    return [design.methods]


def _panes(design: Design, case: str, methods: Sequence[str], turn: int, draw: "_Draw") -> tuple[Shown, ...]:
    """From left to right: pairs change sides from case to case and from reader to reader, rankings are shuffled."""
    if design.question.kind == "forced-choice":
        methods = methods if turn % 2 == 0 else methods[::-1]
    elif design.question.kind == "ranking":
        methods = draw.shuffled(methods, f"panes {case}")
    return tuple(Shown(case, method) for method in methods)


def _repeats(design: Design, main: Sequence[Trial], draw: "_Draw") -> list[tuple[float, Trial]]:
    """Trials of the first half, shown again in the second with sides swapped; balanced over stimuli."""
    early = range(max(1, len(main) // 2))
    wanted = min(round(design.repeats * len(main)), len(early))
    chosen = _balanced(draw.shuffled(early, "repeats"), lambda n: sorted(s.method for s in main[n].shown))[:wanted]
    half = len(main) / 2
    again = [Trial("repeat", main[n].shown[::-1], n) for n in chosen]
    return [(n + half + 0.25, trial) for n, trial in zip(chosen, again, strict=True)]


def _catches(design: Design, count: int, draw: "_Draw") -> list[tuple[float, Trial]]:
    """A spoilt image now and then: evenly spread, never first, and no two of one case while there are others."""
    wanted = math.ceil(design.catches * count)
    cases = draw.shuffled(design.cases, "catches")
    trials = [_catch(design, cases[n % len(cases)], n, draw) for n in range(wanted)]
    return [((n + 0.5) * count / wanted + 0.5, trial) for n, trial in enumerate(trials)]


def _catch(design: Design, case: str, n: int, draw: "_Draw") -> Trial:
    sound = design.anchor or design.methods[0]
    methods: Sequence[str] = (SPOILT,)
    if design.question.kind == "forced-choice":
        methods = (sound, SPOILT)
    elif design.question.kind == "ranking":
        others = [method for method in design.methods if method != sound]
        methods = (sound, SPOILT, *others[1:])
    return Trial("catch", tuple(Shown(case, method) for method in draw.shuffled(methods, f"catch {n}")))


def _training(design: Design, draw: "_Draw") -> list[Trial]:
    """Every stimulus once, over the training cases in turn, with a spoilt one to show where the scale ends."""
    cases = design.training_cases
    if not cases:
        return []
    shown = [_panes(design, cases[n % len(cases)], s, n, draw) for n, s in enumerate(_stimuli(design))]
    trials = [Trial("training", panes) for panes in shown]
    trials.append(Trial("training", _catch(design, cases[0], -1, draw).shown))
    return draw.shuffled(trials, "training")


def _apart(trials: list[Trial], main: Sequence[Trial]) -> list[Trial]:
    """No case twice in a row where another order avoids it: the later of two changes place with the next that fits."""
    trials = list(trials)
    for n in range(1, len(trials)):
        if _case(trials[n]) != _case(trials[n - 1]):
            continue
        for other in [*range(n + 1, len(trials)), *range(n - 2, 0, -1)]:
            if _fits(trials, n, other, main):
                trials[n], trials[other] = trials[other], trials[n]
                break
    return trials


def _fits(trials: list[Trial], n: int, other: int, main: Sequence[Trial]) -> bool:
    """Whether two may change places: no neighbours of one case come about, and a repeat stays behind its first."""
    changed = list(trials)
    changed[n], changed[other] = changed[other], changed[n]
    around = {m for place in (n, other) for m in (place, place + 1) if 0 < m < len(changed)}
    if any(_case(changed[m]) == _case(changed[m - 1]) for m in around):
        return False
    place = {trial: m for m, trial in enumerate(changed)}
    return all(place[main[t.repeats]] < m for m, t in enumerate(changed) if t.repeats is not None)


def _case(trial: Trial) -> str:
    return trial.shown[0].case


def _balanced(items: Iterable[T], kind_of: Callable[[T], object]) -> list[T]:
    """Items in rounds: one of every kind before a second of any."""
    seen: dict[str, int] = {}
    keyed: list[tuple[int, int, T]] = []
    for n, item in enumerate(items):
        kind = str(kind_of(item))
        seen[kind] = seen.get(kind, 0) + 1
        keyed.append((seen[kind], n, item))
    return [item for _, _, item in sorted(keyed, key=lambda each: each[:2])]


class _Draw:
    """Orders that depend on a word alone: sorted by SHA-256, so that no version of any library changes a study."""

    def __init__(self, word: str) -> None:
        self.word = word

    def shuffled(self, items: Iterable[T], where: str) -> list[T]:
        """The items in an order of their own for every ``where``."""
        numbered = list(enumerate(items))
        numbered.sort(key=lambda each: hashlib.sha256(f"{self.word} {where} {each[0]}".encode()).digest())
        return [item for _, item in numbered]
