"""A random forest as a network: trees are arrays, a prediction is a few gathers, and nothing of it is pickled."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Shaped
from torch import Tensor, nn
from torch.nn import functional

from finemri.refusal import Refusal
from finemri.shapes import MadeMaps, Maps

AT_A_TIME = 4096
"""Pixels that go down the trees together: what is known of them stays in a processor's cache."""

Neighbours = Float32[Tensor, "pixel feature"]
Missing = Float32[Tensor, " pixel"]
Numbers = Shaped[np.ndarray, " node"]
"""Whole; Cython's long long is an int64 by another name."""


class Forest(nn.Module):
    """y = x + mean over trees of t(x(p + d) − x(p)), d over a neighbourhood: (b, 1, i, j) -> (b, 1, i, j) of any size.

    Each tree asks of one neighbour after another by how much it is brighter than the pixel itself (25 numbers of 5×5,
    one of which is 0), and ends in what is missing there. Beyond an edge the outermost pixel repeats. A forest without
    trees leaves an image as it is; NaN among the neighbours makes NaN.

    No parameter: trees are planted (``plant``), not descended to. Node n asks whether neighbour ``features[n]`` is
    above ``thresholds[n]`` and goes to ``below[n]``, if so to the one after it; a leaf is its own child. Raises
    Refusal for a neighbourhood without a middle.
    """

    features: Tensor
    thresholds: Tensor
    below: Tensor
    values: Tensor
    roots: Tensor

    def __init__(self, neighbourhood: int = 5, depth: int = 15) -> None:
        super().__init__()
        if neighbourhood % 2 == 0 or not 3 <= neighbourhood <= 15:
            raise Refusal(f"A neighbourhood is 3, 5, … or 15 pixels wide, not {neighbourhood}.")
        self.neighbourhood, self.depth = neighbourhood, depth
        self.radius = neighbourhood // 2
        """How far an output pixel looks."""
        for name, kind in KINDS.items():
            self.register_buffer(name, torch.empty(0, dtype=kind))

    @property
    def trees(self) -> int:
        """How many stand."""
        return len(self.roots)

    def forward(self, x: Maps) -> MadeMaps:
        if x.shape[1] != 1:
            raise Refusal(f"A forest sees one slice, not {x.shape[1]}.")
        if not self.trees:
            return x
        missing = [
            self._mean(known) for known in self.neighbours(x).reshape(-1, self.neighbourhood**2).split(AT_A_TIME)
        ]
        y: MadeMaps = x + torch.cat(missing).reshape(x.shape).to(x.dtype)
        return y

    def neighbours(self, x: Maps) -> Float[Tensor, "b i j feature"]:
        """x(p + d) − x(p)."""
        size, r = self.neighbourhood, self.radius
        i, j = x.shape[-2:]
        wide = functional.pad(x.float(), (r, r, r, r), mode="replicate")[:, 0]
        shifted = [wide[:, di : di + i, dj : dj + j] for di in range(size) for dj in range(size)]
        return torch.stack(shifted, -1) - x.float()[:, 0, :, :, None]

    def lessons(self, given: Maps, true: MadeMaps) -> tuple[Neighbours, Missing]:
        """What is known of every pixel of which all neighbours are known, and what is missing there."""
        if given.shape != true.shape:
            raise Refusal(f"A forest learns on one grid, not from {tuple(given.shape)} to {tuple(true.shape)}.")
        r = self.radius
        i, j = (slice(r, n - r) for n in given.shape[-2:])
        known = self.neighbours(given)[:, i, j].reshape(-1, self.neighbourhood**2)
        return known, (true - given).float()[:, 0, i, j].reshape(-1)

    def plant(
        self,
        feature: Numbers,
        threshold: Float[np.ndarray, " node"],
        left: Numbers,
        right: Numbers,
        value: Float[np.ndarray, " node"],
    ) -> None:
        """Add a tree, as scikit-learn has it: node 0 is the root, x[feature] ≤ threshold goes left, a leaf's left is
        −1."""
        order = _by_level(left, right)
        inner = left[order] >= 0
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        first = len(self.features)
        below = np.where(inner, place[left[order]], np.arange(len(order))) + first
        grown = {
            "features": np.where(inner, feature[order], 0),
            "thresholds": np.where(
                inner, _down(threshold[order]), np.finfo(np.float32).max
            ),  # checkpoints ask for finite
            "below": below,
            "values": value[order],
            "roots": np.array([first]),
        }
        for name, kind in KINDS.items():
            held = getattr(self, name)
            setattr(self, name, torch.cat([held, torch.from_numpy(grown[name]).to(held.device, kind)]))

    def _mean(self, known: Neighbours) -> Missing:
        total = torch.zeros(len(known), dtype=torch.float32, device=known.device)
        row = torch.arange(len(known), device=known.device) * known.shape[1]
        flat = known.reshape(-1)
        for root in self.roots.tolist():
            node = torch.full((len(known),), root, dtype=torch.int32, device=known.device)
            for _ in range(self.depth):
                asked = flat.index_select(0, row + self.features.index_select(0, node))
                node = self.below.index_select(0, node) + (asked > self.thresholds.index_select(0, node))
            total += self.values.index_select(0, node)
        return (total / self.trees).masked_fill(known.isnan().any(1), float("nan"))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        """As many nodes as there are in what is loaded."""
        for name in KINDS:
            if prefix + name in state_dict:
                setattr(self, name, getattr(self, name).new_empty(state_dict[prefix + name].shape))
        super()._load_from_state_dict(state_dict, prefix, *others)


KINDS = {
    "features": torch.uint8,
    "thresholds": torch.float32,
    "below": torch.int32,
    "values": torch.float32,
    "roots": torch.int32,
}
"""What a forest consists of: one number a node, and where each tree begins."""


def _by_level(left: Numbers, right: Numbers) -> Numbers:
    """Nodes level by level, so that siblings stand side by side."""
    levels = [np.zeros(1, np.int64)]
    while len(levels[-1]):
        inner = levels[-1][left[levels[-1]] >= 0]
        levels.append(np.stack([left[inner], right[inner]], 1).reshape(-1))
    return np.concatenate(levels)


def _down(threshold: Shaped[np.ndarray, " node"]) -> Float32[np.ndarray, " node"]:
    """The largest float32 that is not above: a float32 lies above either, or above neither."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)
