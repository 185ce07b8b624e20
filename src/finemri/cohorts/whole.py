"""Examples from small scans: made coarse as a whole, edges and all, and only then cut."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Float32, Real

from finemri.cohorts.examples import Patch, jitter, noisy
from finemri.cohorts.regions import in_units
from finemri.physics.degradation import Degradation
from finemri.refusal import Refusal
from finemri.volumes.intensity import NORMALISERS


class WholeScans:
    """y = A x + n of a whole scan x, then a patch of both: ``{"coarse": (1, i, j, k), "fine": (1, s₁i, s₂j, s₃k)}``.

    Where Patches cut first and strip a guard, so that no network learns how a region ends, here it learns just that:
    a third of the voxels of a hippocampus crop lie near its edge. Degradations keep their own boundary. Scans are
    cropped to a multiple of the scale, turned and mirrored at random, brightness as in VolumePatches.
    Raises Refusal for no scans, and for a patch larger than one of them.
    """

    def __init__(
        self,
        volumes: Iterable[Real[np.ndarray, "i j k"]],
        *,
        degradations: Sequence[Degradation],
        patch: tuple[int, int, int],
        seed: int,
        noise: tuple[float, float] = (0.0, 0.0),
        normaliser: str = "percentile",
        contrast_jitter: bool = True,
    ) -> None:
        self.degradations, self.patch, self.seed = list(degradations), patch, seed
        self.noise, self.contrast_jitter = noise, contrast_jitter
        self.units = in_units(normaliser)
        self.scale = self.degradations[0].scale
        self.scans: list[Float32[np.ndarray, "_ _ _"]] = []
        for volume in volumes:
            voxels = np.asarray(volume, dtype=np.float32)
            self.scans.append(self.units.undo(NORMALISERS[normaliser](voxels).apply(voxels)))
        if not self.scans:
            raise Refusal("There is no volume to learn from; give at least one.")
        room = min(n // max(self.scale) for scan in self.scans for n in scan.shape)
        if max(patch) > room:
            raise Refusal(
                f"The smallest scan has {room} coarse voxels along one axis, so a patch of {patch} does not fit; "
                f"set --recipe.patch {room} {room} {room}."
            )

    def __getitem__(self, n: int) -> dict[str, Patch]:
        rng = np.random.default_rng([self.seed, n])
        fine = self._turned(rng)
        if self.contrast_jitter:
            fine = jitter(fine, rng)
        fine = (fine - self.units.offset) / self.units.scale
        coarse = self.degradations[rng.integers(len(self.degradations))](fine)
        coarse = noisy(coarse, self.noise, self.units, rng)
        starts = [int(rng.integers(n - p + 1)) for n, p in zip(coarse.shape, self.patch, strict=True)]
        i, j, k = (slice(a, a + p) for a, p in zip(starts, self.patch, strict=True))
        fi, fj, fk = (slice(s * a, s * (a + p)) for s, a, p in zip(self.scale, starts, self.patch, strict=True))
        return {"coarse": coarse[i, j, k][None].contiguous(), "fine": fine[fi, fj, fk][None].contiguous()}

    def _turned(self, rng: np.random.Generator) -> Float32[torch.Tensor, "_ _ _"]:
        """A whole scan in one of 48 orientations."""
        scan = torch.from_numpy(self.scans[rng.integers(len(self.scans))])
        flips = np.flatnonzero(rng.integers(0, 2, 3)).tolist()
        turned = scan.permute(*rng.permutation(3).tolist()).flip(flips)
        i, j, k = (n - n % s for n, s in zip(turned.shape, self.scale, strict=True))
        return turned[:i, :j, :k].contiguous()
