"""How much faster than compressed sensing is a network, on the same k-space and this machine?

    python benchmarks/reconstruct_vs_sigpy.py [METHOD] [REPEATS] [EDGE] [COILS]

METHOD is a shipped name or a weights file. A slice of 320×320 voxels, 16 simulated coils with known sensitivities, a
quarter of the samples; against sigpy's ℓ1-wavelet reconstruction as it comes, with 100 iterations. Turn and turn about;
the median ratio.
"""

import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from sigpy.mri.app import L1WaveletRecon

from finemri.physics.coils import simulate_sensitivities
from finemri.physics.fourier import to_kspace
from finemri.physics.kspace import KSpace
from finemri.physics.phase import smooth_phase
from finemri.physics.sampling import Sampling
from finemri.shelf import find_reconstructor


def seconds(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def disc(edge: int, coils: int) -> KSpace:
    """A round phantom of a few grey levels: time does not depend on what is seen."""
    rng = np.random.default_rng(0)
    shape = (edge, edge)
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    r = np.hypot(y, x)
    image = ((r < 0.8) * (1 + np.floor(4 * r)) * np.exp(1j * smooth_phase(shape, rng))).astype(np.complex64)
    maps = simulate_sensitivities(shape, coils, rng)
    samples = to_kspace(torch.from_numpy(maps * image)).numpy()
    return KSpace.of(samples, Sampling("density-2d", 4).draw(shape, 0), maps)


def main(method: str = "kspace-multicoil", repeats: int = 5, edge: int = 320, coils: int = 16) -> None:
    reconstruct, kspace = find_reconstructor(method).reconstructor, disc(edge, coils)
    samples = kspace.samples / np.abs(kspace.samples).max()

    def sigpys() -> object:
        return L1WaveletRecon(samples, kspace.sensitivities, 1e-3, max_iter=100, show_pbar=False).run()

    reconstruct(kspace)  # warm up
    ratios = []
    for repeat in range(repeats):
        mine, theirs = seconds(lambda: reconstruct(kspace)), seconds(sigpys)
        ratios.append(theirs / mine)
        print(f"{repeat + 1}: {method} {mine:.2f} s, sigpy's {theirs:.2f} s, ratio {ratios[-1]:.1f}", flush=True)
    print(f"sigpy's time over {method}: {median(ratios):.1f} (median of {repeats}, {coils} coils, {edge}×{edge})")


if __name__ == "__main__":
    main(*sys.argv[1:2], *(int(word) for word in sys.argv[2:]))
