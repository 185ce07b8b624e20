"""Images of a few people by a few methods, as evaluate leaves them."""

import json
from pathlib import Path

import numpy as np

from finemri.volumes.files import save_volume
from finemri.volumes.volume import Volume

METHODS = ("spline", "sharp-gan")


def evaluated(
    folder: Path, people: int = 3, shape: tuple[int, int, int] = (12, 14, 10), methods: tuple[str, str] = METHODS
) -> Path:
    """``folder`` with settings.json and images/: a ball of its own brightness for everybody."""
    (folder / "images").mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps({"methods": dict.fromkeys(methods, ""), "subjects": {}}))
    rng = np.random.default_rng(5)
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"))
    ball = (np.square(grid).sum(axis=0) < 0.7).astype(np.float32)
    for n in range(people):
        truth = 100 * (n + 1) * (ball + 0.3 * rng.random(shape, dtype=np.float32) * ball)
        for method, image in zip(("truth", *methods), (truth, 0.9 * truth, 1.1 * truth), strict=True):
            volume = Volume(image.astype(np.float32), np.diag([1.0, 1.5, 2.0, 1.0]))
            save_volume(volume, folder / "images" / f"jane_doe_{n}_{method}.nii.gz")
    return folder
