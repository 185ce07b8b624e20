"""How much faster than MONAI's sliding window is enhancing, with the same network, on this machine?

    python benchmarks/enhance_vs_monai.py [EDGE] [REPEATS] [WINDOW]

Ours: tiles that overlap by what the network sees, bf16 where the processor has it, channels last, brightness normalised
and given back. MONAI's: plain float32, windows of 96³ that overlap by a quarter, Gaussian blending. The edge of 168
voxels suits MONAI: two windows an axis, with the overlap that was asked for. A window of 168 is its best case: one pass
and no overlap, for who has the memory. Turn and turn about; the median ratio.
"""

import os
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from monai.inferers import sliding_window_inference

from finemri.recipes import RECIPES
from finemri.volumes.tiles import enhance_voxels


def seconds(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def main(edge: int = 168, repeats: int = 3, window: int = 96) -> None:
    recipe = RECIPES["volume-x2"]
    generator = recipe.generator().eval()
    enhancer = recipe.enhancer(generator)
    voxels = np.random.default_rng(0).random((edge, edge, edge), dtype=np.float32)
    image = torch.from_numpy(voxels)[None, None]

    def ours() -> object:
        return enhance_voxels(enhancer, voxels)

    @torch.inference_mode()
    def monais() -> object:
        return sliding_window_inference(image, (window,) * 3, 1, generator, overlap=0.25, mode="gaussian")

    enhance_voxels(enhancer, voxels[:48, :48, :48])  # warm up
    ratios = []
    for repeat in range(repeats):
        mine, theirs = seconds(ours), seconds(monais)
        ratios.append(theirs / mine)
        print(f"{repeat + 1}: ours {mine:.1f} s, MONAI's {theirs:.1f} s, ratio {ratios[-1]:.2f}", flush=True)
    print(
        f"MONAI's time over ours: {median(ratios):.2f} (median of {repeats}, {edge}³ voxels, windows of {window}³, ×2)"
    )


if __name__ == "__main__":
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as the verb does; PyTorch looks at its first tensor
    main(*(int(word) for word in sys.argv[1:]))
