"""The page: its numbers are those of the CSV, it fetches nothing, it is well formed, and names stay text."""

import math
import re
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from finemri import cli
from finemri.measures.statistics import gains
from finemri.refusal import Refusal
from finemri.report import report
from tests.report.made import MINE, Page, folder, page_of, rows


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
        for ink in ("ink", "faint", "accent", "good", "bad", "s0", "s1", "s2", "s3", "s4", "s5"):
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


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder(tmp_path, rows())
    assert cli.main(["report", str(tmp_path), "-o", str(tmp_path / "page.html"), "--level", "0.01"]) == 0
    assert "open it in any browser" in capsys.readouterr().out
    assert "below 0.01" in (tmp_path / "page.html").read_text()
    assert cli.main(["report", str(tmp_path / "x")]) == 2
