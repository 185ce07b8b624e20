"""A loss that compares what a critic notices."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional

from finemri.losses.adversarial import Shown


@runtime_checkable
class Attentive(Protocol):
    """A critic that can tell what it noticed on its way to a score."""

    def maps(self, image: Shown) -> Sequence[Tensor]: ...


def feature_matching(critic: Attentive, real: Shown, fake: Shown) -> Tensor:
    """(1/n) Σ mean |Dₙ(x) − Dₙ(G)| over the n maps of the critic; none of the real ones asks for a gradient.

    Salimans et al., 2016, as Seitzer et al. have it: map by map, not their means. In training mode the critic's
    dropout draws anew for either image.
    """
    with torch.no_grad():
        expected = [noticed.detach() for noticed in critic.maps(real)]
    found = critic.maps(fake)
    parts = [functional.l1_loss(a.float(), b.float()) for a, b in zip(found, expected, strict=True)]
    return torch.stack(parts).mean()
