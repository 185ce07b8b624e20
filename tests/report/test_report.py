"""The page: its numbers are those of the CSV, it fetches nothing, it is well formed, and names stay text."""

import base64
import json
import math
import re
import shlex
import zlib
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from finemri import cli
from finemri.measures import contract_of
from finemri.measures.contract import Region
from finemri.measures.statistics import gains
from finemri.measures.tidy import Row, write_rows
from finemri.refusal import Refusal
from finemri.report import report
from finemri.report.figures import Scale, limits_of
from finemri.report.pictures import png_of, read_scan, strip_of
from finemri.report.words import command_of, contract_in_words, merged

VOID = {"meta", "img", "line", "circle", "path", "br"}
MINE = 'mine <script>alert("1")</script>'


def row(subject: str, method: str, value: float, measure: str = "psnr", mask: Region = "head") -> Row:
    contract = contract_of(measure, mask=mask, peak=100.0 + len(subject), crop="none")
    return Row(subject, method, "blur", 2, measure, value, contract)


def rows(people: int = 8) -> list[Row]:
    rng, found = np.random.default_rng(0), []
    for n in range(people):
        for measure, level in (("psnr", 30.0), ("ssim", 0.8), ("nmse", 0.1), ("gradient-energy", 0.6)):
            for method, gain in (("spline", 0.0), (MINE, 0.02), ("other", -0.01)):
                value = level * (1 + gain + 0.01 * float(rng.normal()))
                found.append(row(f"anna-{n}", method, value, measure))
    return found


def folder(path: Path, some: list[Row], **settings: object) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    write_rows(path / "measures.csv", some)
    methods = {method: "" if method == "spline" else "ab" * 32 for method in {r.method for r in some}}
    told = {"degradation": "blur", "scale": 2, "methods": methods, "people": None, **settings}
    (path / "settings.json").write_text(json.dumps(told))
    return path


