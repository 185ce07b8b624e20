"""Stages, played one after the other; killed at any moment, the same call goes on where it was."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.strategies.single_device import SingleDeviceStrategy
from rich.console import Console
from torch import Tensor

from finemri.refusal import Refusal
from finemri.training.chance import aside, chance, restore_chance, sow
from finemri.training.checkpoint import Checkpoints, Place
from finemri.training.feed import feed
from finemri.training.journal import Journal
from finemri.training.player import share
from finemri.training.stage import Stage, Validate
from finemri.training.weights import save_weights

__all__ = ["Stage", "TrainingDiverged", "play"]


class TrainingDiverged(Refusal):
    """A loss, a gradient or a weight is no longer a number."""


def play(
    stages: Sequence[Stage],
    *,
    fabric: Fabric,
    directory: Path,
    header: Mapping[str, object],
    seed: int = 0,
    workers: int = 1,
    every: int = 200,
    report: int = 20,
    validate: Validate | None = None,
    console: Console | None = None,
) -> Path:
    """Play `stages` in turn, or resume them; the weights file of the last one.

    Each stage leaves `<directory>/<stage>.safetensors`: the averaged generator, with `header`.

    Args:
        stages: what to play.
        fabric: launched; device, precision ("32-true" or "bf16-mixed") and processes are its business.
        directory: of this run: weights, journal, checkpoints. All processes see it.
        header: the settings, as plain JSON; a resume with other ones is refused.
        seed: of everything drawn at random outside the examples.
        workers: processes that prepare examples; 0 prepares them here. The result is the same.
        every: rounds from one checkpoint (and validation) to the next.
        report: rounds from one journal line to the next; a line holds the means since the one before.
        validate: for stages that have none of their own; runs in the first process.
        console: where the bar is drawn, when it is a terminal.

    Raises:
        TrainingDiverged: something is not finite; names the round, what, and the last good checkpoint.
        Refusal: settings of another run, a damaged checkpoint, or a fabric of a kind that this loop does not know.
    """
    _refuse_nonsense(stages, fabric, every=every, report=report)
    settings = {
        "header": header,
        "seed": seed,
        "stages": [{"name": s.name, "rounds": s.rounds, "batch": s.batch} for s in stages],
        "precision": fabric.strategy.precision.precision,
        "processes": fabric.world_size,
    }
    checkpoints = Checkpoints(directory, settings)
    if fabric.is_global_zero:
        checkpoints.sweep()
    fabric.barrier()
    found = checkpoints.find()
    place = Place(stage=0, round=0, total=0, journal=0) if found is None else found[1]
    path = directory
    with Journal(
        directory,
        rounds=sum(stage.rounds for stage in stages),
        done=place.total,
        offset=place.journal,
        speaks=fabric.is_global_zero,
        console=console,
    ) as journal:
        if found is not None:
            journal.say(f"Resuming {found[0]}.")
            for stage in stages[: place.stage]:
                stage.game(fabric)  # what it does to its networks beside training them: the layout in memory, say
        for index, stage in list(enumerate(stages))[place.stage :]:
            run = _Run(stage, index, stages, fabric, checkpoints, journal, seed)
            if found is not None and index == place.stage:
                run.resume(found[0], place)
            run.play(workers, every=every, report=report, validate=stage.validate or validate)
            path = directory / f"{stage.name}.safetensors"
            run.leave(path, header)
            del run  # a critic of this stage is not to stand in memory beside the next one's
    return path


class _Run:
    """One stage while it is played."""

    def __init__(
        self,
        stage: Stage,
        index: int,
        stages: Sequence[Stage],
        fabric: Fabric,
        checkpoints: Checkpoints,
        journal: Journal,
        seed: int,
    ) -> None:
        self.stage = stage
        self.index = index
        self.before = sum(s.rounds for s in stages[:index])
        self.fabric = fabric
        self.checkpoints = checkpoints
        self.journal = journal
        self.done = 0
        sow(seed, index)
        self.game = stage.game(fabric)
        for player in self.game.players.values():
            player.join(fabric)
        self.generator = self.game.players["generator"]
        sow(seed, index, fabric.global_rank)

    @property
    def total(self) -> int:
        """Rounds over all stages."""
        return self.before + self.done

    def resume(self, path: Path, place: Place) -> None:
        shared, own = self.checkpoints.read(path, self.fabric.global_rank)
        for name, player in self.game.players.items():
            player.load_state_dict(shared[name])
        self.game.load_state_dict(own["game"])
        restore_chance(own["chance"])
        self.done = place.round

    def play(self, workers: int, *, every: int, report: int, validate: Validate | None) -> None:
        means = _Means()
        for batches in feed(self.stage, self.game.batches_per_round, self.fabric, done=self.done, workers=workers):
            for player in self.game.players.values():
                player.begin(self.done)
            means.add(self._guard(self.game.round(batches)))
            self.done += 1
            self.journal.advance(self.total, self.stage.name)
            ends = self.done % every == 0 or self.done == self.stage.rounds
            if ends or self.done % report == 0:
                rates = {f"{name}.rate": player.rate for name, player in self.game.players.items()}
                self.journal.write(self.total, self.stage.name, {**means.take(), **rates})
            if ends:
                self._refuse_weights_of_no_number()
                self._validate(validate)
                self._checkpoint()

    def leave(self, path: Path, header: Mapping[str, object]) -> None:
        """The averaged weights, into the generator and into a file."""
        weights = self.generator.average.state_dict()
        self.generator.network.load_state_dict(weights)
        if self.fabric.is_global_zero:
            save_weights(path, weights, {**header, "stage": self.stage.name, "rounds": self.total})
        self.fabric.barrier()

    def _guard(self, numbers: dict[str, Tensor]) -> dict[str, Tensor]:
        """The numbers of a round, averaged over processes; the one look per round at whether they are numbers."""
        together = torch.stack([number.float() for number in numbers.values()])
        if self.fabric.world_size > 1:
            together = share(self.fabric, together, "mean")
        averaged = dict(zip(numbers, together.unbind(), strict=True))
        if not bool(together.isfinite().all()):
            bad = next(name for name, number in averaged.items() if not bool(number.isfinite()))
            raise self._diverged(self.total + 1, f"{bad} is {float(averaged[bad])}")
        return averaged

    def _refuse_weights_of_no_number(self) -> None:
        for name, player in self.game.players.items():
            for network in (player.network, player.average):
                for key, tensor in network.state_dict().items():
                    if not bool(tensor.isfinite().all()):
                        raise self._diverged(self.total, f"{key} of the {name} is not finite")

    def _diverged(self, total: int, what: str) -> TrainingDiverged:
        last = self.checkpoints.last
        good = f"the last good checkpoint is {last}" if last else "no checkpoint was written yet"
        return TrainingDiverged(
            f"Training diverged in round {total} (stage {self.stage.name}): {what}; {good}. "
            "Lower the learning rate or clip the gradient, and train into another directory."
        )

    def _validate(self, validate: Validate | None) -> None:
        if validate is None or not self.fabric.is_global_zero:
            return
        network = self.generator.average
        was = network.training
        with torch.no_grad(), aside():
            numbers = validate(network.eval())
        network.train(was)
        self.journal.write(self.total, self.stage.name, {f"validation.{key}": n for key, n in numbers.items()})

    def _checkpoint(self) -> None:
        place = Place(self.index, self.done, self.total, self.journal.settle())
        shared = {name: player.state_dict() for name, player in self.game.players.items()}
        own = {"game": self.game.state_dict(), "chance": chance()}
        self.checkpoints.write(self.fabric, place, shared, own)


class _Means:
    """Means of the numbers of several rounds, summed on the device: no round waits for them."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._rounds = 0
        self._since = time.monotonic()

    def add(self, numbers: Mapping[str, Tensor]) -> None:
        self._rounds += 1
        for name, number in numbers.items():
            self._sums[name] = self._sums[name] + number if name in self._sums else number

    def take(self) -> dict[str, float]:
        """The means, and the seconds a round took; then begins anew."""
        now = time.monotonic()
        means = {name: float(total) / self._rounds for name, total in self._sums.items()}
        means["seconds"] = (now - self._since) / self._rounds
        self._sums, self._rounds, self._since = {}, 0, now
        return means


def _refuse_nonsense(stages: Sequence[Stage], fabric: Fabric, *, every: int, report: int) -> None:
    names = [stage.name for stage in stages]
    if not names or len(set(names)) < len(names):
        raise Refusal(f"A run needs stages with a name of their own each; these are {', '.join(names) or 'none'}.")
    if every < 1 or report < 1:
        raise Refusal(f"A checkpoint and a journal line come after at least one round, not {every} and {report}.")
    if fabric.strategy.precision.precision not in ("32-true", "bf16-mixed"):
        raise Refusal(f"Training runs in precision 32-true or bf16-mixed, not {fabric.strategy.precision.precision}.")
    if not isinstance(fabric.strategy, SingleDeviceStrategy | DDPStrategy):
        raise Refusal("Training runs on one device or with strategy 'ddp' on several; give Fabric one of them.")
    if fabric.world_size > 1 and not torch.distributed.is_initialized():
        raise Refusal("Training on several devices needs a launched Fabric: call fabric.launch() first.")
    for stage in stages:
        if stage.batch % fabric.world_size:
            raise Refusal(
                f"A batch of {stage.batch} (stage {stage.name}) cannot be shared equally by {fabric.world_size} "
                "processes; choose a multiple."
            )
