"""Nothing leaks: everything that a reader's browser receives over a whole study, searched and compared."""

import os
import re
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import httpx
import nibabel as nib
import pytest

from finemri.study.design import SPOILT, Shown
from finemri.study.images import Showing
from finemri.study.organise import Study, View
from finemri.study.pictures import Picture
from finemri.study.question import Kind
from finemri.study.web.app import static_files
from finemri.study.web.session import opaque
from tests.study.images import evaluated
from tests.study.web import METHODS, Office, Page, Reading, chosen, serving, study_of

BORN = "JANE^DOE 19500101"
MOMENT = 1_234_567_890
"""When the files were changed last, as far as the disk knows."""
LABEL = "Dr Fox"


@pytest.fixture(params=[("opinion", "slice"), ("forced-choice", "slice"), ("ranking", "volume")], ids=lambda p: p[0])
def study(request: pytest.FixtureRequest, tmp_path: Path) -> Study:
    """Of images that tell much of themselves."""
    kind: Kind
    view: View
    kind, view = request.param
    source = evaluated(tmp_path / "secret-project", 3, methods=METHODS)
    for path in (source / "images").iterdir():
        image = nib.Nifti1Image.from_filename(path)
        image.header["descrip"], image.header["db_name"] = BORN.encode(), BORN.encode()
        image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", BORN.encode()))
        nib.save(nib.Nifti1Image(image.get_fdata(), image.affine, image.header), path)
    study = study_of(tmp_path, kind, source=source, showing=Showing(view, "axial", 1), repeats=0.3, catches=0.2)
    for path in study.folder.rglob("*"):
        os.utime(path, (MOMENT, MOMENT))
    return study


class Ear:
    """Keeps what comes in."""

    def __init__(self, reading: Reading) -> None:
        self.heard: list[httpx.Response] = []
        reading.client.event_hooks = {"response": [self.keep]}

    def keep(self, response: httpx.Response) -> None:
        response.read()
        self.heard.append(response)

    @property
    def pages(self) -> Iterator[bytes]:
        """Each with its address and its headers, in small letters."""
        for answer in self.heard:
            head = "\n".join([str(answer.url), *(f"{key}: {value}" for key, value in answer.headers.multi_items())])
            yield (head.encode() + b"\n" + answer.content).lower()


def whole_study(office: Office, label: str = LABEL) -> tuple[Reading, Ear]:
    """A reader who also pauses, goes back, loses their way, and fetches all pictures and files."""
    reader = office.reader(label)
    ear, client = Ear(reader), reader.client
    for address in (f"/r/{reader.token}", "/", "/study", "/nowhere", "/picture/wrong", "/study?back=x", "/organiser"):
        client.get(address)
    for name in static_files():
        client.get(f"/static/{name}")
    for _ in reader.trials:
        page = reader.page()
        for url in page.pictures:
            assert client.get(url).status_code == 200
        client.get(page.pictures[0].replace("/picture/", "/static/"))
        reader.send(page, "no answer")
        client.post("/study/pause", data={"csrf": page.fields["csrf"]})
        client.post("/study/pause", data={"csrf": "forged"})
        reader.send(page, chosen(reader.trials[page.trial]))
        reader.send(page, chosen(reader.trials[page.trial]))
        back = reader.page("/study?back=1")
        client.get(back.pictures[0])
        if back.trial == 2:
            reader.send(back, chosen(reader.trials[2]))
    client.get("/study")
    return reader, ear


def test_no_name_reaches_a_reader(study: Study) -> None:
    with serving(study) as office:
        reader, ear = whole_study(office)
        heard = list(ear.pages)
    assert len(heard) > 8 * len(reader.trials)
    assert {trial.role for trial in reader.trials} == {"training", "main", "repeat", "catch"}
    # Long words alone: addresses, nonces and tokens are drawn, and four given letters do turn up in them.
    nowhere = [*METHODS, "jane_doe", "secret-project", str(study.folder), study.secret.hex(), study.design.digest]
    nowhere += [BORN, "19500101", str(MOMENT), formatdate(MOMENT, usegmt=True)[:16], LABEL, *study.pictures, "sqlite"]
    for word in nowhere:
        assert not [page[:300] for page in heard if word.lower().encode() in page], word
    files = {content.lower() for content, _, _ in static_files().values()}
    told = [page for page in heard if page.partition(b"\n\n")[2] not in files and b"/static/" not in page[:60]]
    assert len(told) > 8 * len(reader.trials)
    for word in ("truth", SPOILT, "anchor", "catch", "repeat", "/slice", "last-modified:", "etag:", "date:", "nibabel"):
        assert not [page[:300] for page in told if word.encode() in page], word


