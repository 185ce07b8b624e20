"""How far from the truth does registration put a fine voxel, in fine voxels?

    finemri rescan COHORT --into COARSE        # poses.json says where each person truly lay
    finemri pair COARSE COHORT --into PAIRS
    python benchmarks/registration_error.py COARSE/poses.json PAIRS

For each person, over the fine voxels inside the head: the distance between where the transforms of pair.json and where
the true pose have it in the coarse scan, in units of the fine voxel's edge (cube root of its volume). "before" is by
the scanner's own coordinates. A stage in brackets was found and not kept, for want of a gain in information; "all" is
what the error would have been with every stage kept. The poses are simulated rigid ones.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from finemri.cohorts.motion import carried
from finemri.measures.mask import head_mask
from finemri.volumes.files import open_volume

MOST = 20_000
"""Voxels of a person, evenly spread."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("poses", type=Path)
    parser.add_argument("cohort", type=Path)
    settings = parser.parse_args()
    poses = {one["name"]: np.array(one["pose"]) for one in json.loads(settings.poses.read_text())["subjects"]}
    found = []
    print(f"{'person':24}{'before':>8}{'mean':>8}{'95 %':>8}{'worst':>8}{'all':>8}  stages")
    for name, pose in poses.items():
        folder = settings.cohort / name
        if not (folder / "pair.json").is_file():
            print(f"{name:24} not paired")
            continue
        transforms = json.loads((folder / "pair.json").read_text()).get("transforms", [])
        fine = open_volume(folder / "fine.nii.gz")
        inside = np.argwhere(head_mask(fine.voxels))
        inside = inside[:: max(1, len(inside) // MOST)]
        points = inside @ fine.affine[:3, :3].T + fine.affine[:3, 3]
        back = np.linalg.inv(pose)
        truth = points @ back[:3, :3].T + back[:3, 3]
        edge = np.prod(fine.spacing) ** (1 / 3)
        every = [{**transform, "kept": True} for transform in transforms]
        before, after, forced = (
            np.linalg.norm(carried(points, some) - truth, axis=1) / edge for some in ([], transforms, every)
        )
        found.append((before.mean(), after.mean(), np.percentile(after, 95), after.max(), forced.mean()))
        stages = " ".join(t["stage"] if t["kept"] else f"({t['stage']})" for t in transforms) or "none"
        print(f"{name:24}" + "".join(f"{number:8.3f}" for number in found[-1]) + f"  {stages}")
    if found:
        means = np.array(found)
        print(f"{'mean of ' + str(len(found)):24}" + "".join(f"{number:8.3f}" for number in means.mean(axis=0)))
        print(f"{'worst person':24}" + "".join(f"{number:8.3f}" for number in means.max(axis=0)))


if __name__ == "__main__":
    main()
