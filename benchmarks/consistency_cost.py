"""How much more than its two transforms does the networks' data consistency cost, on this machine?

    python benchmarks/consistency_cost.py [COILS] [EDGE] [BATCH] [REPEATS]

Aᴴ A x of the SENSE operator, with sensitivities, mask and combination, against one bare transform of as many coil
images and its inverse. Turn and turn about; the median ratio, one where the rest is free.
"""

import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch

from finemri.physics.coils import simulate_sensitivities
from finemri.physics.consistency import SenseOperator
from finemri.physics.sampling import Sampling


def seconds(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


@torch.inference_mode()
def main(coils: int = 16, edge: int = 320, batch: int = 1, repeats: int = 20) -> None:
    rng = np.random.default_rng(0)
    maps = torch.from_numpy(simulate_sensitivities((edge, edge), coils, rng)).repeat(batch, 1, 1, 1)
    mask = torch.from_numpy(Sampling("density-2d", 4).draw((edge, edge), 0)).repeat(batch, 1, 1, 1)
    operator = SenseOperator(mask, maps)
    image = torch.randn(batch, edge, edge, dtype=torch.complex64)
    images = maps * image.unsqueeze(1)
    ratios = []
    for repeat in range(repeats + 2):
        ours = seconds(lambda: operator.normal(image))
        bare = seconds(lambda: torch.fft.ifft2(torch.fft.fft2(images)))
        if repeat >= 2:  # warm
            ratios.append(ours / bare)
    print(
        f"data consistency over two bare transforms: {median(ratios):.2f} "
        f"(median of {repeats}, {batch} × {coils} coils, {edge}×{edge})"
    )


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
