"""One person held out of the training of mtl-x2: blurred, truncated, brought back, and what is wrong with each.

python scripts/picture_mtl.py runs/mtl-x2 --data ../shared/data
"""

import argparse
from pathlib import Path

import torch
from paired import gallery

from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.split import Split
from finemri.physics.degradation import GaussianBlur, KSpaceTruncation
from finemri.shelf import find_enhancer
from finemri.volumes.files import open_volume
from finemri.volumes.grid import crop_to_multiple
from finemri.volumes.tiles import enhance_voxels

METHODS = ("spline", "volume-x2-faithful", "mtl-x2-faithful", "mtl-x2-sharp")


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--person", type=int, default=3, help="which of the held-out people")
    given = parser.parse_args()
    _, held, _ = Split.load(given.run / "split-1.json").of(find_cohort(given.data / "hippocampus"))
    truth = crop_to_multiple(open_volume(held.subjects[given.person].images[0]), (2, 2, 2)).voxels
    middle = truth.shape[2] // 2
    images = {}
    for degradation, title in ((GaussianBlur(2), "blurred"), (KSpaceTruncation(2), "truncated")):
        coarse = degradation(torch.tensor(truth)).numpy()
        for method in METHODS:
            images[f"{title}, {method}"] = enhance_voxels(find_enhancer(method, 2), coarse)[:, :, middle]
        images[f"truth ({title})"] = truth[:, :, middle]
    gallery(images, truth[:, :, middle], Path("docs/images/mtl.png"), columns=5)


if __name__ == "__main__":
    main()
