"""People for the examples: the MNI 152 template that nilearn brings, bent and coloured another way for everybody.

Nothing is downloaded. They are no patients: what an example measures on them says how a recipe is used, and not how
well it does on scans.
"""

import importlib.metadata
from functools import cache
from pathlib import Path

import nibabel
import numpy as np
import torch
from scipy.ndimage import map_coordinates

from finemri.physics.contrast import smooth_noise
from finemri.volumes.files import save_volume
from finemri.volumes.volume import Volume

TEMPLATE = "nilearn/datasets/data/mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
CENTRE = (98.0, 112.0, 88.0)
"""Voxel of the template in the middle of every scan: at the lateral ventricles."""
LABELS = {"fluid": 1, "grey matter": 2, "white matter": 3}
"""Of the label maps."""


def make_people(
    folder: Path,
    *,
    spacing: tuple[float, float, float],
    shape: tuple[int, int, int],
    count: int = 16,
    quick: bool = False,
) -> Path:
    """Scans (folder/images) and label maps (folder/labels) of ``count`` people; those who are there already stay.

    ``quick``: ten people, in voxels twice as wide.
    """
    if quick:
        i, j, k = shape
        count, spacing, shape = 10, (2 * spacing[0], 2 * spacing[1], spacing[2]), (i // 2, j // 2, k)
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = [-s * (n - 1) / 2 for s, n in zip(spacing, shape, strict=True)]
    for n in range(1, count + 1):
        name = f"person-{n:02d}.nii.gz"
        if (folder / "labels" / name).exists():
            continue
        image, labels = _person(np.random.default_rng(n), spacing, shape)
        save_volume(Volume(image, affine), folder / "images" / name, force=True)
        save_volume(Volume(labels.astype(np.float32), affine), folder / "labels" / name, force=True)
    return folder


def _person(
    rng: np.random.Generator, spacing: tuple[float, float, float], shape: tuple[int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """One head: its shape, the brightness of its tissues, a little texture and the coils' unevenness."""
    chance = torch.Generator().manual_seed(int(rng.integers(2**31)))
    size = rng.normal(1, 0.03, 3)
    place = []
    for axis, (n, mm, centre) in enumerate(zip(shape, spacing, CENTRE, strict=True)):
        straight = (np.arange(n) - (n - 1) / 2) * mm * size[axis] + centre
        bent = smooth_noise(shape, 14 / min(spacing), chance).numpy() * 2.0
        place.append(straight.reshape([-1 if a == axis else 1 for a in range(3)]) + bent)
    tissue = np.stack([map_coordinates(each, place, order=1) for each in _template()])
    t1w, fluid, grey, white = tissue
    crisp = np.stack([fluid, grey, white]) ** 3
    crisp /= np.maximum(crisp.sum(0), 1e-6)
    means = rng.uniform((0.12, 0.50, 0.88), (0.25, 0.64, 0.98))
    inside = np.clip(fluid + grey + white, 0, 1)
    image = inside * (0.65 * np.tensordot(means, crisp, 1) + 0.35 * t1w)
    image *= 1 + 0.02 * smooth_noise(shape, 1.5, chance).numpy()
    image *= np.exp(0.05 * smooth_noise(shape, 80 / min(spacing), chance).numpy())
    labels = np.where(inside > 0.5, 1 + np.stack([fluid, grey, white]).argmax(0), 0)
    return (1000 * image).astype(np.float32), labels


@cache
def _template() -> tuple[np.ndarray, ...]:
    """T1w, and the shares of fluid, grey and white matter: each 0…1, at 1 mm."""
    package = importlib.metadata.distribution("nilearn")
    t1w, grey, white = (
        np.asarray(nibabel.load(str(package.locate_file(TEMPLATE.format(kind)))).dataobj, np.float32) / 255
        for kind in ("t1", "gm", "wm")
    )
    fluid = np.clip((t1w > 0) - grey - white, 0, 1)
    return t1w / 0.9, fluid, grey, white
