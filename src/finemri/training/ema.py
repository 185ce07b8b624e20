"""A network's running average: what the generator was, lately, without the jitter of the last steps."""

import copy

import torch
from torch import nn


class Average:
    """ā ← d ā + (1 − d) a with d = min(decay, (1 + n) / (10 + n)) after n updates: young averages forget quickly.

    Weights and floating buffers (the statistics of batch normalisation) are averaged, counters copied. `network` is a
    copy in eval mode that asks for no gradient.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.network = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        new = network.state_dict()
        for name, mine in self.network.state_dict().items():
            if mine.is_floating_point():
                mine.lerp_(new[name], 1 - decay)
            else:
                mine.copy_(new[name])
        self.updates += 1
