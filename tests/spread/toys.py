"""Work that processes can be told of, and that goes wrong on request."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from finemri.refusal import Refusal

Piece = tuple[str, str, int]


@dataclass(frozen=True)
class Toy:
    """Every unit is two pieces, each with the number of the process; names say what happens in between."""

    folder: Path
    share: int = 1
    home: int = 0
    """Where only that process may set up a bench."""

    def ready(self) -> "Toy":
        if self.home not in (0, os.getpid()):
            raise Refusal("There is no bench here; bring one.")
        return self

    def within(self, workers: int) -> "Toy":
        return replace(self, share=workers)

    def __call__(self, unit: str, /) -> Iterator[Piece]:
        with (self.folder / f"begun-{unit}").open("a") as log:
            log.write("x")
        yield unit, "first", os.getpid()
        if unit == "bad":
            raise Refusal("This scan is bad; leave it out.")
        if unit == "bug":
            raise ValueError("/home/jane/doe.nii.gz")
        if unit == "deadly" or (unit == "unlucky" and self.begun(unit) == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        yield unit, f"of {self.share}", os.getpid()

    def begun(self, unit: str) -> int:
        """How often somebody began with it."""
        return len((self.folder / f"begun-{unit}").read_text())
