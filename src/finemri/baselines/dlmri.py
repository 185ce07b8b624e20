"""DLMRI: a dictionary of patches, learnt from the image that it is to mend (Ravishankar & Bresler, 2011)."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view

from finemri.baselines.dictionary import Patches, learn_atoms, sparse_codes
from finemri.baselines.reconstruction import ZeroFilled
from finemri.physics.coils import known_sensitivities
from finemri.physics.consistency import SenseOperator
from finemri.physics.kspace import KSpace
from finemri.refusal import Refusal
from finemri.shapes import ComplexImages, Slice

_LOOSER = (2.0,) * 4 + (1.4,) * 8
"""Times the tolerance, in the first rounds: what aliasing adds is not to be represented."""


@dataclass(frozen=True)
class DLMRI:
    """min_{x,D,Γ} Σ_p ‖R_p x − D γ_p‖² subject to ‖γ_p‖₀ ≤ T₀ and m F S x = k: in turn D, Γ and x.

    A Reconstructor: samples (coil, i, j) -> image (i, j), in their unit. Each round learns atoms from the image's
    patches, their mean taken away, writes every patch in few atoms, averages the patches where they overlap (they wrap
    around the edges) and changes as little as it can so that the samples are those measured: of one coil, it puts them
    back; of several, by conjugate gradients. Tolerances are relative to the zero-filled image's largest magnitude.
    Raises Refusal for settings that make no sense, images smaller than a patch, and several coils without
    sensitivities.
    """

    patch: int = 6
    """Edge, in voxels."""
    atoms: int = 36
    most: int = 7
    """T₀, atoms a patch."""
    tolerance: float = 0.023
    """Root mean square of what may be left of a patch: twice as much in rounds 1 to 4, 1.4 times in rounds 5 to 12."""
    stride: int = 2
    """Voxels between patches; published: 1."""
    rounds: int = 20
    learning_rounds: int = 15
    """Of K-SVD in each round."""
    steps: int = 5
    """Of conjugate gradients in each round, for several coils; few, so that noise is not fitted."""
    learnt_from: int = 3_000
    """Patches, at most, evenly spread over the image; published: 200,000."""

    def __post_init__(self) -> None:
        least = min(self.patch, self.most, self.stride, self.rounds, self.learning_rounds, self.steps)
        if (
            min(least, self.learnt_from) < 1
            or not self.most <= self.atoms <= self.patch**2
            or self.stride > self.patch
            or self.tolerance < 0
        ):
            raise Refusal(
                "DLMRI takes positive settings, a stride of at most a patch, and between T₀ and patch² atoms, not "
                f"{self}."
            )

    @property
    def needs_sensitivities(self) -> bool:
        return True

    def __call__(self, kspace: KSpace) -> Slice:
        if min(kspace.shape) < self.patch:
            i, j = kspace.shape
            raise Refusal(f"DLMRI needs an image of at least {self.patch}×{self.patch} voxels, not {i}×{j}.")
        maps = known_sensitivities(kspace)
        image = ZeroFilled()(kspace.with_sensitivities(maps))
        scale = np.abs(image).max()
        image = image / scale
        operator = SenseOperator(torch.from_numpy(kspace.mask)[None, None], torch.from_numpy(maps)[None])
        measured = operator.adjoint(torch.from_numpy(kspace.samples / scale)[None])
        steps = 1 if kspace.coils == 1 else self.steps
        for turn in range(self.rounds):
            looser = _LOOSER[turn] if turn < len(_LOOSER) else 1.0
            made = torch.from_numpy(self._mended(image, looser * self.tolerance * self.patch))[None]
            image = _agreeing(made, operator, measured, steps)[0].numpy()
        scaled: Slice = (image * scale).astype(np.complex64)
        return scaled

    def _mended(self, image: Slice, tolerance: float) -> Slice:
        """Every patch in few atoms; the average where they overlap."""
        edge, (i, j) = self.patch, image.shape
        wrapped = np.pad(image, ((0, edge - 1), (0, edge - 1)), mode="wrap")
        windows = sliding_window_view(wrapped, (edge, edge))[:: self.stride, :: self.stride]
        patches: Patches = windows.reshape(-1, edge**2).copy()
        means = patches.mean(axis=1, keepdims=True)
        patches -= means
        some = patches[:: -(-len(patches) // self.learnt_from)]
        atoms = learn_atoms(some, self.atoms, self.most, tolerance, self.learning_rounds)
        _, left = sparse_codes(patches, atoms, self.most, tolerance)
        mended = (patches - left + means).reshape(windows.shape)
        total, times = np.zeros((i, j), dtype=np.complex64), np.zeros((i, j), dtype=np.float32)
        tops, lefts = np.arange(0, i, self.stride), np.arange(0, j, self.stride)
        for p in range(edge):
            for q in range(edge):
                where = np.ix_((tops + p) % i, (lefts + q) % j)
                total[where] += mended[:, :, p, q]
                times[where] += 1
        return total / times


def _agreeing(image: ComplexImages, operator: SenseOperator, measured: ComplexImages, steps: int) -> ComplexImages:
    """The nearest image with Aᴴ A x = Aᴴ k: conjugate gradients, from where it was."""
    image = image.clone()
    left = measured - operator.normal(image)
    direction, size = left, float(torch.linalg.vector_norm(left) ** 2)
    for _ in range(steps):
        bent = operator.normal(direction)
        slope = float(torch.linalg.vecdot(direction.flatten(), bent.flatten()).real)
        if slope <= 0:
            break
        image += size / slope * direction
        left = left - size / slope * bent
        smaller = float(torch.linalg.vector_norm(left) ** 2)
        direction, size = left + smaller / size * direction, smaller
    return image