def test_pages_of_trials_differ_in_names_and_numbers_alone(study: Study) -> None:
    with serving(study) as office:
        reader = office.reader()
        seen = set()
        for n, trial in enumerate(reader.trials):
            page = reader.page()
            if trial.role != "training" and reader.trials[n - 1].role != "training":
                hidden = re.sub(r"[0-9a-f]{64}", "NAME", page.text).replace(page.fields["csrf"], "CSRF")
                hidden = re.sub(rf'\b{n + 1} of|value="{n}"', "NUMBER", hidden)
                seen.add(hidden)
            reader.send(page, chosen(trial))
    assert len(seen) == 1


def test_pictures_are_alike_but_for_their_pixels(study: Study) -> None:
    with serving(study) as office:
        reader = office.reader()
        heads: set[tuple[tuple[str, str], ...]] = set()
        contents: dict[Shown, bytes] = {}
        for trial in reader.trials:
            page = reader.page()
            for url, shown in zip(page.pictures, trial.shown, strict=True):
                answer = reader.client.get(url)
                heads.add(tuple(answer.headers.multi_items()))
                assert contents.setdefault(shown, answer.content) == answer.content
            reader.send(page, chosen(trial))
    (head,) = heads
    told = dict(head)
    assert (told["content-type"], told["cache-control"]) == ("application/octet-stream", "no-store")
    assert not {"etag", "last-modified", "date", "content-disposition", "content-encoding", "set-cookie"} & set(told)
    assert len(set(contents.values())) == len(contents)
    assert {shown.method for shown in contents} == {"truth", SPOILT, *METHODS}
    for content in contents.values():
        bare = next(iter(contents.values()))[:352]
        assert study.view == "slice" or content[:352] == bare, "headers of volumes are the same"
        assert int(told["content-length"]) == len(content)


def test_names_of_pictures_tell_nothing_and_open_nothing_for_others(study: Study) -> None:
    with serving(study) as office:
        first, second = office.reader("A"), office.reader("B")
        names: list[str] = []
        for reader in (first, second):
            for trial in reader.trials[:-1]:
                page = reader.page()
                assert page.pictures == reader.page().pictures, "a reload shows the same"
                names += page.pictures
                reader.send(page, chosen(trial))
        assert len(set(names)) == len(names)
        assert not set(names) & {f"/picture/{name}" for name in study.pictures}
        mine = {url: first.client.get(url) for url in names}
        others = {url: second.client.get(url) for url in names}
        known = office.ballots.readers()
        last = first.page().trial
        open_to_first = {f"/picture/{opaque(study, known[0], last - 1, n)}" for n in range(3)} & set(names)
        assert {url for url, answer in mine.items() if answer.status_code == 200} == open_to_first
        assert not {url for url, answer in others.items() if answer.status_code == 200} & open_to_first
        nothing = first.client.get("/picture/" + "0" * 64)
        shut = {(a.status_code, a.text, tuple(a.headers.items())) for a in mine.values() if a.status_code != 200}
        assert shut == {(404, nothing.text, tuple(nothing.headers.items()))}


def test_pictures_of_later_trials_are_not_served_before_their_time(study: Study) -> None:
    with serving(study) as office:
        reader = office.reader()
        (known,) = office.ballots.readers()
        for trial in range(len(reader.trials)):
            served = {
                n
                for n in range(len(reader.trials))
                if reader.client.get(f"/picture/{opaque(study, known, n, 0)}").status_code == 200
            }
            assert served == {n for n in (trial - 1, trial) if n >= 0}
            reader.send(reader.page(), chosen(reader.trials[trial]))


def test_volumes_bring_a_header_made_from_nothing(tmp_path: Path, study: Study) -> None:
    if study.view == "slice":
        about = next(iter(study.pictures.values()))
        assert {path.stat().st_size for path in (study.folder / "pictures").iterdir()} == {
            2 * about["shape"][0] * about["shape"][1]
        }
        return
    for path in (study.folder / "pictures").iterdir():
        image = nib.Nifti1Image.from_bytes(path.read_bytes())
        fresh = Picture(image.get_fdata().astype("uint16"), tuple(map(float, image.header.get_zooms()))).content
        assert path.read_bytes() == fresh
        assert not image.header.extensions
        assert all(not image.header[key].item() for key in ("descrip", "aux_file", "db_name", "intent_name"))


def test_an_open_page_is_of_one_reader(study: Study) -> None:
    """Two links in one browser: the second reader's session answers no form of the first."""
    with serving(study) as office:
        first = office.reader("A")
        page = first.page()
        _, token = office.ballots.invite("B")
        first.client.get(f"/r/{token}")
        assert first.send(page, chosen(first.trials[0])).status_code == 403
        assert Page(first.client.get("/study?begin=1").text).pictures != page.pictures
        assert not office.ballots.history()
