"""A trained network at work: k-space of one slice in, its image out, in the unit of the samples."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from finemri.cohorts.acquisitions import brightness
from finemri.physics.coils import known_sensitivities
from finemri.physics.consistency import SenseOperator
from finemri.physics.kspace import KSpace
from finemri.recipes.lines import chosen_along_j
from finemri.shapes import Slice

Run = Callable[[Tensor, Tensor, Tensor], Tensor]


class NetworkReconstructor:
    """x = s · G(k / s, m, S): s the brightness of the zero-filled image, as in training. A Reconstructor.

    ``run`` takes the place of G where the network alone is not all. Scans whose lines were chosen along j are
    transposed and back: networks learn from lines chosen along i.
    """

    needs_sensitivities = True

    def __init__(self, network: nn.Module, device: str = "cpu", run: Run | None = None) -> None:
        self.network, self.device, self.run = network.to(device).eval(), device, run or network

    def __call__(self, kspace: KSpace) -> Slice:
        arrays = kspace.samples, kspace.mask[None], known_sensitivities(kspace)
        turned = chosen_along_j(kspace.mask)
        samples, mask, sensitivities = (
            torch.from_numpy(np.ascontiguousarray(a.swapaxes(1, 2) if turned else a))[None].to(self.device)
            for a in arrays
        )
        with torch.inference_mode():
            scale = brightness(SenseOperator(mask, sensitivities).adjoint(samples))
            made = (self.run(samples / scale, mask, sensitivities) * scale)[0].cpu().numpy()
        return np.ascontiguousarray(made.T if turned else made, dtype=np.complex64)
