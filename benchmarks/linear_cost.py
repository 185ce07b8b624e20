"""Does the cost of a volume grow linearly with its voxels?

    python benchmarks/linear_cost.py [LARGEST_EDGE]

Enhances cubes from an eighth of the largest to the largest, tiled alike (96³ tiles), and prints seconds per million
input voxels, as a ratio to the largest. Small cubes have little overlap to pay for, so the ratio rises to one and
stays there.
"""

import sys
import time

import numpy as np

from finemri.recipes import RECIPES
from finemri.volumes.tiles import enhance_voxels


def main(largest: int = 256) -> None:
    recipe = RECIPES["volume-x2"]
    enhancer = recipe.enhancer(recipe.generator().eval())
    random = np.random.default_rng(0)
    rows = []
    for edge in (largest // 2, round(largest * 0.63), round(largest * 0.8), largest):
        voxels = random.random((edge, edge, edge), dtype=np.float32)
        begin = time.perf_counter()
        enhance_voxels(enhancer, voxels, tile=(96, 96, 96))
        rows.append((edge, (time.perf_counter() - begin) / voxels.size * 1e6))
        print(f"{edge}³: {rows[-1][1]:.2f} s per million voxels", flush=True)
    for edge, cost in rows:
        print(f"{edge}³ costs {cost / rows[-1][1]:.2f} of what {largest}³ costs per voxel")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
