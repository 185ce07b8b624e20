"""Model cards: a small part of Markdown, and no markup of theirs."""

from pathlib import Path

import pytest

from finemri.refusal import Refusal
from finemri.report import report
from finemri.report.cards import html_of
from tests.report.made import Page, folder, row

WEIGHTS = Path(__file__).parents[2] / "src/finemri/weights"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# One\n## Two\ntext", "<h4>One</h4><h5>Two</h5><p>text</p>"),
        ("a **b** and *c*", "<p>a <strong>b</strong> and <em>c</em></p>"),
        ("`d*e*` and snake_case_name", "<p><code>d*e*</code> and snake_case_name</p>"),
        ("- a\n- b\n  goes on\n", "<ul><li>a</li><li>b goes on</li></ul>"),
        ("    code\n      <b>", "<pre><code>code\n  &lt;b&gt;</code></pre>"),
        ("```\n\n# <x>\n```\nend", "<pre><code>\n# &lt;x&gt;</code></pre><p>end</p>"),
        ("```\nnever closed", "<pre><code>never closed</code></pre>"),
        ("[here](https://x.org/?a=1&b=2)", "<p>here (https://x.org/?a=1&amp;b=2)</p>"),
        ("| a | b |\n|---|---|\n| 1 | <i> |", "<th scope=\"col\">a</th><th scope=\"col\">b</th>"),
    ],
)  # fmt: skip
def test_markdown(text: str, html: str) -> None:
    assert html in html_of(text)
    Page(html_of(text))


@pytest.mark.parametrize(
    "hostile",
    ["<script>alert(1)</script>", '[x](javascript:alert(1) "onload=")', "<img src=x onerror=alert(1)>",
     "`</code><script>`", "**<b onclick=x>**", '# <h1 id="job-1">', "| <script> |\n|---|\n| </table><script> |",
     "```\n</pre><script>", "&lt;script&gt; &amp;", "![a](data:text/html,<script>)"],
)  # fmt: skip
def test_nothing_of_a_card_becomes_markup(hostile: str) -> None:
    page = Page(html_of(hostile))
    known = {"p", "h4", "code", "pre", "strong", "em", "div", "table", "thead", "tbody", "tr", "th", "td"}
    assert page.tags.keys() <= known
    assert {name for _, name, _ in page.attributes} <= {"class", "tabindex", "scope"}


def test_cards_stand_on_the_page_by_the_names_of_methods(tmp_path: Path) -> None:
    folder(tmp_path / "in", [row(f"p{n}", m, 1.0 + n) for m in ("spline", "net", "../secret") for n in range(5)])
    (tmp_path / "in" / "cards").mkdir()
    (tmp_path / "in" / "cards" / "net.md").write_text("# Net\nof 3 <people>")
    (tmp_path / "in" / "cards" / "nobody.md").write_text("nobody's")
    (tmp_path / "in" / "secret.md").write_text("secret words")
    page = Page(report(tmp_path / "in").read_text())
    assert "of 3 <people>" in page.words
    assert page.tags["summary"] == 1
    assert not any("secret words" in words or "nobody's" in words for words in page.words)
    (tmp_path / "in" / "cards" / "net.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Refusal, match="is no text"):
        report(tmp_path / "in")


def test_the_cards_that_ship() -> None:
    """Their tables, lists and commands are shown as such; no mark of Markdown is left over."""
    shipped = sorted(WEIGHTS.glob("*.md"))
    assert shipped
    for card in shipped:
        page = Page(html_of(card.read_text()))
        assert {"h4", "h5", "ul"} <= page.tags.keys()
        assert page.tags["table"] == card.read_text().count("\n|---")
        assert not any("**" in words or words.startswith(("#", "|")) for words in page.words)
