"""Databases to count ballots in, SQLite always, PostgreSQL where a server is installed; and a browser."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from finemri.study.ballots import Ballots
from tests.study.browser import started
from tests.study.web import PATIENCE, free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a server of our own, in a folder of its own, on a free port of this machine."""
    pytest.importorskip("psycopg", reason="finemri[postgres] is not installed")
    places = [Path(found).resolve().parent for name in ("pg_ctl", "initdb") if (found := shutil.which(name))]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    home = next((place for place in places if (place / "initdb").exists()), None)
    if home is None:
        pytest.skip("no PostgreSQL server is installed")
    owner = _owner()
    with tempfile.TemporaryDirectory(prefix="finemri-postgres-") as folder:
        if owner:
            shutil.chown(folder, owner)
        port = free_port()
        data = f"{folder}/data"
        plain = ("--auth=trust", "--no-sync", "--no-locale", "--encoding=UTF8")
        _run(owner, home / "initdb", *plain, "--username=finemri", "--pgdata", data)
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
        start = (home / "pg_ctl", "start", "--wait", f"--timeout={PATIENCE}", "--options", options)
        _run(owner, *start, "--pgdata", data, "--log", f"{folder}/log")
        try:
            yield f"postgresql://finemri@127.0.0.1:{port}"
        finally:
            _run(owner, home / "pg_ctl", "stop", f"--timeout={PATIENCE}", "--pgdata", data, "--mode=immediate")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'study.sqlite'}"
    import psycopg

    server, name = request.getfixturevalue("postgres"), f"test_{abs(hash(request.node.nodeid))}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"


@pytest.fixture(scope="session")
def chromium() -> Iterator["Browser"]:
    """A headless browser for all tests."""
    yield from started()


@pytest.fixture
def box_of() -> Iterator[Callable[..., Ballots]]:
    """Ballots(…), closed in the end."""
    opened: list[Ballots] = []

    def open_box(*words: Any, **more: Any) -> Ballots:
        opened.append(Ballots(*words, **more))
        return opened[-1]

    yield open_box
    for box in opened:
        box.close()


def _owner() -> str | None:
    """PostgreSQL refuses root, so root asks somebody else to run it."""
    if os.geteuid() != 0:
        return None
    users = {user.pw_name for user in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in users)


def _run(owner: str | None, *words: object) -> None:
    done = subprocess.run([str(word) for word in words], user=owner, capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr
