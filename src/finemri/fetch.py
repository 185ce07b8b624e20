"""The verb fetch: one file from the network, such as VGG's weights, and only with a digest that it has to match."""

import hashlib
import re
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from finemri.landing import check_landing, landing_file
from finemri.refusal import Refusal

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PICKLES = (".pth", ".pt", ".pkl", ".pickle", ".ckpt", ".bin")
BLOCK = 2**20
TIMEOUT = 30.0
"""Seconds without an answer or a byte."""


def fetch(
    url: str, output: Path, *, sha256: str, most: int = 4 * 2**30, timeout: float = TIMEOUT, force: bool = False
) -> int:
    """Write what ``url`` holds to ``output`` if its SHA-256 is ``sha256``, whole or not at all; returns its bytes.

    https and file, and http from this very machine. Raises Refusal for other addresses, redirections among them, for
    pickles, without a digest, for another digest, for more than ``most`` bytes, and where nothing answers.
    """
    expected = sha256.strip().lower().removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", expected):
        raise Refusal(
            "Nothing is fetched on trust: give the SHA-256 (64 hexadecimal digits) that who offers the file names."
        )
    _check_address(url)
    for name in (urlsplit(url).path, output.name):
        if name.lower().endswith(PICKLES):
            raise Refusal(
                f"{Path(name).name} is a pickle by its name, and a pickle can run any code; convert it to safetensors "
                "where you trust it, and fetch that."
            )
    check_landing(output, force=force)
    digest, size = hashlib.sha256(), 0
    with landing_file(output) as stream:
        for block in _blocks(url, most, timeout):
            stream.write(block)
            digest.update(block)
            size += len(block)
        if digest.hexdigest() != expected:
            raise Refusal(
                f"What came has the SHA-256 {digest.hexdigest()}, not {expected}, so it was not kept; "
                "look where the file comes from."
            )
    return size


def _check_address(url: str) -> None:
    """Raises Refusal for whatever a stranger could listen to or alter on the way."""
    try:
        scheme, host = urlsplit(url).scheme.lower(), urlsplit(url).hostname
    except ValueError as broken:
        raise Refusal(f"{url} is no address; write https://…, or file:///… for a file of this machine.") from broken
    whole = scheme == "https" and bool(host)
    near = (scheme == "http" and host in LOOPBACK) or (scheme == "file" and host in (None, "", "localhost"))
    if not whole and not near:
        raise Refusal(f"{url} is not fetched: an address begins with https://, or file:/// for a file of this machine.")


def _blocks(url: str, most: int, timeout: float) -> Iterator[bytes]:
    """The bytes, a piece at a time. Raises Refusal where they do not come or are too many."""
    near = urlsplit(url).hostname in LOOPBACK
    opener = build_opener(_Redirection, *([ProxyHandler({})] if near else []))
    too_large = Refusal(f"{url} holds more than {most:,} bytes; is it the right file? --most allows more.")
    size = 0
    try:
        with opener.open(Request(url, headers={"User-Agent": "finemri"}), timeout=timeout) as answer:  # noqa: S310
            if int(answer.headers.get("Content-Length") or 0) > most:
                raise too_large
            while block := answer.read(BLOCK):
                size += len(block)
                if size > most:
                    raise too_large
                yield block
    except Refusal:
        raise
    except HTTPError as no:
        no.close()
        raise Refusal(f"{url} is not to be had ({no.code} {no.reason}); check the address.") from no
    except URLError as trouble:
        raise Refusal(f"{url} is not to be had ({trouble.reason}); check the address and the network.") from trouble
    except (HTTPException, OSError, ValueError) as trouble:
        raise Refusal(f"{url} broke off ({trouble or type(trouble).__name__}); try again later.") from trouble


class _Redirection(HTTPRedirectHandler):
    """To addresses that could have been asked for in the first place; never from the network into this machine."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        with fp:
            _check_address(newurl)
            if urlsplit(newurl).scheme != "https" and urlsplit(req.full_url).scheme == "https":
                raise Refusal(f"{req.full_url} leads to {newurl}, which is not https; it is not followed.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
