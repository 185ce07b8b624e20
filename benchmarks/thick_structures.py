r"""Does a network that knows anatomy find the same in a head made fine as in the true one? Dice and volumes.

    python benchmarks/thick_structures.py --into runs/thick [--weights anyspacing-faithful anyspacing-sharp] [--axis 2]
    python benchmarks/thick_structures.py --into runs/thick --table

The head is cut into slices without gaps along each axis, made fine by every method, and labelled by a pretrained
network (two to three minutes a head, 3 GB); the reference is what it finds in the true head. Label maps are kept, and
what was measured before of the same head, weights and judge is passed over.

``--table`` prints docs/thick-slices.md's table. Volumes: Bland–Altman over the structures, (found − true) / true.
"""

import argparse
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import torch

from finemri.measures.segmentation import Labels, dice
from finemri.measures.structures import MEAN, millilitres
from finemri.provenance import digest
from finemri.report.figures import limits_of
from finemri.shelf import JudgeMethod, find_judge
from finemri.volumes.files import open_volume, save_volume
from finemri.volumes.labels import open_labels
from finemri.volumes.thick import Acquisition
from finemri.volumes.volume import Volume
from thick_methods import HEAD, WEIGHTS, Method, Results, body, cut, interpolated, restored, taught_by_itself

JUDGE = Path("../shared/data/weights/anatomy_18class.json")
WHOLE = 30
"""Voxels: slices of 2, 3, 5 and 6 mm all end where the head's crop does, so that all have one truth."""
TRUTH = "truth"
COLUMNS = ("head", "judge", "thickness_mm", "axis", "method", "weights")


def main() -> None:
    """Measure and print, or only print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", nargs="+", default=WEIGHTS, help="names or paths; the first also consistent")
    parser.add_argument("--head", type=Path, default=HEAD)
    parser.add_argument("--judge", type=Path, default=JUDGE)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--thickness", type=float, nargs="+", default=[3.0, 5.0, 2.0, 6.0])
    parser.add_argument("--axis", type=int, nargs="+", default=[2, 1, 0])
    parser.add_argument("--self-super", action="store_true", help="selfsuper too, which learns from every scan anew")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="print the table of what was measured, and no more")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    given.into.mkdir(parents=True, exist_ok=True)
    results = Results(given.into / "structures.csv", COLUMNS)
    judge = find_judge(given.judge)
    known = (digest([given.head])[:8], judge.digest[:8])
    methods = [interpolated()[-1], *restored(given.weights)]
    methods += [taught_by_itself(given.into / "taught")] if given.self_super else []
    if given.table:
        print("\n".join(table(results, known, methods, sorted(given.thickness), sorted(given.axis))))
        return
    head = body(open_volume(given.head), multiple=WHOLE)
    kept = given.into / "labels"
    kept.mkdir(exist_ok=True)
    true = found_in(head, judge, kept / f"{'-'.join(known)}-truth.nii.gz")
    if not results.has(*known, "", "", TRUTH, ""):
        results.add((*known, "", "", TRUTH, ""), volumes(true, head, judge))
    for axis, thickness, method in product(given.axis, given.thickness, methods):
        cell = (*known, f"{thickness:g}", axis, method.name, method.digest[:8])
        if results.has(*cell):
            continue
        truth, scan = cut(head, axis, thickness, 0.0, "gaussian")
        if truth.shape != head.shape:
            raise SystemExit(
                f"Slices of {thickness:g} mm do not end where {head.shape[axis]} voxels do; choose others."
            )
        made = head.with_voxels(method.run(scan, Acquisition(axis, thickness)))
        found = found_in(made, judge, kept / f"{'-'.join(map(str, cell))}.nii.gz")
        values = volumes(found, head, judge) | overlaps(found, true, judge)
        results.add(cell, values)
        print(
            json.dumps({"mm": thickness, "axis": axis, "method": method.name, "dice": values[f"dice-{MEAN}"]}),
            flush=True,
        )


def found_in(image: Volume, judge: JudgeMethod, path: Path) -> Labels:
    """What the judge finds, as the file has it or anew."""
    if not path.is_file():
        save_volume(image.with_voxels(judge.segmenter(image).astype(np.float32)), path)
    return open_labels(path)[0]


def volumes(found: Labels, head: Volume, judge: JudgeMethod) -> dict[str, float]:
    """mL of every structure."""
    return {f"volume-{judge.names[n]}": millilitres(found, n, head.affine) for n in range(1, judge.classes)}


def overlaps(found: Labels, true: Labels, judge: JudgeMethod) -> dict[str, float]:
    """Dice of every structure, and their mean."""
    each = {f"dice-{judge.names[n]}": dice(found, true, n) for n in range(1, judge.classes)}
    return each | {f"dice-{MEAN}": sum(each.values()) / len(each)}


def table(
    results: Results, known: tuple[str, str], methods: list[Method], thickness: list[float], axes: list[int]
) -> Iterator[str]:
    """Mean Dice and how many structures are nearer than the spline's; bias and limits of the volumes."""
    true = results.of(*known, "", "", TRUTH, "")
    yield "| slices | axis | method | Dice | lowest | above spline | volume: bias [limits] / % | / mL | furthest / % |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for mm, axis in product(thickness, axes):
        spline = results.of(*known, f"{mm:g}", axis, "spline", "")
        for method in methods:
            found = results.of(*known, f"{mm:g}", axis, method.name, method.digest[:8])
            if not found:
                continue
            own = {name: value for name, value in found.items() if name.startswith("dice-") and name != f"dice-{MEAN}"}
            lowest = min(own, key=own.__getitem__)
            above = f"{sum(own[n] > spline[n] for n in own)} of {len(own)}" if spline and method.digest else "–"
            off = {name: found[name] - value for name, value in true.items()}
            shares = {name: 100 * off[name] / value for name, value in true.items() if value}
            relative, absolute = limits_of([*shares.values()]), limits_of([*off.values()])
            furthest = max(shares, key=lambda name: abs(shares[name]))
            yield (
                f"| {mm:g} mm | {axis} | {method.title} | {found[f'dice-{MEAN}']:.3f} "
                f"| {own[lowest]:.2f} {lowest.removeprefix('dice-')} | {above} "
                f"| {relative[0]:+.1f} [{relative[1]:+.1f}, {relative[2]:+.1f}] "
                f"| {absolute[0]:+.2f} [{absolute[1]:+.2f}, {absolute[2]:+.2f}] "
                f"| {shares[furthest]:+.0f} {furthest.removeprefix('volume-')} |"
            )


if __name__ == "__main__":
    main()
