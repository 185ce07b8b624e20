"""What makes thick slices thin: weights that learnt it, the scan itself, or a cubic spline."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from finemri.enhance.thin import Taken, Thin
from finemri.recipes.network_enhancer import find_device
from finemri.recipes.restoring import MEMORY, NORMALISER
from finemri.recipes.self_super import SelfSuper, self_super
from finemri.shelf import RestorationMethod, find_restorer
from finemri.trained import self_super_start
from finemri.volumes.thick import lay_scan
from finemri.volumes.tiles import Progress
from finemri.volumes.volume import Volume

Made = tuple[Volume, Mapping[str, Any]]
Make = Callable[[Taken, int | None, Progress | None], Made]
SELF = "selfsuper"
SPLINE = "spline"
LEEWAY = 0.1
"""Slices that are so much thinner or thicker than any that were learnt, as a share, are no strangers yet."""


@dataclass(frozen=True)
class Thinner:
    """A scan of thick slices -> the same in thin ones, and what the sidecar tells of how."""

    name: str
    """On the shelf."""
    digest: str | None
    """SHA-256 of the weights, where it has any before it has seen the scan."""
    make: Make
    """Takes the scan, the bytes that it may work with beside scan and result (None: any), and who hears of progress."""
    learnt: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the recipe that the weights are of."""

    def warnings(self, taken: Taken) -> list[str]:
        """How these slices are unlike those that were learnt, a sentence each."""
        slices = taken.acquisition.slices(taken.scan, taken.shape[taken.acquisition.axis])
        found, gap = [], slices.spacing / slices.thickness - 1
        thin, thick = self.learnt.get("thickness", (0.0, float("inf")))
        if not thin * (1 - LEEWAY) <= slices.thickness <= thick * (1 + LEEWAY):
            found.append(
                f"Its slices are {slices.thickness:.2g} target voxels thick, and {thin:g} to {thick:g} were learnt."
            )
        least, most = self.learnt.get("gap", (-1.0, float("inf")))
        if not least - LEEWAY <= gap <= most + LEEWAY:
            found.append(
                f"Its slices have gaps of {gap:.0%} of their thickness, and {least:.0%} to {most:.0%} were learnt."
            )
        return found


def find_thinner(name: str, thin: Thin, device: str = "cpu") -> Thinner:
    """``selfsuper``, ``spline``, or weights whose job is to restore. Raises Refusal for others."""
    if name == SPLINE:
        return Thinner(SPLINE, None, _by_spline)
    if name == SELF:
        return Thinner(SELF, None, partial(_by_itself, thin, str(find_device(device))))
    method = find_restorer(name, device)
    return Thinner(method.name, method.digest, partial(_by_weights, method), method.header.get("settings") or {})


def _by_spline(taken: Taken, _memory: int | None, _report: Progress | None) -> Made:
    return lay_scan(taken.scan, taken.shape), {"kind": "cubic spline"}


def _by_weights(method: RestorationMethod, taken: Taken, memory: int | None, report: Progress | None) -> Made:
    restore = method.restorer
    budget = MEMORY if memory is None else min(MEMORY, memory)
    fine = restore(taken.scan, taken.acquisition, taken.target, memory=budget, progress=report)
    told: dict[str, object] = {"recipe": method.header.get("recipe"), "normaliser": NORMALISER, **restore.settings}
    return fine, {**told, "settings": {"seen_from_two_starts": restore.twice}}


def _by_itself(thin: Thin, device: str, taken: Taken, _memory: int | None, report: Progress | None) -> Made:
    axis = taken.acquisition.axis
    restored = self_super(
        taken.scan,
        taken.acquisition,
        taken.target[axis],
        settings=SelfSuper(rounds=thin.rounds),
        start=self_super_start(),
        cache=thin.cache,
        progress=report,
        device=device,
    )
    return lay_scan(restored.volume, taken.shape), restored.told
