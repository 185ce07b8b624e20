"""Patches: where they begin, what is cut there, and how both of a pair are varied."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Shaped
from torch import Tensor

from finemri.refusal import Refusal

Array = Shaped[np.ndarray, "..."]
TRIES = 64
"""Voxels that are looked at for one of tissue."""


def check_patch(patch: Sequence[int] | None) -> None:
    """Raises Refusal for a patch of nothing."""
    if patch is not None and min(patch) < 1:
        raise Refusal(f"A patch has at least one voxel along every axis, not {tuple(patch)}.")


def start_at(
    size: Sequence[int], shape: Sequence[int], centre: Sequence[int] | None, rng: np.random.Generator
) -> tuple[int, ...]:
    """A patch's first voxel, about a centre or (None) anywhere: inside the image where it fits, else so that the image
    lies inside the patch."""
    anywhere = [int(rng.integers(min(0, n - m), max(0, n - m) + 1)) for n, m in zip(size, shape, strict=True)]
    if centre is None:
        return tuple(anywhere)
    return tuple(
        int(np.clip(c - m // 2, 0, n - m)) if n >= m else a
        for c, n, m, a in zip(centre, size, shape, anywhere, strict=True)
    )


def start_on_tissue(
    image: Array, shape: Sequence[int], bright: float, centred: float, rng: np.random.Generator
) -> tuple[int, ...]:
    """A patch's first voxel; a share ``centred`` of the patches lies about a voxel brighter than ``bright``."""
    wanted = rng.random() < centred
    tried = rng.integers(image.shape, size=(TRIES, image.ndim))
    hits = np.flatnonzero(image[tuple(tried.T)] > bright)
    return start_at(image.shape, shape, tried[hits[0]].tolist() if wanted and hits.size else None, rng)


def cut(voxels: Array, start: Sequence[int], shape: Sequence[int]) -> Array:
    """A region; beyond the edges the image is mirrored, as often as it takes."""
    for axis, (first, length) in enumerate(zip(start, shape, strict=True)):
        size = voxels.shape[axis]
        if first >= 0 and first + length <= size:
            voxels = voxels[(slice(None),) * axis + (slice(first, first + length),)]
        else:
            index = np.arange(first, first + length) % (2 * size)
            voxels = voxels.take(np.where(index < size, index, 2 * size - 1 - index), axis=axis)
    return voxels


def varied(
    coarse: Tensor, fine: Tensor, offset: float, jitter: float, flips: bool, rng: np.random.Generator
) -> dict[str, Tensor]:
    """Both brighter or darker, and both mirrored; ``offset`` is by how much air lies below 0."""
    gain = float(np.exp(jitter * rng.normal()))
    mirrored = (1 + np.flatnonzero(rng.integers(0, 2, fine.ndim - 1))).tolist() if flips else []
    made = {"coarse": coarse, "fine": fine}
    if jitter:
        made = {key: (image + offset) * gain - offset for key, image in made.items()}
    return {key: image.flip(mirrored).contiguous() for key, image in made.items()}
