"""A folder of many scans of thick slices: what is done to each, as plain data that other processes understand."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

from finemri.enhance.cohort import Order, anywhere
from finemri.enhance.one import Job
from finemri.enhance.thin import Thin
from finemri.enhance.thin_maps import map_paths
from finemri.enhance.thin_one import thin_one
from finemri.enhance.thinners import SELF, Reporter, Thinner, find_thinner
from finemri.refusal import Refusal
from finemri.spread import Bench


@dataclass(frozen=True)
class AskedThin:
    """The same in every process."""

    name: str
    """Of the method, or the path of its weights."""
    weights_sha256: str | None
    thin: Thin
    maps: bool
    device: str
    memory: int | None

    def ready(self) -> Bench[Job, Job]:
        """With the weights loaded. Raises Refusal where they are others."""
        thinner = find_thinner(self.name, self.thin, self.device)
        if thinner.digest != self.weights_sha256:
            raise Refusal("The weights are others at a worker; give all the same files.")
        return self.bench(thinner)

    def within(self, workers: int) -> "AskedThin":
        """Each has its share of the memory."""
        return replace(self, memory=None if self.memory is None else self.memory // workers)

    def bench(self, thinner: Thinner, report: Reporter | None = None) -> Bench[Job, Job]:
        """One scan. Whatever stands in its place was looked at before, or left by a worker that died."""

        def do(job: Job) -> Iterator[Job]:
            job.output.parent.mkdir(parents=True, exist_ok=True)
            thin_one(job, thinner, self.thin, memory=self.memory, maps=self.maps, force=True, report=report)
            yield job

        return do

    def order(self, thinner: Thinner) -> Order:
        """For this process, which has loaded the weights already."""
        told = {key: value for key, value in asdict(self.thin).items() if key != "cache"}
        return Order(
            replace(self, name=anywhere(self.name)),
            lambda report: self.bench(thinner, report),
            {"method": thinner.name, "weights_sha256": self.weights_sha256, **told, "maps": self.maps},
            lambda output: map_paths(output).values() if self.maps else (),
            self.device,
            self.memory,
            "rounds" if thinner.name == SELF else "tiles",
        )
