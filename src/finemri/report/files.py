"""Figures as SVG and PNG, tables as CSV and LaTeX: the page's own, in a folder beside it."""

import csv
import importlib.util
import io
import re
from collections.abc import Iterable
from pathlib import Path

from finemri.landing import check_landing, landing_folder
from finemri.refusal import Refusal
from finemri.report.exhibits import Cell, Picture, Table, exhibits_of
from finemri.report.latex import latex_of

COLUMNS = ("files", "where", "caption")
"""Of contents.csv, by which a folder of ours is told from another."""


def folder_of(page: Path) -> Path:
    """report.html -> report-files, beside it."""
    return page.with_name(f"{page.stem}-files")


def check_files(folder: Path, *, force: bool) -> None:
    """Raises Refusal where matplotlib is missing, or another folder is in the way."""
    if importlib.util.find_spec("matplotlib") is None:
        raise Refusal("Figures as PNG need matplotlib, which is not installed: pip install 'finemri[demo]'.")
    check_landing(folder, force=force or _is_ours(folder))


def write_files(page: str, folder: Path) -> None:
    """Every figure and table of the page, numbered in its order, and contents.csv, which says where each stands.

    The folder appears whole or not at all, and one that stood there is replaced. The same page gives the same bytes.
    """
    from finemri.report.raster import raster_of
    from finemri.report.standalone import alone

    told: list[tuple[str, str, str]] = []
    counts = {"table": 0, "figure": 0}
    with landing_folder(folder) as place:
        for exhibit in exhibits_of(page):
            kind = "table" if isinstance(exhibit, Table) else "figure"
            counts[kind] += 1
            stem = f"{kind}-{counts[kind]:03}-{_slug(exhibit.caption)}"
            if isinstance(exhibit, Picture):
                svg = alone(exhibit.markup)
                (place / f"{stem}.svg").write_text(svg, encoding="utf-8")
                (place / f"{stem}.png").write_bytes(raster_of(svg))
                told.append((f"{stem}.svg, {stem}.png", exhibit.section, exhibit.caption))
            else:
                (place / f"{stem}.csv").write_text(csv_of(exhibit), encoding="utf-8", newline="")
                (place / f"{stem}.tex").write_text(latex_of(exhibit), encoding="utf-8")
                told.append((f"{stem}.csv, {stem}.tex", exhibit.section, exhibit.caption))
        (place / "contents.csv").write_text(_csv([COLUMNS, *told]), encoding="utf-8", newline="")


def csv_of(table: Table) -> str:
    """All digits of every number; what stands over rows as a first column, and an interval as two."""
    rows = [(title, row) for title, body in table.bodies for row in body]
    titled = any(title for title, _ in rows)
    lines: list[list[str]] = [["of"] if titled else [], *([title] if titled else [] for title, _ in rows)]
    for n, column in enumerate(table.columns):
        cells = [row[n] if n < len(row) else Cell(()) for _, row in rows]
        ends = [each.interval for each in cells]
        if any(ends) and all(end or not each.numbers for end, each in zip(ends, cells, strict=True)):
            lines[0] += [f"{column}: low", f"{column}: high"]
            for line, end in zip(lines[1:], ends, strict=True):
                line += end or ("", "")
        else:
            lines[0].append(column)
            for line, each in zip(lines[1:], cells, strict=True):
                line.append("" if each.exact == "–" else each.exact)
    return _csv(lines)


def _csv(lines: Iterable[Iterable[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def _slug(text: str) -> str:
    """What a name of a file may hold, of a caption: short, for a folder may lie deep."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:48].strip("-") or "untitled"


def _is_ours(folder: Path) -> bool:
    """Whether a folder is one of an earlier run."""
    try:
        return (folder / "contents.csv").read_text(encoding="utf-8").startswith(",".join(COLUMNS) + "\n")
    except (OSError, ValueError):
        return False
