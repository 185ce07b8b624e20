"""Receive coils: where each of them listens, and one image from all of them."""

import numpy as np
import torch
from jaxtyping import Complex64
from numpy.lib.stride_tricks import sliding_window_view

from finemri.physics.fourier import to_image
from finemri.physics.kspace import KSpace
from finemri.refusal import Refusal
from finemri.shapes import Magnitude, Sampled, Samples, Sensitivities, Slice

CALIBRATION = 24
"""Samples along each axis, around DC, among which whole blocks are looked for."""
KERNELS = (6, 5, 4, 3)
"""Samples along each axis of a block: the largest of which there are enough."""
ITERATIONS = 20
"""Of the power method; it starts close to where it ends."""
BAND = 2**26
"""Bytes of coil-by-coil matrices at once."""


def simulate_sensitivities(shape: tuple[int, int], coils: int, rng: np.random.Generator) -> Sensitivities:
    """S_c(x): the field of ``coils`` small loops around the head, Σ_c |S_c|² = 1 everywhere.

    Loops stand on an ellipse around the field of view, at random angles, distances and widths; magnitude falls as
    w³/(w² + d²)^{3/2} with the distance d, and the phase turns linearly and with the direction to the loop. One coil
    sees evenly: S = 1. Raises Refusal for fewer coils than one.
    """
    if coils < 1:
        raise Refusal(f"A scan has at least one coil, not {coils}.")
    if coils == 1:
        return np.ones((1, *shape), dtype=np.complex64)
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    y, x = y[:, None], x[None, :]
    angles = 2 * np.pi * (np.arange(coils) + rng.uniform(0, 1) + rng.normal(0, 0.15, coils)) / coils
    away = rng.uniform(1.0, 1.5) * (1 + rng.normal(0, 0.08, coils))
    width = rng.uniform(0.5, 1.1) * (1 + rng.normal(0, 0.1, coils))
    maps = []
    for angle, radius, w in zip(angles, away, width, strict=True):
        dy, dx = y - radius * np.sin(angle), x - radius * np.cos(angle)
        magnitude = w**3 / (w**2 + dy**2 + dx**2) ** 1.5
        inward = -dy * np.sin(angle) - dx * np.cos(angle)  # so that the angle jumps behind the loop, not in the head
        turn = rng.uniform(-1, 1) * np.arctan2(dx * np.sin(angle) - dy * np.cos(angle), inward)
        slope = rng.normal(0, 0.7, 2)
        maps.append(magnitude * np.exp(1j * (rng.uniform(0, 2 * np.pi) + turn + slope[0] * y + slope[1] * x)))
    stack = np.stack(maps)
    stack /= np.sqrt((np.abs(stack) ** 2).sum(axis=0, keepdims=True))
    return stack.astype(np.complex64)


def combine(images: Samples, sensitivities: Sensitivities) -> Slice:
    """x = Σ_c S̄_c x_c: coil images (coil, i, j) -> image (i, j)."""
    image: Slice = (sensitivities.conj() * images).sum(axis=0).astype(np.complex64)
    return image


def root_sum_of_squares(images: Samples) -> Magnitude:
    """√Σ_c |x_c|²: the magnitude that needs no sensitivities."""
    magnitude: Magnitude = np.sqrt((np.abs(images) ** 2).sum(axis=0)).astype(np.float32)
    return magnitude


def known_sensitivities(kspace: KSpace) -> Sensitivities:
    """S as it came with the samples; 1 for one coil. Raises Refusal where several coils came without."""
    if kspace.sensitivities is not None:
        return kspace.sensitivities
    if kspace.coils > 1:
        raise Refusal(
            f"This method needs the sensitivities of the {kspace.coils} coils; "
            "estimate them first (finemri.physics.coils.estimate_sensitivities)."
        )
    return np.ones_like(kspace.samples)


