"""Who may come in: sessions of readers and of the organiser, the organiser's password, and a brake on guessing."""

import secrets
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import delete, func, insert, select, update

from finemri.refusal import Refusal
from finemri.study.ballots import Ballots, sha256
from finemri.study.tables import FAILURES, SESSIONS, STUDY

ROLE_HOURS = {"reader": 30 * 24.0, "organiser": 12.0}
SHORTEST = 12
"""Letters of a password."""
Role = Literal["reader", "organiser"]


@dataclass(frozen=True)
class Session:
    """Somebody who came in."""

    role: Role
    reader: int | None
    csrf: str
    """What every form of theirs has to bring along."""


class Doors:
    """Of one ballot box."""

    def __init__(self, ballots: Ballots) -> None:
        self.database, self.clock = ballots.database, ballots.clock

    def open_session(self, role: Role, reader: int | None = None) -> str:
        """The token that a cookie holds."""
        token = secrets.token_urlsafe(32)
        expires = self.clock() + 3600 * ROLE_HOURS[role]
        told = {"hash": sha256(token), "role": role, "reader_id": reader, "csrf": secrets.token_urlsafe(32)}
        with self.database.writing() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.expires_at < self.clock()))
            connection.execute(insert(SESSIONS).values(expires_at=expires, **told))
        return token

    def session(self, token: str, role: Role) -> Session | None:
        """Whose token it is; None for one that is unknown, too old, or for another door."""
        asked = select(SESSIONS).where(
            SESSIONS.c.hash == sha256(token), SESSIONS.c.role == role, SESSIONS.c.expires_at > self.clock()
        )
        with self.database.reading() as connection:
            row = connection.execute(asked).one_or_none()
        return None if row is None else Session(row.role, row.reader_id, row.csrf)

    def close_session(self, token: str) -> None:
        """It opens nothing any more."""
        with self.database.writing() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.hash == sha256(token)))

    def set_password(self, password: str) -> None:
        """The organiser's; all their sessions end. Raises Refusal for one that is short."""
        from argon2 import PasswordHasher

        if len(password) < SHORTEST:
            raise Refusal(f"The organiser's password has at least {SHORTEST} letters; choose a longer one.")
        hashed = PasswordHasher().hash(password)
        with self.database.writing() as connection:
            connection.execute(update(STUDY).values(password=hashed))
            connection.execute(delete(SESSIONS).where(SESSIONS.c.role == "organiser"))

    @property
    def has_password(self) -> bool:
        """Whether the organiser's pages can be opened at all."""
        with self.database.reading() as connection:
            return connection.scalar(select(STUDY.c.password)) is not None

    def check_password(self, password: str) -> bool:
        """Whether it is the organiser's."""
        from argon2 import PasswordHasher
        from argon2.exceptions import InvalidHashError, VerificationError

        with self.database.reading() as connection:
            known = connection.scalar(select(STUDY.c.password))
        try:
            return PasswordHasher().verify(known or "", password[:1000])
        except (VerificationError, InvalidHashError, UnicodeError):
            return False

    def failed(self, key: str) -> None:
        """Somebody guessed wrong."""
        with self.database.writing() as connection:
            connection.execute(delete(FAILURES).where(FAILURES.c.at < self.clock() - 24 * 3600))
            connection.execute(insert(FAILURES).values(key=sha256(key), at=self.clock()))

    def is_braked(self, key: str, most: int, seconds: float) -> bool:
        """Whether ``most`` attempts from there failed within so many seconds."""
        asked = select(func.count()).where(FAILURES.c.key == sha256(key), FAILURES.c.at > self.clock() - seconds)
        with self.database.reading() as connection:
            return (connection.scalar(asked) or 0) >= most
