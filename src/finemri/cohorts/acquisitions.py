"""Examples of undersampled scans: a slice of somebody, measured by coils that are drawn, and only in part.

Example n is a pure function of (seed, n), so a resumed training continues at n.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Complex64
from torch import Tensor

from finemri.cohorts.slices import SliceSource
from finemri.physics.coils import simulate_sensitivities
from finemri.physics.fourier import to_image, to_kspace
from finemri.physics.phase import receive_field, smooth_phase
from finemri.physics.sampling import ONE_MASK, Sampling
from finemri.refusal import Refusal
from finemri.shapes import Magnitude, Sensitivities, Slice

Fitted = Complex64[np.ndarray, "mi mj"]
BRIGHTEST = 0.995
"""The quantile of |zero-filled| that becomes 1: networks see every scan at the same brightness."""


@dataclass(frozen=True)
class Acquisitions:
    """k = m · (F S x + n): ``{"kspace", "sensitivities": (c, i, j), "mask": (1, i, j), "image": (i, j)}``, complex64.

    The image is what these coils would give with full sampling, Σ S̄ Fᴴ(F S x + n), noise included: what was measured
    is true. ``labels`` (i, j) come along where the source has them. Everything is divided by the ``BRIGHTEST`` quantile
    of the magnitude of the zero-filled image. Raises Refusal for settings that make no sense.
    """

    source: SliceSource
    """Who is measured."""
    samplings: Sequence[Sampling]
    """One is drawn for each example."""
    seed: int
    coils: tuple[int, int] = (1, 1)
    """Fewest and most receive coils."""
    noise: tuple[float, float] = (0.0, 0.0)
    """Lowest and highest σ of either part of a sample, relative to the brightest tissue: uniform, or uniform in the
    logarithm where the lowest is above 0."""
    phase: bool = True
    """Give real-valued images a smooth phase; complex ones keep theirs."""
    estimated: float = 0.0
    """In this share of examples the sensitivities are not the true ones but estimated from the scan's own centre."""
    shaded: float = 0.0
    """In this share of the examples the image is brighter towards the coils, as uncorrected scans are."""
    turn: bool = True
    """Turn and mirror the slices at random."""
    batch: int = 1
    """Slices of a batch have one matrix and number of coils: this many examples in a row share that draw."""
    matrices: Sequence[tuple[int, int]] | None = None
    """Matrix sizes, one drawn for each batch; None: that of the source, which then has to be one."""
    zoom: tuple[float, float] = (1.0, 1.0)
    """How many times as wide as the matrix the slice is made, at most as fine as it is, before it is cropped to it."""
    jitter: float = 0.0
    """Deviation of log brightness, so that the network does not rely on the quantile."""
    labelled: bool = False
    """Hand on the label maps of the slices, which then keep their matrix."""
    one_mask: bool = False
    """The same mask throughout, as in the published trainings, whatever the seed; else a fresh one for each example."""
    truths: SliceSource | None = None
    """Unpaired: the image is a slice drawn from here, whoever was measured, as its own scan would give it."""

    def __post_init__(self) -> None:
        if not self.samplings:
            raise Refusal("A training on k-space needs at least one sampling pattern.")
        if not 1 <= self.coils[0] <= self.coils[1]:
            raise Refusal(f"Coils go from a lower to a higher number, at least 1, not {self.coils}.")
        if not 0 <= self.noise[0] <= self.noise[1]:
            raise Refusal(f"Noise goes from a lower to a higher σ, both at least 0, not {self.noise}.")
        if not 0 <= self.estimated <= 1:
            raise Refusal(f"The share of estimated sensitivities lies in 0..1, not {self.estimated}.")
        if self.labelled and self.matrices is not None:
            raise Refusal("Label maps cannot follow a slice to another matrix; leave matrices out.")
        if self.labelled and self.truths is not None:
            raise Refusal("Where image and k-space are of different people, a label map fits only one; leave it out.")
        sizes = self.source.matrices | (self.truths.matrices if self.truths is not None else frozenset())
        if self.matrices is None and len(sizes) > 1 and (self.batch > 1 or self.truths is not None):
            (i, j), (k, m) = min(sizes), max(sizes)
            raise Refusal(
                f"These slices come in {len(sizes)} sizes, {i}×{j} to {k}×{m}, and a batch has one; set matrices."
            )

    def __getitem__(self, n: int) -> Mapping[str, Tensor]:
        example = self._measured(self.source, n, np.random.default_rng([self.seed, n]))
        if self.truths is not None:
            other = self._measured(self.truths, n, np.random.default_rng([self.seed, n, 2]))
            example["image"] = other["image"]
        return example

    def _sigma(self, rng: np.random.Generator) -> float:
        """Uniform in the range; in its logarithm, where none is not in the range."""
        low, high = self.noise
        return float(np.exp(rng.uniform(np.log(low), np.log(high)))) if low > 0 else float(rng.uniform(low, high))

    def _measured(self, source: SliceSource, n: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """A slice of somebody with its k-space; the examples of a batch share matrix, coils and orientation."""
        common = np.random.default_rng([self.seed, n // self.batch, 3])
        coils = int(common.integers(self.coils[0], self.coils[1] + 1))
        matrix = None if self.matrices is None else self.matrices[int(common.integers(len(self.matrices)))]
        across = self.turn and common.random() < 0.5
        sampling = self.samplings[int(rng.integers(len(self.samplings)))]
        drawn = source.draw(rng)
        image, labels = drawn.image, drawn.labels if self.labelled else None
        if self.turn:
            flips = tuple(axis for axis in (0, 1) if rng.random() < 0.5)
            image = np.flip(image, flips)
            labels = None if labels is None else np.flip(labels, flips)
            if across:
                image, labels = image.T, None if labels is None else labels.T
        if matrix is not None:
            image = fit(image, matrix, float(rng.uniform(*self.zoom)), rng)
        if self.shaded and rng.random() < self.shaded:
            image = image * receive_field(image.shape, rng)
        if self.phase and not np.iscomplexobj(drawn.image):
            image = image * np.exp(1j * smooth_phase(image.shape, rng))
        image = np.ascontiguousarray(image, dtype=np.complex64)
        mask_seed = ONE_MASK if self.one_mask else int(rng.integers(2**31))
        mask = torch.from_numpy(sampling.draw(image.shape, mask_seed))
        scan = measure(image, simulate_sensitivities(image.shape, coils, rng), self._sigma(rng), rng)
        maps = scan.sensitivities
        if rng.random() < self.estimated:
            maps = rough_sensitivities(scan.kspace, int(rng.integers(16, 33)), float(rng.uniform(-0.05, 0.08)))
        kspace = torch.where(mask, scan.kspace, 0)
        coil_images = to_image(torch.stack([scan.kspace, kspace]))
        truth, aliased = torch.linalg.vecdot(maps, coil_images, dim=1)
        scale = brightness(aliased) * float(np.exp(rng.normal(0, self.jitter)))
        example = {
            "kspace": kspace / scale,
            "mask": mask[None],
            "sensitivities": maps,
            "image": truth / scale,
        }
        if labels is not None:
            example["labels"] = torch.from_numpy(np.ascontiguousarray(labels, dtype=np.int64))
        return example


def fit(image: Slice | Magnitude, matrix: tuple[int, int], zoom: float, rng: np.random.Generator) -> Fitted:
    """The slice at a lower resolution, as a scanner would get it (k-space truncated), then cropped or padded.

    Its smaller side becomes ``zoom`` times the matrix's, but no finer than it is; where it is larger than the matrix a
    random part of its middle is cut out, where smaller, zeros surround it.
    """
    factor = min(zoom * max(m / n for m, n in zip(matrix, image.shape, strict=True)), 1.0)
    size = [max(round(n * factor), 8) for n in image.shape]
    kspace = to_kspace(torch.from_numpy(np.ascontiguousarray(image, dtype=np.complex64)))
    top, left = (n // 2 - m // 2 for n, m in zip(image.shape, size, strict=True))
    small = to_image(kspace[top : top + size[0], left : left + size[1]]).numpy() * np.float32(factor)
    fitted = np.zeros(matrix, dtype=np.complex64)
    source, target = [], []
    for n, m in zip(size, matrix, strict=True):
        slack = n - m
        at = int(rng.integers(slack // 4, slack - slack // 4 + 1)) if slack > 0 else 0
        to = int(rng.integers(-slack // 4, -slack - -slack // 4 + 1)) if slack < 0 else 0
        source.append(slice(at, at + min(n, m)))
        target.append(slice(to, to + min(n, m)))
    fitted[tuple(target)] = small[tuple(source)]
    return fitted


@dataclass(frozen=True, eq=False)
class Scan:
    """A fully sampled scan (coil, i, j) and the coils that made it."""

    kspace: Tensor
    sensitivities: Tensor


def measure(image: Slice, sensitivities: Sensitivities, sigma: float, rng: np.random.Generator) -> Scan:
    """F S x + n, n complex normal with deviation ``sigma`` in either part of every sample."""
    maps = torch.from_numpy(sensitivities)
    kspace = to_kspace(maps * torch.from_numpy(image))
    if sigma > 0:
        noise = rng.standard_normal((*kspace.shape, 2), dtype=np.float32)
        kspace = kspace + sigma * torch.view_as_complex(torch.from_numpy(noise))
    return Scan(kspace, maps)


def rough_sensitivities(kspace: Tensor, width: int, threshold: float) -> Tensor:
    """S_c = x_c / √Σ|x_c|², x the image of the central ``width``² samples under a Hann window.

    Zero where √Σ|x|² is below ``threshold`` of its largest value, as ESPIRiT's maps are outside the body.
    """
    coils, i, j = kspace.shape
    if coils == 1:
        return torch.ones_like(kspace)
    window = torch.zeros(i, j)
    h, w = min(width, i), min(width, j)
    top, left = i // 2 - h // 2, j // 2 - w // 2
    window[top : top + h, left : left + w] = torch.hann_window(h + 1)[1:, None] * torch.hann_window(w + 1)[None, 1:]
    low = to_image(kspace * window)
    power = low.abs().square().sum(0).sqrt()
    return torch.where(power > threshold * power.max(), low / power.clamp(min=1e-12), 0)


def brightness(image: Tensor) -> float:
    """The ``BRIGHTEST`` quantile of the magnitude, at least a little."""
    return max(float(torch.quantile(image.abs().flatten(), BRIGHTEST)), 1e-12)


def brightness_of(image: Slice | Magnitude) -> float:
    """The same of an array."""
    return brightness(torch.from_numpy(np.ascontiguousarray(image)))
