"""The figures and tables of a finished page, read back from it: files of them cannot show other numbers than it does.

The page is ours, so its markup is known: all text from outside is escaped, and no name can look like a tag.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser

_FOUND = re.compile(
    r"<h2[^>]*>(?P<section>.*?)</h2>|<h3[^>]*>(?P<part>.*?)</h3>|<h4[^>]*>(?P<case>.*?)</h4>"
    r'|(?P<table><table><caption>.*?</table>)|(?P<plot><svg .*?</svg>)|(?P<strip><figure class="case">.*?</figure>)',
    re.DOTALL,
)


@dataclass(frozen=True)
class Cell:
    """Of a table: text, in which some pieces are numbers."""

    pieces: tuple[tuple[str, str | None], ...]
    """Text as it is shown, and all digits where it is a number."""

    @property
    def shown(self) -> str:
        """As the page has it."""
        return " ".join("".join(text for text, _ in self.pieces).split())

    @property
    def exact(self) -> str:
        """With all digits."""
        return " ".join("".join(value or text for text, value in self.pieces).split())

    @property
    def numbers(self) -> list[str]:
        """Of it, with all digits."""
        return [value for _, value in self.pieces if value is not None]

    @property
    def interval(self) -> tuple[str, str] | None:
        """Both ends with all digits, of a cell that is "… to …" and nothing else."""
        texts = [text.strip() for text, value in self.pieces if value is None]
        return (self.numbers[0], self.numbers[1]) if len(self.numbers) == 2 and texts == ["to"] else None


@dataclass
class Table:
    """One table of the page."""

    section: str
    caption: str = ""
    columns: list[str] = field(default_factory=list)
    right: set[int] = field(default_factory=set)
    """Columns that stand on the right, as numbers do."""
    bodies: list[tuple[str, list[list[Cell]]]] = field(default_factory=list)
    """What stands over the rows, "" for nothing, and the rows."""


@dataclass(frozen=True)
class Picture:
    """One figure of the page."""

    section: str
    caption: str
    markup: str
    """<svg>, or the <figure> of a strip of images."""


def exhibits_of(page: str) -> Iterator[Table | Picture]:
    """In the order of the page."""
    section = part = case = ""
    for found in _FOUND.finditer(page):
        if found["section"] is not None:
            section, part, case = _text(found["section"]), "", ""
        elif found["part"] is not None:
            part, case = _text(found["part"]), ""
        elif found["case"] is not None:
            case = _text(found["case"])
        elif found["table"]:
            reader = _Reader(Table(" / ".join(filter(None, (section, part)))))
            reader.feed(found["table"])
            reader.close()
            yield reader.table
        else:
            where = " / ".join(filter(None, (section, part, case if found["strip"] else "")))
            caption = re.search(r"<title[^>]*>(.*?)</title>|<figcaption>(.*?)</figcaption>", found[0], re.DOTALL)
            yield Picture(where, _text(caption[1] or caption[2]) if caption else "", found[0])


def _text(markup: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", markup))


class _Reader(HTMLParser):
    """One <table> of markup.table -> Table."""

    def __init__(self, table: Table) -> None:
        super().__init__()
        self.table = table
        self.pieces: list[tuple[str, str | None]] = []
        self.value: str | None = None
        self.row: list[Cell] = []
        self.scope = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag in ("th", "td", "caption"):
            self.pieces, self.scope = [], told.get("scope") or ""
            if self.scope == "col" and told.get("class") == "n":
                self.table.right.add(len(self.table.columns))
        elif tag == "data":
            self.value = told.get("value")
        elif tag == "small":
            self.pieces.append((" ", None))
        elif tag == "tr":
            self.row = []
        elif tag == "tbody":
            self.table.bodies.append(("", []))

    def handle_data(self, data: str) -> None:
        self.pieces.append((data, self.value))

    def handle_endtag(self, tag: str) -> None:
        own = Cell(tuple(self.pieces))
        if tag == "data":
            self.value = None
        elif tag == "caption":
            self.table.caption = own.shown
        elif tag == "th" and self.scope == "col":
            self.table.columns.append(own.shown)
        elif tag == "th" and self.scope == "rowgroup":
            self.table.bodies[-1] = (own.shown, self.table.bodies[-1][1])
        elif tag in ("th", "td"):
            self.row.append(own)
        elif tag == "tr" and self.table.bodies and self.row:
            self.table.bodies[-1][1].append(self.row)
