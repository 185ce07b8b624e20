"""Numbers keep every digit on the way to the table, groups never mix, and a stopped run goes on."""

import math
from pathlib import Path

import numpy as np
import pytest

from finemri.measures import contract_of, contract_of_labels
from finemri.measures.contract import Region
from finemri.measures.ledger import Ledger
from finemri.measures.summary import summarise
from finemri.measures.table import write_tables
from finemri.measures.tidy import Row, append_rows, finish_rows, read_rows, write_rows
from finemri.refusal import Refusal


def row(subject: str, method: str, value: float, *, kind: str = "blur", scale: int = 2, mask: Region = "head") -> Row:
    contract = contract_of("psnr", mask=mask, peak=255.0, crop="none")
    return Row(subject, method, kind, scale, "psnr", value, contract)


ROWS = [
    row("anna", "spline", 30.0),
    row("bert", "spline", 32.0),
    row("bert#2", "spline", 34.0),
    row("anna", "mine", 31.5),
    row("bert", "mine", 33.0),
    row("bert#2", "mine", 34.0),
]


def test_rows_come_back_as_they_went(tmp_path: Path) -> None:
    rows = [*ROWS, row('a, "b"\nc', "x", 1 / 3), row("d", "x", math.inf)]
    write_rows(tmp_path / "measures.csv", rows)
    assert read_rows(tmp_path / "measures.csv") == rows


def test_columns_are_the_tidy_ones(tmp_path: Path) -> None:
    write_rows(tmp_path / "measures.csv", ROWS)
    head = (tmp_path / "measures.csv").read_text().splitlines()[0]
    assert head == "subject,method,degradation,scale,measure,value,contract"
    assert [file.name for file in tmp_path.iterdir()] == ["measures.csv"], "nothing half-written is left"


