"""The ballot box: who was invited, what they answered. Every call is one transaction; what it stored is on the disk."""

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from finemri.refusal import Refusal
from finemri.study.database import Database
from finemri.study.question import Answer
from finemri.study.tables import BALLOTS, READERS, SESSIONS, STUDY


class Outcome(Enum):
    """What became of an answer."""

    STORED = "stored"
    REVISED = "revised"
    ALREADY = "already"
    """The trial had its answer: a double click, a second tab, a reload. Nothing changed."""
    TOO_EARLY = "too early"
    """A trial that was not shown yet. Nothing changed."""


@dataclass(frozen=True)
class Reader:
    """Somebody invited."""

    id: int
    number: int
    """Their protocol: 0, 1, 2 …"""
    label: str
    """What the organiser calls them."""
    created_at: float
    revoked_at: float | None
    answered: int
    """Trials, without gaps from the first."""
    last_at: float | None
    """When they last answered."""


@dataclass(frozen=True)
class Ballot:
    """One answer to one trial; of several the last."""

    reader: int
    """The reader's number."""
    trial: int
    revision: int
    answer: Answer
    seconds: float
    log: Sequence[object]
    """Window and level, as they were turned."""
    stored_at: float


class Ballots:
    """Of one design. Raises Refusal where the database belongs to another."""

    def __init__(self, url: str, design: str, clock: Callable[[], float] = time.time) -> None:
        self.database, self.clock = Database(url), clock
        try:
            self._lock(design)
        except Refusal:
            self.close()
            raise

    def close(self) -> None:
        """Give the database back."""
        self.database.close()

    def invite(self, label: str) -> tuple[Reader, str]:
        """A new reader, and the token of their link, which nobody can be told again."""
        label = label.strip()
        if not (1 <= len(label) <= 100 and label.isprintable()):
            raise Refusal("A reader is called by 1 to 100 letters on one line; choose such a label.")
        token = secrets.token_urlsafe(32)
        with self.database.writing() as connection:
            connection.execute(select(STUDY.c.id).with_for_update())  # numbers are given one after the other
            number = connection.scalar(select(func.count()).select_from(READERS)) or 0
            values = {"number": number, "label": label, "link": sha256(token), "created_at": self.clock()}
            connection.execute(insert(READERS).values(values))
        return next(reader for reader in self.readers() if reader.number == number), token

    def invite_again(self, reader: int) -> str:
        """A new link for the same reader, who goes on where they stopped; the old one and its sessions are closed."""
        token = secrets.token_urlsafe(32)
        with self.database.writing() as connection:
            connection.execute(SESSIONS.delete().where(SESSIONS.c.reader_id == reader))
            changed = update(READERS).where(READERS.c.id == reader).values(link=sha256(token), revoked_at=None)
            if connection.execute(changed).rowcount != 1:
                raise Refusal("There is no such reader; look at the list.")
        return token

    def revoke(self, reader: int) -> None:
        """The link no longer opens, nor does any session; ballots stay."""
        with self.database.writing() as connection:
            connection.execute(SESSIONS.delete().where(SESSIONS.c.reader_id == reader))
            unrevoked = (READERS.c.id == reader) & READERS.c.revoked_at.is_(None)
            connection.execute(update(READERS).where(unrevoked).values(revoked_at=self.clock()))

    def readers(self) -> list[Reader]:
        """Everybody invited, in the order of their numbers."""
        return self._readers()

    def reader_of(self, token: str) -> Reader | None:
        """Who was invited by this link, unless it was revoked."""
        with self.database.reading() as connection:
            found = connection.scalar(
                select(READERS.c.id).where(READERS.c.link == sha256(token), READERS.c.revoked_at.is_(None))
            )
        return self.reader(found) if found is not None else None

    def reader(self, which: int) -> Reader | None:
        """By their id."""
        return next(iter(self._readers(which)), None)

    def position(self, reader: int) -> int:
        """The first trial without an answer."""
        with self.database.reading() as connection:
            return _position(connection, reader)

    def answer(self, reader: int, trial: int) -> Ballot | None:
        """What a reader last said of a trial."""
        return next((ballot for ballot in self._cast(reader) if ballot.trial == trial), None)

    def cast(
        self, reader: int, trial: int, answer: Answer, seconds: float, log: Sequence[object] = (), *, back: bool = False
    ) -> Outcome:
        """Store an answer: to the next trial, or with ``back`` once more to the one before it. Nothing else changes
        anything, so an answer that is sent twice, from two tabs or after a lost reply counts once."""
        told = {"answer": json.dumps(dict(answer)), "seconds": seconds, "log": json.dumps(list(log))}
        try:
            with self.database.writing() as connection:
                held = select(READERS.c.id).where(READERS.c.id == reader).with_for_update()
                if connection.scalar(held) is None:
                    raise Refusal("There is no such reader; look at the list.")
                position = _position(connection, reader)
                if trial > position:
                    return Outcome.TOO_EARLY
                revision = int(back and trial == position - 1)
                if trial < position and not revision:
                    return Outcome.ALREADY
                row = {"reader_id": reader, "trial": trial, "revision": revision, "stored_at": self.clock(), **told}
                connection.execute(insert(BALLOTS).values(row))
        except IntegrityError:  # revised already
            return Outcome.ALREADY
        return Outcome.REVISED if revision else Outcome.STORED

    def ballots(self) -> list[Ballot]:
        """Every trial's last answer, by reader and trial."""
        return self._cast()

    def history(self) -> list[Ballot]:
        """Every answer that was ever stored, revised ones too."""
        return self._cast(every=True)

    def unblind(self) -> None:
        """From now on results may be seen: who judges on is no longer blind to them, so the moment is kept."""
        with self.database.writing() as connection:
            connection.execute(update(STUDY).where(STUDY.c.unblinded_at.is_(None)).values(unblinded_at=self.clock()))

    @property
    def unblinded_at(self) -> float | None:
        """When, or None."""
        with self.database.reading() as connection:
            return connection.scalar(select(STUDY.c.unblinded_at))

    def _lock(self, design: str) -> None:
        with self.database.writing() as connection:
            known = connection.scalar(select(STUDY.c.digest).with_for_update())
            if known is None:
                connection.execute(insert(STUDY).values(id=1, digest=design))
            elif known != design:
                if connection.scalar(select(func.count()).select_from(BALLOTS)):
                    raise Refusal("The design was changed after ballots were cast, so they answer another study.")
                connection.execute(update(STUDY).values(digest=design))

    def _readers(self, which: int | None = None) -> list[Reader]:
        counted = select(BALLOTS.c.reader_id, func.count().label("count"), func.max(BALLOTS.c.stored_at).label("last"))
        counted = counted.where(BALLOTS.c.revision == 0).group_by(BALLOTS.c.reader_id)
        answered = (counted if which is None else counted.where(BALLOTS.c.reader_id == which)).subquery()
        asked = select(READERS, func.coalesce(answered.c.count, 0), answered.c.last).order_by(READERS.c.number)
        asked = asked.outerjoin(answered, answered.c.reader_id == READERS.c.id)
        with self.database.reading() as connection:
            rows = connection.execute(asked if which is None else asked.where(READERS.c.id == which))
            return [Reader(r.id, r.number, r.label, r.created_at, r.revoked_at, r[-2], r[-1]) for r in rows]

    def _cast(self, reader: int | None = None, *, every: bool = False) -> list[Ballot]:
        asked = select(BALLOTS, READERS.c.number).join(READERS, READERS.c.id == BALLOTS.c.reader_id)
        asked = asked.order_by(READERS.c.number, BALLOTS.c.trial, BALLOTS.c.revision)
        if reader is not None:
            asked = asked.where(BALLOTS.c.reader_id == reader)
        with self.database.reading() as connection:
            found = [_ballot(row) for row in connection.execute(asked)]
        last = {(ballot.reader, ballot.trial): ballot for ballot in found}
        return found if every else list(last.values())


def sha256(word: str) -> str:
    """What is kept of a secret that is too long to be guessed."""
    return hashlib.sha256(word.encode()).hexdigest()


def _position(connection: Connection, reader: int) -> int:
    last = connection.scalar(select(func.max(BALLOTS.c.trial)).where(BALLOTS.c.reader_id == reader))
    return 0 if last is None else int(last) + 1


def _ballot(row: Any) -> Ballot:
    answer = {key: tuple(value) if isinstance(value, list) else value for key, value in json.loads(row.answer).items()}
    log = json.loads(row.log)
    return Ballot(row.number, row.trial, row.revision, answer, row.seconds, log, row.stored_at)
