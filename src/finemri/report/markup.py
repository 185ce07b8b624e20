"""HTML, a piece at a time. All text from outside goes through ``esc``, so that a name cannot become markup."""

from collections.abc import Iterable, Sequence
from html import escape as esc

from finemri.report.words import printed

__all__ = ["cell", "esc", "heading", "note", "number", "table"]


def number(value: float, digits: int, sign: str = "") -> str:
    """Rounded for the eye, every digit for a machine or a pointer that rests on it."""
    return f'<data value="{value!r}" title="{value!r}">{printed(value, digits, sign)}</data>'


def cell(content: str, *, kind: str = "") -> str:
    """A cell of markup."""
    return f'<td class="{kind}">{content}</td>' if kind else f"<td>{content}</td>"


def table(caption: str, columns: Sequence[str], bodies: Iterable[tuple[str | None, Sequence[Sequence[str]]]]) -> str:
    """Columns and caption are text; bodies: markup of a heading over all columns or None, and rows of cells, of which
    the first is markup of the row's heading."""
    bodies = list(bodies)
    right = {n for _, rows in bodies for row in rows for n, each in enumerate(row) if each.startswith('<td class="n"')}
    head = "".join(
        f'<th scope="col"{" class=n" if n in right else ""}>{esc(column)}</th>' for n, column in enumerate(columns)
    )
    told = []
    for title, rows in bodies:
        over = f'<tr><th scope="rowgroup" colspan="{len(columns)}">{title}</th></tr>' if title else ""
        lines = "".join(f'<tr><th scope="row">{first}</th>{"".join(rest)}</tr>' for first, *rest in rows)
        told.append(f"<tbody>{over}{lines}</tbody>")
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{esc(caption)}"><table><caption>{esc(caption)}'
        f"</caption><thead><tr>{head}</tr></thead>{''.join(told)}</table></div>"
    )


def heading(level: int, text: str, name: str = "") -> str:
    """A heading that can be linked to."""
    return f'<h{level} id="{esc(name)}">{esc(text)}</h{level}>' if name else f"<h{level}>{esc(text)}</h{level}>"


def note(text: str, *, kind: str = "") -> str:
    """A paragraph of text."""
    return f'<p class="{kind}">{esc(text)}</p>' if kind else f"<p>{esc(text)}</p>"
