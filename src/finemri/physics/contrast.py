"""Synthetic contrasts: an MRI that nobody measured, drawn from a map of what is where.

After SynthSeg (Billot et al., 2023) and SynthSR (Iglesias et al., 2021): a random brightness for every tissue, texture,
partial volume, bias field. A network that saw any contrast fears none. Half of the draws keep the order of T1-weighted
images.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float32, Integer
from torch import Tensor

from finemri.physics.resampling import resample
from finemri.refusal import Refusal

Labels = Integer[np.ndarray, "i j k"]
Drawn = Float32[Tensor, "ci cj ck"]

PAIRS = {41: 2, 42: 3, 43: 4, 44: 5, 46: 7, 47: 8, 49: 10, 50: 11, 51: 12, 52: 13, 53: 17, 54: 18} | {
    57: 25, 58: 26, 60: 28, 62: 30, 137: 136, 164: 163
}  # fmt: skip
"""FreeSurfer's structures of the right side -> the same on the left: both look alike."""

MIXED = (507, 511, 516)
"""Labels that hold several tissues: fat, muscle and glands; skin; marrow."""

T1W: dict[int, tuple[float, float]] = (
    {2: (0.97, 1.03), 7: (0.93, 1.02), 16: (0.85, 0.97), 28: (0.85, 0.95), 512: (0.85, 0.97)}  # white matter
    | {3: (0.58, 0.80), 8: (0.60, 0.80), 17: (0.60, 0.80), 18: (0.60, 0.80), 26: (0.65, 0.80)}  # grey matter
    | {10: (0.78, 0.92), 11: (0.65, 0.80), 12: (0.68, 0.85), 13: (0.85, 0.97)}  # deep grey matter
    | {85: (0.70, 0.95), 530: (0.70, 0.95)}  # optic nerve
    | {4: (0.08, 0.30), 5: (0.08, 0.30), 14: (0.08, 0.32), 15: (0.08, 0.32), 24: (0.08, 0.32)}  # fluid
    | {506: (0.10, 0.30)}  # eye
    | {25: (0.50, 0.90), 30: (0.30, 1.50), 502: (0.10, 1.70), 514: (0.20, 1.40)}  # lesions, vessels
    | {507: (0.40, 1.60), 508: (0.45, 0.75), 509: (0.50, 1.00), 511: (0.70, 1.60)}  # outside the brain
    | {515: (0.03, 0.25), 516: (0.40, 1.50)}  # bone
)
"""Brightness of a label in T1-weighted images, relative to white matter: lowest, highest."""


def draw_contrast(
    labels: Labels,
    rng: np.random.Generator,
    *,
    shape: Sequence[int] | None = None,
    t1_weighted: float = 0.5,
    deviation: float = 0.07,
    bias: float = 0.3,
) -> Drawn:
    """Draw x = (G_σ (μ_l + s_l·t) · e^b)^γ: labels (i, j, k) -> an image of about 0..1 with background near 0.

    μ_l ~ U(0, 1), or after ``T1W`` in a share ``t1_weighted`` of the draws; s_l, at most ``deviation``, the strength of
    the texture t, noise of a random scale; G_σ the partial volume effect, σ ~ U(0.4, 0.75) voxels; b a smooth field of
    deviation up to ``bias``; log γ ~ N(0, 0.15²). ``shape`` other than that of the labels reads the same field of view
    in finer or coarser voxels. Pure in the state of ``rng``. Raises Refusal for negative labels.
    """
    if labels.min() < 0:
        raise Refusal("A label map holds numbers from 0 (background) upwards, this one has negative ones.")
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    mean, strength = _brightness(int(labels.max()) + 1, rng, rng.random() < t1_weighted, deviation)
    numbers = torch.from_numpy(np.ascontiguousarray(labels, dtype=np.int32))
    patches = smooth_noise(labels.shape, float(np.exp(rng.uniform(np.log(1.5), np.log(10.0)))), generator)
    index = numbers + mean.shape[1] * (patches > rng.normal(0, 0.7)).int()
    image = mean.reshape(-1)[index]
    spread = strength[numbers]
    image.add_(spread.mul_(_texture(labels.shape, rng, generator)))
    shape = labels.shape if shape is None else shape
    step = [n / m for n, m in zip(labels.shape, shape, strict=True)]
    sigma = max(1.0, *step) * rng.uniform(0.4, 0.75)  # less would keep the stairs of the labels' edges
    image = resample(image, shape, step, kernel="gaussian", sigma=sigma)
    spacing = max(shape) / rng.uniform(1.0, 4.0)
    image.mul_(smooth_noise(shape, spacing, generator).mul_(rng.uniform(0, bias)).exp_())
    return image.clamp_(min=0).pow_(float(np.exp(rng.normal(0, 0.15))))


def smooth_noise(shape: Sequence[int], spacing: float, generator: torch.Generator) -> Drawn:
    """Noise of unit deviation that keeps its sign over about ``spacing`` voxels.

    Normal numbers on a wider grid, interpolated.
    """
    coarse = [int(np.ceil(n / spacing)) + 3 for n in shape]
    noise = torch.randn(coarse, generator=generator)
    if spacing <= 1:
        return noise[: shape[0], : shape[1], : shape[2]].contiguous()
    shift = [1 + float(torch.rand((), generator=generator)) for _ in shape]
    field = resample(noise, shape, [1 / spacing] * 3, offset=shift, kernel="gaussian", sigma=0.6)
    return field.mul_(
        (2 * np.sqrt(np.pi) * 0.6) ** 1.5
    )  # a Gaussian average of σ shrinks the deviation by (2√π σ)^½ an axis


def _texture(shape: Sequence[int], rng: np.random.Generator, generator: torch.Generator) -> Drawn:
    """Fine grain over coarse clouds, in a random mixture of unit power."""
    share = rng.uniform(0, 1)
    grain = smooth_noise(shape, rng.uniform(0.8, 2.0), generator)
    clouds = smooth_noise(shape, float(np.exp(rng.uniform(np.log(2.5), np.log(12.0)))), generator)
    return grain.mul_(float(np.sqrt(share))).add_(clouds, alpha=float(np.sqrt(1 - share)))


def _brightness(
    count: int, rng: np.random.Generator, t1_weighted: bool, deviation: float
) -> tuple[Float32[Tensor, "2 count"], Float32[Tensor, " count"]]:
    """Two means a label (those of its two kinds of tissue), and the strength of its texture."""
    mean = rng.uniform(0, 1, (2, count))
    white = rng.uniform(0.4, 0.85)
    if t1_weighted:
        for label, (low, high) in T1W.items():
            if label < count:
                mean[:, label] = white * rng.uniform(low, high, 2)
    alike = np.setdiff1d(np.arange(count), MIXED)
    mean[1, alike] = mean[0, alike] + rng.normal(0, 0.02 if t1_weighted else 0.03, alike.size)
    strength = rng.uniform(0, deviation) * rng.uniform(0, 1, count)  # some images are clean throughout
    mean[:, 0] = rng.uniform(0, 0.03) if t1_weighted or rng.random() < 0.85 else rng.uniform(0, 0.4)
    strength[0] = rng.uniform(0, 0.02)
    for right, left in PAIRS.items():
        if right < count:
            mean[:, right], strength[right] = mean[:, left], strength[left]
    return torch.from_numpy(mean.astype(np.float32)), torch.from_numpy(strength.astype(np.float32))
