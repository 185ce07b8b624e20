"""What is kept of a study, as tables. A change here is a new file in migrations/versions, never an edit of an old one.

Times are seconds since 1970 (UTC). Whatever opens a door (links, sessions) is kept as its SHA-256 alone.
"""

from sqlalchemy import Column, Float, ForeignKey, Integer, MetaData, String, Table, Text, UniqueConstraint

METADATA = MetaData()

STUDY = Table(
    "study",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("password", Text),
    Column("unblinded_at", Float),
)
"""One row."""

READERS = Table(
    "readers",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("label", String(100), nullable=False),
    Column("link", String(64), nullable=False, unique=True),
    Column("created_at", Float, nullable=False),
    Column("revoked_at", Float),
)

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("hash", String(64), primary_key=True),
    Column("role", String(10), nullable=False),
    Column("reader_id", Integer, ForeignKey("readers.id")),
    Column("csrf", String(64), nullable=False),
    Column("expires_at", Float, nullable=False),
)

BALLOTS = Table(
    "ballots",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("reader_id", Integer, ForeignKey("readers.id"), nullable=False),
    Column("trial", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("answer", Text, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("log", Text, nullable=False),
    Column("stored_at", Float, nullable=False),
    UniqueConstraint("reader_id", "trial", "revision", name="one_ballot"),
)

FAILURES = Table(
    "failures",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("key", String(64), nullable=False, index=True),
    Column("at", Float, nullable=False),
)
"""Attempts that failed, by the SHA-256 of where they came from: they count on after a restart."""
