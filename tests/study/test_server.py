"""``finemri study serve`` as a process of its own: killed, started again, and asked by a hundred at once."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from finemri.refusal import Refusal
from finemri.study.ballots import Ballots
from finemri.study.doors import Doors
from finemri.study.organise import Study
from finemri.study.protocol import protocol
from finemri.study.web.serve import serve
from tests.study.web import DIRECT, PASSWORD, PATIENCE, Page, Reading, chosen, free_port, study_of

READERS = 100
COMMAND = "from finemri.cli import main; main()"


@dataclass
class Server:
    """A process that serves."""

    process: subprocess.Popen[str]
    address: str
    said: str

    def kill(self) -> None:
        """As a power cut does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def started(study: Study, port: int) -> Iterator[Server]:
    """Until the block ends, unless it is killed before."""
    words = [sys.executable, "-c", COMMAND, "study", "serve", str(study.folder), "--port", str(port)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        assert process.stdout
        said = ""
        while "Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, f"it ended: {said}"
            said += line
        with httpx.Client(transport=httpx.HTTPTransport(retries=12, **DIRECT)) as client:
            client.get(f"{address}/organiser", timeout=PATIENCE)  # comes up
        yield Server(process, address, said)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def port() -> int:
    return free_port()


def test_killed_in_the_middle_it_goes_on_where_it_was(tmp_path: Path, port: int) -> None:
    study = study_of(tmp_path, training=0, catches=0)
    ballots = Ballots(study.database, study.design.digest)
    known, token = ballots.invite("Dr A")
    trials = protocol(study.design, known.number)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, **DIRECT) as client:
        reader = Reading(client, token, trials, known.id)
        with started(study, port) as server:
            assert f"Organiser: http://127.0.0.1:{port}/organiser" in server.said
            assert "Password, shown this once: " in server.said
            assert "Only this machine can open it" in server.said
            came = client.get(f"/r/{token}")
            assert not {"server", "date"} & set(came.headers)
            reader.read(chosen, until=2)
            page = reader.page()
            assert reader.send(page, "3").status_code == 303
            server.kill()
        with pytest.raises(httpx.TransportError):
            client.get("/study")
        assert [ballot.trial for ballot in ballots.ballots()] == [0, 1, 2]
        with started(study, port) as server:
            assert "Password" not in server.said
            again = reader.send(page, "1")  # the reply was lost, so the browser sends it again
            assert again.headers["location"].endswith("already")
            assert reader.page().trial == 3
            assert reader.read(chosen) == len(trials) - 3
            assert "Thank you" in reader.page().text
    cast = ballots.history()
    assert [(ballot.trial, ballot.revision) for ballot in cast] == [(n, 0) for n in range(len(trials))]
    assert cast[2].answer == {"overall quality": 3}
    ballots.close()


def test_a_hundred_readers_at_once_and_every_ballot_once(tmp_path: Path, port: int) -> None:
    study = study_of(
        tmp_path,
        training=0,
        catches=0,
        repeats=0,
        methods=("truth", "zebragan"),
        shape=(6, 7, 5),
        subjects=("jane_doe_0", "jane_doe_1"),
    )
    ballots = Ballots(study.database, study.design.digest)
    invited = [ballots.invite(f"reader {n}") for n in range(READERS)]
    tokens = [token for _, token in invited]
    with started(study, port) as server, ThreadPoolExecutor(1) as elsewhere:  # a browser's loop may run in this thread
        elsewhere.submit(lambda: asyncio.run(all_read(server.address, tokens))).result()
    cast = ballots.history()
    ballots.close()
    wanted = {(known.number, n) for known, _ in invited for n in range(len(protocol(study.design, known.number)))}
    assert Counter((ballot.reader, ballot.trial) for ballot in cast) == dict.fromkeys(wanted, 1)
    for ballot in cast:
        assert ballot.answer == {"overall quality": 1 + (ballot.reader + ballot.trial) % 4}
        assert ballot.seconds == ballot.reader


async def all_read(address: str, tokens: list[str]) -> None:
    """All at once, each with connections of their own and every second one with a double click."""

    # A kept connection may be closed in the moment in which it is used again; browsers retry, this client does not.
    fresh = httpx.Limits(max_keepalive_connections=0)

    async def read(number: int, token: str) -> None:
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE, limits=fresh, **DIRECT) as client:
            assert (await client.get(f"/r/{token}")).status_code == 303
            while "trial" in (page := Page((await client.get("/study?begin=1")).text)).fields:
                picture = await client.get(page.pictures[0])
                assert picture.status_code == 200
                told = {"answer-0": str(1 + (number + page.trial) % 4), "seconds": str(number)}
                clicks = 1 + number % 2
                sent = [client.post("/study/answer", data={**page.fields, **told}) for _ in range(clicks)]
                answers = await asyncio.gather(*sent)
                assert [answer.status_code for answer in answers] == [303] * clicks
                counted = [answer for answer in answers if "already" not in answer.headers["location"]]
                assert len(counted) == 1
            assert "Thank you" in page.text

    await asyncio.gather(*(read(number, token) for number, token in enumerate(tokens)))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "reading.lab.example"])
def test_beyond_this_machine_there_is_tls_or_nothing(host: str, tmp_path: Path) -> None:
    study = study_of(tmp_path)
    with pytest.raises(Refusal, match="without TLS"):
        serve(study, host=host)
    with pytest.raises(Refusal, match="without TLS"):
        serve(study, host=host, behind_tls=True, names=("reading.lab.example",))
    with pytest.raises(Refusal, match="its key"):
        serve(study, host=host, certificate=tmp_path / "certificate.pem")
    with pytest.raises(Refusal, match="by which name"):
        serve(study, behind_tls=True)
    assert not (study.folder / "study.sqlite").exists()


def test_nobody_else_on_this_machine_reads_the_folder(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    ballots = Ballots(study.database, study.design.digest)
    Doors(ballots).set_password(PASSWORD)
    _, token = ballots.invite("Dr A")
    assert stat.S_IMODE(study.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((study.folder / "secret").stat().st_mode) == 0o600
    kept = b"".join(path.read_bytes() for path in study.folder.glob("study.sqlite*"))
    ballots.close()
    assert b"$argon2id$" in kept
    assert token.encode() not in kept
    assert PASSWORD.encode() not in kept
    assert not any(name.encode() in kept for name in (*study.design.methods, "jane_doe"))
