"""The demo's second job: a slice of the same anatomy, measured by eight coils and only in part, and brought back."""

from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from finemri.demo.picture import draw
from finemri.landing import check_landing, landing_file
from finemri.measures.fidelity import psnr, ssim
from finemri.measures.mask import head_mask
from finemri.physics.coils import simulate_sensitivities
from finemri.physics.fourier import to_kspace
from finemri.physics.phase import smooth_phase
from finemri.physics.sampling import Sampling
from finemri.reconstruct import reconstruct
from finemri.shapes import Magnitude, Samples
from finemri.volumes.volume import Volume

COILS = 8
SAMPLING = Sampling("random-1d", 4)
NOISE = 0.002
"""σ of a sample, relative to the brightest tissue."""
METHODS = ("zero-filled", "kspace-multicoil")


def demo_kspace(truth: Volume, into: Path, *, device: str, force: bool) -> dict[str, tuple[float, float]]:
    """Measure the middle axial slice by simulated coils, keep a quarter of the lines, reconstruct, measure, draw.

    Writes kspace.npy, kspace-METHOD.npy and kspace.png. Returns PSNR and SSIM inside the head of each method.
    """
    image = np.ascontiguousarray(truth.voxels[:, :, truth.shape[2] // 2]) / np.float32(truth.voxels.max())
    save_samples(into / "kspace.npy", simulate(image), force=force)
    head = head_mask(truth.voxels)[:, :, truth.shape[2] // 2, None]
    made = {"truth": image}
    found = {}
    for method in METHODS:
        output = into / f"kspace-{method}.npy"
        reconstruct(into / "kspace.npy", output, method=method, device=device, force=force, progress=False)
        made[method] = np.abs(np.load(output)[0]).astype(np.float32)
        pair = made[method][:, :, None], image[:, :, None], head
        found[method] = psnr(*pair), ssim(*pair, axis=2)
    draw(
        {name: np.ascontiguousarray(x[::-1, ::-1].T) for name, x in made.items()},
        {name: f"{p:.2f} dB   SSIM {s:.4f}" for name, (p, s) in found.items()},
        f"a quarter of the lines of k-space, {COILS} simulated coils",
        into / "kspace.png",
    )
    table = Table(title="k-space, a quarter of its lines, inside the head", title_justify="left")
    for column in ("method", "PSNR / dB", "SSIM"):
        table.add_column(column, justify="left" if column == "method" else "right")
    for method, (p, s) in found.items():
        table.add_row(method, f"{p:.2f}", f"{s:.4f}")
    console = Console()
    console.print(table)
    console.print(f"Look at [bold]{into / 'kspace.png'}[/].")
    return found


def simulate(image: Magnitude) -> Samples:
    """m · (F S x e^{iφ} + n): coils, phase, noise and mask drawn from seed 0."""
    rng = np.random.default_rng(0)
    maps = simulate_sensitivities(image.shape, COILS, rng)
    full = to_kspace(torch.from_numpy(maps * (image * np.exp(1j * smooth_phase(image.shape, rng))))).numpy()
    noise = rng.normal(size=full.shape) + 1j * rng.normal(size=full.shape)
    mask = SAMPLING.draw((full.shape[1], full.shape[2]), 0)
    measured: Samples = ((full + NOISE * noise) * mask).astype(np.complex64)
    return measured


def save_samples(path: Path, samples: Samples, *, force: bool) -> None:
    """Save, unless something is there."""
    check_landing(path, force=force, bytes_needed=samples.nbytes)
    with landing_file(path) as stream:
        np.save(stream, samples, allow_pickle=False)
