"""Adversarial rules: two readings of a critic. The critic's turn and the generator's turn, by the same rule.

A critic is any callable from images to scores (logits, no sigmoid); a score may be one number an image or a map.
Targets are drawn for each image from U(low, high): a smoothed label is a range, a plain one has low = high.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from finemri.refusal import Refusal
from finemri.shapes import Batch, Scores

Critic = Callable[[Batch], Scores]
Range = tuple[float, float]


@dataclass(frozen=True)
class LeastSquares:
    """critic: ½E(D(x) − a)² + ½E(D(G) − b)²; generator: ½E(D(G) − c)² (Mao et al., 2017).

    One-sided label smoothing is ``real=(0.7, 1.2)``. The published code of Sanchez & Vilaplana, by a slip, drew all
    three targets from it, so that its critic had nothing to tell apart: ``fake=generator=(0.7, 1.2)`` does the same.
    """

    real: Range = (1.0, 1.0)
    fake: Range = (0.0, 0.0)
    generator: Range = (1.0, 1.0)

    def critic_loss(self, critic: Critic, real: Batch, fake: Batch) -> Tensor:
        return 0.5 * (_squared(critic(real), self.real) + _squared(critic(fake), self.fake))

    def generator_loss(self, critic: Critic, fake: Batch) -> Tensor:
        return 0.5 * _squared(critic(fake), self.generator)


@dataclass(frozen=True)
class CrossEntropy:
    """critic: BCE(D(x), a) + BCE(D(G), b); generator, non-saturating: BCE(D(G), c) (Goodfellow et al., 2014)."""

    real: Range = (1.0, 1.0)
    fake: Range = (0.0, 0.0)
    generator: Range = (1.0, 1.0)

    def __post_init__(self) -> None:
        for name in ("real", "fake", "generator"):
            low, high = getattr(self, name)
            if not 0 <= low <= high <= 1:
                raise Refusal(f"Cross-entropy targets lie in 0..1; {name}=({low}, {high}) does not.")

    def critic_loss(self, critic: Critic, real: Batch, fake: Batch) -> Tensor:
        return _entropy(critic(real), self.real) + _entropy(critic(fake), self.fake)

    def generator_loss(self, critic: Critic, fake: Batch) -> Tensor:
        return _entropy(critic(fake), self.generator)


@dataclass(frozen=True)
class WassersteinGP:
    """critic: E D(G) − E D(x) + η E(‖∇D(x̃)‖₂ − 1)², x̃ = x + u(G − x), u ~ U(0,1); generator: −E D(G) (Gulrajani, 2017).

    The norm is √(Σ g² + ε): its own gradient exists at 0. The penalty is computed in float32 under any autocast.
    """

    penalty: float = 10.0
    epsilon: float = 1e-12

    def critic_loss(self, critic: Critic, real: Batch, fake: Batch) -> Tensor:
        distance = _at_least_float32(critic(real)).mean() - _at_least_float32(critic(fake)).mean()
        return self.penalty * self.slope(critic, real, fake) - distance

    def generator_loss(self, critic: Critic, fake: Batch) -> Tensor:
        return -_at_least_float32(critic(fake)).mean()

    def slope(self, critic: Critic, real: Batch, fake: Batch) -> Tensor:
        """E(‖∇D(x̃)‖₂ − 1)² over a random point between each pair."""
        dtype = torch.float64 if real.dtype == torch.float64 else torch.float32
        with torch.autocast(real.device.type, enabled=False):
            u = torch.rand(len(real), *(1,) * (real.ndim - 1), device=real.device, dtype=dtype)
            between = (real + u * (fake - real).detach()).to(dtype).detach().requires_grad_()
            (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
            norm = (gradient.flatten(1).square().sum(1) + self.epsilon).sqrt()
            return (norm - 1).square().mean()


def _target(scores: Scores, span: Range) -> Tensor:
    low, high = span
    shape = (len(scores), *(1,) * (scores.ndim - 1))
    drawn = (
        low + (high - low) * torch.rand(shape, device=scores.device)
        if high > low
        else torch.full(shape, low, device=scores.device)
    )
    return drawn.to(scores.dtype).expand_as(scores)


def _at_least_float32(scores: Scores) -> Scores:
    return scores if scores.dtype == torch.float64 else scores.float()


def _squared(scores: Scores, span: Range) -> Tensor:
    scores = _at_least_float32(scores)
    return (scores - _target(scores, span)).square().mean()


def _entropy(scores: Scores, span: Range) -> Tensor:
    scores = _at_least_float32(scores)
    return functional.binary_cross_entropy_with_logits(scores, _target(scores, span))
