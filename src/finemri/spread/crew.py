"""Who does the work, and when it pays to share it."""

import os
from dataclasses import dataclass
from typing import Literal

from finemri.refusal import Refusal

CORES = 4
"""With fewer, processes only take turns: torch uses all cores of one already."""
ROOM = 2 * 2**30
"""Bytes of the budget that a worker should have, where their number is free to choose."""
PAYS = 60.0
"""Seconds that the rest would take in this process, for a cluster to be started; starting takes about ten."""


@dataclass(frozen=True)
class Crew:
    """Raises Refusal for fewer than one worker, and for workers beside a scheduler, which has its own."""

    workers: int | Literal["auto"] = "auto"
    """Processes on this machine; 1: this process itself; auto: several where that pays."""
    scheduler: str | None = None
    """The address of a dask scheduler that runs already, such as tcp://10.0.0.1:8786."""

    def __post_init__(self) -> None:
        if self.workers != "auto" and self.workers < 1:
            raise Refusal(f"At least one worker does the work, not {self.workers}.")
        if self.scheduler is not None and self.workers != "auto":
            raise Refusal("A scheduler has workers of its own; give --scheduler or --workers, not both.")

    @property
    def is_alone(self) -> bool:
        """Whether this process does everything."""
        return self.workers == 1

    @property
    def is_open(self) -> bool:
        """Whether it is to be found out what pays."""
        return self.workers == "auto" and self.scheduler is None

    def on(self, device: str) -> "Crew":
        """Processes do not crowd onto one GPU unless somebody asks for so many."""
        return ALONE if self.is_open and not device.startswith("cpu") else self


ALONE = Crew(1)


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worth(left: int, seconds: float, memory: int | None, free: int | None) -> int:
    """How many workers pay for ``left`` scans that take ``seconds`` each in this process; 1: none.

    ``memory`` is the budget of all together, ``free`` what the machine has, both in bytes; None: nobody knows.
    """
    if cores() < CORES or left < 2 or left * seconds < PAYS:
        return 1
    budget = min((size for size in (memory, free) if size is not None), default=None)
    return max(1, min(left, cores(), left if budget is None else budget // ROOM))
