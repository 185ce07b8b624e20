"""Whoever should stay out stays out: guesses, forged forms, odd addresses. See docs/study-security.md."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from finemri.study.web.app import static_files
from finemri.study.web.security import BRAKES, HEADERS, LARGEST
from tests.study.web import PASSWORD, Office, Page, serving, study_of

FORMS = ("/study/answer", "/study/pause")
OFFICE = ("invite", "readers/1/link", "readers/1/revoke", "unblind", "logout")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with serving(study_of(tmp_path)) as open_:
        yield open_


def is_guarded(answer: httpx.Response) -> bool:
    """Every header once, and no cache unless it is a file of the program."""
    headers = [key for key, _ in answer.headers.multi_items()]
    told = all(answer.headers.get(key) == value and headers.count(key) == 1 for key, value in HEADERS.items())
    kept = answer.headers["cache-control"] == ("no-cache" if "etag" in answer.headers else "no-store")
    return told and kept and "server" not in headers


def test_guessing_links_is_braked_and_a_good_link_waits_too(office: Office) -> None:
    _, token = office.ballots.invite("Dr A")
    client, (most, seconds) = office.client(), BRAKES["link"]
    assert [client.get(f"/r/guess-{n}").status_code for n in range(most)] == [404] * most
    assert client.get("/r/guess").status_code == 429
    assert client.get(f"/r/{token}").status_code == 429
    office.later = seconds
    assert client.get(f"/r/{token}").status_code == 303


def test_guessing_the_password_is_braked_and_a_good_one_waits_too(office: Office) -> None:
    client, (most, seconds) = office.client(), BRAKES["password"]
    guesses = [client.post("/organiser/login", data={"password": f"guess {n}"}) for n in range(most)]
    assert [guess.status_code for guess in guesses] == [403] * most
    assert not any("set-cookie" in guess.headers for guess in guesses)
    assert client.post("/organiser/login", data={"password": PASSWORD}).status_code == 429
    office.later = seconds
    assert client.post("/organiser/login", data={"password": PASSWORD}).status_code == 303


def test_another_site_can_not_spend_the_organisers_guesses(office: Office) -> None:
    client = office.client()
    for n in range(2 * BRAKES["password"][0]):
        forged = client.post("/organiser/login", data={"password": f"{n}"}, headers={"sec-fetch-site": "cross-site"})
        assert forged.status_code == 403
    assert client.post("/organiser/login", data={"password": PASSWORD}).status_code == 303


@pytest.mark.parametrize("address", FORMS)
def test_forms_of_readers_need_the_token_and_this_site(address: str, office: Office) -> None:
    reader, other = office.reader(), office.reader("Dr B")
    page, stranger = reader.page(), other.page().fields["csrf"]
    sound = {**page.fields, "answer-0": "1"}
    for csrf in ("", "wrong", stranger, sound["csrf"][:-1], "é"):
        assert reader.client.post(address, data=sound | {"csrf": csrf}).status_code == 403
    assert reader.client.post(address, data={"trial": "0", "answer-0": "1"}).status_code == 403
    for site in ("cross-site", "same-site", "odd"):
        assert reader.client.post(address, data=sound, headers={"sec-fetch-site": site}).status_code == 403
    assert office.client().post(address, data=sound).status_code == 401
    assert not office.ballots.history()
    del reader.client.headers["sec-fetch-site"]  # an old browser
    assert reader.client.post(address, data=sound).status_code in (200, 303)


def test_forms_of_the_organiser_need_the_token_and_this_site(office: Office) -> None:
    office.ballots.invite("Dr A")
    client, reader = office.organiser(), office.reader("Dr B")
    sound = {"label": "Dr C", "confirm": "unblind", "csrf": Page(client.get("/organiser/readers").text).fields["csrf"]}
    for address in (f"/organiser/{what}" for what in OFFICE):
        for forged in ("", "wrong", reader.page().fields["csrf"]):
            assert client.post(address, data=sound | {"csrf": forged}).status_code == 403
        assert client.post(address, data=sound, headers={"sec-fetch-site": "cross-site"}).status_code == 403
        assert reader.client.post(address, data=sound).status_code == 401
        assert client.get(address).status_code in (404, 405), "nothing changes by a link"
    assert len(office.ballots.readers()) == 2
    assert office.ballots.unblinded_at is None
    assert not any(each.revoked_at for each in office.ballots.readers())
    assert client.get("/organiser/readers").status_code == 200


def test_a_reader_is_no_organiser(office: Office) -> None:
    for page in ("readers", "results", "export.csv", "export.json", "export.xml"):
        assert office.reader(page).client.get(f"/organiser/{page}").status_code == 401
        assert office.client().get(f"/organiser/{page}").status_code == 401
    posing = office.client()
    posing.cookies.set("finemri_reader", office.organiser().cookies["finemri_organiser"])
    assert posing.get("/study").status_code == 401


def test_more_than_an_answer_takes_is_refused(office: Office) -> None:
    reader = office.reader()
    page = reader.page()
    kind = {"content-type": "application/x-www-form-urlencoded"}
    sized = reader.client.post("/study/answer", content=b"a=" + b"b" * LARGEST, headers=kind)
    chunked = office.client().post("/study/answer", content=iter([b"a=", *[b"b" * 1000] * 70]), headers=kind)
    typed = reader.client.post("/study/pause", data={"csrf": "b" * LARGEST})
    for answer in (sized, chunked, typed):
        assert (answer.status_code, "more than an answer takes" in answer.text) == (413, True)
        assert is_guarded(answer)
    assert reader.send(page, "1", log=" " * (LARGEST - 2000)).status_code == 303


def field_of(name: bytes, value: bytes, more: bytes = b"") -> bytes:
    """A form of one field, as files travel."""
    return b'--x\r\ncontent-disposition: form-data; name="%b"%b\r\n\r\n%b\r\n--x--\r\n' % (name, more, value)


PARTS, LETTERS = "multipart/form-data", "application/x-www-form-urlencoded"
ODD = f"{PARTS}; boundary=x; charset=unicode_escape"
"""In which half a letter can be written."""


BROKEN = [
    (b"--x\r\nno part of a form", f"{PARTS}; boundary=x"),
    (b"--x\r\nno boundary is told", PARTS),
    (field_of(b"csrf", b"a file", b'; filename="f"'), f"{PARTS}; boundary=x"),
    (field_of(b"csrf", rb"\ud800"), ODD),
    (field_of(b"password", rb"\ud800"), ODD),
    (b'{"csrf": "x"}', "application/json"),
    (b"&".join(b"a%d=" % n for n in range(300)), LETTERS),
    (b"\xff\xfe%zz&&==", LETTERS),
]


def test_broken_forms_are_refused_calmly(office: Office) -> None:
    reader = office.reader()
    for content, kind in BROKEN:
        for address in (*FORMS, "/organiser/readers/1/link"):
            answer = reader.client.post(address, content=content, headers={"content-type": kind})
            assert answer.status_code in (400, 401, 403, 422), (content, address)
            assert is_guarded(answer)
    login = reader.client.post(
        "/organiser/login", content=field_of(b"password", rb"\ud800"), headers={"content-type": ODD}
    )
    assert (login.status_code, "not the password" in login.text) == (403, True)


def test_every_answer_carries_the_headers(office: Office) -> None:
    reader, client = office.reader(), office.organiser()
    page = reader.page()
    asked = ["/", "/study", "/study?back=x", "/nowhere", "/docs", "/openapi.json", "/r/wrong", "/picture/wrong",
             "/organiser", "/organiser/readers", "/organiser/results", "/organiser/export.csv", "/static/study.css",
             "/study/", "/robots.txt", page.pictures[0]]  # fmt: skip
    for address in asked:
        for browser in (reader.client, client, office.client()):
            assert is_guarded(browser.get(address)), address
    assert is_guarded(reader.send(page, "9"))
    assert is_guarded(reader.send(page, "1"))
    assert is_guarded(client.get("/study", headers={"host": "evil.example"}))
    assert "'unsafe" not in HEADERS["content-security-policy"]


def test_a_failure_of_the_server_is_guarded_and_tells_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = office.reader()
    monkeypatch.setattr(type(office.ballots), "position", lambda *_: 1 / 0)
    failed = reader.client.get("/study?begin=1")
    assert failed.status_code == 500
    assert is_guarded(failed)
    assert "ZeroDivision" not in failed.text
    assert "reload the page" in failed.text


@pytest.mark.parametrize("tls", [False, True])
def test_cookies(tls: bool, tmp_path: Path) -> None:
    with serving(study_of(tmp_path), tls=tls) as office:
        client, (_, token) = office.client(), office.ballots.invite("Dr A")
        doors = {
            "reader": (client.get(f"/r/{token}"), "lax"),
            "organiser": (client.post("/organiser/login", data={"password": PASSWORD}), "strict"),
        }
        for role, (answer, site) in doors.items():
            name, *flags = [part.strip() for part in answer.headers["set-cookie"].split(";")]
            assert name.startswith(("__Host-" if tls else "") + f"finemri_{role}=")
            assert {"HttpOnly", "Path=/", f"SameSite={site}"} <= set(flags)
            assert ("Secure" in flags) == tls
            assert not any(flag.startswith("Domain") for flag in flags)
            assert token not in answer.headers["set-cookie"]
            assert ("strict-transport-security" in answer.headers) == tls


def test_only_names_of_this_machine_are_answered(office: Office) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "evil.example:80", ""):
        assert office.client().get("/organiser", headers={"host": host}).status_code == 400, host
    for host in ("localhost:1", "127.0.0.1", "[::1]:8765", "LOCALHOST"):
        assert office.client().get("/organiser", headers={"host": host}).status_code == 200, host


BESIDE = """/static/../app.py /static/%2e%2e/app.py /static/..%2fapp.py /static/....//app.py /static/ /static
/static/niivue.js%00.css /static/%2fetc%2fpasswd /templates/base.html /picture/..%2f..%2fsecret /picture/ /picture/%00
/picture/%C3%A9 /study.json /study.sqlite /secret //evil.example/x /\\evil.example /.git/config /r/ /r/%00
/r/../study.json /docs /openapi.json"""


def test_there_is_nothing_beside_the_pages(office: Office) -> None:
    reader = office.reader()
    for address in BESIDE.split():
        answer = reader.client.get(httpx.URL(office.address, raw_path=address.encode()))
        assert answer.status_code == 404, address
        assert is_guarded(answer)


def test_static_files_are_those_of_the_program_alone(office: Office) -> None:
    client = office.client()
    assert set(static_files()) >= {"study.css", "reader.js", "niivue.js", "niivue.LICENSE.txt"}
    for name, (content, kind, tag) in static_files().items():
        answer = client.get(f"/static/{name}")
        assert (answer.content, answer.headers["etag"]) == (content, tag)
        assert answer.headers["content-type"].startswith(kind)
        assert client.get(f"/static/{name}", headers={"if-none-match": tag}).status_code == 304


def test_other_verbs_do_nothing_and_say_what_is_allowed(office: Office) -> None:
    _, token = office.ballots.invite("Dr A")
    for method in ("OPTIONS", "HEAD", "PUT", "DELETE", "PATCH", "TRACE"):
        for address, allowed in (("/study", "GET"), (f"/r/{token}", "GET"), ("/study/answer", "POST")):
            answer = office.client().request(method, address)
            assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
            assert "set-cookie" not in answer.headers
            assert not any(key.startswith("access-control") for key in answer.headers)
