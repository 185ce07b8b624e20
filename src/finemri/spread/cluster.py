"""dask.distributed at work: one unit a worker at a time, so that a worker that dies costs its own scan and no other.

finemri hands out the units itself, each to one named worker, and counts deaths itself: dask would blame everything that
waits at a worker which dies. What travels are pickles, as always with dask: connect only to a scheduler that you trust.
"""

import logging
import math
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from finemri.refusal import Refusal
from finemri.spread.crew import cores
from finemri.spread.work import Bench, Outcome, Piece, Unit, Work, collected, told

if TYPE_CHECKING:
    from distributed import Client, Future

TRIES = 2
"""How many workers may die of one scan."""
POLL = 0.5
"""Seconds between two looks at who is still there."""
PATIENCE = 30
"""Seconds for a scheduler to answer, and for workers to be missed."""
ARRIVAL = 5
"""Seconds for a result that is ready to arrive."""
MISSING = "install what they take, pip install 'finemri[cluster]'"
DIED = f"{TRIES} workers died of it, maybe for want of memory."


def is_there() -> bool:
    """Whether dask.distributed is installed."""
    return find_spec("distributed") is not None


def free_bytes() -> int | None:
    """Memory that programs can still have, where the system tells."""
    if not is_there():
        return None
    import psutil  # comes with distributed

    return int(psutil.virtual_memory().available)


def threads_of(workers: int) -> int:
    """Threads of each of so many workers on this machine."""
    return max(1, cores() // workers)


def local(workers: int, work: Work[Unit, Piece], units: Sequence[Unit]) -> Iterator[Outcome[Unit, Piece]]:
    """As ``at``, on so many processes of this machine, which listen on 127.0.0.1 alone and end with this one."""
    _check()
    import dask
    from distributed import Client, LocalCluster

    libraries = ("OMP", "MKL", "OPENBLAS")  # torch and NumPy look at these when they are imported
    settings = {f"distributed.nanny.pre-spawn-environ.{n}_NUM_THREADS": threads_of(workers) for n in libraries}
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=0,  # finemri's own budget holds; dask would pause a worker for what it does not know
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield from _hand_out(client, work, units)


def at(address: str, work: Work[Unit, Piece], units: Sequence[Unit]) -> Iterator[Outcome[Unit, Piece]]:
    """Outcomes from the workers of a scheduler that runs already, those that join later among them.

    Raises Refusal where it does not answer, or stops to.
    """
    _check()
    from distributed import Client

    try:
        client = Client(address, set_as_default=False, timeout=PATIENCE)
    except (OSError, ValueError):
        raise Refusal(f"No dask scheduler answers at {address}; start one, or check the address.") from None
    with client:
        yield from _hand_out(client, work, units)


def _check() -> None:
    if not is_there():
        raise Refusal(f"Workers need dask.distributed; {MISSING}.")


def _hand_out(client: "Client", work: Work[Unit, Piece], units: Sequence[Unit]) -> Iterator[Outcome[Unit, Piece]]:
    """Every worker that is there and has nothing to do gets one unit; what a worker that died had goes to another."""
    run, waiting, deaths = token_hex(8), deque(range(len(units))), Counter[int]()
    under_way: dict[str, tuple[int, Future[Any]]] = {}
    patience = time.monotonic() + PATIENCE
    while waiting or under_way:
        with _gone_refused():
            alive = list(client.nthreads())
        for address in [address for address in under_way if address not in alive]:
            number, _ = under_way.pop(address)
            deaths[number] += 1
            if deaths[number] < TRIES:
                waiting.append(number)
            else:
                yield Outcome(units[number], failure=DIED)
        for address in alive:
            if waiting and address not in under_way:
                number = waiting.popleft()
                future = client.submit(_do, run, work, units[number], workers=[address], pure=False)
                under_way[address] = number, future
        if alive:
            patience = time.monotonic() + PATIENCE
        elif time.monotonic() > patience:
            print("finemri: no worker is there; waiting for one to join.", file=sys.stderr)
            patience = math.inf
        for address in _finished(client, {address: future for address, (_, future) in under_way.items()}):
            number, future = under_way[address]
            try:
                outcome = _outcome(units[number], future)
            except TimeoutError:
                continue  # its worker died with the result, or is about to tell
            del under_way[address]
            yield outcome


def _finished(client: "Client", futures: "Mapping[str, Future[Any]]") -> list[str]:
    """Whose unit is done, after waiting a moment for the first."""
    from distributed import wait

    if not futures:
        time.sleep(POLL)
        return []
    with client.as_current(), suppress(TimeoutError), _gone_refused():
        wait(list(futures.values()), timeout=POLL, return_when="FIRST_COMPLETED")
    return [address for address, future in futures.items() if future.status in ("finished", "error")]


def _outcome(unit: Unit, future: "Future[Outcome[Unit, Any]]") -> Outcome[Unit, Any]:
    """What came back; a failure where the worker could not even begin. Raises TimeoutError where nothing arrives."""
    try:
        with _gone_refused():
            return future.result(timeout=ARRIVAL)
    except (TimeoutError, Refusal):
        raise
    except Exception as reason:
        return Outcome(unit, failure=f"{told(reason)} Do the workers have this finemri, and see these folders?")


@contextmanager
def _gone_refused() -> Iterator[None]:
    """A scheduler that stops is no bug of anybody's."""
    try:
        yield
    except TimeoutError:
        raise
    except (OSError, CancelledError):
        raise Refusal(
            "The dask scheduler is gone. What was done is kept; run the same command again for what is missing."
        ) from None


_ONE_AT_A_TIME = threading.Lock()
"""Of a worker with several threads: the memory budget is for one unit."""
_BENCHES: dict[str, Bench[Any, Any]] = {}
"""Of the run that this worker belongs to."""


def _do(run: str, work: Work[Unit, Piece], unit: Unit) -> Outcome[Unit, Piece]:
    """At a worker: set up the bench for the first unit, then do the unit."""
    with _ONE_AT_A_TIME:
        if run not in _BENCHES:
            _BENCHES.clear()
            try:
                _BENCHES[run] = work.ready()
            except Exception as reason:
                return Outcome(unit, failure=told(reason))
        return collected(_BENCHES[run], unit)
