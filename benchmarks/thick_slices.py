r"""How near does each method come to a head that was cut into thick slices? A line of JSON for each, and a CSV.

    python benchmarks/thick_slices.py WEIGHTS … --head ../shared/data/head_t1_1mm/t1.nii.gz --into runs/thick-slices

For every thickness, gap and axis: the head's voxels are measured by slices of that profile (physics.slices), laid back
on the head's own grid, and judged inside the head. ``--told`` another profile than was measured with: what a wrong
guess costs.
"""

import argparse
import csv
import json
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from finemri.measures.fidelity import hfen, psnr, ssim
from finemri.measures.mask import head_mask
from finemri.physics.degradation import add_rician_noise
from finemri.physics.slices import Profile, Slices
from finemri.recipes import AnySpacing, revive
from finemri.recipes.restoring import Consistency, Restorer
from finemri.training.weights import load_weights
from finemri.volumes.files import open_volume
from finemri.volumes.grid import lay_on_grid, scaled_affine
from finemri.volumes.intensity import NORMALISERS
from finemri.volumes.thick import Acquisition
from finemri.volumes.volume import Volume

Method = Callable[[Volume, Acquisition], np.ndarray]
MEASURES = {"psnr": psnr, "ssim": ssim, "hfen": hfen}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--head", type=Path, required=True)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--thickness", type=float, nargs="+", default=[2.0, 3.0, 5.0, 6.0])
    parser.add_argument("--gap", type=float, nargs="+", default=[0.0, 0.2], help="as a share of the thickness")
    parser.add_argument("--axis", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--profile", nargs="+", default=["gaussian"], choices=["gaussian", "sinc"])
    parser.add_argument("--told", choices=["gaussian", "sinc"], help="the profile that the methods are told; the truth")
    parser.add_argument("--noise", type=float, default=0.0, help="σ of Rician noise of the slices, of their brightest")
    parser.add_argument("--damping", type=float, nargs="*", default=[], help="also put back what was measured")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    head = _body(open_volume(given.head))
    methods: dict[str, Method] = {"nearest": _zoomed(0), "linear": _zoomed(1), "spline": _spline}
    for path in given.weights:
        methods[path.stem] = _restored(path, None)
        for damping in given.damping:
            methods[f"{path.stem}-consistent-{damping:g}"] = _restored(path, Consistency(damping))
    given.into.mkdir(parents=True, exist_ok=True)
    with (given.into / "thick-slices.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("thickness_mm", "gap", "axis", "profile", "method", "measure", "value"))
        for thickness, gap, axis, profile in product(given.thickness, given.gap, given.axis, given.profile):
            truth, scan = cut(head, axis, thickness, gap, profile)
            mask = head_mask(truth.voxels)
            scan = _noisy(scan, given.noise)
            acquisition = Acquisition(axis, thickness, given.told or profile)
            for name, method in methods.items():
                made = method(scan, acquisition)
                found = {m: float(f(made, truth.voxels, mask)) for m, f in MEASURES.items()}
                for measure, value in found.items():
                    table.writerow((thickness, gap, axis, profile, name, measure, f"{value:.6g}"))
                file.flush()
                print(
                    json.dumps({"mm": thickness, "gap": gap, "axis": axis, "profile": profile, "method": name, **found})
                )


def cut(head: Volume, axis: int, thickness: float, gap: float, profile: Profile) -> tuple[Volume, Volume]:
    """The head, shortened to a whole number of slices, and those slices."""
    size, mm = head.shape[axis], head.spacing[axis]
    count = int(size * mm / (thickness * (1 + gap)))
    length = round(count * thickness * (1 + gap) / mm)
    truth = Volume(head.voxels.take(np.arange(length), axis), head.affine)
    slices = Slices(axis, length / count, thickness / mm, profile)
    scale = [count / length if n == axis else 1.0 for n in range(3)]
    measured = slices(torch.tensor(np.ascontiguousarray(truth.voxels))).numpy()
    return truth, Volume(measured, scaled_affine(truth.affine, scale))


def _noisy(scan: Volume, sigma: float) -> Volume:
    """Rician noise, always the same."""
    scale = NORMALISERS["percentile"](scan.voxels).scale
    generator = torch.Generator().manual_seed(0)
    noisy = add_rician_noise(torch.tensor(scan.voxels), sigma * scale, generator) if sigma else None
    return scan if noisy is None else scan.with_voxels(noisy.numpy())


def _body(head: Volume, margin: int = 6) -> Volume:
    """The head without most of the air around it: every voxel of the mask, and a little more."""
    inside = np.argwhere(head_mask(head.voxels))
    first, last = np.maximum(inside.min(0) - margin, 0), inside.max(0) + margin + 1
    affine = head.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ first
    i, j, k = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    return Volume(np.ascontiguousarray(head.voxels[i, j, k]), affine)


def _finer(scan: Volume, acquisition: Acquisition) -> list[float | None]:
    own = min(scan.spacing)
    return [own if n == acquisition.axis else None for n in range(3)]


def _spline(scan: Volume, acquisition: Acquisition) -> np.ndarray:
    return lay_on_grid(scan, _finer(scan, acquisition)).voxels


def _zoomed(order: int) -> Method:
    def method(scan: Volume, acquisition: Acquisition) -> np.ndarray:
        shape = lay_on_grid(scan, _finer(scan, acquisition)).shape
        factors = [m / n for m, n in zip(shape, scan.shape, strict=True)]
        fine: np.ndarray = ndimage.zoom(scan.voxels, factors, order=order, mode="nearest", grid_mode=True)
        return fine

    return method


def _restored(path: Path, consistency: Consistency | None) -> Method:
    tensors, header = load_weights(path)
    recipe = revive(header)
    assert isinstance(recipe, AnySpacing)
    network = recipe.generator()
    network.load_state_dict(tensors)
    restore: Restorer = recipe.restorer(network.eval())

    def method(scan: Volume, acquisition: Acquisition) -> np.ndarray:
        return restore(scan, acquisition, _finer(scan, acquisition), consistency=consistency).voxels

    return method


if __name__ == "__main__":
    main()
