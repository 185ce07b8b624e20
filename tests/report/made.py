"""Folders as evaluate leaves them, and pages as a reader finds them."""

import json
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from finemri.measures import contract_of
from finemri.measures.contract import Region
from finemri.measures.tidy import Row, write_rows
from finemri.report import report

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


def with_images(path: Path) -> Path:
    """Stacks of three slices, of which ``other`` errs most in the second, at its lower right."""
    images = path / "images"
    images.mkdir()
    truth = np.random.default_rng(0).random((3, 40, 30))
    for person in range(8):
        np.save(images / f"anna-{person}_truth.npy", truth)
        np.save(images / f"anna-{person}_spline.npy", truth * 0.9)
        made = truth.astype(complex)
        made[1] *= 1j
        made[1, 26:, 16:] *= 0.5
        np.save(images / f"anna-{person}_other.npy", made)
    return images


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