def estimate_sensitivities(kspace: KSpace) -> Sensitivities:
    """G(x) S(x) = λ(x) S(x), λ near 1: what the centre of k-space says about where the coils listen (ESPIRiT).

    Each whole block of k×k samples around DC is a row of a matrix; its right singular vectors, above a fiftieth of the
    largest singular value, become G(x) = Σ_n v_n(x) v_n(x)ᴴ / k², v_n(x) their transforms, and S its first eigenvector:
    Σ_c |S_c|² = 1 everywhere, phase relative to the coils' principal component. Nothing is cut away where λ is small:
    no part of a body vanishes. One coil: S = 1. Raises Refusal for a centre of fewer than nine blocks of 3×3 samples.
    Uecker et al. (2014).
    """
    coils, (i, j) = kspace.coils, kspace.shape
    if coils == 1:
        return np.ones((1, i, j), dtype=np.complex64)
    samples = kspace.samples / np.abs(kspace.samples).max()
    blocks = _whole_blocks(samples, kspace.mask)
    kernel = blocks.shape[-1]
    rows = blocks.reshape(len(blocks), -1)
    values, vectors = np.linalg.eigh(rows.conj().T @ rows)
    kernels = vectors.T[values > 0.02**2 * values[-1]].conj().reshape(-1, coils, kernel, kernel)
    # G holds 2k − 1 frequencies an axis: found on so small a grid, and summed as waves at each voxel.
    transforms = np.fft.fft2(kernels, (2 * kernel - 1, 2 * kernel - 1))
    gram = np.einsum("ncpq,ndpq->cdpq", transforms, transforms.conj(), optimize=True)
    gram = (np.fft.ifft2(gram) / kernel**2).astype(np.complex64)
    _, principal = np.linalg.eigh(np.einsum("cij,dij->cd", samples, samples.conj(), optimize=True))
    maps = _low_resolution(samples) + 1e-6 * principal[:, -1, None, None]  # nowhere zero
    along_i, along_j = _waves(i, 2 * kernel - 1), _waves(j, 2 * kernel - 1)
    height = max(BAND // (8 * j * coils**2), 1)
    for first in range(0, i, height):
        band = slice(first, first + height)
        matrices = np.einsum("xp,cdpq,yq->xycd", along_i[band], gram, along_j, optimize=True)
        found = maps[:, band].transpose(1, 2, 0)[..., None]
        for _ in range(ITERATIONS):
            found = matrices @ found
            found /= np.linalg.norm(found, axis=2, keepdims=True)
        maps[:, band] = found[..., 0].transpose(2, 0, 1)
    reference = np.einsum("c,cij->ij", principal[:, -1].conj(), maps)
    turned: Sensitivities = (maps * np.exp(-1j * np.angle(reference))).astype(np.complex64)
    return turned


def compress(kspace: KSpace, coils: int) -> KSpace:
    """k' = Uᴴ k, S' = Uᴴ S: the ``coils`` virtual coils, fewer than there are, that hold most of the samples' energy.

    U: their first left singular vectors. Buehrer et al. (2007). Raises Refusal for fewer coils than one or more than
    there are.
    """
    if not 1 <= coils <= kspace.coils:
        raise Refusal(f"The k-space of {kspace.coils} coils compresses to 1..{kspace.coils} coils, not {coils}.")
    samples = kspace.samples / np.abs(kspace.samples).max()
    _, vectors = np.linalg.eigh(np.einsum("cij,dij->cd", samples, samples.conj(), optimize=True))
    turn = vectors[:, ::-1][:, :coils].conj().T
    known = kspace.sensitivities
    return KSpace(
        np.tensordot(turn, kspace.samples, 1).astype(np.complex64),
        kspace.mask,
        None if known is None else np.tensordot(turn, known, 1).astype(np.complex64),
    )


def _whole_blocks(samples: Samples, mask: Sampled) -> Complex64[np.ndarray, "block coil kernel kernel"]:
    """All blocks around DC of which every sample was measured, wherever the mask leaves them whole."""
    near = tuple(slice(max(n // 2 - CALIBRATION // 2, 0), n // 2 + CALIBRATION // 2) for n in mask.shape)
    samples, mask = samples[:, *near], mask[near]
    for kernel in KERNELS:
        if min(mask.shape) < kernel:
            continue
        whole = sliding_window_view(mask, (kernel, kernel)).all(axis=(2, 3))
        enough = 9 if kernel == KERNELS[-1] else 0.4 * len(samples) * kernel**2
        if whole.sum() >= enough:
            return sliding_window_view(samples, (kernel, kernel), axis=(1, 2))[:, whole].swapaxes(0, 1)
    raise Refusal(
        "The fully sampled centre of the k-space is too small to tell the coils' sensitivities; "
        "give them with the k-space, or measure a centre of 8×8 samples or more."
    )


def _low_resolution(samples: Samples) -> Samples:
    """The coils' images, of what lies within some eight samples of DC."""
    i, j = (((np.arange(n) - n // 2) / 8) ** 2 for n in samples.shape[1:])
    near = samples * np.exp(-i[:, None] - j).astype(np.float32)
    return to_image(torch.from_numpy(near)).numpy()


def _waves(size: int, count: int) -> Complex64[np.ndarray, "size count"]:
    """exp(2πi d x / N) at x − n // 2, for the frequencies d of a transform of ``count`` places."""
    frequencies = np.fft.fftfreq(count, 1 / count)
    x = np.arange(size) - size // 2
    return np.exp(2j * np.pi * np.outer(x, frequencies) / size).astype(np.complex64)
