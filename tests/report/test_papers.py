"""The five papers' pages: what is committed is what finemri report makes of the committed numbers and claims."""

import re
from html import escape
from pathlib import Path

import pytest

from finemri import __version__
from finemri.report import report
from finemri.report.claims import read_claims
from finemri.report.found import find_jobs
from finemri.report.verdicts import judge

PAPERS = Path(__file__).resolve().parents[2] / "docs" / "papers"
NUMBER = re.compile(r"-?\d+\.\d{9,}(?:e[+-]\d+)?")


def comparable(page: str) -> str:
    """Without finemri's version; the last digits of a sum may differ from one machine to another."""
    return NUMBER.sub(lambda found: f"{float(found[0]):.9g}", re.sub(r"finemri(?: report)? \d[\w.+]*", "finemri", page))


@pytest.mark.parametrize("paper", ["001", "002", "004"])
def test_a_page_is_made_again(paper: str, tmp_path: Path) -> None:
    claims = PAPERS / "claims" / f"{paper}.toml"
    page = report(PAPERS / "data" / paper, tmp_path / "page.html", claims=claims).read_text(encoding="utf-8")
    assert __version__ in page
    committed = (PAPERS / f"{paper}.html").read_text(encoding="utf-8")
    assert comparable(page) == comparable(committed), "make papers, and look at what changed"


@pytest.mark.parametrize("paper", ["000", "001", "002", "003", "004"])
def test_the_papers_markdown_says_what_its_page_says(paper: str) -> None:
    claims = read_claims(PAPERS / "claims" / f"{paper}.toml").claims
    rulings = judge(claims, find_jobs(PAPERS / "data" / paper), 0.05)
    markdown = (PAPERS / f"{paper}.md").read_text(encoding="utf-8")
    page = (PAPERS / f"{paper}.html").read_text(encoding="utf-8")
    assert f"({paper}.html)" in markdown
    for ruling in rulings:
        assert f"| {ruling.claim.text} | *{ruling.verdict}*" in markdown, ruling.claim.id
        if ruling.people:
            assert f"<figcaption>{escape(ruling.claim.text)}: {ruling.verdict}</figcaption>" in page, ruling.claim.id


def test_what_is_committed_is_small_and_names_nobody() -> None:
    files = [path for path in (PAPERS / "data").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 3 * 2**20
    assert {path.name for path in files} <= {"measures.csv", "settings.json", "conventions.csv"}
    for folder in sorted((PAPERS / "data").iterdir()):
        people = {row.person for job in find_jobs(folder) for row in job.rows}
        assert all(re.fullmatch(r"hippocampus_\d{3}|head_t1_1mm", person) for person in people), (
            "pseudonyms of public data"
        )
    assert not [path for path in files if re.search(r'"/|[A-Z]:\\\\', path.read_text(encoding="utf-8"))], "a path"
    assert all(path.stat().st_size < 500_000 for path in PAPERS.glob("*.html"))
