"""A folder of many scans of thick slices: what is done to each, as plain data that other processes understand."""

from dataclasses import asdict, dataclass, replace
from functools import partial

from finemri.enhance.cohort import One, Order, anywhere, bench
from finemri.enhance.one import Job
from finemri.enhance.thin import Thin
from finemri.enhance.thin_maps import map_paths
from finemri.enhance.thin_one import thin_one
from finemri.enhance.thinners import SELF, Thinner, find_thinner
from finemri.recipes.network_enhancer import find_device
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
        return bench(self.one(thinner))

    def within(self, workers: int) -> "AskedThin":
        """Each has its share of the memory."""
        return replace(self, memory=None if self.memory is None else self.memory // workers)

    def one(self, thinner: Thinner) -> One:
        """With the weights loaded."""
        return partial(thin_one, thinner=thinner, thin=self.thin, memory=self.memory, maps=self.maps)

    def order(self, thinner: Thinner) -> Order:
        """For this process, which has loaded the weights already."""
        told = {key: value for key, value in asdict(self.thin).items() if key != "cache"}
        cache = None if self.thin.cache is None else self.thin.cache.absolute()
        return Order(
            replace(self, name=anywhere(self.name), thin=replace(self.thin, cache=cache)),
            self.one(thinner),
            {"method": thinner.name, "weights_sha256": self.weights_sha256, **told, "maps": self.maps},
            lambda output: map_paths(output).values() if self.maps else (),
            str(find_device(self.device)),
            self.memory,
            "steps" if thinner.name == SELF else "tiles",
        )