def test_rows_are_appended_whole_wherever_a_process_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "measures.csv"
    write_rows(path, ROWS[:2])
    before = path.read_bytes()
    append_rows(path, ROWS[2:4])
    assert read_rows(path) == ROWS[:4]
    after = path.read_bytes()
    assert after.startswith(before)
    with monkeypatch.context() as patch:
        patch.setattr("finemri.measures.tidy.finish_rows", lambda path: None)
        append_rows(path, ROWS[4:])
    more = (tmp_path / ".measures.csv.coming").read_bytes().partition(b"\n")[2]
    for torn in (0, 1, len(more) // 2, len(more)):
        path.write_bytes(after + more[:torn])
        assert read_rows(path) == ROWS, "whoever only reads sees it whole as well"
    path.write_bytes(after + more[:7])
    finish_rows(path)
    assert read_rows(path) == ROWS
    assert path.read_bytes() == after + more
    assert [file.name for file in tmp_path.iterdir()] == ["measures.csv"]


def test_a_ledger_never_writes_again_what_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand scans would cost a thousand times the whole table."""
    ledger = Ledger(tmp_path, {"scale": 2})
    monkeypatch.setattr("finemri.measures.ledger.write_rows", lambda path, rows: pytest.fail("all rows anew"))
    ledger.agree("methods", "mine", "abc")
    monkeypatch.setattr("finemri.measures.ledger.write_text", lambda path, text: pytest.fail("nothing is new"))
    ledger.agree("methods", "mine", "abc")
    for row in ROWS:
        ledger.add([row])
    assert Ledger(tmp_path, {"scale": 2}).rows == ROWS


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "subject,method,degradation,scale,measure,value,contract\n1,2\n"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "measures.csv").write_text(text)
    with pytest.raises(Refusal):
        read_rows(tmp_path / "measures.csv")
    with pytest.raises(Refusal, match="evaluate first"):
        read_rows(tmp_path / "none.csv")


def test_a_person_with_two_scans_counts_once() -> None:
    spline, mine = summarise(ROWS)
    assert (spline.people, spline.mean, spline.min, spline.max) == (2, 31.5, 30.0, 33.0)
    assert spline.std == pytest.approx(np.std([30, 33], ddof=1))
    assert (mine.gain, mine.gain_min, mine.gain_max) == (1.0, 0.5, 1.5)
    assert mine.gain_std == pytest.approx(np.std([1.5, 0.5], ddof=1))
    assert spline.gain == 0


def test_groups_never_mix() -> None:
    others = [row("anna", "spline", 1.0, kind="kspace"), row("anna", "spline", 2.0, scale=4)]
    summaries = summarise([*ROWS, *others, row("anna", "spline", 3.0, mask="full")])
    assert [(s.degradation, s.scale, s.mask, s.mean) for s in summaries if s.method == "spline"] == [
        ("blur", 2, "head", 31.5),
        ("kspace", 2, "head", 1.0),
        ("blur", 4, "head", 2.0),
        ("blur", 2, "full", 3.0),
    ]


def test_gains_are_paired_and_undefined_where_there_is_no_pair() -> None:
    alone = summarise([row("anna", "spline", 30.0), row("bert", "mine", 40.0)])[1]
    assert math.isnan(alone.gain)
    assert math.isnan(alone.std)


def test_infinity_is_shown_and_has_no_spread() -> None:
    perfect = summarise([row("anna", "mine", math.inf), row("bert", "mine", 40.0)])[0]
    assert perfect.mean == math.inf
    assert math.isnan(perfect.std)


def test_tables_are_made_from_the_csv_alone(tmp_path: Path) -> None:
    write_rows(tmp_path / "measures.csv", [*ROWS, row("anna", "mine", 20.0, mask="full")])
    assert len(write_tables(tmp_path / "measures.csv")) == 1, "the screen shows the head"
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert "## PSNR / dB, blur ×2, inside the head" in lines
    assert "| mine | 2 | 32.50 | 1.41 | 31.50 | 33.50 | +1.00 | 0.71 | +0.50 | +1.50 |" in lines
    assert "| mine | 1 | 20.00 | – | 20.00 | 20.00 | – | – | – | – |" in lines
    assert "sample standard deviation" in lines[0]
    assert len((tmp_path / "table.csv").read_text().splitlines()) == 1 + 3


def test_tables_of_k_space_have_their_own_baseline(tmp_path: Path) -> None:
    kind = "poisson-2d 4x, seed 0"
    rows = [row("anna", method, value, kind=kind, scale=4) for method, value in (("zero-filled", 30.0), ("mine", 33.0))]
    sis = contract_of_labels("sis", 1, count=3, by="judge", across="", crop="none", data="")
    write_rows(tmp_path / "measures.csv", [*rows, Row("anna", "mine", kind, 4, "sis-1", 0.9, sis)])
    assert len(write_tables(tmp_path / "measures.csv", "zero-filled", ("psnr",))) == 2, "SIS is shown as well"
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert "## PSNR / dB, poisson-2d 4x, seed 0, inside the head" in lines, "the acceleration is said once"
    assert "## SIS of label 1, poisson-2d 4x, seed 0" in lines
    assert "| mine | 1 | 33.00 | – | 33.00 | 33.00 | +3.00 | – | +3.00 | +3.00 |" in lines
    assert any("over zero-filled" in line for line in lines)


def test_a_ledger_goes_on_where_it_stopped(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, {"scale": 2})
    ledger.agree("methods", "mine", "abc")
    ledger.add(ROWS[3:5])
    again = Ledger(tmp_path, {"scale": 2})
    assert again.rows == ROWS[3:5]
    assert ("anna", "mine") in again
    assert ("anna", "spline") not in again
    again.agree("methods", "mine", "abc")
    with pytest.raises(Refusal, match="changed"):
        again.agree("methods", "mine", "another")


def test_a_ledger_of_other_settings_is_refused_unless_forced(tmp_path: Path) -> None:
    Ledger(tmp_path, {"scale": 2}).add(ROWS)
    with pytest.raises(Refusal, match="other settings"):
        Ledger(tmp_path, {"scale": 4})
    assert Ledger(tmp_path, {"scale": 4}, force=True).rows == []
    assert Ledger(tmp_path, {"scale": 4}).rows == []


def test_a_ledger_without_rows_takes_other_settings(tmp_path: Path) -> None:
    Ledger(tmp_path, {"scale": 2}).agree("methods", "mine", "abc")
    other = Ledger(tmp_path, {"scale": 4})
    other.agree("methods", "mine", "another")
    other.add(ROWS)
    with pytest.raises(Refusal, match="other settings"):
        Ledger(tmp_path, {"scale": 2})


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"methods": 3, "subjects": {}}'])
def test_a_ledger_without_its_settings_is_refused(tmp_path: Path, text: str | None) -> None:
    Ledger(tmp_path, {"scale": 2})
    (tmp_path / "settings.json").unlink()
    if text is not None:
        (tmp_path / "settings.json").write_text(text)
    with pytest.raises(Refusal, match="does not tell"):
        Ledger(tmp_path, {"scale": 2})
