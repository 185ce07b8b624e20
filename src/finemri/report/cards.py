"""Model cards: the Markdown that lies beside a method's weights, as HTML. A small part of Markdown, and no markup of
theirs: everything is escaped first, and a link is shown as its text and its address, for the page leads nowhere."""

import re
from collections.abc import Iterator

from finemri.refusal import Refusal
from finemri.report.found import Job
from finemri.report.markup import esc

LARGEST = 200_000
"""Characters of a card."""
_HEADING = re.compile(r"(#{1,6})\s+(.*)")
_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+(.*)")
_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|(?<![\w*])[*_]([^*_]+)[*_](?![\w*])|\[([^\]]+)\]\(([^)\s]+)\)")


def cards_of(job: Job) -> str:
    """One to unfold for each method that has a card; "" where none has."""
    parts = []
    for method in job.methods:
        path = job.folder / "cards" / f"{method}.md"
        if path.name != f"{method}.md" or not path.is_file():  # a name in a CSV may not lead out of the folder
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as trouble:
            raise Refusal(f"{path} is no text; evaluate again, or take it away.") from trouble
        if len(text) > LARGEST:
            raise Refusal(f"{path} is longer than any model card; take it away, or shorten it.")
        parts.append(f'<details class="card"><summary>{esc(method)}</summary>{html_of(text)}</details>')
    return "".join(parts)


def html_of(text: str) -> str:
    """Headings, paragraphs, lists, tables, code, bold, emphasis and links -> HTML; anything else stays text."""
    return "".join(_block(lines) for lines in _blocks(text))


def _blocks(text: str) -> Iterator[list[str]]:
    """Lines that belong together: what blank lines, headings and fences part. Code keeps its blank lines."""
    own: list[str] = []
    fenced = False
    for line in text.expandtabs(4).splitlines():
        fence = line.lstrip().startswith("```")
        if fenced:
            own.append(line)
        elif fence or _HEADING.match(line) or not line.strip():
            if own:
                yield own
            own = [line] if fence else []
            if _HEADING.match(line):
                yield [line]
        else:
            own.append(line)
        if fence:
            fenced = not fenced
            if not fenced:
                yield own
                own = []
    if own:
        yield own


def _block(lines: list[str]) -> str:
    if lines[0].lstrip().startswith("```"):
        inside = [line for line in lines[1:] if not line.lstrip().startswith("```")]
        return f"<pre><code>{esc(chr(10).join(inside))}</code></pre>"
    if found := _HEADING.match(lines[0]):
        level = min(6, len(found[1]) + 3)  # below the page's own headings
        return f"<h{level}>{_inline(found[2])}</h{level}>"
    if all(line.startswith("    ") for line in lines):
        return f"<pre><code>{esc(chr(10).join(line[4:] for line in lines))}</code></pre>"
    if len(lines) > 1 and lines[0].startswith("|") and re.fullmatch(r"\|[\s:|-]+\|?\s*", lines[1]):
        return _table(lines)
    if _ITEM.match(lines[0]):
        return f"<ul>{''.join(f'<li>{_inline(item)}</li>' for item in _items(lines))}</ul>"
    return f"<p>{_inline(' '.join(line.strip() for line in lines))}</p>"


def _items(lines: list[str]) -> list[str]:
    """Of a list; a line that begins none goes on with the one before."""
    items: list[str] = []
    for line in lines:
        if found := _ITEM.match(line):
            items.append(found[1])
        else:
            items[-1] += f" {line.strip()}"
    return items


def _table(lines: list[str]) -> str:
    head, *rows = [[_inline(each.strip()) for each in line.strip().strip("|").split("|")] for line in lines]
    titles = "".join(f'<th scope="col">{title}</th>' for title in head)
    body = "".join(f"<tr>{''.join(f'<td>{each}</td>' for each in row)}</tr>" for row in rows[1:])
    return f'<div class="wide" tabindex="0"><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>'


def _inline(text: str) -> str:
    """Escaped first: what is found in it afterwards is ours."""

    def shown(found: re.Match[str]) -> str:
        code, strong, weak, title, address = found.groups()
        if code:
            return f"<code>{code}</code>"
        if title:
            return f"{title} ({address})"
        return f"<strong>{strong}</strong>" if strong else f"<em>{weak}</em>"

    return _INLINE.sub(shown, esc(text))
