import io
import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from finemri.training.journal import Journal


def console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, force_terminal=terminal, width=200, color_system=None), text


def lines(directory: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (directory / "journal.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("begun_again_at", [0, 1, 3])
def test_what_came_after_the_checkpoint_is_cut_off(begun_again_at: int, tmp_path: Path) -> None:
    offset = 0
    with Journal(tmp_path, rounds=9, console=console(terminal=False)[0]) as journal:
        for n in range(3):
            journal.write(n, "one", {"loss": n / 7})
            offset = journal.settle() if n + 1 == begun_again_at else offset
    again = console(terminal=False)[0]
    with Journal(tmp_path, rounds=9, done=begun_again_at, offset=offset, console=again) as journal:
        for n in range(begun_again_at, 5):
            journal.write(n, "one", {"loss": n / 7})
    assert [line["round"] for line in lines(tmp_path)] == [0, 1, 2, 3, 4]
    assert lines(tmp_path)[1] == {"round": 1, "stage": "one", "loss": 0.142857}


def test_a_journal_that_somebody_deleted_is_begun_anew_without_a_hole(tmp_path: Path) -> None:
    with Journal(tmp_path, rounds=9, done=4, offset=1000, console=console(terminal=False)[0]) as journal:
        journal.write(5, "one", {"loss": 1.0})
    assert [line["round"] for line in lines(tmp_path)] == [5]


def test_the_bar_shows_progress_and_health_on_a_terminal_only(tmp_path: Path) -> None:
    for terminal in (True, False):
        screen, text = console(terminal=terminal)
        with Journal(tmp_path, rounds=9, console=screen) as journal:
            journal.write(4, "sharp", {"critic.accuracy": 0.75})
            journal.advance(4, "sharp")
        assert ("4/9" in text.getvalue()) == terminal
        assert ("critic.accuracy 0.75" in text.getvalue()) == terminal


def test_it_says_whether_tensorboard_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    screen, text = console(terminal=False)
    with Journal(tmp_path, rounds=1, console=screen) as journal:
        journal.write(1, "one", {"loss": 1.0})
    assert "TensorBoard is off (pip install 'finemri[tracking]')" in text.getvalue()
    assert not (tmp_path / "tensorboard").exists()


def test_tensorboard_is_written_where_it_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard comes with finemri[tracking]")
    screen, text = console(terminal=False)
    with Journal(tmp_path, rounds=1, console=screen) as journal:
        journal.write(1, "one", {"loss": 1.0})
    assert "TensorBoard is on" in text.getvalue()
    (file,) = (tmp_path / "tensorboard").iterdir()
    assert b"one/loss" in file.read_bytes()


def test_a_silent_journal_touches_nothing(tmp_path: Path) -> None:
    screen, text = console(terminal=True)
    with Journal(tmp_path / "none", rounds=1, speaks=False, console=screen) as journal:
        journal.write(1, "one", {"loss": 1.0})
        journal.advance(1, "one")
        assert journal.settle() == 0
    assert text.getvalue() == ""
    assert not (tmp_path / "none").exists()
