"""Are the weights that ship better than ℓ1-wavelet SENSE at its best λ, on a fully sampled slice of real coils?

python benchmarks/reconstruct_quality.py FILE [--coils N] [--method NAME] [--masks 5]

Masks at 4× and 8×: variable density in 2D, random and equispaced lines with a fully sampled centre of 8 % (6 % at 8×).
PSNR and SSIM of the magnitude inside the head, peak the maximum of the truth, the root sum of squares of all samples;
sensitivities are estimated from the undersampled samples for both. λ is the one of ten that has the best mean PSNR over
the masks, chosen with the truth in view: no rival could choose better. Times are of the reconstruction alone.
"""

import argparse
import time

import numpy as np
import torch
from skimage.metrics import structural_similarity

from finemri.baselines.compressed import CompressedSensing
from finemri.baselines.reconstruction import ZeroFilled
from finemri.measures.mask import head_mask
from finemri.physics.coils import compress, estimate_sensitivities, root_sum_of_squares
from finemri.physics.fourier import to_image
from finemri.physics.sampling import Pattern, Sampling
from finemri.rawdata.files import open_raw
from finemri.rawdata.reconstructor import Reconstructor
from finemri.shelf import find_reconstructor

WEIGHTS = (1e-4, 2e-4, 3e-4, 5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 2e-2)
TASKS: tuple[tuple[Pattern, float, float | None], ...] = (
    ("density-2d", 4, None),
    ("poisson-2d", 4, None),
    ("random-1d", 4, 0.08),
    ("equispaced-1d", 4, 0.08),
    ("density-2d", 8, None),
    ("random-1d", 8, 0.06),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--coils", type=int, help="compress to so many beforehand")
    parser.add_argument("--method", help="name or weights file; default: what ships")
    parser.add_argument("--masks", type=int, default=5)
    parser.add_argument("--slice", type=int, default=0)
    settings = parser.parse_args()
    full = open_raw(settings.file).slice(settings.slice)
    if settings.coils:
        full = compress(full, settings.coils)
    name = settings.method or ("kspace-singlecoil" if full.coils == 1 else "kspace-multicoil")
    truth = root_sum_of_squares(to_image(torch.from_numpy(full.samples)).numpy())
    head = head_mask(truth[:, :, None])[:, :, 0]
    methods: dict[str, Reconstructor] = {name: find_reconstructor(name).reconstructor, "zero-filled": ZeroFilled()}
    methods |= {f"l1-wavelet {weight:g}": CompressedSensing("wavelets", weight) for weight in WEIGHTS}
    print(
        f"{full.coils} coils, {full.shape[0]}×{full.shape[1]}, {settings.masks} masks a line,"
        f" {torch.get_num_threads()} threads"
    )
    print(f"{'mask':26}{'method':24}{'PSNR':>8}{'SSIM':>8}{'seconds':>9}")
    for pattern, acceleration, acs in TASKS:
        sampling = Sampling(pattern, acceleration, acs)
        found: dict[str, list[tuple[float, float, float]]] = {method: [] for method in methods}
        for seed in range(settings.masks):
            scan = full.undersampled(sampling.draw(full.shape, seed))
            scan = scan.with_sensitivities(estimate_sensitivities(scan))
            for method, reconstructor in methods.items():
                started = time.perf_counter()
                image = np.abs(reconstructor(scan))
                found[method].append((*score(image, truth, head), time.perf_counter() - started))
        means = {method: np.mean(numbers, axis=0) for method, numbers in found.items()}
        best = max((method for method in methods if method.startswith("l1")), key=lambda method: means[method][0])
        for method in (name, best, "zero-filled"):
            psnr, ssim, seconds = means[method]
            print(f"{sampling.name:26}{method:24}{psnr:8.2f}{ssim:8.4f}{seconds:9.3f}")


def score(image: np.ndarray, truth: np.ndarray, head: np.ndarray) -> tuple[float, float]:
    """PSNR and SSIM inside the head."""
    peak = float(truth.max())
    psnr = 10 * np.log10(peak**2 / np.mean((image - truth)[head] ** 2))
    _, every = structural_similarity(
        truth, image, data_range=peak, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    return float(psnr), float(every[head].mean())


if __name__ == "__main__":
    main()
