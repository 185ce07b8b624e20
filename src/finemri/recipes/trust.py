"""How much to trust the data of one scan: asked of samples that were measured and kept aside for a moment."""

import numpy as np
import torch
from torch import Tensor

from finemri.networks.cascade import Cascade
from finemri.physics.fourier import to_kspace
from finemri.recipes.lines import whole_lines
from finemri.shapes import ComplexImages, Measured, Sampled, Where

TRUSTS = (1.0, 3.0, 10.0, 30.0)
"""Divisors of the last damping that are tried."""
ASIDE = 0.08
"""Share of the measured samples that are kept aside."""
CENTRE = 0.15
"""Part of k-space about DC, along each axis that is undersampled, that is never kept aside."""


def cross_validated(network: Cascade, kspace: Measured, mask: Where, sensitivities: Measured) -> ComplexImages:
    """x with the trust t whose image, made without the samples H kept aside, comes nearest to them.

    t = argmin Σ_H |k − F S x_t|²; then x_t of all samples. In training the noise varies by a factor of sixty, and one
    damping for all is a compromise: clean scans deserve more trust in their data than it gives them. One slice a call.
    """
    aside = torch.from_numpy(kept_aside(mask[0, 0].cpu().numpy()))[None, None].to(mask.device)
    trust = TRUSTS[0]
    if bool(aside.any()):
        rest = mask & ~aside
        guess = network.unrolled(kspace * rest, rest, sensitivities)
        errors = [_error(network.finished(guess, t), kspace, aside, sensitivities) for t in TRUSTS]
        trust = TRUSTS[int(torch.stack(errors).argmin())]
    return network.finished(network.unrolled(kspace, mask, sensitivities), trust)


def kept_aside(mask: Sampled) -> Sampled:
    """``ASIDE`` of the measured samples, outside the centre; whole lines of a mask of whole lines. None of very few."""
    rng = np.random.default_rng(0)
    aside = np.zeros_like(mask)
    far = [np.abs(np.arange(n) - n // 2) > CENTRE * n / 2 for n in mask.shape]
    if whole_lines(mask):
        candidates = np.flatnonzero(mask[:, mask.shape[1] // 2] & far[0])
        lines = rng.permutation(candidates)[: round(ASIDE * mask.any(1).sum())]
        aside[lines] = mask[lines]
    else:
        candidates = np.flatnonzero((mask & (far[0][:, None] | far[1][None, :])).ravel())
        aside.flat[rng.permutation(candidates)[: round(ASIDE * mask.sum())]] = True
    return aside


def _error(image: ComplexImages, kspace: Measured, aside: Where, sensitivities: Measured) -> Tensor:
    return ((to_kspace(sensitivities * image.unsqueeze(1)) - kspace).abs().square() * aside).sum()
