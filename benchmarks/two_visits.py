r"""Do two visits of one patient come closer to each other? Thick T1w, T2w and FLAIR slices, made isotropic (1 mm).

    python benchmarks/two_visits.py ../shared/data/thick_multicontrast --into runs/two-visits [--pictures]

There is no truth, but a second look: the other visit's slices lie elsewhere, tilted, and are of another thickness. Both
scans are evened and made isotropic by each method; visit 2 is laid onto visit 1 by one rigid transform and one smooth
field of brightness a contrast, both found on the splines, which favours those. Blur alone brings two images
closer: most of MEASURES are such as it does not flatter.
"""

import argparse
import csv
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy import fft, ndimage, optimize

from finemri.cohorts.alignment import Alignment, align
from finemri.cohorts.motion import linear
from finemri.cohorts.slice_thickness import hinted_thickness
from finemri.measures.fidelity import gradient_energy, hfen, psnr, ssim
from finemri.measures.mask import head_mask
from finemri.physics.slices import along
from finemri.recipes.restoring import Consistency
from finemri.recipes.self_super import SelfSuper, self_super
from finemri.shapes import Affine, Mask, Voxels
from finemri.shelf import find_restorer
from finemri.trained import self_super_start
from finemri.volumes.evening import evened
from finemri.volumes.files import open_volume
from finemri.volumes.grid import scaled_affine
from finemri.volumes.thick import Acquisition, lay, slice_axis
from finemri.volumes.volume import Volume

METHODS = ("spline", "anyspacing", "consistent", "selfsuper")
MM = 1.0
"""Voxels of every result; all scans have smaller pixels."""
DEEP, SMOOTH = 15.0, 15.0
"""Millimetres: how far beneath the head's surface, for scalp and neck move; σ, about which brightness is matched."""
MEASURES = {
    "psnr": "of visit 2 against visit 1, dB, DEEP inside the head; the peak is the spline's",
    "ssim": "of the same",
    "psnr_as_sharp": "of the same, after a Gaussian along the slices' normal has made both as sharp as the splines",
    "hfen": "of the same: high-frequency error, relative to visit 1's own",
    "beyond_correlation": "of both visits' detail beyond what slices can sample, 1/(2 · spacing), along their normal",
    "beyond_shared": "its covariance: what both visits say, over the spline's power there",
    "beyond_power": "its power, over the spline's",
    "sharpness": "energy of the gradient of both, over the spline's",
    "foretold_1": "PSNR, dB: visit 1's slices as cut from visit 2's result; no blur pays here",
    "foretold_2": "the other way",
    "residual_1": "‖A x − y‖ / ‖y‖ of visit 1: its own slices as cut from its result",
    "residual_2": "the same of visit 2",
}


@dataclass(frozen=True)
class Visit:
    """One scan, evened: as measured, with pixels of 1 mm, and how its slices are cut from isotropic voxels."""

    scan: Volume
    acquisition: Acquisition
    spacing: float
    measured: Voxels
    spline: Volume

    def cut(self, voxels: Voxels) -> Voxels:
        """A x."""
        axis = self.acquisition.axis
        size, count = voxels.shape[axis], self.scan.shape[axis]
        return along(
            self.acquisition.slices(self.scan, size).matrix(size, count),
            torch.tensor(np.ascontiguousarray(voxels)),
            axis,
        ).numpy()

    def residual(self, made: Volume) -> float:
        return float(np.linalg.norm(self.cut(made.voxels) - self.measured) / np.linalg.norm(self.measured))


