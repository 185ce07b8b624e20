"""A folder of many: every scan that has no result yet, by this process or by many."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from finemri.enhance.folder import missing
from finemri.enhance.maps import Kind, Maps, map_paths
from finemri.enhance.one import Job, Reporter, enhance_one
from finemri.provenance import digest
from finemri.refusal import Refusal
from finemri.shelf import Method, find_method
from finemri.spread import Bench, Crew, Work, failures, spread


@runtime_checkable
class One(Protocol):
    """What is done to one scan: enhance_one or thin_one, for which everything else is settled."""

    def __call__(
        self, job: Job, *, series: str | None = None, force: bool = False, report: Reporter | None = None
    ) -> None:
        """Raises Refusal as they do."""


@dataclass(frozen=True)
class Order:
    """What is done to a scan, or to every scan of a folder, by this process or by others."""

    work: Work[Job, Job]
    """For other processes."""
    one: One
    """For this one, which has loaded the weights already."""
    told: Mapping[str, object]
    """What all results of a folder have in common, without a path."""
    maps: Callable[[Path], Iterable[Path]]
    """What else lies beside a result."""
    device: str
    memory: int | None
    unit: str = "tiles"
    """What progress counts."""


@dataclass(frozen=True)
class Asked:
    """What is done to every scan: plain data, the same in every process."""

    name: str
    """Of the method, or the path of its weights."""
    weights_sha256: str | None
    scale: tuple[int, int, int]
    rivals: tuple[str, ...]
    rivals_sha256: tuple[str | None, ...]
    degradation: Kind | None
    maps: bool
    calibration: Path | None
    device: str
    memory: int | None
    crop: bool

    @classmethod
    def of(
        cls,
        name: str,
        method: Method,
        rivals: Sequence[str],
        maps: Maps | None,
        calibration: Path | None,
        *,
        device: str,
        memory: int | None,
        crop: bool,
    ) -> "Asked":
        """The same request as names, paths and digests."""
        return cls(
            name=anywhere(name),
            weights_sha256=method.digest,
            scale=method.enhancer.scale,
            rivals=tuple(map(anywhere, rivals)),
            rivals_sha256=() if maps is None else tuple(rival.digest for rival in maps.rivals),
            degradation=None if maps is None else maps.degradation,
            maps=maps is not None,
            calibration=None if calibration is None else calibration.absolute(),
            device=device,
            memory=memory,
            crop=crop,
        )

    def ready(self) -> Bench[Job, Job]:
        """With the weights loaded. Raises Refusal where they are others."""
        method, *rivals = (find_method(name, self.scale[0], self.device) for name in (self.name, *self.rivals))
        if (method.digest, *(rival.digest for rival in rivals)) != (self.weights_sha256, *self.rivals_sha256):
            raise Refusal("The weights are others at a worker; give all the same files.")
        return bench(self.one(method, Maps(self.degradation, tuple(rivals)) if self.maps else None))

    def within(self, workers: int) -> "Asked":
        """Each has its share of the memory."""
        return replace(self, memory=None if self.memory is None else self.memory // workers)

    def one(self, method: Method, maps: Maps | None) -> One:
        """With the weights loaded."""
        calibration, memory = self.calibration, self.memory
        return partial(enhance_one, method=method, memory=memory, crop=self.crop, maps=maps, calibration=calibration)

    def order(self, method: Method, maps: Maps | None) -> Order:
        """For this process, which has loaded the weights already."""
        kind = self.degradation if self.maps else None
        return Order(
            self,
            self.one(method, maps),
            self.told(method),
            lambda output: map_paths(output, method, kind).values() if self.maps else (),
            str(getattr(method.enhancer, "device", "cpu")),
            self.memory,
        )

    def told(self, method: Method) -> Mapping[str, object]:
        """What all results of a folder have in common, without a path."""
        maps = {"degradation": self.degradation, "rivals_sha256": list(self.rivals_sha256)} if self.maps else None
        return {
            "method": method.name,
            "weights_sha256": self.weights_sha256,
            "scale": list(self.scale),
            "crop": self.crop,
            "maps": maps,
            "calibration_sha256": None if self.calibration is None else digest([self.calibration]),
        }


def enhance_many(jobs: Sequence[Job], folder: Path, order: Order, crew: Crew, *, force: bool, progress: bool) -> None:
    """Every scan that has no result in ``folder`` yet; a Refusal at the end lists the ones that failed."""
    jobs = [Job(job.source.absolute(), job.output.absolute()) for job in jobs]
    left = missing(jobs, folder, order.told, order.maps, force=force)
    done, failed = len(jobs) - len(left), list[str]()
    times = TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), *times
    with Progress(*columns, console=Console(stderr=True), disable=not progress) as bar:
        task = bar.add_task(f"scan {done} of {len(jobs)}", total=len(jobs), completed=done)

        def report(tiles: int, total: int) -> None:
            bar.update(task, completed=done + tiles / total, description=f"scan {done + 1} of {len(jobs)}")

        for outcome in spread(order.work, bench(order.one, report), left, crew.on(order.device), memory=order.memory):
            done += 1
            bar.update(task, completed=done, description=f"{done} of {len(jobs)} scans")
            if outcome.failure is not None:
                failed.append(f"{outcome.unit.source.name}: {outcome.failure}")
                print(f"finemri: {failed[-1]}", file=sys.stderr)
    if failed:
        raise Refusal(failures(failed, len(left), "enhanced"))


def bench(one: One, report: Reporter | None = None) -> Bench[Job, Job]:
    """One scan. Whatever stands in its place was looked at before, or left by a worker that died."""

    def do(job: Job) -> Iterator[Job]:
        job.output.parent.mkdir(parents=True, exist_ok=True)
        one(job, force=True, report=report)
        yield job

    return do


def anywhere(name: str) -> str:
    """A name of the shelf, or a path that other processes find as well."""
    return str(Path(name).absolute()) if Path(name).is_file() else name
