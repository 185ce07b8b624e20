r"""How near does each method come to a head that was cut into thick slices? A line of JSON for each, and two CSVs.

    python benchmarks/thick_slices.py --into runs/thick [--weights anyspacing-faithful anyspacing-sharp] [--self-super]
    python benchmarks/thick_slices.py --into runs/thick --tables --figure docs/images/thick-slices-spectra.png

For every thickness, gap and axis: the head's voxels are measured by slices of that profile (physics.slices), laid back
on the head's own grid by every method, and judged: PSNR, SSIM and HFEN inside the head, and the spectrum along the
slice axis (measures.across). ``--told`` another profile than was measured with: what a wrong guess costs. What was
measured before of the same head and weights is passed over. ``--tables`` and ``--figure`` measure nothing: they print
the tables of docs/thick-slices.md, and draw the spectra of its figure.
"""

import argparse
import json
from itertools import product
from pathlib import Path

import torch

from finemri.measures.across import across_slices, bands
from finemri.measures.fidelity import hfen, psnr, ssim
from finemri.measures.mask import head_mask
from finemri.physics.degradation import add_rician_noise
from finemri.provenance import digest
from finemri.recipes.restoring import Consistency
from finemri.volumes.files import open_volume
from finemri.volumes.intensity import NORMALISERS
from finemri.volumes.thick import Acquisition
from finemri.volumes.volume import Volume
from thick_methods import HEAD, WEIGHTS, Results, body, cut, interpolated, restored, taught_by_itself
from thick_tables import fidelity_table, figure, spectra_table, spelt

MEASURES = {"psnr": psnr, "ssim": ssim, "hfen": hfen}
COLUMNS = ("head", "thickness_mm", "gap", "axis", "profile", "told", "noise", "method", "weights")


def main() -> None:
    """Measure, print, write; or tell what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", nargs="+", default=WEIGHTS, help="names or paths; the first also consistent")
    parser.add_argument("--head", type=Path, default=HEAD)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--thickness", type=float, nargs="+", default=[2.0, 3.0, 5.0, 6.0])
    parser.add_argument("--gap", type=float, nargs="+", default=[0.0, 0.2], help="as a share of the thickness")
    parser.add_argument("--axis", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--profile", default="gaussian", choices=["gaussian", "sinc"])
    parser.add_argument("--told", choices=["gaussian", "sinc"], help="the profile that the methods are told; the truth")
    parser.add_argument("--noise", type=float, default=0.0, help="σ of Rician noise of the slices, of their brightest")
    parser.add_argument("--damping", type=float, nargs="*", default=[Consistency().damping], help="of consistency")
    parser.add_argument("--self-super", action="store_true", help="selfsuper too, which learns from every scan anew")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tables", action="store_true", help="print the tables of what was measured, and no more")
    parser.add_argument("--figure", type=Path, help="draw spectra of what was measured into this PNG, and no more")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    given.into.mkdir(parents=True, exist_ok=True)
    results = Results(given.into / "slices.csv", COLUMNS)
    curves = Results(given.into / "spectra.csv", COLUMNS)
    methods = [*interpolated(), *restored(given.weights, given.damping)]
    methods += [taught_by_itself(given.into / "taught")] if given.self_super else []
    head_digest, told = digest([given.head])[:8], given.told or given.profile
    cells = {
        (thickness, gap, axis): (
            head_digest,
            f"{thickness:g}",
            f"{gap:g}",
            axis,
            given.profile,
            told,
            f"{given.noise:g}",
        )
        for axis, gap, thickness in product(given.axis, given.gap, given.thickness)
    }
    if given.tables:
        print("\n".join([*fidelity_table(results, cells, methods), "", *spectra_table(results, cells, methods)]))
    if given.figure:
        figure(curves, cells, methods, given.figure)
    if given.tables or given.figure:
        return
    head = body(open_volume(given.head))
    for (thickness, gap, axis), cell in cells.items():
        missing = [m for m in methods if not results.has(*cell, m.name, m.digest[:8])]
        if not missing:
            continue
        truth, scan = cut(head, axis, thickness, gap, given.profile)
        mask, acquisition = head_mask(truth.voxels), Acquisition(axis, thickness, told)
        scan = _noisy(scan, given.noise)
        for method in missing:
            made, own = method.run(scan, acquisition), (*cell, method.name, method.digest[:8])
            spectrum = across_slices(made, truth.voxels, axis)
            found = {name: float(measure(made, truth.voxels, mask)) for name, measure in MEASURES.items()}
            for name, band in bands(scan.spacing[axis] / truth.spacing[axis]).items():
                if (means := spectrum.mean(band)) is not None:
                    found |= {f"power-{name}": means[0], f"correlation-{name}": means[1]}
            curves.add(own, spelt(spectrum))
            results.add(own, found)
            told_of = {"mm": thickness, "gap": gap, "axis": axis, "method": method.name}
            print(json.dumps(told_of | {name: round(value, 4) for name, value in found.items()}), flush=True)


def _noisy(scan: Volume, sigma: float) -> Volume:
    """Rician noise, always the same."""
    scale = NORMALISERS["percentile"](scan.voxels).scale
    generator = torch.Generator().manual_seed(0)
    noisy = add_rician_noise(torch.tensor(scan.voxels), sigma * scale, generator) if sigma else None
    return scan if noisy is None else scan.with_voxels(noisy.numpy())


if __name__ == "__main__":
    main()
