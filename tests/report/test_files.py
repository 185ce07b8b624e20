"""Figures as SVG and PNG, tables as CSV and LaTeX: the page's numbers, the same bytes each time, and no markup."""

import csv
import io
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from finemri import cli
from finemri.measures.statistics import gains
from finemri.refusal import Refusal
from finemri.report import report
from finemri.report.exhibits import Cell, Table
from finemri.report.files import csv_of
from finemri.report.latex import escaped, latex_of
from tests.report.made import MINE, folder, row, rows, with_images

HOSTILE = r"50% of $x_1$ & \input{/etc/passwd} #~^ <b> −3"


def plain(*texts: str) -> list[Cell]:
    return [Cell(((text, None),)) for text in texts]


def test_tables_as_csv_keep_every_digit(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    some = rows()
    files = report(folder(tmp_path, some), figures=True).with_name("report-files")
    with next(files.glob("table-*-means-over-people-*.csv")).open(newline="") as stream:
        table = list(csv.DictReader(stream))
    known = {g.method: g for g in gains(some, "spline") if g.measure == "psnr"}
    psnr = {line["method"]: line for line in table if line["of"].startswith("PSNR")}
    assert set(psnr) == {"spline", MINE, "other"}
    for method, gain in known.items():
        told = [psnr[method][name] for name in ("gain over spline", "95 % interval: low", "95 % interval: high")]
        assert [float(value) for value in told] == [gain.mean, gain.low, gain.high]
    with (files / "contents.csv").open(newline="") as stream:
        listed = [name for line in csv.DictReader(stream) for name in line["files"].split(", ")]
    assert sorted([*listed, "contents.csv"]) == sorted(path.name for path in files.iterdir())


def test_figures_are_the_pages_and_the_same_each_time(tmp_path: Path) -> None:
    image = pytest.importorskip("matplotlib.image")
    with_images(folder(tmp_path, [r for r in rows() if r.measure == "psnr" and r.method != MINE]))
    page = report(tmp_path, figures=True)
    first = {path.name: path.read_bytes() for path in sorted(page.with_name("report-files").iterdir())}
    assert report(tmp_path, figures=True) == page
    assert {path.name: path.read_bytes() for path in sorted(page.with_name("report-files").iterdir())} == first
    svgs = {name: text.decode() for name, text in first.items() if name.endswith(".svg")}
    assert len(svgs) == page.read_text().count("<svg ") + page.read_text().count('<figure class="case">')
    for name, text in svgs.items():
        root = ET.fromstring(text)
        assert "var(" not in text
        assert not root.findall(".//{*}script")
        high, wide = image.imread(io.BytesIO(first[name.replace(".svg", ".png")])).shape[:2]
        assert (wide, high) == pytest.approx([2 * float(root.attrib[side]) for side in ("width", "height")], abs=2)
    drawn, shown = ([re.findall(f'{mark}="([^"]+)"', text) for mark in ("cx", " d", "y2")]
                    for text in ("".join(svgs.values()), page.read_text()))  # fmt: skip
    assert drawn == shown, "every dot, curve and line stands where it does on the page"
    assert len(drawn[0]) == 8, "a dot a person"


def test_a_png_shows_what_its_svg_says() -> None:
    image = pytest.importorskip("matplotlib.image")
    from finemri.report.raster import raster_of

    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40" viewBox="0 0 60 40">'
        '<rect width="60" height="40" fill="#fff"/><line x1="0" x2="60" y1="10" y2="10" stroke="#ff0000" '
        'stroke-width="4"/><circle cx="45" cy="30" r="6" fill="#0000ff"/><path d="M5 25L15 25L15 35L5 35Z" '
        'fill="#00ff00"/><text x="2" y="22" font-size="4px" fill="#000">$x_$ &lt;</text></svg>'
    )
    found = image.imread(io.BytesIO(raster_of(svg)))[..., :3]
    at = {"line": found[20, 60], "dot": found[60, 90], "shape": found[60, 20], "paper": found[4, 110]}
    expected = {"line": (1, 0, 0), "dot": (0, 0, 1), "shape": (0, 1, 0), "paper": (1, 1, 1)}
    assert {name: tuple(np.round(colour, 2)) for name, colour in at.items()} == expected
    assert raster_of(svg) == raster_of(svg)


def test_latex_is_text_whatever_it_says() -> None:
    table = Table("s", HOSTILE, ["method", "a_b"], {1}, [(HOSTILE, [plain(HOSTILE, "[2]"), plain("[a", "1 & 2")])])
    told = latex_of(table)
    inside = re.sub(r"\\(?:textbackslash|textasciitilde|textasciicircum|textless|textgreater)\{\}", "", told)
    inside = re.sub(r"\\[{}$&#%_]", "", inside)
    assert re.sub(r"\$-\$", "", inside).count("$") == 0
    assert "\\input" not in told
    assert inside.count("{") == inside.count("}")
    assert re.search(r"^% Made by", inside)
    assert "%" not in inside.partition("\n")[2]
    for line in inside.splitlines():
        if line.endswith(r"\\") and "multicolumn" not in line and "caption" not in line:
            assert line.count("&") == 1, line
            assert not line.startswith("["), "LaTeX would read it as a length"
    assert r"\begin{tabular}{p{0.75\linewidth}r}" in told
    assert escaped("a\x00b\nc") == "abc"


def test_long_tables_break_over_pages() -> None:
    told = latex_of(Table("s", "many", ["a"], set(), [("", [plain(str(n)) for n in range(50)])]))
    assert r"\begin{longtable}{l}" in told
    assert r"\usepackage{longtable}" in told
    assert "tabular" not in told


def test_an_interval_is_two_columns_and_a_mixed_one_is_not() -> None:
    ends = Cell((("1.0", "1.03"), (" to ", None), ("2.0", "2.04")))
    lines = [[*plain("a"), ends], plain("b", "–")]
    assert csv_of(Table("s", "c", ["m", "ci"], set(), [("", lines)])) == "m,ci: low,ci: high\na,1.03,2.04\nb,,\n"
    mixed = [*lines, [*plain("c"), Cell((("5", "5.5"),))]]
    assert csv_of(Table("s", "c", ["m", "ci"], set(), [("", mixed)])).splitlines()[1:] == [
        "a,1.03 to 2.04",
        "b,",
        "c,5.5",
    ]


def test_another_folder_stays_and_ours_is_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    folder(tmp_path, [row(f"p{n}", m, 1.0 + n) for m in ("spline", "net") for n in range(2)])
    (tmp_path / "page-files").mkdir()
    (tmp_path / "page-files" / "letter.txt").write_text("mine")
    with pytest.raises(Refusal, match="exists already"):
        report(tmp_path, tmp_path / "page.html", figures=True)
    assert not (tmp_path / "page.html").exists()
    assert cli.main(["report", str(tmp_path), "-o", str(tmp_path / "page.html"), "--figures", "--force"]) == 0
    assert not (tmp_path / "page-files" / "letter.txt").exists()
    assert report(tmp_path, tmp_path / "page.html", figures=True)
    assert not list(tmp_path.glob(".finemri-*")), "nothing half written is left"


def test_without_matplotlib_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Refusal, match=r"finemri\[demo\]"):
        report(folder(tmp_path, rows()), figures=True)
    assert not (tmp_path / "report.html").exists()