def main() -> None:
    """Enhance, compare, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--weights", default="anyspacing-faithful", help="a shipped name or a path")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--contrasts", nargs="+", default=["t1w", "t2w", "flair"])
    parser.add_argument("--pictures", action="store_true", help="also pictures in three planes")
    parser.add_argument("--thickness", choices=("spacing", "spectra"), default="spectra", help="as the spectra hint")
    given = parser.parse_args()
    given.into.mkdir(parents=True, exist_ok=True)
    methods = methods_of(given.weights, given.into / "learnt")
    with (given.into / "two-visits.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("contrast", "method", *MEASURES))
        print(f"{'':21}", *(f"{name[:11]:>11}" for name in MEASURES))
        for contrast in given.contrasts:
            visits = [visit(given.data / f"visit{number}_{contrast}.nii.gz", given.thickness) for number in (1, 2)]
            pair = Pair(*visits)
            seen = dict[str, tuple[Voxels, Voxels]]()
            for name in given.methods:
                first, second = (methods[name](each.scan, each.acquisition) for each in visits)
                seen[name] = first.voxels, pair.laid_on(0, second)
                found = pair.compared(first, second, seen[name][1])
                table.writerow((contrast, name, *(f"{found[m]:.6g}" for m in MEASURES)))
                print(f"{contrast:6} {name:14}", *(f"{found[m]:11.4f}" for m in MEASURES), flush=True)
            if given.pictures:
                show(contrast, pair, seen, given.into)


def methods_of(weights: str, cache: Path) -> dict[str, Callable[[Volume, Acquisition], Volume]]:
    """What is compared."""
    restore = find_restorer(weights).restorer
    start, settings = self_super_start(), SelfSuper(rounds=275)

    def own(scan: Volume, acquisition: Acquisition) -> Volume:
        return laid(self_super(scan, acquisition, MM, settings=settings, start=start, cache=cache).volume)

    return {
        "spline": lambda scan, _: laid(scan),
        "anyspacing": lambda scan, acquisition: restore(scan, acquisition, (MM,) * 3),
        "consistent": lambda scan, acquisition: restore(scan, acquisition, (MM,) * 3, consistency=Consistency()),
        "selfsuper": own,
    }


def visit(path: Path, thickness: str) -> Visit:
    """A scan whose slices are as thick as they are apart, or as their spectra hint: nothing else is known of them."""
    scan = open_volume(path)
    axis = slice_axis(scan)
    scan = evened(scan, axis)
    acquisition = Acquisition(axis, hinted_thickness(scan, axis) if thickness == "spectra" else None)
    return Visit(scan, acquisition, scan.spacing[axis], laid(scan, axis).voxels, laid(scan))


def laid(scan: Volume, flat: int | None = None) -> Volume:
    """In voxels of 1 mm, over the same field of view; the axis ``flat`` stays."""
    shape = [n if a == flat else round(n * scan.spacing[a] / MM) for a, n in enumerate(scan.shape)]
    voxels = lay(torch.tensor(np.ascontiguousarray(scan.voxels)), shape).numpy()
    return Volume(voxels, scaled_affine(scan.affine, [m / n for m, n in zip(shape, scan.shape, strict=True)]))


class Pair:
    """Two visits of one contrast: where and how bright the second lies, found once, and where both looked."""

    def __init__(self, first: Visit, second: Visit) -> None:
        self.visits = (first, second)
        there = linear(align(second.spline, first.spline, Alignment(stages=("rigid",))).transforms)
        self.moves = (there, np.linalg.inv(there))  # world of visit 1 -> of visit 2, and back
        self.masks = [self._both_looked(n) for n in (0, 1)]
        self.gains = [self._gain(n) for n in (0, 1)]
        self.peaks = [float(np.percentile(each.spline.voxels, 99.9)) for each in self.visits]
        self.splines = (first.spline.voxels, self.laid_on(0, second.spline))
        self.plain = np.mean(np.square([v[self.masks[0]] for v in self._beyond(*self.splines)]))

    def laid_on(self, n: int, other: Volume) -> Voxels:
        """The other visit's result on the grid and in the brightness of visit n (0 or 1)."""
        return moved(other, self.visits[n].spline, self.moves[n]) * self.gains[n]

    def compared(self, first: Volume, second: Volume, y: Voxels) -> dict[str, float]:
        """Every measure, of what one method made of both; ``y`` is the second laid on the first."""
        mask, x = self.masks[0], first.voxels
        beyond = np.stack([v[mask] for v in self._beyond(x, y)])
        pairs = list(zip((x, y), self.splines, strict=True))
        blurred = [self._as_sharp(*each) for each in pairs]
        return {
            "psnr": psnr(y, x, mask, peak=self.peaks[0]),
            "ssim": ssim(y, x, mask, peak=self.peaks[0]),
            "psnr_as_sharp": psnr(blurred[1], blurred[0], mask, peak=self.peaks[0]),
            "hfen": hfen(y, x, mask),
            "beyond_correlation": np.corrcoef(beyond)[0, 1],
            "beyond_shared": np.mean(beyond[0] * beyond[1]) / self.plain,
            "beyond_power": np.mean(np.square(beyond)) / self.plain,
            "sharpness": np.mean([gradient_energy(a, b, mask) for a, b in pairs]),
            "foretold_1": self._foretold(0, y),
            "foretold_2": self._foretold(1, self.laid_on(1, first)),
            "residual_1": self.visits[0].residual(first),
            "residual_2": self.visits[1].residual(second),
        }

    def _beyond(self, *images: Voxels) -> list[Voxels]:
        """What is finer along visit 1's slice normal than the wider spaced of both stacks can sample."""
        axis, spacing = self.visits[0].acquisition.axis, max(each.spacing for each in self.visits)
        waves = [fft.dct(voxels, axis=axis, norm="ortho") for voxels in images]
        for each in waves:
            np.moveaxis(each, axis, 0)[: int(np.ceil(each.shape[axis] * MM / spacing))] = 0
        return [fft.idct(each, axis=axis, norm="ortho") for each in waves]

    def _as_sharp(self, voxels: Voxels, spline: Voxels) -> Voxels:
        """Blurred along the slices' normal until its gradient has the spline's energy; as it is where it has less."""
        blurred = partial(ndimage.gaussian_filter1d, voxels, axis=self.visits[0].acquisition.axis)

        def sharper(sigma: float) -> float:
            return gradient_energy(blurred(sigma), spline, self.masks[0]) - 1

        return blurred(optimize.brentq(sharper, 0.1, 4, xtol=0.02)) if sharper(0.1) > 0 else voxels

    def _foretold(self, n: int, other: Voxels) -> float:
        own = self.visits[n]
        inside = own.cut(self.masks[n].astype(np.float32)) > 0.99
        return psnr(own.cut(other), own.measured, inside, peak=self.peaks[n])

    def _both_looked(self, n: int) -> Mask:
        """The inner head on visit n's grid, a slice away from the ends of either stack."""
        own, other = self.visits[n], self.visits[1 - n]
        reached = moved(other.spline.with_voxels(inner(other)), own.spline, self.moves[n], order=1) > 0.99
        depth = ndimage.distance_transform_edt(head_mask(own.spline.voxels), sampling=own.spline.spacing)
        return (depth > DEEP) & reached & (inner(own) > 0)

    def _gain(self, n: int) -> Voxels:
        weight, own, other = self.masks[n].astype(np.float32), self.visits[n].spline, self.visits[1 - n].spline
        both = own.voxels, moved(other, own, self.moves[n])
        x, y = (ndimage.gaussian_filter(v * weight, SMOOTH / MM) for v in both)
        return np.where(y > 1e-3 * y.max(), x / np.maximum(y, 1e-12), 1).astype(np.float32)


