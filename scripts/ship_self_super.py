"""Train what self-super-resolution starts from: one network, a few scans, slices of several thicknesses.

    python scripts/ship_self_super.py WEIGHTS.safetensors --thin SCAN … [--thick SCAN …] [--rounds 1600]

Every scan teaches as it would itself (cohorts.own_patches), in turns. --thin: of small voxels in all directions, seen
across each axis, as if slices of 2, 3, 4 and 6 mm had been taken; --thick: of thick slices, as it is.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from finemri.cohorts.examples import Mixture
from finemri.cohorts.own_patches import OwnPatches, noise_level
from finemri.networks.through_plane import ThroughPlane
from finemri.recipes.own_weights import learn
from finemri.recipes.self_super import SelfSuper
from finemri.shapes import Voxels
from finemri.training.chance import sow
from finemri.training.weights import save_weights
from finemri.volumes.files import open_volume
from finemri.volumes.intensity import by_percentile
from finemri.volumes.volume import Volume

THICKNESSES = (2.0, 3.0, 4.0, 6.0)


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--thin", type=Path, nargs="*", default=[])
    parser.add_argument("--thick", type=Path, nargs="*", default=[])
    parser.add_argument("--rounds", type=int, default=1600)
    asked = parser.parse_args()
    settings = SelfSuper(rounds=asked.rounds)
    scans = [open_volume(path) for path in [*asked.thin, *asked.thick]]
    thin, thick = scans[: len(asked.thin)], scans[len(asked.thin) :]
    lessons = [
        *(each for scan in thin for each in as_if_thick(scan, settings)),
        *(as_it_is(scan, settings) for scan in thick),
    ]
    sow(settings.seed)
    network = ThroughPlane(settings.phases, settings.features, settings.blocks)
    learnt = learn(
        network, settings, Mixture(lessons, [1] * len(lessons), settings.seed), torch.device("cpu"), "bf16", tell
    )
    header = {"kind": "SelfSuper", "settings": asdict(settings), "lessons": len(lessons)}
    save_weights(
        asked.weights, learnt.state_dict(), {**header, "scans": [scan.source.sha256 for scan in scans if scan.source]}
    )


def as_if_thick(scan: Volume, settings: SelfSuper) -> Iterator[OwnPatches]:
    """Across every axis, as if slices of several thicknesses had been taken."""
    voxels = by_percentile(scan.voxels).apply(scan.voxels)
    for axis in range(3):
        for millimetres in THICKNESSES:
            yield lesson(voxels, scan.spacing, axis, millimetres, settings)


def as_it_is(scan: Volume, settings: SelfSuper) -> OwnPatches:
    """Across its slices."""
    axis = int(np.argmax(scan.spacing))
    return lesson(by_percentile(scan.voxels).apply(scan.voxels), scan.spacing, axis, scan.spacing[axis], settings)


def lesson(
    voxels: Voxels, spacing: tuple[float, float, float], axis: int, thickness: float, settings: SelfSuper
) -> OwnPatches:
    """What a scan teaches of slices across an axis."""
    i, j = (mm for n, mm in enumerate(spacing) if n != axis)
    turned = np.moveaxis(voxels, axis, 2)
    return OwnPatches(turned, (i, j), thickness, thickness, max(i, j), noise=noise_level(turned), seed=settings.seed)


def tell(done: int, of: int) -> None:
    """Now and then, how far it is."""
    if done % 50 == 0:
        print(f"{done}/{of}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
