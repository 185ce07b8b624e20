"""``finemri study serve``: the study on a port of this machine, and of no other unless that is asked for."""

import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from finemri.refusal import Refusal
from finemri.study.ballots import Ballots
from finemri.study.doors import Doors
from finemri.study.organise import Study
from finemri.study.web.app import LOOPBACK, app_of


def serve(
    study: Study,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    names: Sequence[str] = (),
    behind_tls: bool = False,
    certificate: Path | None = None,
    key: Path | None = None,
) -> None:
    """Serve until interrupted. ``names``: hosts that browsers call it by, beside loopback. ``behind_tls``: a proxy on
    this machine speaks https and forwards; ``certificate`` and ``key``: finemri speaks it itself.

    Raises Refusal for a host beyond this machine without TLS: links and ballots would travel in the open.
    """
    import uvicorn

    tls = behind_tls or certificate is not None
    if (certificate is None) != (key is None):
        raise Refusal("TLS takes a certificate and its key; give both.")
    alone = host in ("127.0.0.1", "localhost", "::1")
    if not alone and certificate is None:
        raise Refusal(
            f"Served on {host} without TLS, links and ballots could be read on the way; give --certificate and --key, "
            "or leave --host out, put a proxy with TLS on this machine before it and say --behind-tls."
        )
    if tls and not names:
        raise Refusal("Say by which name browsers call the study, as in --names reading.lab.example.")
    ballots = Ballots(study.database, study.design.digest)
    scheme, called = ("https", names[0]) if tls else ("http", f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    _tell(Doors(ballots), f"{scheme}://{called}/organiser", alone=alone)
    app = app_of(study, ballots, tls=tls, names=(*LOOPBACK, *names))
    try:
        uvicorn.run(
            app,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,  # a line of it would hold a reader's link
            server_header=False,
            date_header=False,
            lifespan="off",
            ws="none",
            proxy_headers=behind_tls,
            forwarded_allow_ips="127.0.0.1",
            ssl_certfile=str(certificate) if certificate else None,
            ssl_keyfile=str(key) if key else None,
            timeout_keep_alive=120,  # longer than a look: answers seldom meet a closing connection
            timeout_graceful_shutdown=5,
        )
    finally:
        ballots.close()


def _tell(doors: Doors, address: str, *, alone: bool) -> None:
    """Where it is, and once the password."""
    print(f"Organiser: {address}", flush=True)
    if not doors.has_password:
        password = secrets.token_urlsafe(12)
        doors.set_password(password)
        print(f"Password, shown this once: {password}", flush=True)
    if alone:
        print("Only this machine can open it: --host and TLS let others in (docs/study.md).", file=sys.stderr)
    print("Ctrl-C ends it; ballots are kept.", file=sys.stderr)
