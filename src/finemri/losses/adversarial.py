"""Adversarial rules: two readings of a critic. The critic's turn and the generator's turn, by the same rule.

A critic is any callable from images to scores (logits, no sigmoid); a score may be one number an image or a map. A
critic's turn asks it of the real images first.
Targets are drawn for each image from U(low, high): a smoothed label is a range, a plain one has low = high.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional

from finemri.refusal import Refusal
from finemri.shapes import Batch, Maps, Scores

Shown = Batch | Maps
Critic = Callable[[Shown], Scores]
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

    def critic_loss(self, critic: Critic, real: Shown, fake: Shown) -> Tensor:
        return 0.5 * (_squared(critic(real), self.real) + _squared(critic(fake), self.fake))

    def generator_loss(self, critic: Critic, fake: Shown) -> Tensor:
        return 0.5 * _squared(critic(fake), self.generator)


@dataclass(frozen=True)
class CrossEntropy:
    """critic: f (BCE(D(x), a) + BCE(D(G), b)); generator, non-saturating: BCE(D(G), c) (Goodfellow et al., 2014).

    ``factor`` f = ½ is pix2pix's, which slows the critic down; Adam, which forgets the size of a loss, does not notice.
    """

    real: Range = (1.0, 1.0)
    fake: Range = (0.0, 0.0)
    generator: Range = (1.0, 1.0)
    factor: float = 1.0

    def __post_init__(self) -> None:
        for name in ("real", "fake", "generator"):
            low, high = getattr(self, name)
            if not 0 <= low <= high <= 1:
                raise Refusal(f"Cross-entropy targets lie in 0..1; {name}=({low}, {high}) does not.")
        if not self.factor > 0:
            raise Refusal(f"The factor of a critic's loss is above 0, not {self.factor}.")

    def critic_loss(self, critic: Critic, real: Shown, fake: Shown) -> Tensor:
        return self.factor * (_entropy(critic(real), self.real) + _entropy(critic(fake), self.fake))

    def generator_loss(self, critic: Critic, fake: Shown) -> Tensor:
        return _entropy(critic(fake), self.generator)


@dataclass(frozen=True)
class WassersteinGP:
    """critic: E D(G) − E D(x) + η E(‖∇D(x̃)‖₂ − 1)², x̃ = x + u(G − x), u ~ U(0,1); generator: −E D(G) (Gulrajani, 2017).

    The norm is √(Σ g² + ε): its own gradient exists at 0. The penalty is computed in float32 under any autocast.
    """

    penalty: float = 10.0
    epsilon: float = 1e-12

    def critic_loss(self, critic: Critic, real: Shown, fake: Shown) -> Tensor:
        distance = _at_least_float32(critic(real)).mean() - _at_least_float32(critic(fake)).mean()
        return self.penalty * self.slope(critic, real, fake) - distance

    def generator_loss(self, critic: Critic, fake: Shown) -> Tensor:
        return -_at_least_float32(critic(fake)).mean()

    def slope(self, critic: Critic, real: Shown, fake: Shown) -> Tensor:
        """E(‖∇D(x̃)‖₂ − 1)² over a random point between each pair."""
        dtype = torch.float64 if real.dtype == torch.float64 else torch.float32
        with torch.autocast(real.device.type, enabled=False):
            u = torch.rand(len(real), *(1,) * (real.ndim - 1), device=real.device, dtype=dtype)
            between = (real + u * (fake - real).detach()).to(dtype).detach().requires_grad_()
            (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
            norm = (gradient.flatten(1).square().sum(1) + self.epsilon).sqrt()
            return (norm - 1).square().mean()


@dataclass(frozen=True)
class Patchwise:
    """Each image cut into grid × grid patches that do not overlap, all of them judged in one call of the critic.

    average: ``"squares"`` is the mean of the losses of the patches, each of them an image of its own (Lei & Mardani,
    Eqs. 3 and 4); ``"scores"`` is the loss of the mean score of an image's patches (their prose). What is left over
    where a side does not divide by `grid` is dropped in equal parts from both ends.
    """

    rule: LeastSquares | CrossEntropy | WassersteinGP
    grid: int = 4
    average: Literal["squares", "scores"] = "squares"

    def __post_init__(self) -> None:
        if self.grid < 1:
            raise Refusal(f"An image is cut into at least 1 × 1 patches, not {self.grid} × {self.grid}.")

    def critic_loss(self, critic: Critic, real: Maps, fake: Maps) -> Tensor:
        if self.average == "squares":
            return self.rule.critic_loss(critic, self.cut(real), self.cut(fake))
        return self.rule.critic_loss(self._mean_of(critic), real, fake)

    def generator_loss(self, critic: Critic, fake: Maps) -> Tensor:
        if self.average == "squares":
            return self.rule.generator_loss(critic, self.cut(fake))
        return self.rule.generator_loss(self._mean_of(critic), fake)

    def cut(self, images: Maps) -> Tensor:
        """(batch, channel, i, j) -> (batch · grid², channel, i // grid, j // grid), an image's patches in a row."""
        i, j = (side // self.grid for side in images.shape[-2:])
        if not i or not j:
            raise Refusal(f"Images of {tuple(images.shape[-2:])} cannot be cut into {self.grid} × {self.grid} patches.")
        top, left = ((side % self.grid) // 2 for side in images.shape[-2:])
        kept = images[..., top : top + i * self.grid, left : left + j * self.grid]
        return rearrange(kept, "b c (gi i) (gj j) -> (b gi gj) c i j", gi=self.grid, gj=self.grid)

    def _mean_of(self, critic: Critic) -> Critic:
        def score(image: Maps) -> Scores:
            scores = _at_least_float32(critic(self.cut(image)))
            return scores.reshape(len(image), -1).mean(1)

        return score


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
