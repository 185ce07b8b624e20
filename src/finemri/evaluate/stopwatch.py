"""What a method takes: wall time, and the most memory that the process held meanwhile."""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from finemri.measures.costs import Cost
from finemri.volumes.enhancer import Enhancer

CLEAR = Path("/proc/self/clear_refs")
STATUS = Path("/proc/self/status")


def settle(enhancer: Enhancer) -> tuple[tuple[int, int, int], float]:
    """What a network finds out about itself by experiment, once in a process: no scan's cost."""
    return enhancer.margin, enhancer.bytes_per_voxel


class Stopwatch:
    """Adds up over the blocks that ``running`` encloses, one slice each for example."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.peak_bytes: int | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what happens in this block."""
        before, fresh = _peak(), _forget()
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - started
            after = _peak()
            if after is not None and (fresh or before is None or after > before):
                self.peak_bytes = max(after, self.peak_bytes or 0)

    def cost(self, subject: str, method: str, worker: object) -> Cost:
        """For cost.csv; ``worker``: what did it, which tells its device if it has one."""
        return Cost(subject, method, round(self.seconds, 6), self.peak_bytes, str(getattr(worker, "device", "cpu")))


def _forget() -> bool:
    """Let Linux count the peak anew from here. Elsewhere a peak is known only where it is higher than any before."""
    try:
        CLEAR.write_text("5")
    except OSError:
        return False
    return True


def _peak() -> int | None:
    """Most resident bytes so far."""
    if STATUS.exists():
        found = re.search(r"^VmHWM:\s+(\d+) kB", STATUS.read_text(), re.MULTILINE)
        return int(found[1]) * 1024 if found else None
    try:
        import resource
    except ImportError:
        return None  # Windows
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
