"""Trees grown in the loop that trains networks."""

import sys
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor

from finemri.networks.forest import Forest
from finemri.refusal import Refusal
from finemri.training.fitting import Again, Fitting, still
from finemri.training.games import Game
from finemri.training.loop import Stage, play
from finemri.training.weights import load_weights

pytest.importorskip("sklearn", reason="scikit-learn is not installed")


class Sharpened:
    """Example n: noise, and the same with its differences from a 3×3 mean enlarged. Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __getitem__(self, n: int) -> dict[str, Tensor]:
        self.asked += 1
        noise = torch.rand(1, 24, 24, generator=torch.Generator().manual_seed(n))
        coarse = torch.nn.functional.avg_pool2d(noise, 3, 1, 1)
        return {"coarse": coarse, "fine": 2 * coarse - torch.nn.functional.avg_pool2d(coarse, 3, 1, 1)}


class Killed(BaseException):
    """As a power cut."""


def train(
    directory: Path, examples: Sharpened, *, seed: int = 0, last: int = 100, trees: int = 8
) -> tuple[Forest, dict[str, Tensor]]:
    forest = Forest(depth=7)

    def game(_: Fabric) -> Game:
        fitting = Fitting(still(forest), trees=trees, at_a_time=3, batches=4, share=0.5, depth=7, split=4)
        within = fitting.round

        def mortal(batches: list[dict[str, Tensor]]) -> dict[str, Tensor]:
            if forest.trees >= last:
                raise Killed
            return within(batches)

        fitting.round = mortal  # type: ignore[method-assign,assignment]
        return fitting

    torch.manual_seed(seed)
    stage = Stage("forest", 3, game, Again(examples, 12), 3)
    fabric = Fabric(accelerator="cpu", devices=1)
    path = play([stage], fabric=fabric, directory=directory, header={}, workers=0, every=1, report=1)
    return forest, load_weights(path)[0]


def test_it_learns_in_the_loop_and_leaves_weights(tmp_path: Path) -> None:
    examples = Sharpened()
    forest, tensors = train(tmp_path, examples)
    assert forest.trees == 8  # 3 + 3 + 2
    assert examples.asked == 12
    unseen = Sharpened()[1000]
    again = Forest(depth=7)
    again.load_state_dict(tensors)
    made = again(unseen["coarse"][None])[0]
    assert torch.equal(made, forest(unseen["coarse"][None])[0])
    inner = (slice(None), slice(2, -2), slice(2, -2))
    before = (unseen["coarse"] - unseen["fine"])[inner].square().mean()
    assert (made - unseen["fine"])[inner].square().mean() < 0.6 * before


def test_killed_and_resumed_is_the_same_forest(tmp_path: Path) -> None:
    _, whole = train(tmp_path / "whole", Sharpened())
    with pytest.raises(Killed):
        train(tmp_path / "killed", Sharpened(), last=6)
    _, resumed = train(tmp_path / "killed", Sharpened(), seed=7)
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_what_the_journal_says_is_measured_on_pixels_that_no_tree_saw() -> None:
    torch.manual_seed(0)
    forest = Forest(depth=7)
    game = Fitting(still(forest), trees=3, at_a_time=3, batches=2, share=0.5, depth=7, split=4)
    batches = [
        {key: torch.stack([Sharpened()[4 * b + n][key] for n in range(4)]) for key in ("coarse", "fine")}
        for b in (0, 1)
    ]
    (known, wanted), (unseen, true) = game._sample(batches)
    assert len(known) == len(wanted) == 2 * (4 * 20 * 20 // 2)
    assert len(unseen) == len(true) == 2 * (4 * 20 * 20 // 20)
    assert not {row.tobytes() for row in known} & {row.tobytes() for row in unseen}
    told = game.round(batches)
    assert told["input"].item() == pytest.approx((true**2).mean())
    assert told["generator"] < told["input"]


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(Refusal, match="classical"):
        Fitting(still(Forest()), trees=3, at_a_time=3, batches=2, share=0.5, depth=7, split=4)


def test_networks_of_no_trees_and_settings_without_meaning_are_refused() -> None:
    with pytest.raises(Refusal, match="network of trees"):
        Fitting(still(torch.nn.Conv2d(1, 1, 1)), trees=3, at_a_time=3, batches=2, share=0.5, depth=7, split=4)
    with pytest.raises(Refusal, match="between 0 and 1"):
        Fitting(still(Forest()), trees=3, at_a_time=3, batches=2, share=1.0, depth=7, split=4)
