"""What happened: a JSON line every few rounds, TensorBoard where it is installed, and a bar for whoever watches."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

HEALTH = ("generator", "critic", "critic.accuracy")
"""What the bar shows, where a game has it."""


class Journal:
    """`<directory>/journal.jsonl`, cut back to `offset` bytes: what a killed run wrote after its last checkpoint goes.

    A process that is not the first of several has a silent journal (`speaks=False`).
    """

    def __init__(
        self,
        directory: Path,
        *,
        rounds: int,
        done: int = 0,
        offset: int = 0,
        speaks: bool = True,
        console: Console | None = None,
    ) -> None:
        self.path = directory / "journal.jsonl"
        self.speaks = speaks
        self._bar: Progress | None = None
        self._board: Any = None
        self._console = console or Console(stderr=True)
        if not speaks:
            return
        directory.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab")
        self._file.truncate(min(offset, self._file.seek(0, os.SEEK_END)))
        self._board = _tensorboard(directory / "tensorboard", done)
        board = "on" if self._board is not None else "off (pip install 'finemri[tracking]')"
        self._console.print(
            f"Journal in {self.path}; TensorBoard is {board}.", soft_wrap=True, highlight=False, markup=False
        )
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[health]}"),
                console=self._console,
            )
            self._task = self._bar.add_task("", total=rounds, completed=done, health="")

    def __enter__(self) -> "Journal":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._board is not None:
            self._board.close()
        if self.speaks:
            self._file.close()

    def say(self, text: str) -> None:
        """A sentence on the console."""
        if self.speaks:
            self._console.print(text, soft_wrap=True, highlight=False, markup=False)

    def advance(self, total: int, stage: str) -> None:
        """The bar, after `total` rounds."""
        if self._bar is not None:
            self._bar.update(self._task, completed=total, description=stage)

    def write(self, total: int, stage: str, numbers: Mapping[str, float]) -> None:
        """One line: the round (over all stages), the stage and `numbers`."""
        if not self.speaks:
            return
        rounded = {name: float(f"{number:.6g}") for name, number in numbers.items()}
        line = json.dumps({"round": total, "stage": stage, **rounded}, ensure_ascii=False)
        self._file.write(line.encode() + b"\n")
        self._file.flush()
        if self._board is not None:
            for name, number in numbers.items():
                self._board.add_scalar(f"{stage}/{name}", number, total)
        if self._bar is not None:
            health = "  ".join(f"{name} {numbers[name]:.3g}" for name in HEALTH if name in numbers)
            self._bar.update(self._task, health=health)

    def settle(self) -> int:
        """Put everything onto the disk; the length of the journal, for a checkpoint to keep."""
        if not self.speaks:
            return 0
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.seek(0, os.SEEK_END)


def _tensorboard(folder: Path, done: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=done + 1)
