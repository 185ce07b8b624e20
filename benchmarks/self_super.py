"""What does a scan teach itself? A head's crop in thick slices: the cubic spline beside self_super after some minutes.

    python benchmarks/self_super.py ../shared/data --axis 0 1 2 --spacing 3 --rounds 275 --start

--start: the same from given weights as well, those that ship unless a file is named; --noise adds to the slices.
"""

import argparse
import time
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from finemri.measures.fidelity import hfen, psnr, ssim
from finemri.measures.mask import head_mask
from finemri.physics.slices import Slices
from finemri.recipes.own_weights import Start
from finemri.recipes.self_super import SelfSuper, self_super
from finemri.shapes import Voxels
from finemri.trained import self_super_start
from finemri.training.weights import load_weights
from finemri.volumes.files import open_volume
from finemri.volumes.grid import lay_on_grid
from finemri.volumes.thick import Acquisition
from finemri.volumes.volume import Volume

CROP = 128
SETTINGS = SelfSuper()


def main(asked: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    given = None if asked.start is None else load_weights(asked.start)[0] if asked.start else self_super_start()
    starts = {"cold": None} if given is None else {"cold": None, "started": given}
    for axis in asked.axis:
        compare(asked, axis, starts)


def compare(asked: argparse.Namespace, axis: int, starts: dict[str, Start | None]) -> None:
    truth = crop(asked.data, axis, asked.spacing)
    length = truth.shape[axis]
    apart = length / round(length / asked.spacing)  # what is asked for, or so near that slices end where voxels do
    scan = thick(truth, axis, apart, asked.noise)
    mask = head_mask(truth.voxels)
    wanted: list[float | None] = [None, None, None]
    wanted[axis] = 1.0
    started = time.process_time()
    pictures = {"truth": truth.voxels, "spline": lay_on_grid(scan, wanted).voxels}
    print(f"{apart:.3g} mm across axis {axis}")
    tell("spline", pictures["spline"], truth.voxels, mask, time.process_time() - started)
    told = Acquisition(axis, asked.thickness or apart)
    for rounds, (name, start) in product(asked.rounds, starts.items()):
        settings = replace(SETTINGS, rounds=rounds)
        started = time.process_time()
        made = self_super(scan, told, 1.0, settings=settings, start=start, cache=asked.cache)
        pictures[f"{name}-{rounds}"] = made.volume.voxels
        tell(f"{rounds} {name}", made.volume.voxels, truth.voxels, mask, time.process_time() - started)
    if asked.pictures is not None:
        show(pictures, axis, asked.pictures)


def crop(data: Path, axis: int, spacing: float) -> Volume:
    """About the middle of the head, as long along the slice axis as whole slices cover."""
    head = open_volume(data / "head_t1_1mm" / "t1.nii.gz")
    length = [CROP, CROP, CROP]
    length[axis] = round(int(CROP / spacing) * spacing)
    first = [(n - CROP) // 2 for n in head.shape]
    window = tuple(slice(a, a + n) for a, n in zip(first, length, strict=True))
    return Volume(np.ascontiguousarray(head.voxels[window], dtype=np.float32), np.eye(4))


def thick(truth: Volume, axis: int, spacing: float, noise: float) -> Volume:
    """Slices as thick as they are apart, of a Gaussian profile."""
    voxels = Slices(axis, spacing, spacing)(torch.from_numpy(np.array(truth.voxels))).numpy()
    voxels = voxels + noise * np.random.default_rng(0).standard_normal(voxels.shape, np.float32)
    scale = np.ones(4)
    scale[axis] = spacing
    return Volume(voxels, np.diag(scale))


def tell(name: str, made: Voxels, truth: Voxels, mask: np.ndarray, seconds: float) -> None:
    numbers = (
        f"PSNR {psnr(made, truth, mask):.2f} SSIM {ssim(made, truth, mask):.4f} HFEN {hfen(made, truth, mask):.4f}"
    )
    print(f"{name:>14}  {numbers}  CPU seconds {seconds:.0f}", flush=True)


def show(pictures: dict[str, Voxels], axis: int, into: Path) -> None:
    """The two planes across the slices, three times as large, side by side."""
    brightest = float(np.percentile(pictures["truth"], 99.9))
    for other in (n for n in range(3) if n != axis):
        planes = [np.take(voxels, voxels.shape[other] // 2, axis=other) for voxels in pictures.values()]
        row = np.concatenate(planes, axis=1)
        grey = (row.clip(0, brightest) * (255 / brightest)).astype(np.uint8)
        Image.fromarray(grey.repeat(3, axis=0).repeat(3, axis=1)).save(into / f"axis-{axis}-seen-along-{other}.png")


def words() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--axis", type=int, nargs="+", default=[1])
    parser.add_argument("--spacing", type=float, default=3.0)
    parser.add_argument("--thickness", type=float, help="what self_super is told; the truth unless given")
    parser.add_argument("--rounds", type=int, nargs="+", default=[SETTINGS.rounds])
    parser.add_argument("--noise", type=float, default=0.0, help="σ added to the slices, of 255")
    parser.add_argument("--start", nargs="?", const="", help="weights to begin with; no name: those that ship")
    parser.add_argument("--cache", type=Path, help="where what was learnt is kept")
    parser.add_argument("--pictures", type=Path)
    return parser


if __name__ == "__main__":
    main(words().parse_args())
