"""The organiser's pages over HTTP: invite, watch, unblind, look, export."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import httpx
import pytest

from finemri.study.design import SPOILT
from finemri.study.question import Kind
from finemri.study.web.security import BRAKES
from tests.study.web import METHODS, PASSWORD, Office, Page, chosen, serving, study_of, words

NAMES = (*METHODS, SPOILT, "jane_doe")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with serving(study_of(tmp_path)) as open_:
        yield open_


def link_in(page: httpx.Response) -> str:
    """The link that a page shows, or nothing."""
    return page.text.partition('readonly value="')[2].partition('"')[0]


def test_log_in_and_out(office: Office) -> None:
    client = office.client()
    assert client.get("/organiser").status_code == 200
    wrong = client.post("/organiser/login", data={"password": "wrong"})
    assert (wrong.status_code, "not the password" in wrong.text) == (403, True)
    assert client.post("/organiser/login", data={"password": PASSWORD}).headers["location"] == "/organiser/readers"
    assert client.get("/organiser").headers["location"] == "/organiser/readers"
    kept = client.cookies["finemri_organiser"]
    assert office.file(client, "/organiser/logout").headers["location"] == "/organiser"
    assert "finemri_organiser" not in client.cookies
    client.cookies.set("finemri_organiser", kept)
    shut = client.get("/organiser/readers")
    assert (shut.status_code, "log in" in shut.text) == (401, True)


def test_a_session_ends_after_half_a_day(office: Office) -> None:
    client = office.organiser()
    office.later = 12 * 3600 - 60
    assert client.get("/organiser/readers").status_code == 200
    office.later = 12 * 3600 + 60
    assert client.get("/organiser/readers").status_code == 401


def test_a_link_is_shown_once(office: Office) -> None:
    client = office.organiser()
    link = link_in(office.file(client, "/organiser/invite", label="  Dr <b>A</b> & co "))
    assert link.startswith(f"{office.address}/r/")
    listed = client.get("/organiser/readers")
    assert link not in listed.text
    assert "Dr &lt;b&gt;A&lt;/b&gt; &amp; co" in listed.text
    assert "0 of 12" in words(listed.text)
    assert office.client().get(link).status_code == 303
    assert [reader.label for reader in office.ballots.readers()] == ["Dr <b>A</b> & co"]


def test_the_link_is_https_behind_a_proxy_that_does_not_say_so(tmp_path: Path) -> None:
    with serving(study_of(tmp_path), tls=True, names=("reading.lab.example",)) as office:
        host = {"host": "reading.lab.example"}
        login = office.client().post("/organiser/login", data={"password": PASSWORD}, headers=host)
        name, token = login.headers["set-cookie"].partition(";")[0].split("=")
        client = office.client()
        client.headers.update(host | {"cookie": f"{name}={token}"})
        assert link_in(office.file(client, "/organiser/invite", label="A")).startswith("https://reading.lab.example/r/")


@pytest.mark.parametrize("label", ["", "   ", "a" * 101, "a\0b", "a\nb"])
def test_an_odd_label_is_refused(label: str, office: Office) -> None:
    refused = office.file(office.organiser(), "/organiser/invite", label=label)
    assert (refused.status_code, "1 to 100 letters" in refused.text) == (422, True)
    assert not office.ballots.readers()


def test_revoke_and_invite_again(office: Office) -> None:
    client, reader = office.organiser(), office.reader()
    reader.send(reader.page(), "2")
    assert office.file(client, f"/organiser/readers/{reader.id}/revoke").status_code == 303
    assert "revoked" in words(client.get("/organiser/readers").text)
    assert reader.client.get("/study").status_code == 401
    link = link_in(office.file(client, f"/organiser/readers/{reader.id}/link"))
    assert office.client().get(f"/r/{reader.token}").status_code == 404
    other = office.client()
    other.get(link)
    assert Page(other.get("/study").text).trial == 1
    for nobody, status in (("77", 404), ("9" * 30, 422), ("x", 422), ("-1", 422)):
        assert office.file(client, f"/organiser/readers/{nobody}/link").status_code == status
    assert [each.answered for each in office.ballots.readers()] == [1]


def test_results_wait_for_unblinding(office: Office) -> None:
    client, reader = office.organiser(), office.reader()
    reader.read(chosen)
    for answer in (client.get("/organiser/results"), client.get("/organiser/readers")):
        assert not any(name in answer.text for name in NAMES)
    assert client.get("/organiser/results").status_code == 403
    slip = office.file(client, "/organiser/unblind", confirm="yes")
    assert (slip.status_code, office.ballots.unblinded_at) == (422, None)
    assert office.file(client, "/organiser/unblind", confirm=" Unblind ").headers["location"] == "/organiser/results"
    shown = client.get("/organiser/results")
    assert shown.status_code == 200
    assert all(method in shown.text for method in METHODS)
    assert "reader 1" in shown.text
    assert "Dr A" not in shown.text
    moment = office.ballots.unblinded_at
    office.later = 60
    office.file(client, "/organiser/unblind", confirm="unblind")
    assert office.ballots.unblinded_at == moment, "kept for good"


@pytest.mark.parametrize("kind", get_args(Kind))
def test_results_are_there_from_no_ballot_to_the_last(kind: Kind, tmp_path: Path) -> None:
    with serving(study_of(tmp_path, kind, repeats=0.3)) as office:
        client = office.organiser()
        readers = [office.reader(label) for label in "ABC"]
        office.file(client, "/organiser/unblind", confirm="unblind")
        assert "No answer counts yet" in client.get("/organiser/results").text
        for until in range(1, len(readers[0].trials) + 1):
            for reader in readers[:2]:
                reader.read(chosen, until=until)
            assert client.get("/organiser/results").status_code == 200
        assert readers[2].read(chosen) == len(readers[2].trials)
        page = words(client.get("/organiser/results").text)
        assert "Krippendorff" in page
        assert "reader 3" in page


def test_exports_are_coded_until_unblinding(office: Office) -> None:
    client, reader = office.organiser(), office.reader()
    reader.read(chosen)
    reader.send(reader.page("/study?back=1"), "4")
    blind = {kind: client.get(f"/organiser/export.{kind}") for kind in ("csv", "json")}
    for kind, answer in blind.items():
        assert answer.headers["content-disposition"] == f'attachment; filename="ballots.{kind}"'
        assert not any(name in answer.text for name in (*NAMES, "truth", "Dr A"))
    rows = list(csv.DictReader(io.StringIO(blind["csv"].text)))
    assert [{key: str(value) for key, value in row.items()} for row in blind["json"].json()] == rows
    assert len(rows) == len(reader.trials) + 1, "with the revision"
    office.file(client, "/organiser/unblind", confirm="unblind")
    named = list(csv.DictReader(io.StringIO(client.get("/organiser/export.csv").text)))
    assert {row["method"] for row in named} == {"truth", SPOILT, *METHODS}
    codes = {(row["method"], other["method"]) for row, other in zip(rows, named, strict=True)}
    assert len(codes) == len({code for code, _ in codes}) == 4
    assert [row["score"] for row in rows] == [row["score"] for row in named]
    assert client.get("/organiser/export.xml").status_code == 404


def test_a_good_password_does_not_count_as_a_guess(office: Office) -> None:
    for _ in range(BRAKES["password"][0] + 1):
        assert office.organiser().get("/organiser/readers").status_code == 200
