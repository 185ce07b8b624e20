"""What does it cost to make a clinical scan isotropic? 320 × 320 × 40 voxels of 0.7 × 0.7 × 5 mm onto 1 mm.

    python benchmarks/thick_cost.py [THREADS] [DEVICE]

Wall time of the cubic spline, of the recipe anyspacing (weights cost the same whatever they learnt) and of selfsuper,
their ratios, and the peak memory of the process. The middle of three runs; the first one of all, which loads kernels,
is not counted. Of selfsuper one run, which learns anew.
"""

import resource
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch

from finemri.recipes import AnySpacing
from finemri.recipes.restoring import Consistency
from finemri.recipes.self_super import SelfSuper, self_super
from finemri.trained import self_super_start
from finemri.volumes.thick import Acquisition, fine_shape, lay
from finemri.volumes.volume import Volume


def seconds(work: Callable[[], object]) -> float:
    work()
    taken = []
    for _ in range(3):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return median(taken)


def peak() -> float:
    """MiB, of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def main(threads: int = 2, device: str = "cpu") -> None:
    torch.set_num_threads(threads)
    voxels = np.random.default_rng(0).random((320, 320, 40)).astype(np.float32)
    scan, acquisition, target = Volume(voxels, np.diag([0.7, 0.7, 5.0, 1.0])), Acquisition(2), [1.0, 1.0, 1.0]
    shape = fine_shape(scan, acquisition, target)
    spline = seconds(lambda: lay(torch.tensor(scan.voxels), shape))
    print(f"onto {' × '.join(map(str, shape))}: spline {spline:.2f} s, peak {peak():.0f} MiB", flush=True)
    recipe = AnySpacing()
    restore = recipe.restorer(recipe.generator().eval(), device)
    for name, consistency in (("anyspacing", None), ("anyspacing, consistent", Consistency())):
        taken = seconds(lambda put_back=consistency: restore(scan, acquisition, target, consistency=put_back))
        tell(name, taken, spline)
    begin = time.perf_counter()
    self_super(scan, acquisition, 1.0, settings=SelfSuper(rounds=275), start=self_super_start(), device=device)
    tell("selfsuper", time.perf_counter() - begin, spline)


def tell(name: str, taken: float, spline: float) -> None:
    print(f"{name}: {taken:.2f} s, {taken / spline:.0f} times the spline, peak {peak():.0f} MiB", flush=True)


if __name__ == "__main__":
    main(*(kind(word) for kind, word in zip((int, str), sys.argv[1:], strict=False)))
