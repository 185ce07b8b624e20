"""How cohorts become examples: one kind of patches a cohort, drawn in the shares that the user gave."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from scipy import ndimage
from torch import Tensor

from finemri.cohorts.cohort import Cohort
from finemri.cohorts.examples import Examples, Mixture, SyntheticPatches, VolumePatches
from finemri.cohorts.whole import WholeScans
from finemri.physics.degradation import Degradation
from finemri.refusal import Refusal
from finemri.volumes.files import open_volume


def patches_of_cohorts(
    cohorts: Sequence[Cohort],
    shares: Sequence[float],
    *,
    degradations: Sequence[Degradation],
    patch: tuple[int, int, int],
    seed: int,
    noise: tuple[float, float],
    contrast_jitter: bool,
    zoom: tuple[float, float],
    normaliser: str,
    whole: bool = False,
) -> Examples:
    """Real patches where a cohort has images, synthetic ones where it has label maps alone.

    ``whole``: real scans are made coarse as wholes and then cut (finemri.cohorts.whole). Raises Refusal where a cohort
    has neither, or shares and cohorts do not match.
    """
    if len(shares) != len(cohorts):
        raise Refusal(f"{len(cohorts)} cohorts need as many shares, not {len(shares)}.")
    kinds: list[Examples] = []
    for number, cohort in enumerate(cohorts):
        images, labels = files_of(cohort)
        cut: Callable[..., Examples] = SyntheticPatches
        if images:
            cut = partial(WholeScans if whole else partial(VolumePatches, zoom=zoom), contrast_jitter=contrast_jitter)
        kinds.append(
            cut(
                (open_volume(path).voxels for path in images or labels),
                degradations=degradations,
                patch=patch,
                seed=seed * 1000 + number,
                noise=noise,
                normaliser=normaliser,
            )
        )
    return Mixture(kinds, shares, seed)


def files_of(cohort: Cohort) -> tuple[list[Path], list[Path]]:
    """Images and label maps. Raises Refusal for a cohort that has neither."""
    images = [path for subject in cohort.subjects for path in subject.images]
    labels = [path for subject in cohort.subjects for path in subject.labels]
    if not images and not labels:
        if any(subject.pairs for subject in cohort.subjects):
            raise Refusal("This cohort holds pairs of a coarse and a fine scan; train a recipe that learns from pairs.")
        raise Refusal("A cohort without a single image or label map teaches nothing; check the folder.")
    return images, labels


class BlurredAcross:
    """A slip of published code: its Gaussian ran over the batch axis as well, so that patches of a batch shine through.

    Coarse patch n of a batch becomes Σ_m W[n, m] · coarse patch m, W the Gaussian matrix of that axis, mirrored at its
    ends; decimation and blur along the other axes commute with it. Batch b holds examples b·size … (b + 1)·size − 1.
    """

    def __init__(self, examples: Examples, batch: int, sigma: float) -> None:
        self.examples, self.batch = examples, batch
        self.weights = ndimage.gaussian_filter1d(np.eye(batch), sigma, axis=0, mode="reflect")

    def __getitem__(self, n: int) -> Mapping[str, Tensor]:
        first = n - n % self.batch
        coarse = [self.examples[first + m]["coarse"] * float(w) for m, w in enumerate(self.weights[n - first])]
        return {**self.examples[n], "coarse": sum(coarse[1:], coarse[0])}
