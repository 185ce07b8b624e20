"""A study on a port of this machine, and somebody who reads its pages without a browser."""

import random
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx

from finemri.study.ballots import Ballots
from finemri.study.design import Trial
from finemri.study.doors import Doors
from finemri.study.images import Showing, find_images
from finemri.study.new import new
from finemri.study.organise import Study
from finemri.study.protocol import protocol
from finemri.study.question import Kind, Question
from finemri.study.web import app_of
from tests.study.images import evaluated

METHODS = ("zebragan", "quokkaspline")
"""Words that no page has by chance."""
DIRECT: dict[str, Any] = {"trust_env": False, "verify": False}
"""No proxy, and no certificates to load: these servers speak plain http on this machine."""
PATIENCE = 300
"""Seconds for an answer: a hung server is meant, not a busy machine."""
PASSWORD = "correct horse battery"


def study_of(
    folder: Path,
    kind: Kind = "opinion",
    *,
    source: Path | None = None,
    showing: Showing | None = None,
    criteria: tuple[str, ...] = ("overall quality",),
    shape: tuple[int, int, int] = (12, 14, 10),
    **more: Any,
) -> Study:
    """Three people by two methods and the truth, unless ``source`` has others; one person is for training."""
    source = source or evaluated(folder / "evaluated", 3, shape, METHODS)
    showing = showing or Showing("slice", "axial", 1)
    return new(folder / "study", find_images([str(source)]), Question(kind, criteria), showing=showing, **more)


def free_port() -> int:
    """One of those that a system gives nobody by itself, so that it is still free when the server comes up."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)  # below 32768, where Linux begins to hand them out
        with suppress(OSError), socket.socket() as free:
            free.bind(("127.0.0.1", port))
            return port


@contextmanager
def serving(study: Study, **more: Any) -> Iterator["Office"]:
    """The study served on a free port, until the block ends."""
    import uvicorn

    office = Office(study)
    ballots = office.ballots = Ballots(study.database, study.design.digest, lambda: time.time() + office.later)
    Doors(ballots).set_password(PASSWORD)
    app = app_of(study, ballots, **more)
    quiet: dict[str, Any] = {"log_level": "error", "access_log": False, "date_header": False, "server_header": False}
    config = uvicorn.Config(app, port=0, lifespan="off", ws="none", timeout_keep_alive=120, **quiet)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        office.address = "http://{}:{}".format(*server.servers[0].sockets[0].getsockname())
        yield office
    finally:
        for client in office.clients:
            client.close()
        server.should_exit = True
        thread.join()
        ballots.close()


@dataclass
class Office:
    """A study that is served."""

    study: Study
    ballots: Ballots = field(init=False)
    address: str = ""
    later: float = 0.0
    """Seconds that its clock is ahead."""
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self) -> httpx.Client:
        """A browser's window; it does not follow redirects by itself."""
        headers = {"sec-fetch-site": "same-origin"}
        self.clients.append(httpx.Client(base_url=self.address, headers=headers, timeout=PATIENCE, **DIRECT))
        return self.clients[-1]

    def reader(self, label: str = "Dr A") -> "Reading":
        """Somebody invited, who has opened their link."""
        known, token = self.ballots.invite(label)
        reading = Reading(self.client(), token, protocol(self.study.design, known.number), known.id)
        assert reading.client.get(f"/r/{token}").status_code == 303
        return reading

    def organiser(self) -> httpx.Client:
        """Logged in."""
        client = self.client()
        assert client.post("/organiser/login", data={"password": PASSWORD}).status_code == 303
        return client

    def file(self, client: httpx.Client, address: str, **fields: str) -> httpx.Response:
        """A form of the organiser's page, filled in."""
        csrf = Page(client.get("/organiser/readers").text).fields["csrf"]
        return client.post(address, data={"csrf": csrf, **fields})


class Page(HTMLParser):
    """What of a page matters here: hidden fields, and addresses of everything it names."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.pictures: list[str] = []
        self.addresses: list[str] = []
        self.text = text
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {key: value or "" for key, value in attrs}
        if tag == "input" and told.get("type") == "hidden":
            self.fields[told["name"]] = told.get("value", "")
        if "data-url" in told:
            self.pictures.append(told["data-url"])
        self.addresses += [told[key] for key in ("href", "src", "action") if key in told]

    @property
    def trial(self) -> int:
        """Counted from 0."""
        return int(self.fields["trial"])


@dataclass
class Reading:
    """Somebody who reads without a browser."""

    client: httpx.Client
    token: str
    trials: tuple[Trial, ...]
    id: int

    def page(self, address: str = "/study?begin=1") -> Page:
        """The trial that is next."""
        answer = self.client.get(address)
        assert answer.status_code == 200, answer.text
        return Page(answer.text)

    def send(self, page: Page, *values: str, **more: str) -> httpx.Response:
        """One value a criterion; the answer of the server as it is."""
        filled = {**page.fields, **{f"answer-{n}": value for n, value in enumerate(values)}}
        return self.client.post("/study/answer", data=filled | {"seconds": "1.5", "log": "[]"} | more)

    def read(self, choose: Callable[[Trial], str], criteria: int = 1, *, until: int | None = None) -> int:
        """The study to its end, or ``until`` that trial; how many were answered."""
        answered = 0
        while "trial" in (page := self.page()).fields and page.trial != until:
            sent = self.send(page, *[choose(self.trials[page.trial])] * criteria)
            assert (sent.status_code, sent.headers["location"]) == (303, "/study?begin=1")
            answered += 1
        return answered


def chosen(trial: Trial) -> str:
    """Some answer to any trial of any kind: the first pane, all panes as they lie, a middling score."""
    return ",".join(map(str, range(len(trial.shown)))) if len(trial.shown) > 2 else "1"


def words(page: str) -> str:
    """A page's text without its tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())
