"""Every unit once, by whoever is there: outcomes as they come."""

import sys
import time
from collections.abc import Iterator, Sequence

from finemri.spread import cluster
from finemri.spread.crew import Crew, worth
from finemri.spread.work import Bench, Outcome, Piece, Unit, Work, told


def spread(
    work: Work[Unit, Piece], bench: Bench[Unit, Piece], units: Sequence[Unit], crew: Crew, *, memory: int | None = None
) -> Iterator[Outcome[Unit, Piece]]:
    """Outcomes in the order in which they are made. ``bench`` is this process's own; others make theirs by ``work``.

    A crew that is open begins in this process, and goes on with a cluster where the first unit shows that it pays. A
    unit that raises, or whose worker died twice, has an outcome with a failure; the others go on. Whoever receives
    outcomes is the only one who writes down what is done. Raises Refusal where dask is missing or nobody answers.
    """
    rest = list(units)
    if crew.is_open and len(rest) > 1:
        started = time.monotonic()
        yield from _here(bench, rest[:1])
        rest = rest[1:]
        crew = _decided(len(rest), time.monotonic() - started, memory)
    if crew.is_alone or crew.is_open or not rest:
        yield from _here(bench, rest)
    elif crew.scheduler is not None:
        _say(f"{_scans(len(rest))} go to the workers of {crew.scheduler}.")
        yield from cluster.at(crew.scheduler, work, rest)
    else:
        workers = min(int(crew.workers), len(rest))
        threads = cluster.threads_of(workers)
        _say(f"{_scans(len(rest))} go to {workers} worker processes, {threads} threads each.")
        yield from cluster.local(workers, work.within(workers), rest)


def failures(failed: Sequence[str], of: int, doing: str) -> str:
    """The sentence at the end: what could not be done, and why."""
    return f"{len(failed)} of {of} scans could not be {doing}, the others are done. {' '.join(failed)}"


def _here(bench: Bench[Unit, Piece], units: Sequence[Unit]) -> Iterator[Outcome[Unit, Piece]]:
    for unit in units:
        try:
            for piece in bench(unit):
                yield Outcome(unit, (piece,))
        except Exception as reason:  # whatever it is, the next unit may be sound
            yield Outcome(unit, failure=told(reason))


def _decided(left: int, seconds: float, memory: int | None) -> Crew:
    """What pays, now that one unit is done; said aloud where there is a choice."""
    workers = worth(left, seconds, memory, cluster.free_bytes())
    if workers > 1 and not cluster.is_there():
        _say(f"{_scans(left)} more in this process; {workers} workers would share them: {cluster.MISSING}.")
        workers = 1
    elif workers == 1 and left * seconds >= 1:
        _say(f"{_scans(left)} more in this process, about {left * seconds:.0f} s: workers would not pay.")
    return Crew(workers)


def _scans(count: int) -> str:
    return f"{count} scan{'s' if count > 1 else ''}"


def _say(sentence: str) -> None:
    print(f"finemri: {sentence}", file=sys.stderr)
