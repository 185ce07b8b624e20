"""Which part of the bf16 matrix-multiply rate do the network's convolutions reach, on this machine?

    python benchmarks/convolution_rate.py [EDGE] [REPEATS]

Floating-point operations of the shipped ×2 network's convolutions over the time that the profiler finds in them, and
over the time of the whole network; each against a 2048³ matrix product measured just before.
"""

import os
import sys
import time
from statistics import median

import numpy as np
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from finemri.recipes import RECIPES


def matmul_rate(size: int = 2048, repeats: int = 10) -> float:
    a = torch.randn(size, size, dtype=torch.bfloat16)
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - begin)
    return 2 * size**3 / median(times)


def main(edge: int = 96, repeats: int = 5) -> None:
    recipe = RECIPES["volume-x2"]
    generator = recipe.generator().eval()
    enhancer = recipe.enhancer(generator)
    voxels = np.random.default_rng(0).random((edge, edge, edge), dtype=np.float32)
    weights = [m.weight.numel() for m in generator.modules() if isinstance(m, nn.Conv3d)]
    operations = 2 * sum(weights) * edge**3
    enhancer(voxels)
    parts, wholes = [], []
    for _ in range(repeats):
        rate = matmul_rate()
        with profile(activities=[ProfilerActivity.CPU]) as profiler:
            begin = time.perf_counter()
            enhancer(voxels)
            whole = time.perf_counter() - begin
        events = profiler.key_averages()
        inside = sum(e.self_cpu_time_total for e in events if e.key == "aten::mkldnn_convolution") / 1e6
        parts.append(operations / inside / rate)
        wholes.append(operations / whole / rate)
    print(f"convolutions: {median(parts):.2f} of the bf16 matrix-multiply rate (median of {repeats}, {edge}³ voxels)")
    print(f"whole network, normalisation and copies included: {median(wholes):.2f}")


if __name__ == "__main__":
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as the verb does; PyTorch looks at its first tensor
    main(*(int(word) for word in sys.argv[1:]))
