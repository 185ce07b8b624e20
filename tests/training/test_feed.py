import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor

from finemri.refusal import Refusal
from finemri.training.feed import feed
from finemri.training.games import Game
from finemri.training.stage import Stage


class Counting:
    def __getitem__(self, n: int) -> dict[str, Tensor]:
        return {"n": torch.tensor(n)}


class Rank(Fabric):
    """One process of several, without the others."""

    rank = 0

    @property
    def global_rank(self) -> int:
        return self.rank

    @property
    def world_size(self) -> int:
        return 2


def _never(fabric: Fabric) -> Game:
    raise AssertionError


def fed(fabric: Fabric, *, size: int, done: int = 0) -> list[list[list[int]]]:
    stage = Stage("counting", 4, _never, Counting(), 4)
    return [[batch["n"].tolist() for batch in batches] for batches in feed(stage, size, fabric, done=done)]


def test_example_n_comes_in_its_round(fabric: Fabric) -> None:
    whole = fed(fabric, size=2)
    assert whole == [[[8 * r + 4 * b + n for n in range(4)] for b in range(2)] for r in range(4)]
    assert all(fed(fabric, size=2, done=done) == whole[done:] for done in range(5))


def test_processes_share_each_batch() -> None:
    shares = []
    for rank in range(2):
        fabric = Rank(accelerator="cpu", devices=1)
        fabric.rank = rank
        shares.append(fed(fabric, size=1))
    alone = fed(Fabric(accelerator="cpu", devices=1), size=1)
    for one, two, both in zip(*shares, alone, strict=True):
        assert len(one[0]) == len(two[0]) == 2
        assert sorted(one[0] + two[0]) == both[0]


def test_examples_that_cannot_travel_are_refused(fabric: Fabric) -> None:
    class Local:
        def __getitem__(self, n: int) -> dict[str, Tensor]:
            return {}

    with pytest.raises(Refusal, match="workers=0"):
        next(feed(Stage("local", 1, _never, Local(), 1), 1, fabric, workers=1))
