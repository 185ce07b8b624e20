"""Examples into batches, in an order that depends on nothing but the round."""

import pickle  # the name of its error alone: sending examples to a worker process is Python's business
import warnings
from collections.abc import Iterator
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch.utils.data import DataLoader, Dataset, Sampler

from finemri.refusal import Refusal
from finemri.training.games import Batch
from finemri.training.stage import Stage


def feed(stage: Stage, size: int, fabric: Fabric, *, done: int = 0, workers: int = 0) -> Iterator[list[Batch]]:
    """What each round of `stage` after the first `done` needs: `size` batches, this process's share, on its device."""
    left = range(done * size, stage.rounds * size)
    if not left:
        return
    loader = DataLoader(
        cast(Dataset[Any], stage.examples),
        batch_sampler=_Shares(left, stage.batch, fabric.global_rank, fabric.world_size),
        num_workers=workers,  # each with one thread: torch sees to that
        # Not fork: torch's threads, the bar and TensorBoard hold locks that a forked child would wait for.
        multiprocessing_context="spawn" if workers else None,
        pin_memory=fabric.device.type == "cuda",
        generator=torch.Generator(),  # its own: beginning to load draws a number, and a resume begins once more
    )
    try:
        with warnings.catch_warnings(action="ignore"):  # torch's guess at the cause, before the error itself
            loaded = iter(loader)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise Refusal(
            f"The examples of stage {stage.name} cannot be sent to another process ({error}); use workers=0."
        ) from error
    batches: list[Batch] = []
    for batch in loaded:
        batches.append({key: tensor.to(fabric.device, non_blocking=True) for key, tensor in batch.items()})
        if len(batches) == size:
            yield batches
            batches = []


class _Shares(Sampler[list[int]]):
    """Batch b holds the examples b·size … (b + 1)·size − 1, of which each process takes every n-th."""

    def __init__(self, batches: range, size: int, rank: int, processes: int) -> None:
        self.batches = batches
        self.size = size
        self.rank = rank
        self.processes = processes

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self.batches:
            yield list(range(batch * self.size + self.rank, (batch + 1) * self.size, self.processes))

    def __len__(self) -> int:
        return len(self.batches)
