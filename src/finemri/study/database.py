"""A database by its URL: SQLite in a file, or PostgreSQL. Opened, brought up to date, and asked in transactions."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from finemri.refusal import Refusal

LOCK = 0x66696E656D7269
"""Of PostgreSQL: who brings a database up to date holds it, so that two servers that start at once don't collide."""


class Database:
    """An engine whose transactions are whole or not at all. Raises Refusal for a URL that leads nowhere."""

    def __init__(self, url: str) -> None:
        try:
            found = make_url(url)
            if found.drivername == "postgresql":
                found = found.set(drivername="postgresql+psycopg")
            if found.get_backend_name() not in ("sqlite", "postgresql"):
                raise ArgumentError
            self.lite = found.get_backend_name() == "sqlite"
            more = {"connect_args": {"timeout": 30}} if self.lite else {"pool_pre_ping": True}
            self.engine: Engine = create_engine(found, **more)
        except (ArgumentError, NoSuchModuleError):
            raise Refusal("A database is sqlite:///FILE or postgresql://USER@HOST/NAME; give one of these.") from None
        except ModuleNotFoundError:
            raise Refusal(
                "PostgreSQL takes psycopg, which is not installed: pip install 'finemri[postgres]'."
            ) from None
        if self.lite:
            event.listen(self.engine, "connect", _prepare)
            event.listen(self.engine, "begin", _begin)
        self._migrate()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction; on the disk when the block ends without an exception."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Every statement sees what was stored before it, and waits for nobody."""
        with self.engine.connect() as connection:
            yield connection.execution_options(reading=True)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def _migrate(self) -> None:
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", "finemri.study:migrations")
        try:
            with self.writing() as connection:
                if not self.lite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except DBAPIError as error:
            self.close()
            raise Refusal(f"The database can't be opened ({type(error.orig).__name__}); is its URL right?") from None


def _prepare(connection: Any, _: object) -> None:
    """SQLite: every commit reaches the disk, readers don't wait for the writer, transactions are begun by us."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """SQLite: a transaction that will write says so at once; else two could both read and then block each other."""
    if not connection.get_execution_options().get("reading"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
