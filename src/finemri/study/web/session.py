"""What one reader sees now: the step of their protocol, as the page needs it. Knows methods, and tells none."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from finemri.study.ballots import Ballots, Reader
from finemri.study.design import Design, Shown, Trial
from finemri.study.organise import Study
from finemri.study.pictures import WHITE
from finemri.study.protocol import protocol


@lru_cache(maxsize=1024)
def trials_of(design: Design, reader: int) -> tuple[Trial, ...]:
    """The protocol, kept."""
    return protocol(design, reader)


@dataclass(frozen=True)
class Step:
    """One trial as a reader meets it."""

    study: Study
    reader: Reader
    trial: int
    back: bool
    previous: Mapping[str, Any] | None

    @property
    def shown(self) -> tuple[Shown, ...]:
        """What is behind the panes."""
        return trials_of(self.study.design, self.reader.number)[self.trial].shown

    @property
    def page(self) -> dict[str, Any]:
        """For the template; nothing in it depends on a method but the pixels behind the URLs."""
        trials = trials_of(self.study.design, self.reader.number)
        about = self.study.pictures[self.study.picture_name(self.shown[0])]
        return {
            "question": self.study.design.question,
            "panes": [
                {"url": f"/picture/{opaque(self.study, self.reader, self.trial, n)}", "label": chr(ord("A") + n)}
                for n in range(len(self.shown))
            ],
            "view": self.study.view,
            "shape": about["shape"],
            "spacing": about["spacing"],
            "white": WHITE,
            "place": self.trial + 1,
            "total": len(trials),
            "phase": "training" if trials[self.trial].role == "training" else "main",
            "begins": self.trial > 0
            and [each.role == "training" for each in trials[self.trial - 1 : self.trial + 1]] == [True, False],
            "trial": self.trial,
            "back": self.back,
            "previous": self.previous,
        }


def step_of(study: Study, ballots: Ballots, reader: Reader, *, back: bool) -> Step | None:
    """The next trial, or with ``back`` the one before it, if that was not revised yet; None after the last."""
    position = ballots.position(reader.id)
    if back and position > 0:
        last = ballots.answer(reader.id, position - 1)
        if last is not None and last.revision == 0:
            return Step(study, reader, position - 1, True, last.answer)  # noqa: FBT003
    if position >= len(trials_of(study.design, reader.number)):
        return None
    return Step(study, reader, position, False, None)  # noqa: FBT003


def can_go_back(ballots: Ballots, reader: Reader) -> bool:
    """Whether the last answer may be changed: once."""
    position = ballots.position(reader.id)
    last = ballots.answer(reader.id, position - 1) if position else None
    return last is not None and last.revision == 0


def opaque(study: Study, reader: Reader, trial: int, pane: int) -> str:
    """The name of a picture for this reader in this trial: another reader, trial or pane, another name."""
    return study.token("pane", reader.id, trial, pane)


def picture_behind(study: Study, ballots: Ballots, reader: Reader, name: str) -> bytes | None:
    """The pixels, if the name is of the reader's present trial or the one before it."""
    position = ballots.position(reader.id)
    trials = trials_of(study.design, reader.number)
    for trial in (position, position - 1):
        if not 0 <= trial < len(trials):
            continue
        for pane, shown in enumerate(trials[trial].shown):
            if secrets.compare_digest(opaque(study, reader, trial, pane).encode(), name.encode()):
                return study.picture(shown)
    return None
