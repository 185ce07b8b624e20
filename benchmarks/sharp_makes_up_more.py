"""Does sharp make more up than faithful? Null-space energy, consistency, disagreement of flips, stability, lesions.

python benchmarks/sharp_makes_up_more.py ../shared/data [SCANS]
"""

import sys
from pathlib import Path

import numpy as np
import torch

from finemri.measures.lesion import Lesion, try_lesion
from finemri.measures.trust import amplification, energy_share, inconsistency, null_space, rms
from finemri.physics.degradation import GaussianBlur, KSpaceTruncation
from finemri.shapes import FineVoxels, Voxels
from finemri.shelf import find_enhancer
from finemri.volumes.ensemble import Disagreement, Ensemble, turnings
from finemri.volumes.files import open_volume
from finemri.volumes.grid import crop_to_multiple
from finemri.volumes.intensity import NORMALISERS, by_percentile
from finemri.volumes.tiles import enhance_voxels
from finemri.volumes.volume import Volume

METHODS = ("spline", "volume-x2-faithful", "volume-x2-sharp")
OPERATORS: dict[str, GaussianBlur | KSpaceTruncation] = {"blur": GaussianBlur(2), "kspace": KSpaceTruncation(2)}


def main(data: Path, scans: int) -> None:
    head = open_volume(data / "head_t1_1mm" / "t1.nii.gz")
    i, j, k = (slice(n // 2 - 48, n // 2 + 48) for n in head.shape)
    truths = {"head": Volume(np.ascontiguousarray(head.voxels[i, j, k]), head.affine)}
    for path in sorted((data / "hippocampus" / "imagesTr").glob("*.nii.gz"))[:scans]:
        truths[path.name[:15]] = crop_to_multiple(open_volume(path), (2, 2, 2))
    for name, truth in truths.items():
        for kind in OPERATORS:
            for method in METHODS:
                numbers = judge(truth, OPERATORS[kind], method, lesions=kind == "kspace")
                print(name, kind, method, *(f"{key} {value:.5f}" for key, value in numbers.items()), flush=True)


def judge(truth: Volume, A: GaussianBlur | KSpaceTruncation, method: str, *, lesions: bool) -> dict[str, float]:
    x, f = np.array(truth.voxels), find_enhancer(method, 2)
    brightest = by_percentile(x).scale

    def degrade(voxels: Voxels) -> FineVoxels:
        coarse: FineVoxels = A(torch.from_numpy(voxels)).numpy()
        return coarse

    def enhance(voxels: Voxels) -> FineVoxels:
        return enhance_voxels(f, voxels)

    coarse = degrade(x)
    made = enhance(coarse)
    own, its = null_space(x, A), null_space(made, A)
    right = float((own * its).sum(dtype=np.float64)) / (rms(own) * rms(its) * own.size)
    numbers = {
        "truth": energy_share(own, x),
        "made-up": energy_share(its, made),
        "right": right,
        "inconsistency": inconsistency(torch.from_numpy(made), torch.from_numpy(coarse), A),
    }
    if not lesions:
        return numbers
    worker = Disagreement(Ensemble(turnings(f)), NORMALISERS[f.normaliser](coarse))
    numbers["disagreement"] = rms(enhance_voxels(worker, coarse)) / rms(made)
    numbers["amplification"] = amplification(enhance, coarse, 0.01 * brightest)
    a, b, c = (float(n // 2) for n in x.shape)
    for mm in (3.0, 6.0):
        lesion = Lesion((a, b, c), (mm, mm, mm), 0.2 * brightest)
        scores = try_lesion(x, lesion, truth.spacing, degrade=degrade, enhance=enhance, scale=(2, 2, 2))
        numbers |= {f"{key}-{mm:g}mm": value for key, value in vars(scores).items()}
    return numbers


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 6)
