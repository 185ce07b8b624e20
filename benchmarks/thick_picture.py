r"""What does it look like? A head cut into thick slices, made fine by each method, in three planes beside the truth.

    python benchmarks/thick_picture.py --thickness 5 --axis 1 docs/images/thick-slices.png

Columns: nearest, spline, each of the weights, truth; rows: sagittal, coronal and axial, through the middle of the head.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from finemri.landing import landing_file
from finemri.study.images import upright
from finemri.volumes.files import open_volume
from finemri.volumes.thick import Acquisition
from finemri.volumes.volume import Volume
from thick_methods import HEAD, WEIGHTS, body, cut, interpolated, restored, taught_by_itself

TITLE = 12
"""Pixels above a column."""


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--weights", nargs="+", default=WEIGHTS)
    parser.add_argument("--head", type=Path, default=HEAD)
    parser.add_argument("--thickness", type=float, default=5.0)
    parser.add_argument("--gap", type=float, default=0.0, help="as a share of the thickness")
    parser.add_argument("--axis", type=int, default=1)
    parser.add_argument("--taught", type=Path, help="selfsuper too, with this folder for what it learns")
    parser.add_argument("--at", type=float, nargs=3, default=[0.5, 0.5, 0.5], help="right, front, up, as shares")
    parser.add_argument("--part", type=float, nargs=4, help="of each plane: left, top, right, bottom, as shares")
    parser.add_argument("--larger", type=int, default=1, help="times, every voxel as a square")
    given = parser.parse_args()
    torch.set_num_threads(1)
    truth, scan = cut(body(open_volume(given.head)), given.axis, given.thickness, given.gap, "gaussian")
    methods = [m for m in (*interpolated(), *restored(given.weights, ())) if m.name != "linear"]
    methods += [taught_by_itself(given.taught)] if given.taught else []
    acquisition = Acquisition(given.axis, given.thickness)
    images = {method.name: method.run(scan, acquisition) for method in methods} | {"truth": truth.voxels}
    white = float(np.percentile(truth.voxels, 99.8))
    columns = [_column(truth.with_voxels(image), given.at, given.part, given.larger) for image in images.values()]
    grey = (np.concatenate(columns, axis=1).clip(0, white) * (255 / white)).astype(np.uint8)
    page = Image.fromarray(np.pad(grey, ((TITLE, 0), (0, 0))))
    width = columns[0].shape[1]
    for n, name in enumerate(images):
        ImageDraw.Draw(page).text((n * width + 2, 0), name, fill=255)
    with landing_file(given.picture) as file:
        page.save(file, format="PNG", optimize=True)


def _column(volume: Volume, at: list[float], part: list[float] | None, larger: int) -> np.ndarray:
    """Sagittal, coronal, axial: up, and in the last the front, at the top; the patient's right to the left."""
    voxels, _ = upright(volume)
    r, f, u = (int(share * (size - 1)) for share, size in zip(at, voxels.shape, strict=True))
    planes = [np.flipud(plane.T) for plane in (voxels[r], voxels[:, f], voxels[:, :, u])]
    if part is not None:
        left, top, right, bottom = part
        planes = [p[_share(top, bottom, len(p)), _share(left, right, p.shape[1])] for p in planes]
    planes = [plane.repeat(larger, 0).repeat(larger, 1) for plane in planes]
    width = max(plane.shape[1] for plane in planes)
    return np.concatenate([np.pad(plane, ((0, 2), (0, width - plane.shape[1] + 2))) for plane in planes])


def _share(first: float, last: float, size: int) -> slice:
    return slice(int(first * size), int(last * size))


if __name__ == "__main__":
    main()
