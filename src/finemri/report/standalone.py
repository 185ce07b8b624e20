"""Figures that stand alone: SVGs with the page's style on every mark, as Inkscape and LaTeX take them."""

import re
import textwrap
from functools import cache
from html import unescape
from importlib import resources

from finemri.report.axes import WIDTH
from finemri.report.markup import esc

GAP, TEXT = 2, 10
"""Between the images of a strip, and the size of their titles, in pixels."""
_MARK = re.compile(r"<(line|circle|path|text)\b([^>]*?)(/?)>")
_RULE = re.compile(r"(svg [^{}]+)\{([^}]*)\}")
_MEDIA = re.compile(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*\s*\}")
_PICTURE = re.compile(r'<img src="([^"]*)" alt="([^"]*)" style="aspect-ratio:([\d.]+)">(?:<i style="([^"]*)">)?')


def alone(markup: str) -> str:
    """A figure of the page, <svg> or a strip of images -> a file."""
    body, height = _strip(markup) if markup.startswith("<figure") else _styled(markup)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:g}" '
        f'viewBox="0 0 {WIDTH} {height:g}"><rect width="{WIDTH}" height="{height:g}" fill="#fff"/>{body}</svg>\n'
    )


def _styled(markup: str) -> tuple[str, float]:
    """Every mark with what the page's style says of it, in the colours of paper."""
    size = re.match(r'<svg viewBox="0 0 [\d.]+ ([\d.]+)"', markup)
    assert size is not None

    def dressed(found: re.Match[str]) -> str:
        classes = re.search(r'class="([^"]*)"', found[2])
        own = "".join(f' {name}="{value}"' for name, value in _style(found[1], classes[1] if classes else ""))
        return f"<{found[1]}{found[2]}{own}{found[3]}>"

    inside = markup[markup.index(">") + 1 : markup.rindex("</svg>")]
    return _MARK.sub(dressed, inside), float(size[1])


@cache
def _style(tag: str, classes: str) -> tuple[tuple[str, str], ...]:
    """By the CSS of the page: later rules over earlier ones, those of a class over those of a tag alone."""
    css = _MEDIA.sub("", resources.files("finemri.report").joinpath("page.css").read_text(encoding="utf-8"))
    colours = dict(re.findall(r"--(\w+):(#\w+)", css))
    found: list[tuple[int, int, dict[str, str]]] = []
    for n, (selectors, body) in enumerate(_RULE.findall(css)):
        for selector in selectors.split(","):
            named, _, own = selector.strip().removeprefix("svg ").partition(".")
            if named in ("", tag) and (not own or own in classes.split()):
                pairs = [each.split(":", 1) for each in body.split(";") if ":" in each]
                rule = {name: re.sub(r"var\(--(\w+)\)", lambda v: colours[v[1]], value) for name, value in pairs}
                found.append((2 * bool(own) + bool(named), n, rule))
    told: dict[str, str] = {}
    for _, _, rule in sorted(found, key=lambda each: each[:2]):
        told |= rule
    if font := told.pop("font", None):
        size, _, _ = font.partition(" ")
        told |= {"font-size": size, "font-family": "DejaVu Sans, Helvetica, Arial, sans-serif"}
    return tuple(told.items())


def _strip(markup: str) -> tuple[str, float]:
    """Rows of images, their titles below the first."""
    titles = [unescape(title) for title in re.findall(r"<small>(.*?)</small>", markup)]
    y, parts = 0.0, []
    for n, row in enumerate(re.split(r'<div class="strip">', markup)[1:]):
        pictures = _PICTURE.findall(row)
        wide = (WIDTH - GAP * (len(pictures) - 1)) / len(pictures)
        for k, (source, alt, aspect, frame) in enumerate(pictures):
            x, high = k * (wide + GAP), wide / float(aspect)
            parts.append(
                f'<image x="{x:.2f}" y="{y:.2f}" width="{wide:.2f}" height="{high:.2f}" preserveAspectRatio="none" '
                f'style="image-rendering:pixelated" href="{source}"><title>{alt}</title></image>'
            )
            if frame:
                left, top, width, height = (float(value) / 100 for value in re.findall(r"([\d.]+)%", frame))
                parts.append(
                    f'<rect x="{x + left * wide:.2f}" y="{y + top * high:.2f}" width="{width * wide:.2f}" '
                    f'height="{height * high:.2f}" fill="none" stroke="#ffd54a" stroke-width="1.5"/>'
                )
        y += max(wide / float(aspect) for _, _, aspect, _ in pictures)
        if n == 0:
            lines = [textwrap.wrap(title, max(4, int(wide / TEXT * 1.6))) for title in titles]
            for k, own in enumerate(lines):
                for m, line in enumerate(own):
                    place = f'x="{k * (wide + GAP) + 2:.2f}" y="{y + (m + 1) * (TEXT + 2):.2f}"'
                    parts.append(
                        f'<text {place} font-size="{TEXT}px" font-family="DejaVu Sans, sans-serif" fill="#1b1b1f">'
                        f"{esc(line)}</text>"
                    )
            y += max(map(len, lines)) * (TEXT + 2) + 4
        y += GAP
    return "".join(parts), y
