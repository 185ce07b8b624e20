"""Does a lesion survive thick slices, and the way back? Spheres put into a head before it is cut: what is left of each.

    python benchmarks/thick_lesions.py WEIGHTS --head ../shared/data/head_t1_1mm/t1.nii.gz [--thickness 3 5] [--axis 2]

Bright and dark, 3 to 10 mm, at places drawn in the middle of the head, of a fifth of its brightness. ``recovery`` 1:
the contrast is kept; ``beside``: what changed where nothing had; ``made up``: the strongest error that passes for such
a lesion, all of measures.lesion. Means over the places.
"""

import argparse
from itertools import product
from pathlib import Path

import numpy as np
import torch

from finemri.measures.lesion import Lesion, score_lesion
from finemri.physics.slices import Slices
from finemri.recipes import AnySpacing, revive
from finemri.recipes.restoring import Consistency
from finemri.recipes.self_super import SelfSuper, self_super
from finemri.trained import self_super_start
from finemri.training.weights import load_weights
from finemri.volumes.files import open_volume
from finemri.volumes.grid import lay_on_grid
from finemri.volumes.intensity import by_percentile
from finemri.volumes.thick import Acquisition
from finemri.volumes.volume import Volume

EDGE = 90
"""Voxels of the crop: slices of 2, 3, 5 and 6 mm fit into it."""
STRENGTH = 0.2
SELF = SelfSuper(rounds=275)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--head", type=Path, required=True)
    parser.add_argument("--thickness", type=int, nargs="+", default=[3, 5])
    parser.add_argument("--diameter", type=float, nargs="+", default=[3.0, 5.0, 10.0])
    parser.add_argument("--axis", type=int, default=2)
    parser.add_argument("--places", type=int, default=4)
    parser.add_argument("--self-super", action="store_true", help="selfsuper too, which learns from every scan anew")
    given = parser.parse_args()
    tensors, header = load_weights(given.weights)
    recipe = revive(header)
    assert isinstance(recipe, AnySpacing)
    network = recipe.generator()
    network.load_state_dict(tensors)
    restore = recipe.restorer(network.eval())
    head = open_volume(given.head).voxels
    i, j, k = (slice((n - EDGE) // 2, (n - EDGE) // 2 + EDGE) for n in head.shape)
    truth = np.ascontiguousarray(head[i, j, k])
    strength = STRENGTH * by_percentile(truth).scale
    rng = np.random.default_rng(0)
    places = rng.uniform(EDGE / 3, 2 * EDGE / 3, (given.places, 3))
    print("slices  diameter  sign  method       recovery  beside  made up")
    for thickness in given.thickness:
        acquisition, scale = Acquisition(given.axis, thickness), [1, 1, 1]
        scale[given.axis] = thickness

        def cut(voxels: np.ndarray, mm: int = thickness) -> Volume:
            spacing = np.diag([*(mm if n == given.axis else 1.0 for n in range(3)), 1.0])
            return Volume(Slices(given.axis, mm, mm)(torch.from_numpy(voxels)).numpy(), spacing)

        methods = {
            "spline": lambda scan: lay_on_grid(scan, (1.0, 1.0, 1.0)).voxels,
            "anyspacing": lambda scan, told=acquisition: restore(scan, told, (1.0, 1.0, 1.0)).voxels,
            "damped": lambda scan, told=acquisition: (
                restore(scan, told, (1.0, 1.0, 1.0), consistency=Consistency()).voxels
            ),
            "hard": lambda scan, told=acquisition: (
                restore(scan, told, (1.0, 1.0, 1.0), consistency=Consistency(0.0)).voxels
            ),
        }
        if given.self_super:
            methods["selfsuper"] = lambda scan, told=acquisition: (
                self_super(scan, told, 1.0, settings=SELF, start=self_super_start()).volume.voxels
            )
        without = {name: method(cut(truth)) for name, method in methods.items()}
        for diameter, sign in product(given.diameter, (1, -1)):
            found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in methods}
            for place in places:
                lesion = Lesion(tuple(place.tolist()), (diameter,) * 3, sign * strength)
                scan = cut(lesion.put_into(truth, (1.0, 1.0, 1.0)))
                for name, method in methods.items():
                    s = score_lesion(truth, without[name], method(scan), lesion, (1.0, 1.0, 1.0), scale=tuple(scale))
                    found[name].append((s.recovery, s.elsewhere, s.invented))
            for name, rows in found.items():
                recovery, beside, made_up = np.mean(rows, axis=0)
                print(
                    f"{thickness:4d} mm  {diameter:5.0f} mm  {'+' if sign > 0 else '−':>4}  {name:11}  "
                    f"{recovery:8.2f}  {beside:6.2f}  {made_up:7.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
