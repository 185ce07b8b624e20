"""The verb fetch: only the file that the digest names lands, and from nowhere that a stranger could alter it."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from urllib.request import Request

import pytest

from finemri import cli
from finemri.fetch import _Redirection, fetch
from finemri.refusal import Refusal

CONTENT = b"\x08\0\0\0\0\0\0\0{}      " * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Answer(BaseHTTPRequestHandler):
    """/file the content; /short less than promised; /endless more than anybody wants; /away somewhere else."""

    def do_GET(self) -> None:
        away = {"/away": "http://example.org/file", "/disk": "file:///etc/hostname", "/here": "/file"}
        if self.path in away:
            self.send_response(302)
            self.send_header("Location", away[self.path])
            self.end_headers()
            return
        self.send_response(404 if self.path == "/none" else 200)
        if self.path in ("/file", "/short"):
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: 100 if self.path == "/short" else None])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answer) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/file", "/here", "/endless"])
def test_what_the_digest_names_lands(path: str, server: str, tmp_path: Path) -> None:
    assert fetch(f"{server}{path}", tmp_path / "vgg.safetensors", sha256=DIGEST) == len(CONTENT)
    assert (tmp_path / "vgg.safetensors").read_bytes() == CONTENT
    assert [file.name for file in tmp_path.iterdir()] == ["vgg.safetensors"]


def test_a_file_of_this_machine_and_a_digest_as_people_write_it(tmp_path: Path) -> None:
    source = tmp_path / "a file.safetensors"
    source.write_bytes(CONTENT)
    fetch(source.as_uri(), tmp_path / "copy", sha256=f" SHA256:{DIGEST.upper()}")
    assert (tmp_path / "copy").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "digest", "most", "sentence"),
    [
        ("/file", "0" * 64, 10**6, f"has the SHA-256 {DIGEST}"),
        ("/short", DIGEST, 10**6, "not kept|file broke off"),
        ("/none", DIGEST, 10**6, "404"),
        ("/file", DIGEST, 15_999, "^http.*15,999 bytes; is it"),
        ("/endless", DIGEST, 15_999, "^http.*15,999 bytes; is it"),
        ("/away", DIGEST, 10**6, "example.org/file is not fetched"),
        ("/disk", DIGEST, 10**6, "not to be had"),
        ("/file", "", 10**6, "on trust"),
        ("/file", DIGEST[:-1], 10**6, "on trust"),
        ("/file", "g" * 64, 10**6, "on trust"),
    ],
)
def test_anything_else_leaves_nothing(
    path: str, digest: str, most: int, sentence: str, server: str, tmp_path: Path
) -> None:
    with pytest.raises(Refusal, match=sentence) as said:
        fetch(f"{server}{path}", tmp_path / "vgg.safetensors", sha256=digest, most=most)
    assert "Refusal" not in repr(said.value.__cause__)  # a sentence of its own, not one inside another
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/vgg.safetensors",
        "http://localhost.example.org/x",
        "http://127.0.0.1@example.org/x",
        "ftp://example.org/x",
        "data:,x",
        "file://example.org/x",
        "https:///x",
        "/etc/hostname",
        "vgg.safetensors",
        "http://[::1",
        "",
    ],
)
def test_other_addresses_are_refused_before_anybody_is_asked(url: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="https://"):
        fetch(url, tmp_path / "x", sha256=DIGEST)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "output"),
    [
        ("https://example.org/vgg19.pth", "vgg.safetensors"),
        ("https://example.org/vgg19.PT?download=1", "vgg.safetensors"),
        ("https://example.org/download/7", "vgg19.pth"),
    ],
)
def test_pickles_are_refused_by_name(url: str, output: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="convert it to safetensors"):
        fetch(url, tmp_path / output, sha256=DIGEST)


def test_nobody_there_is_a_sentence(tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), Answer) as gone:
        port = gone.server_port
    with pytest.raises(Refusal, match="not to be had"):
        fetch(f"http://127.0.0.1:{port}/file", tmp_path / "x", sha256=DIGEST)
    with pytest.raises(Refusal, match="not to be had"):
        fetch((tmp_path / "none").as_uri(), tmp_path / "x", sha256=DIGEST)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_stays_unless_forced(server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "vgg.safetensors"
    output.write_text("mine")
    words = ["fetch", f"{server}/file", "-o", str(output), "--sha256", DIGEST]
    assert cli.main(words) == 2
    assert "exists already" in capsys.readouterr().err
    assert output.read_text() == "mine"
    assert cli.main([*words, "--force"]) == 0
    assert "16,000 bytes" in capsys.readouterr().out
    assert output.read_bytes() == CONTENT


def test_without_a_digest_the_command_line_asks_for_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["fetch", "https://example.org/x", "-o", "x"])
    assert stop.value.code == 2
    assert "--sha256" in capsys.readouterr().err


def test_the_network_does_not_lead_into_this_machine() -> None:
    asked = Request("https://example.org/x")
    with pytest.raises(Refusal, match="not followed"):
        _Redirection().redirect_request(asked, BytesIO(), 302, "Found", {}, "http://127.0.0.1/x")  # type: ignore[no-untyped-call]
