"""A forest of buffers against scikit-learn's own."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from finemri.networks.forest import Forest
from finemri.refusal import Refusal
from finemri.training.weights import load_weights, save_weights

sklearn: Any = pytest.importorskip("sklearn.ensemble", reason="scikit-learn is not installed")


def images(seed: int, number: int = 3, shape: tuple[int, int] = (14, 11)) -> torch.Tensor:
    return torch.rand(number, 1, *shape, generator=torch.Generator().manual_seed(seed))


def grown(trees: int = 7, depth: int = 6) -> tuple[Forest, Any]:
    """Both, of the same trees, which sharpen."""
    forest = Forest(depth=depth)
    given = images(0, 6)
    true = given + 0.5 * (given - torch.nn.functional.avg_pool2d(given, 3, 1, 1))
    known, missing = forest.lessons(given, true)
    theirs = sklearn.RandomForestRegressor(trees, max_depth=depth, random_state=0).fit(known.numpy(), missing.numpy())
    for tree in (each.tree_ for each in theirs.estimators_):
        forest.plant(tree.feature, tree.threshold, tree.children_left, tree.children_right, tree.value[:, 0, 0])
    return forest, theirs


def test_it_says_what_scikit_learn_says() -> None:
    forest, theirs = grown()
    x = images(1, shape=(90, 70))
    expected = theirs.predict(forest.neighbours(x).reshape(-1, 25).numpy()).reshape(x.shape)
    assert forest.trees == 7
    assert expected.std() > 0.05
    np.testing.assert_allclose((forest(x) - x).numpy(), expected, atol=1e-6)


def test_it_says_the_same_of_what_lies_on_a_threshold() -> None:
    """Thresholds are float64 there: on them, and one float32 to either side."""
    forest, theirs = grown(trees=1)
    tree = theirs.estimators_[0].tree_
    inner = np.flatnonzero(tree.children_left >= 0)
    known = np.zeros((3 * len(inner), 25), np.float32)
    for row, node in enumerate(inner):
        at = np.float32(tree.threshold[node])
        known[3 * row : 3 * row + 3, tree.feature[node]] = [np.nextafter(at, -1), at, np.nextafter(at, 1)]
    mine = forest._mean(torch.from_numpy(known))
    np.testing.assert_allclose(mine.numpy(), theirs.predict(known), atol=1e-6)


def test_neighbours_are_differences_and_lessons_leave_the_edge_out() -> None:
    forest = Forest(3)
    x = images(2, 1, (4, 5))
    seen = forest.neighbours(x)[0]
    assert seen.shape == (4, 5, 9)
    torch.testing.assert_close(seen[1, 2, 0], x[0, 0, 0, 1] - x[0, 0, 1, 2])
    torch.testing.assert_close(seen[1, 2, 5], x[0, 0, 1, 3] - x[0, 0, 1, 2])
    torch.testing.assert_close(seen[0, 0, 0], torch.tensor(0.0))  # the corner repeats beyond itself
    known, missing = forest.lessons(x, 2 * x)
    assert torch.equal(known, seen[1:-1, 1:-1].reshape(-1, 9))
    torch.testing.assert_close(missing, x[0, 0, 1:-1, 1:-1].reshape(-1))


def test_without_trees_an_image_stays_as_it_is() -> None:
    x = images(3)
    assert torch.equal(Forest()(x), x)


def test_it_looks_two_pixels_far_and_at_no_further() -> None:
    forest, _ = grown(trees=1)
    x = images(4, 1, (15, 15))
    x[0, 0, 7, 7] = float("nan")
    rows, columns = np.nonzero(forest(x)[0, 0].isnan().numpy())
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 9, 5, 9)
    assert len(rows) == 25


def test_weights_revive_in_an_empty_forest_without_pickle(tmp_path: Path) -> None:
    forest, _ = grown()
    path = tmp_path / "forest.safetensors"
    save_weights(path, forest.state_dict(), {})
    tensors, _ = load_weights(path)
    again = Forest(depth=6)
    again.load_state_dict(tensors)
    x = images(5)
    assert torch.equal(again(x), forest(x))
    assert not any(True for _ in again.parameters())
    held = io.BytesIO(path.read_bytes())
    assert held.getbuffer().nbytes < 20 * len(forest.features) + 2000


def test_nonsense_is_refused() -> None:
    with pytest.raises(Refusal, match="3, 5"):
        Forest(4)
    with pytest.raises(Refusal, match="one slice"):
        Forest()(torch.zeros(1, 3, 9, 9))
    with pytest.raises(Refusal, match="one grid"):
        Forest().lessons(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 16, 16))
