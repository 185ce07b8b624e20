"""Learning without a gradient: trees are grown on a sample, a few of them a round, by scikit-learn."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from finemri.refusal import Refusal
from finemri.training.games import Batch
from finemri.training.player import Player
from finemri.training.stage import Examples


@runtime_checkable
class Growing(Protocol):
    """A network that is made of trees."""

    @property
    def trees(self) -> int:
        """How many stand."""

    def lessons(self, given: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
        """(pixel, feature) and (pixel,): what is known of each pixel, and what a tree is to say of it."""

    def plant(self, feature: Any, threshold: Any, left: Any, right: Any, value: Any) -> None:
        """Add a tree of scikit-learn's arrays, one number a node."""


class Fitting:
    """A round: the sample, and so many more trees on it, each on a bootstrap of a share of its pixels.

    The share is the same pixels in every round, so that all rounds together are one forest; as many rounds as it takes
    to have all trees. The journal gets the mean squared target (``input``: the error of what comes in) and, on a tenth
    as many pixels that no tree has seen, what the trees of the round leave of it (``generator``).

    Args:
        generator: whose network is Growing and has nothing for an optimiser to do; see ``still``.
        trees: how many there are in the end.
        at_a_time: trees a round.
        batches: of a round, the same ones in every round; see ``Again``.
        share: of the pixels.
        depth: levels of questions, at most.
        split: pixels that a node needs to ask another question.
        inputs: key of the batch that goes in.
        target: key of the batch to come close to.
    """

    def __init__(
        self,
        generator: Player,
        *,
        trees: int,
        at_a_time: int,
        batches: int,
        share: float,
        depth: int,
        split: int,
        inputs: str = "coarse",
        target: str = "fine",
    ) -> None:
        need_sklearn()
        if not isinstance(generator.network, Growing):
            raise Refusal("Only a network of trees is fitted; train the others by gradient.")
        if min(trees, at_a_time, batches, depth) < 1 or split < 2 or not 0 < share < 1:
            raise Refusal(
                "trees, at_a_time, batches and depth are at least 1, split 2, and a share lies between 0 and 1."
            )
        self.players: Mapping[str, Player] = {"generator": generator}
        self.forest: Growing = generator.network
        self.batches_per_round = batches
        self.trees, self.at_a_time, self.share = trees, at_a_time, share
        self.grown = {"max_depth": depth, "min_samples_split": split}
        self.inputs, self.target = inputs, target
        self.seed = int(torch.randint(2**31, ()))  # the loop sows before it makes a game: the same after a resume

    def round(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        from sklearn.ensemble import RandomForestRegressor

        (known, wanted), (unseen, true) = self._sample(batches)
        fitted = RandomForestRegressor(
            min(self.at_a_time, self.trees - self.forest.trees),
            **self.grown,
            n_jobs=torch.get_num_threads(),
            random_state=int(torch.randint(2**31, ())),
        ).fit(known, wanted)
        for tree in (each.tree_ for each in fitted.estimators_):
            self.forest.plant(
                tree.feature, tree.threshold, tree.children_left, tree.children_right, tree.value[:, 0, 0]
            )
        left = torch.tensor(np.square(fitted.predict(unseen) - true).mean())
        return {"generator": left, "input": torch.tensor(np.square(true).mean())}

    def _sample(self, batches: Sequence[Batch]) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """A share of the pixels, and a tenth as many others."""
        drawn = torch.Generator().manual_seed(self.seed)
        learnt: list[tuple[Tensor, Tensor]] = []
        others: list[tuple[Tensor, Tensor]] = []
        for batch in batches:
            known, wanted = (part.cpu() for part in self.forest.lessons(batch[self.inputs], batch[self.target]))
            order = torch.randperm(len(wanted), generator=drawn)
            many = min(max(1, int(self.share * len(order))), len(order) - 1)
            few = max(1, min(many // 10, len(order) - many))
            for pixels, into in ((order[:many], learnt), (order[many : many + few], others)):
                into.append((known[pixels], wanted[pixels]))
        if not learnt:
            raise Refusal("Trees are grown on at least one batch.")
        return _together(learnt), _together(others)

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to remember: the trees are the network's."""


class Again:
    """The first `size` examples, again and again; each is prepared once."""

    def __init__(self, examples: Examples, size: int) -> None:
        self.examples, self.size = examples, size
        self._kept: dict[int, Mapping[str, Tensor]] = {}

    def __getitem__(self, n: int) -> Mapping[str, Tensor]:
        n %= self.size
        if n not in self._kept:
            self._kept[n] = self.examples[n]
        return self._kept[n]


def still(network: nn.Module) -> Player:
    """A player without gradient: its optimiser holds nothing, and its rate is 0."""
    return Player(network, torch.optim.SGD([{"params": []}], lr=0.0))


def need_sklearn() -> None:
    """Raises Refusal where scikit-learn is not installed."""
    try:
        import sklearn.ensemble  # noqa: F401
    except ImportError:
        raise Refusal("A forest is grown by scikit-learn: pip install 'finemri[classical]'.") from None


def _together(parts: Sequence[tuple[Tensor, Tensor]]) -> tuple[np.ndarray, np.ndarray]:
    known, wanted = (torch.cat(kind) for kind in zip(*parts, strict=True))
    return known.numpy(), wanted.double().numpy()