def moved(volume: Volume, grid: Volume, move: Affine, order: int = 3) -> Voxels:
    """Read where the grid's voxels lie after ``move``, a transform of world coordinates."""
    there = np.linalg.inv(volume.affine) @ move @ grid.affine
    return ndimage.affine_transform(volume.voxels, there, output_shape=grid.shape, order=order)


def inner(each: Visit) -> Voxels:
    """1 but for a slice at both ends of the stack."""
    ends = np.ones(each.spline.shape, np.float32)
    edge = int(np.ceil(each.spacing / MM))
    np.moveaxis(ends, each.acquisition.axis, 0)[np.r_[:edge, -edge:0]] = 0
    return ends


def show(contrast: str, pair: Pair, seen: dict[str, tuple[Voxels, Voxels]], into: Path) -> None:
    """A picture a visit: methods side by side, three planes through the middle of the head, on visit 1's grid."""
    middle = [round(float(at.mean())) for at in np.nonzero(pair.masks[0])]
    white = np.percentile(pair.splines[0][pair.masks[0]], 99.9)
    for number in (0, 1):
        rows = [np.hstack([np.take(v[number], middle[n], n).T[::-1] for v in seen.values()]) for n in range(3)]
        width = max(row.shape[1] for row in rows)
        page = np.concatenate([np.pad(row, ((0, 2), (0, width - row.shape[1]))) for row in rows])
        grey = (page.clip(0, white) * (255 / white)).astype(np.uint8)
        Image.fromarray(grey.repeat(2, axis=0).repeat(2, axis=1)).save(into / f"{contrast}-visit{number + 1}.png")


if __name__ == "__main__":
    main()
