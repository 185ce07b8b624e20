"""Does the cost of a volume grow linearly with its voxels?

    python benchmarks/linear_cost.py [LARGEST_EDGE]

Enhances cubes with a tenth of the largest one's voxels and more, each within 4 GiB as the verb does, and prints the
cost of a voxel relative to the smallest cube: one where it is linear. Cubes that need several tiles compute some voxels
twice; how many times as many is printed beside it, and bounded by the budget, not by the volume.
"""

import math
import os
import sys
import time

import numpy as np

from finemri.recipes import RECIPES
from finemri.volumes.tiles import enhance_slabs, plan

MEMORY = 4 * 2**30


def main(largest: int = 208) -> None:
    recipe = RECIPES["volume-x2"]
    enhancer = recipe.enhancer(recipe.generator().eval())
    random = np.random.default_rng(0)
    enhancer(random.random((48, 48, 48), dtype=np.float32))  # warm up
    costs = []
    for edge in (round(largest * share ** (1 / 3)) for share in (0.1, 0.25, 0.5, 1)):
        voxels = random.random((edge, edge, edge), dtype=np.float32)
        layout = plan(enhancer, voxels, memory=MEMORY)
        begin = time.perf_counter()
        for _ in enhance_slabs(enhancer, voxels, tile=layout.tile, overlap=layout.overlap):
            pass
        costs.append((time.perf_counter() - begin) / voxels.size)
        twice = math.prod(layout.tile) * layout.count / voxels.size
        print(
            f"{edge}³: {costs[-1] * 1e6:.2f} s per million voxels, {costs[-1] / costs[0]:.2f} of the smallest's; "
            f"{layout.count} tiles compute {twice:.2f} times as many voxels",
            flush=True,
        )


if __name__ == "__main__":
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as the verb does; PyTorch looks at its first tensor
    main(*(int(word) for word in sys.argv[1:]))
