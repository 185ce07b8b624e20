"""Unrolled reconstruction: a small U-Net, conjugate gradients towards the data, and again; one coil or many."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from finemri.networks.channels import to_channels, to_complex
from finemri.networks.unet2d import UNet2D
from finemri.physics.consistency import BANDS, SenseOperator, spectrum
from finemri.physics.phase import coarse_phase
from finemri.shapes import ComplexImages, Measured, Where

DAMPING = (-9.0, 0.0)
"""ln μ lies between these."""


class Cascade(nn.Module):
    """z_t = x_t + U_t(x_t, g_t, x_0, h_t), x_{t+1} = CG(z_t): U-Nets and conjugate gradients towards the data in turn.

    k-space (b, coil, i, j) -> image (b, i, j). g_t = Aᴴ(A x_t − k) is what the data say against x_t; x_0 is SENSE by
    ``start`` conjugate gradients from Aᴴ k, and CG ``gradients`` of them on ‖A x − k‖² + μ_t ‖x − z_t‖² from z_t, and
    ``finish`` after the last U-Net; μ_t comes from a small network that sees how strong the samples are in rings about
    DC, and so how noisy. All in the coarse phase of the data, so that x is nearly real. After the variational network
    (Hammernik et al., 2018; Sriram et al., 2020) and MoDL (Aggarwal et al., 2019), in the image domain of the coils'
    combination, so that any number of coils will do: of coils the U-Nets know the gradient alone. U_t hands ``memory``
    maps h on to U_{t+1}. Transforms stay in single precision under autocast.
    ``consistency`` off leaves the data out after x_0.
    """

    def __init__(
        self,
        steps: int = 6,
        features: int = 24,
        depth: int = 4,
        memory: int = 4,
        start: int = 10,
        gradients: int = 3,
        finish: int = 20,
        *,
        consistency: bool = True,
    ) -> None:
        super().__init__()
        self.memory, self.start, self.gradients, self.finish = memory, start, gradients, finish
        self.consistency = consistency
        self.networks = nn.ModuleList(UNet2D(6 + memory, 2 + memory, features, depth) for _ in range(steps))
        last = nn.Linear(16, steps)
        nn.init.zeros_(last.weight)
        nn.init.constant_(last.bias, -4.6)
        self.damping = nn.Sequential(nn.Linear(len(BANDS), 16), nn.Tanh(), last)

    def forward(self, kspace: Measured, mask: Where, sensitivities: Measured) -> ComplexImages:
        return self.finished(self.unrolled(kspace, mask, sensitivities))

    def unrolled(self, kspace: Measured, mask: Where, sensitivities: Measured) -> "Guess":
        """Everything but the last conjugate gradients."""
        with torch.autocast(kspace.device.type, enabled=False), torch.no_grad():
            turn = coarse_phase(kspace, sensitivities)
            sense = SenseOperator(mask, sensitivities * turn.unsqueeze(1))
            measured = sense.adjoint(kspace)
            rings = spectrum(kspace, mask)
            x = sense.solve(measured, measured, self.start)
            first = to_channels(x)
        with torch.autocast(kspace.device.type, enabled=False):
            dampings = [weight[:, None, None] for weight in self.damping(rings).clamp(*DAMPING).exp().unbind(1)]
        kept = first.new_zeros(len(x), self.memory, *x.shape[-2:])
        for step, network in enumerate(self.networks):
            with torch.autocast(kspace.device.type, enabled=False):
                if step and self.consistency:
                    damping = dampings[step - 1]
                    x = sense.solve(measured + damping * x, x, self.gradients, damping)
                gradient = sense.normal(x) - measured if self.consistency else torch.zeros_like(x)
                seen = torch.cat([to_channels(x), to_channels(gradient), first, kept], dim=1)
            made = network(seen.contiguous(memory_format=torch.channels_last)).float()
            kept = made[:, 2:]
            x = x + to_complex(made[:, :2])
        return Guess(x, sense, measured, dampings[-1], turn)

    def finished(self, guess: "Guess", trust: float = 1.0) -> ComplexImages:
        """The last conjugate gradients, with μ / ``trust``: how much more the data count than in training."""
        x = guess.image
        if self.consistency:
            with torch.autocast(x.device.type, enabled=False):
                damping = guess.damping / trust
                x = guess.sense.solve(guess.measured + damping * x, x, self.finish, damping)
        return x * guess.turn


class Guess(NamedTuple):
    """What the last U-Net says, and what it takes to hold it against the data."""

    image: Tensor
    sense: SenseOperator
    measured: Tensor
    damping: Tensor
    turn: Tensor
