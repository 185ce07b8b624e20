"""demo: spoil a real anatomy, bring it back, and look. Nothing is downloaded: nilearn brings the anatomy."""

import importlib.metadata
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from finemri.demo.kspace import demo_kspace
from finemri.demo.picture import Slice, draw
from finemri.enhance import enhance
from finemri.measures.fidelity import gradient_energy, hfen, psnr, ssim
from finemri.measures.mask import head_mask
from finemri.physics.degradation import GaussianBlur
from finemri.refusal import Refusal
from finemri.shapes import Voxels
from finemri.volumes.files import open_volume, save_volume
from finemri.volumes.grid import crop_to_multiple, scaled_affine, spline_resize
from finemri.volumes.volume import Volume

SCALE = 2
DEGRADATION = GaussianBlur(SCALE)
METHODS = ("spline", "faithful", "sharp")
TEMPLATE = "nilearn/datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"


@dataclass(frozen=True)
class Row:
    """What one method brought back, judged inside the head."""

    method: str
    psnr: float
    """Decibels; higher is better."""
    ssim: float
    """1 is best."""
    hfen: float
    """Error of fine detail; 0 is best."""
    sharpness: float
    """Energy of the gradients relative to the truth's; below 1 is blurred."""


def demo(into: Path, *, device: str = "auto", force: bool = False, truth: Volume | None = None) -> list[Row]:
    """Degrade, enhance, measure, draw.

    Writes truth.nii.gz, coarse.nii.gz, fine-spline|faithful|sharp.nii.gz and demo.png; then what ``demo_kspace`` does.
    The anatomy is nilearn's 1 mm MNI template unless another ``truth`` is given. Raises Refusal without the demo extra.
    """
    for package in ("nilearn", "matplotlib"):
        if importlib.util.find_spec(package) is None:
            raise Refusal(f"The demo needs {package}, which is not installed: pip install 'finemri[demo]'.")
    truth = crop_to_multiple(truth or template(), (SCALE,) * 3)
    into.mkdir(parents=True, exist_ok=True)
    save_volume(truth, into / "truth.nii.gz", force=force)
    rows = list(bring_back(truth, into, device, force=force))
    captions = {r.method: f"{r.psnr:.2f} dB   SSIM {r.ssim:.4f}" for r in rows}
    draw(
        dict(_slices(into)),
        captions,
        f"blurred and decimated ×{SCALE}, and what each method makes of it",
        into / "demo.png",
    )
    console = Console()
    console.print(_table(rows))
    console.print(f"Look at [bold]{into / 'demo.png'}[/]; the volumes are beside it.")
    demo_kspace(truth, into, device=device, force=force)
    console.print("Now a scan of your own: [bold]finemri enhance SCAN.nii.gz -o FINE.nii.gz[/]")
    console.print("Or k-space of your own: [bold]finemri reconstruct SCAN.h5 -o IMAGE.nii.gz[/]")
    return rows


def template() -> Volume:
    """The ICBM 152 template (T1w, 1 mm, brain only) from nilearn's package data. Raises Refusal where it is absent."""
    path = Path(str(importlib.metadata.distribution("nilearn").locate_file(TEMPLATE)))
    if not path.is_file():
        raise Refusal("This nilearn does not bring the 1 mm MNI template; install nilearn 0.14.")
    return open_volume(path)


def bring_back(truth: Volume, into: Path, device: str, *, force: bool) -> Iterator[Row]:
    """Make ``truth`` coarse on disk; then call the verb on the file, as a person would, once per method."""
    coarse = DEGRADATION(torch.tensor(truth.voxels)).numpy()
    save_volume(Volume(coarse, scaled_affine(truth.affine, (1 / SCALE,) * 3)), into / "coarse.nii.gz", force=force)
    inside = head_mask(truth.voxels)
    for method in METHODS:
        fine = into / f"fine-{method}.nii.gz"
        Console(stderr=True).print(method)
        if method == "spline":
            enhance(into / "coarse.nii.gz", fine, scale=SCALE, method=method, device=device, force=force)
        else:
            enhance(into / "coarse.nii.gz", fine, scale=SCALE, style=method, device=device, force=force)
        pair = open_volume(fine).voxels, truth.voxels, inside
        yield Row(method, psnr(*pair), ssim(*pair), hfen(*pair), gradient_energy(*pair))


def _slices(into: Path) -> Iterator[tuple[str, Slice]]:
    """The middle axial slice of every volume, the patient's right on the left, as radiologists look at it."""

    def middle(voxels: Voxels) -> Slice:
        return np.ascontiguousarray(voxels[::-1, ::-1, voxels.shape[2] // 2].T)

    yield "truth", middle(open_volume(into / "truth.nii.gz").voxels)
    coarse = open_volume(into / "coarse.nii.gz").voxels
    yield "coarse", middle(spline_resize(coarse, (SCALE,) * 3, order=0))
    for method in METHODS:
        yield method, middle(open_volume(into / f"fine-{method}.nii.gz").voxels)


def _table(rows: list[Row]) -> Table:
    table = Table(title=f"×{SCALE}, inside the head", title_justify="left")
    for column in ("method", "PSNR / dB", "gain / dB", "SSIM", "HFEN", "sharpness"):
        table.add_column(column, justify="left" if column == "method" else "right")
    spline = next(row.psnr for row in rows if row.method == "spline")
    for row in rows:
        gain = "" if row.method == "spline" else f"{row.psnr - spline:+.2f}"
        numbers = f"{row.psnr:.2f}", gain, f"{row.ssim:.4f}", f"{row.hfen:.3f}", f"{row.sharpness:.0%}"
        table.add_row(row.method, *numbers)
    return table
