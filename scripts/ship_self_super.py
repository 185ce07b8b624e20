r"""Train the weights that self-super-resolution starts from, and put them where they ship, with digest and model card.

    python scripts/ship_self_super.py --thin ../shared/data/thin_t1_dicom --labels ../shared/data/label_maps

Half of the patches are of real scans of small voxels (--thin), seen across each axis as if slices of 2, 3, 4 and 6 mm
had been taken: every scan teaches as it would itself (cohorts.own_patches). The others are of heads drawn from label
maps with a new contrast every time, so that a T2w or FLAIR scan is no stranger; their slices are 2 to 6 voxels thick.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from finemri.cohorts.examples import Mixture, noisy
from finemri.cohorts.own_patches import OwnPatches, noise_level
from finemri.cohorts.regions import LabelRegions
from finemri.networks.through_plane import ThroughPlane
from finemri.recipes.own_weights import learn
from finemri.recipes.self_super import SelfSuper
from finemri.shapes import Voxels
from finemri.training.chance import sow
from finemri.training.weights import load_weights, save_weights
from finemri.volumes.files import open_volume
from finemri.volumes.intensity import Normaliser, by_percentile
from finemri.volumes.volume import Volume

NAME = "selfsuper-start"
SHIPPED = Path(__file__).parent.parent / "src" / "finemri" / "weights"
THICKNESSES = (2.0, 3.0, 4.0, 6.0)
SLAB = (160, 160, 3)
"""Voxels of a drawn head: 24 slices of 6 voxels fit along it, as long as a patch is."""
NOISE = 0.04
"""Highest σ added to drawn heads, of their brightest tissue; half have none."""


def main() -> None:
    """Train and ship."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--thin", type=Path, nargs="+", required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=2400)
    asked = parser.parse_args()
    settings = SelfSuper(rounds=asked.rounds)
    real = [each for path in asked.thin for each in as_if_thick(open_volume(path), settings)]
    maps = sorted(asked.labels.glob("*.nii.gz"))
    drawn = Drawn(LabelRegions(open_volume(path).voxels for path in maps), settings)
    sow(settings.seed)
    network = ThroughPlane(settings.phases, settings.features, settings.blocks)
    lessons = Mixture([*real, drawn], [*([1 / len(real)] * len(real)), 1], settings.seed)
    learnt = learn(network, settings, lessons, torch.device("cpu"), "bf16", tell)
    ship(learnt.state_dict(), settings, len(maps))


@dataclass(frozen=True)
class Drawn:
    """Example n is of a head of its own: another person's labels, another contrast, other slices."""

    regions: LabelRegions
    settings: SelfSuper

    def __getitem__(self, n: int) -> Mapping[str, Tensor]:
        rng = np.random.default_rng([self.settings.seed, n, 2])
        slab = noisy(self.regions.cut(SLAB, rng), (0.0, NOISE), Normaliser(0.0, 1.0), rng).numpy()
        thickness = float(np.exp(rng.uniform(*np.log((THICKNESSES[0], THICKNESSES[-1])))))
        return lesson(slab, (1.0, 1.0, 1.0), 2, thickness, self.settings)[n]


def as_if_thick(scan: Volume, settings: SelfSuper) -> Iterator[OwnPatches]:
    """Across every axis, as if slices of several thicknesses had been taken."""
    voxels = by_percentile(scan.voxels).apply(scan.voxels)
    for axis in range(3):
        for millimetres in THICKNESSES:
            yield lesson(voxels, scan.spacing, axis, millimetres, settings)


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


def ship(tensors: Mapping[str, Tensor], settings: SelfSuper, people: int) -> None:
    """The weights, their card and their line of the index."""
    path, index_file = SHIPPED / f"{NAME}.safetensors", SHIPPED / "index.json"
    save_weights(path, tensors, {"kind": "SelfSuper", "settings": asdict(settings)})
    index = json.loads(index_file.read_text())
    index[NAME] = facts = {
        "recipe": "selfsuper",
        "job": "start",
        "parameters": sum(tensor.numel() for tensor in load_weights(path)[0].values()),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "licence": "Apache-2.0",
    }
    index_file.write_text(json.dumps(dict(sorted(index.items())), indent=2) + "\n")
    path.with_suffix(".md").write_text(CARD.format(name=NAME, rounds=settings.rounds, people=people, **facts))


CARD = """# {name}

What `selfsuper` starts from when it learns from one scan how its thick slices become thin: a quarter of the rounds then
does. It enhances nothing by itself.

- **Recipe**: `selfsuper`, {rounds} rounds of 16 patches
- **Parameters**: {parameters:,}
- **Licence**: {licence}
- **SHA-256**: `{sha256}`

## Trained on

- One T1w head, 0.67 × 0.70 × 0.67 mm, of the studyforrest project: PDDL, public domain; planes across all three
  axes as if slices of 2, 3, 4 and 6 mm had been taken: half of the patches
- Label maps of {people} people, SynthSeg: Apache-2.0; every patch a head with a contrast of its own, half of them with
  noise, slices of 2 to 6 voxels: the other half

Slices as thick as they are apart, of a Gaussian profile, by `finemri.physics.slices`. Retrain and ship:

    python scripts/ship_self_super.py --thin ../shared/data/thin_t1_dicom --labels ../shared/data/label_maps

## Measured

A head that no training saw, a crop in slices of 3 mm along each axis: after 275 rounds 31.50, 31.30 and 33.07 dB inside
the head, without this start 30.39, 30.04 and 32.33, by the cubic spline 27.82, 27.84 and 29.62. One person, so no
interval. More in docs/thick-slices.md.

## Not made for

Diagnosis. Anything but `selfsuper` with its own settings of features, blocks and phases.
"""

if __name__ == "__main__":
    main()