class Page(HTMLParser):
    """Refuses tags that do not close in order; keeps ids, links, and the numbers of every table row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.rows: list[tuple[str, list[float]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append(("", []))
        if tag == "data":
            self.rows[-1][1].append(float(dict(attrs)["value"] or "nan")) if "tr" in self.open else None

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if "tr" in self.open and "th" in self.open:
            self.rows[-1] = (self.rows[-1][0] + data, self.rows[-1][1])

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]


def page_of(path: Path, **settings: object) -> Page:
    return Page(report(path, **settings).read_text(encoding="utf-8"))  # type: ignore[arg-type]


def test_numbers_are_those_of_the_csv(tmp_path: Path) -> None:
    some = rows()
    page = page_of(folder(tmp_path, some))
    known = next(g for g in gains(some, "spline") if g.method == MINE and g.measure == "psnr")
    mean = np.mean([r.value for r in some if r.method == MINE and r.measure == "psnr"])
    worst = min(r.value for r in some if r.method == MINE and r.measure == "psnr")
    found = next(numbers for name, numbers in page.rows if name == MINE and len(numbers) == 8)
    expected = [mean, known.mean, known.low, known.high, known.p_holm, known.rank_biserial, known.standardised, worst]
    assert found == pytest.approx(expected, rel=1e-12)
    assert "better" in page.words


def test_nothing_is_fetched_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    folder(tmp_path / "a", rows())
    folder(tmp_path / "b" / "c", rows(6))
    text = report(tmp_path).read_text()
    page = Page(text)
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert all(link[0] == "#" and link[1:] in ids for link in page.values("href"))
    assert all(source.startswith("data:image/png;base64,") for source in page.values("src"))
    assert not {"script", "link", "iframe", "object", "form", "base"} & page.tags.keys()
    assert not re.search(r"https?://|url\(|@import|\bon\w+=", re.sub(r'title="[^"]*"', "", text))
    assert "default-src 'none'" in page.values("content")[1]
    assert [value for tag, name, value in page.attributes if (tag, name) == ("h2", "id")][:2] == ["job-1", "job-2"]


def test_a_reader_who_does_not_see_finds_the_way(tmp_path: Path) -> None:
    page = page_of(folder(tmp_path, rows()))
    assert ("html", "lang", "en") in page.attributes
    assert page.tags["h1"] == page.tags["main"] == page.tags["title"] - page.tags["svg"] == 1
    assert page.tags["th"] == len([1 for tag, name, _ in page.attributes if (tag, name) == ("th", "scope")])
    assert page.tags["caption"] == page.tags["table"]
    assert page.tags["svg"] == page.tags["desc"] == 4 - 1, "psnr, ssim, gradient energy; nmse is no claim"


def test_text_stands_out_on_either_screen() -> None:
    """WCAG 2.2, 1.4.3: a contrast of at least 4.5 for every ink on every paper, light, dark and printed."""

    def luminance(colour: str) -> float:
        colour = "".join(2 * c for c in colour) if len(colour) == 3 else colour
        parts = [int(colour[n : n + 2], 16) / 255 for n in (0, 2, 4)]
        red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    css = resources.files("finemri.report").joinpath("page.css").read_text()
    themes = [dict(re.findall(r"--(\w+):#(\w+)", block)) for block in re.findall(r":root\{([^}]*)\}", css)]
    assert len(themes) == 3
    for theme in themes:
        for ink in ("ink", "faint", "accent", "good", "bad"):
            for paper in ("paper", "shade"):
                low, high = sorted([luminance(theme[ink]), luminance(theme[paper])])
                assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, paper, theme)


def test_names_are_text_and_people_are_numbers(tmp_path: Path) -> None:
    text = report(folder(tmp_path, rows())).read_text()
    assert "<script" not in text
    assert "mine &lt;script&gt;" in text
    assert "anna" not in text
    assert str(tmp_path) not in text
    assert "anna-3" in report(tmp_path, names=True).read_text()


def test_the_same_folder_gives_the_same_page_and_another_file_stays(tmp_path: Path) -> None:
    first = report(folder(tmp_path, rows())).read_bytes()
    assert report(tmp_path).read_bytes() == first
    (tmp_path / "letter.html").write_text("my letter")
    with pytest.raises(Refusal, match="exists already"):
        report(tmp_path, tmp_path / "letter.html")
    assert (tmp_path / "letter.html").read_text() == "my letter"
    assert report(tmp_path, tmp_path / "letter.html", force=True).read_bytes() == first


def test_too_few_people_are_not_tested_and_the_page_says_so(tmp_path: Path) -> None:
    page = page_of(folder(tmp_path, rows(6)))
    assert any("With 6 people and 2 methods no p falls below 0.062" in words for words in page.words)
    assert "not tested" in page.words
    assert "better" not in page.words
    few = page_of(folder(tmp_path / "few", rows(3)))
    assert "3 people, an interval takes 5" in few.words


def test_who_has_no_number_is_told_and_stands_first(tmp_path: Path) -> None:
    some = [replace(r, value=math.nan) if (r.subject, r.method) == ("anna-2", "other") else r for r in rows()]
    page = page_of(folder(tmp_path, some))
    assert "8 (1 not finite)" in page.words
    assert "1 people without a finite gain" in page.words
    assert any("person 3: " in words for words in page.words)


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="There is no folder"):
        report(tmp_path / "nowhere")
    with pytest.raises(Refusal, match="There are no numbers in"):
        report(tmp_path)
    sliced = [replace(r, subject=r.subject.replace("anna-", "anna_slice")) for r in rows()]
    with pytest.raises(Refusal, match="look like slices of one person"):
        report(folder(tmp_path / "sliced", sliced))
    with pytest.raises(Refusal, match="Nobody was judged by zero-filled"):
        report(folder(tmp_path / "good", rows()), baseline="zero-filled")
    with pytest.raises(Refusal, match="between 0 and 1"):
        report(tmp_path / "good", level=5)
    (tmp_path / "good" / "settings.json").write_text("{")
    with pytest.raises(Refusal, match="is not what finemri evaluate wrote"):
        report(tmp_path / "good")


def test_pictures_show_the_slice_with_the_greatest_error(tmp_path: Path) -> None:
    images = folder(tmp_path, rows()) / "images"
    images.mkdir()
    truth = np.random.default_rng(0).random((3, 5, 7))
    for person in range(8):
        np.save(images / f"anna-{person}_truth.npy", truth)
        np.save(images / f"anna-{person}_spline.npy", truth * 0.9)
        made = truth.astype(complex)
        made[1] *= 1j * 0.5
        np.save(images / f"anna-{person}_other.npy", made)
    strip = strip_of(images, "anna-1", "other", "spline", upright=False)
    assert strip is not None
    assert (strip.slice, strip.slices, list(strip.pictures)) == (2, 3, ["truth", "spline", "other", "error"])
    assert strip.aspect == pytest.approx(7 / 5)
    page = page_of(tmp_path)
    assert page.tags["img"] == 3 * (4 + 3), "worst, median, best of other and of spline, which is not shown twice"
    assert all(page.values("alt"))
    (images / "anna-1_other.npy").write_bytes(b"nothing")
    with pytest.raises(Refusal, match="no array of images"):
        strip_of(images, "anna-1", "other", "spline", upright=False)
    assert read_scan(images / "..", "images/anna-1", "truth", upright=False) is None, "no name leads to another folder"


def test_a_png_by_its_own_bytes() -> None:
    grey = np.arange(15, dtype=np.uint8).reshape(3, 5)
    data = png_of(grey)
    image = pytest.importorskip("PIL.Image")
    import io

    assert (np.asarray(image.open(io.BytesIO(data))) == grey).all()
    assert zlib.decompress(data[data.index(b"IDAT") + 4 : -16])[:6] == b"\x00\x00\x01\x02\x03\x04"
    assert base64.b64encode(data).startswith(b"iVBOR")


def test_bland_and_altmans_limits_by_hand(tmp_path: Path) -> None:
    bias, low, high = limits_of([1.0, 2.0, 3.0])
    assert (bias, low, high) == pytest.approx((2, 2 - 1.96, 2 + 1.96))
    some = [replace(row(f"p{n}", m, 10.0 + n + (m == "other") * (1 + n % 2)), measure="volume-1")
            for n in range(6) for m in ("truth", "spline", "other")]  # fmt: skip
    page = page_of(folder(tmp_path, some))
    found = next(numbers for name, numbers in page.rows if name == "other" and len(numbers) == 3)
    assert found == pytest.approx([1.5, 1.5 - 1.96 * math.sqrt(0.3), 1.5 + 1.96 * math.sqrt(0.3)])


def test_ticks_are_round_and_inside() -> None:
    scale = Scale.over([0.0, 5.2], 0, 100)
    assert scale.ticks == [0, 1, 2, 3, 4, 5]
    assert Scale.over([2.0, 2.0], 0, 100).ticks, "one value has an axis too"
    assert Scale.over([0.1, 0.31], 0, 1).decimals == 2


def test_contracts_merge_where_numbers_alone_differ() -> None:
    texts = ["mean over 4 slices; by net@5d14", "mean over 6 slices; by net@5d14", "mean over 5 slices; by net@5d14"]
    assert merged(texts) == "mean over 4 to 6 slices; by net@5d14"
    assert merged(["the first 3x4 of 5x5", "the first 4x4 of 5x5"]) == "the first (2 sizes) of 5x5"
    told = contract_in_words([row("a", "spline", 1.0).contract, row("abc", "spline", 1.0).contract])
    assert "max - min over the full field (101 to 103)" in told
    assert "inside the head mask" in told


@pytest.mark.parametrize(
    "settings",
    [
        {"degradation": "blur + Rician 0.05 (seed 3)", "scale": 2, "people": "validation of 0712"},
        {"degradation": "poisson-2d 4x, ACS 0.1, 8 coils, noise 0.01, one mask, seed 7", "scale": 4, "axis": 0,
         "matrix": "48x32", "slices": 6, "phase": True, "domain": None, "peak": "scan", "segmenter": "5d14"},
        {"degradation": "pairs", "scale": 1, "peak": "slice", "people": None},
    ],
)  # fmt: skip
def test_the_command_is_one_that_finemri_takes(settings: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    command = command_of(settings, ["spline", "net@12ab"], "exam", images=True)
    assert command is not None
    seen: list[cli.Evaluate] = []
    monkeypatch.setattr(cli.Evaluate, "run", lambda self: seen.append(self))
    assert cli.main(shlex.split(command)[1:]) == 0
    (verb,) = seen
    assert verb.save_images
    assert tuple(verb.methods) == ("spline", "net@12ab")
    if verb.degradation == "blur":
        assert (verb.noise, verb.seed, verb.part, verb.people) == (0.05, 3, "validation", (Path("SPLIT"),))
    if verb.sampling:
        assert (verb.sampling, verb.acceleration, verb.acs, verb.coils) == ("poisson-2d", 4, 0.1, 8)
        assert (verb.one_mask, verb.seed, verb.matrix, verb.phase, verb.axis) == (True, 7, (48, 32), True, 0)


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder(tmp_path, rows())
    assert cli.main(["report", str(tmp_path), "-o", str(tmp_path / "page.html"), "--level", "0.01"]) == 0
    assert "open it in any browser" in capsys.readouterr().out
    assert "below 0.01" in (tmp_path / "page.html").read_text()
    assert cli.main(["report", str(tmp_path / "x")]) == 2
