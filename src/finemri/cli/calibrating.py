"""The verb that tells which scans are strange."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class Calibrate:
    """Learn of a cohort which scans are usual for some weights, so that `enhance` warns of others at a known rate."""

    cohort: Positional[Path]
    """Folder of people such as the weights learnt from: scans, pairs, or label maps to draw contrasts from."""
    output: Annotated[Path, arg(aliases=["-o"])]
    """A .json file, for `finemri enhance --calibration`."""
    weights: str
    """A shipped name or a checkpoint's path."""
    alpha: float = 0.05
    """The highest rate of false alarms. It takes 1/α − 1 people to calibrate on, and as many to fit on."""
    as_is: bool = False
    """The scans are coarse already. Default: they are made coarse, and noisy, as the weights learnt."""
    people: Path | None = None
    """split-1.json that the training wrote: only people it learnt from take part, the others stay for an exam."""
    seed: int = 0
    """Who fits and who calibrates, and every degradation, follow from it."""
    force: bool = False
    """Replace what is there."""

    def run(self) -> None:
        """Call the verb."""
        from finemri.enhance.calibrating import calibrate

        made = calibrate(
            self.cohort,
            self.output,
            weights=self.weights,
            alpha=self.alpha,
            as_is=self.as_is,
            people=self.people,
            seed=self.seed,
            force=self.force,
        )
        print(f"Calibrated: {made.fitted} people fit, {len(made.distances)} calibrate; alarm where p ≤ {made.alpha:g}.")
