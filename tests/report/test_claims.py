"""Claims: each verdict on rows by hand, Holm over the page, what is refused, and text that stays text."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from finemri import cli
from finemri.measures import contract_of
from finemri.measures.statistics import gains
from finemri.measures.tidy import Row, write_rows
from finemri.refusal import Refusal
from finemri.report import report
from finemri.report.claimed import Docket, claimed
from finemri.report.claims import Claim, Claims, read_claims
from finemri.report.found import find_jobs
from finemri.report.tables import verdict_of
from finemri.report.verdicts import Ruling, judge

WOBBLE = (0.3, -0.2, 0.1, -0.3, 0.2, -0.1, 0.25, -0.25, 0.15, -0.15)
LOSS = (0.9, -1.1, 1.0, -1.0, 1.2, -0.8, 0.7, -1.3, 1.05, -0.95)
PAPER = 'title = "The claims of A & B"\nabout = "Small."\n'


def rows(people: int = 10) -> list[Row]:
    """Over base: better by 2, worse by 2, level; and two seeds that differ by 2."""
    found = []
    for n in range(people):
        base, wobble = 30.0 + n, WOBBLE[n % 10]
        values = {"base": base, "good-seed0": base + 2 + wobble, "good-seed1": base + 2 - 2 * wobble,
                  "bad": base - 2 + wobble, "level": base + wobble, "luck-seed0": base + 1.5 + wobble,
                  "luck-seed1": base - 0.5 + wobble, "wide": base + LOSS[n % 10]}  # fmt: skip
        for method, value in values.items():
            contract = contract_of("psnr", mask="head", peak=100.0, crop="none")
            found.append(Row(f"anna-{n}", method, "blur", 2, "psnr", value, contract))
    return found


def judged(folder: Path, *claims: Claim, some: list[Row] | None = None, level: float = 0.05) -> list[Ruling]:
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "measures.csv", some or rows())
    return judge(claims, find_jobs(folder), level)


def claim(a: str = "good-seed*", b: str = "base", direction: str = "higher", **settings: object) -> Claim:
    told = {"id": "one", "text": "A is better", "source": "Table 1", "measure": "psnr", "mask": "head"} | settings
    return Claim(a=(a,), b=(b,), direction=direction, **told)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("a", "direction", "margin", "verdict", "why"),
    [
        ("good-seed*", "higher", 0.0, "reproduced", ""),
        ("good-seed*", "lower", 0.0, "not reproduced", ""),
        ("good-seed*", "higher", 1.5, "reproduced", ""),
        ("good-seed*", "higher", 2.5, "not reproduced", ""),
        ("bad", "higher", 0.0, "not reproduced", ""),
        ("bad", "lower", 0.0, "reproduced", ""),
        ("bad", "lower", 1.5, "reproduced", ""),
        ("level", "higher", 0.0, "not settled", "spans"),
        ("level", "higher", -0.5, "reproduced", ""),
        ("level", "within", 0.5, "reproduced", ""),
        ("bad", "within", 0.5, "not reproduced", ""),
        ("good-seed*", "within", 0.5, "not reproduced", ""),
        ("wide", "within", 0.5, "not settled", "spans"),
        ("luck-seed*", "higher", 0.0, "not settled", "seeds disagree"),
        ("luck-seed0", "higher", 0.0, "reproduced", ""),
    ],
)
def test_verdicts(tmp_path: Path, a: str, direction: str, margin: float, verdict: str, why: str) -> None:
    (ruling,) = judged(tmp_path, claim(a, direction=direction, margin=margin))
    assert (ruling.verdict, why in ruling.why) == (verdict, True), ruling


def test_numbers_by_hand(tmp_path: Path) -> None:
    (ruling,) = judged(tmp_path, claim())
    expected = [2 - WOBBLE[n] / 2 for n in range(10)]
    assert list(ruling.people.values()) == pytest.approx(expected), "the mean over seeds, person by person"
    assert ruling.mean == pytest.approx(2.0)
    assert (ruling.a, ruling.b) == pytest.approx((36.5, 34.5))
    assert ruling.seeds == (2, 1)
    assert ruling.by_seed == pytest.approx((2.0, 2.0))
    assert ruling.low < 2 < ruling.high
    assert ruling.p == pytest.approx(2 * 2**-10), "everybody gained"


def test_within_takes_both_bounds(tmp_path: Path) -> None:
    inside, outside = judged(tmp_path, claim("level", direction="within", margin=0.25), claim("bad", direction="within",
                             margin=0.25, id="two"))  # fmt: skip
    above = judged(tmp_path, claim("level", direction="higher", margin=-0.25))[0]
    below = judged(tmp_path, claim("level", direction="lower", margin=-0.25))[0]
    assert inside.p == max(above.p, below.p)
    assert outside.p == pytest.approx(2 * 2**-10)


def lopsided() -> list[Row]:
    """Seven of forty people gain a lot and all others lose a little: the mean is above 0, the ranks are below."""
    contract = contract_of("psnr", mask="head", peak=100.0, crop="none")
    return [
        Row(f"anna-{n}", method, "blur", 2, "psnr", 30.0 + gain, contract)
        for n in range(40)
        for method, gain in (("base", 0.0), ("good-seed0", 20.0 + n / 100 if n < 7 else -1.0 - n / 1000))
    ]


def test_mean_and_ranks_that_disagree_settle_nothing(tmp_path: Path) -> None:
    for direction in ("higher", "lower"):
        (ruling,) = judged(tmp_path, claim(direction=direction), some=lopsided())
        assert ruling.low > 0
        assert ruling.p_holm < 0.05, "of the losses"
        assert (ruling.verdict, "ranks lie on different sides" in ruling.why) == ("not settled", True)
    (gain,) = gains(lopsided(), "base")
    assert (gain.sure, gain.p_holm < 0.05, gain.rank_biserial < 0 < gain.mean) == (True, True, True)
    assert verdict_of(gain, 0.05, tested=True) == "open"


def test_a_papers_zero_is_a_number(tmp_path: Path) -> None:
    found = judged(tmp_path, claim(paper_a=0.0))
    section = claimed(Docket(Claims("t", (found[0].claim,)), found), {("", found[0].key): 1}, 0.05)  # type: ignore[dict-item]
    assert '<td class="n">0, –</td>' in section


def test_holm_over_the_claims_of_the_page(tmp_path: Path) -> None:
    six = rows(6)
    alone = judged(tmp_path, claim(), some=six)[0]
    assert alone.verdict == "reproduced"
    assert alone.p_holm == pytest.approx(2 * 2**-6)
    both = judged(tmp_path, claim(), claim("bad", id="two"), some=six)
    assert [ruling.p_holm for ruling in both] == pytest.approx([4 * 2**-6] * 2)
    assert {ruling.verdict for ruling in both} == {"not settled"}
    assert "adjusted for all claims" in both[0].why
    others = judged(tmp_path, claim(), claim("bad", id="two", not_testable="no"), some=six)
    assert others[0].p_holm == alone.p_holm, "what is not tested does not count"


def test_few_people_settle_nothing(tmp_path: Path) -> None:
    (ruling,) = judged(tmp_path, claim(), some=rows(4))
    assert (ruling.verdict, ruling.why) == ("not settled", "4 people, an interval takes 5")
    assert math.isnan(ruling.low)
    (ruling,) = judged(tmp_path, claim(), some=rows(5))
    assert (ruling.verdict, ruling.why) == ("not settled", "with 5 people no p falls below 0.062")


def test_scans_of_one_person_count_once_and_who_has_no_number_is_not_dropped(tmp_path: Path) -> None:
    again = [replace(row, subject=f"{row.subject}#2") for row in rows()]
    (ruling,) = judged(tmp_path, claim(), some=rows() + again)
    assert len(ruling.people) == 10
    lost = [replace(r, value=math.nan) if (r.subject, r.method) == ("anna-3", "bad") else r for r in rows()]
    (ruling,) = judged(tmp_path, claim("bad", direction="lower"), some=lost)
    assert (ruling.verdict, ruling.why) == ("not settled", "1 person without a finite difference")


def test_not_testable_and_not_run(tmp_path: Path) -> None:
    told = claim("bad", not_testable="too few rounds")
    untold = Claim(id="two", text="T", source="S", not_testable="no readers")
    missing = claim("nobody", id="three", optional=True)
    with_numbers, without, not_run = judged(tmp_path, told, untold, missing)
    assert with_numbers.verdict == "not testable"
    assert with_numbers.mean == pytest.approx(-2.0)
    assert math.isnan(with_numbers.p_holm)
    assert (without.verdict, without.why, without.people) == ("not testable", "no readers", {})
    assert (not_run.verdict, not_run.why) == ("not run", "there is no method 'nobody'")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"a": "nobody"}, "there is no method 'nobody'"),
        ({"measure": "ssim"}, "'ssim', mask 'head', is not in ./measures.csv"),
        ({"mask": "full"}, "'psnr', mask 'full'"),
        ({"job": "elsewhere"}, "no measures.csv in the folder 'elsewhere'"),
        ({"a": "base"}, "holds 'base' against itself"),
    ],
)
def test_what_was_not_judged_is_refused(tmp_path: Path, changed: dict[str, str], words: str) -> None:
    with pytest.raises(Refusal, match=words):
        judged(tmp_path, claim(**changed))


ENTRY = {"id": '"one"', "text": '"A"', "source": '"T"', "measure": '"psnr"', "mask": '"head"', "a": '"good-seed*"',
         "b": '["base"]', "direction": '"higher"'}  # fmt: skip


def written(path: Path, changed: Mapping[str, str | None] = ENTRY, top: str = PAPER) -> Path:
    entry = {key: value for key, value in {**ENTRY, **changed}.items() if value is not None}
    path.write_text(top + "[[claim]]\n" + "\n".join(f"{key} = {value}" for key, value in entry.items()))
    return path


def test_a_claims_file(tmp_path: Path) -> None:
    found = read_claims(written(tmp_path / "c.toml", {"paper_a": "3", "margin": "0.5", "optional": "true"}))
    expected = claim(text="A", source="T", paper_a=3.0, margin=0.5, optional=True)
    assert found == Claims("The claims of A & B", (expected,), "Small.")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"verdict": '"reproduced"'}, "there is no key verdict"),
        ({"direction": '"better"'}, "direction is one of higher, lower, within"),
        ({"direction": '"within"'}, "within takes a margin above 0"),
        ({"direction": None}, "direction is missing"),
        ({"text": None}, "text is missing"),
        ({"b": "[]"}, "b is the name of a method"),
        ({"a": "[1]"}, "a is the name of a method"),
        ({"margin": '"0.1"'}, "margin is a number, not '0.1'"),
        ({"margin": "nan"}, "margin is a number"),
        ({"paper_a": "true"}, "paper_a is a number"),
        ({"optional": "1"}, "optional is true or false"),
        ({"note": "1"}, "note is text"),
        ({"id": '"a b"'}, "an id is made of"),
        ({"id": '"a\\"><script>"'}, "an id is made of"),
        ({"measure": None, "not_testable": '"why"'}, "measure is missing"),
    ],
)
def test_a_file_is_read_strictly(tmp_path: Path, changed: dict[str, str | None], words: str) -> None:
    with pytest.raises(Refusal, match=words):
        read_claims(written(tmp_path / "c.toml", changed))


def test_files_that_are_no_claims(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    with pytest.raises(Refusal, match="There is no claims file"):
        read_claims(path)
    for text, words in {
        "title = ": "is not TOML",
        PAPER: "makes no claims",
        "claim = 3\n" + PAPER: "makes no claims",
        "level = 0.1\n" + PAPER: "and no level",
    }.items():
        path.write_text(text)
        with pytest.raises(Refusal, match=words):
            read_claims(path)
    with pytest.raises(Refusal, match="title says in words"):
        read_claims(written(path, top=""))
    path.write_text(2 * f"{written(path).read_text().removeprefix(PAPER)}\n")
    path.write_text(PAPER + path.read_text())
    with pytest.raises(Refusal, match="'one' is the id of two claims"):
        read_claims(path)


def test_the_section_has_a_row_and_a_figure_a_claim_and_text_stays_text(tmp_path: Path) -> None:
    claims = (claim(text="A <b>beats</b> B", paper_a=21.4), Claim("two", "T", "S", not_testable="no <i>readers</i>"))
    rulings = judged(tmp_path, *claims)
    (job,) = find_jobs(tmp_path)
    contracts = {(job.name, key): n for n, key in enumerate(job.groups, 1)}
    section = claimed(Docket(Claims("T <u>", claims), rulings), contracts, 0.05)
    assert "<b>beats" not in section
    assert "<i>readers" not in section
    assert "<u>" not in section
    assert section.count("<figure") == 1, "what has no numbers has no figure"
    assert 'href="#claim-one"' in section
    assert 'id="claim-one"' in section
    assert "2 claims: 1 reproduced, 1 not testable." in section
    assert "21.4, –" in section
    assert f'<data value="{rulings[0].mean!r}"' in section


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(tmp_path / "measures.csv", rows())
    claims = written(tmp_path / "c.toml")
    page = tmp_path / "page.html"
    assert cli.main(["report", str(tmp_path), "-o", str(page), "--claims", str(claims)]) == 0
    text = page.read_text()
    assert text.index('id="claims"') < text.index('id="job-1"')
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    assert {"claims", "claim-one"} < set(re.findall(r'href="#([^"]*)"', text)) <= set(ids)
    report(tmp_path, page)
    assert 'id="claims"' not in page.read_text()
    assert cli.main(["report", str(tmp_path), "-o", str(page), "--claims", str(tmp_path / "none.toml")]) == 2
    assert "There is no claims file" in capsys.readouterr().err
