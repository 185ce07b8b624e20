"""People who were scanned twice, as folders of NIfTI and as the DICOM folders that paper 001 has."""

from pathlib import Path

import pytest

from finemri.volumes.files import save_volume
from tests.pair.heads import retold, scan


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Thick and thin slices of sub-1, sub-2 and sub-3."""
    for seed, name in enumerate(("sub-1", "sub-2", "sub-3")):
        for side, volume in (
            ("thick", scan((1.0, 1.0, 4.0), (48, 56, 11), seed=seed)),
            ("thin", scan((1.0, 1.0, 1.0), (48, 56, 44), seed=seed)),
        ):
            (tmp_path / side).mkdir(exist_ok=True)
            save_volume(volume, tmp_path / side / f"{name}_{side}.nii.gz")
    return tmp_path / "thick", tmp_path / "thin"


@pytest.fixture
def dicom(tmp_path: Path) -> tuple[Path, Path]:
    """The paper's folders: anon556l and anon556h, and another patient's."""
    for number, seed in ((556, 0), (1037, 1)):
        for end, volume in (
            ("l", scan((2.0, 2.0, 6.0), (24, 28, 7), seed=seed)),
            ("h", scan((2.0, 2.0, 2.0), (24, 28, 22), seed=seed)),
        ):
            (tmp_path / end).mkdir(exist_ok=True)
            save_volume(volume, tmp_path / end / f"anon{number}{end}")
            retold(tmp_path / end / f"anon{number}{end}", PatientID=f"anon{number}{end}")
    return tmp_path / "l", tmp_path / "h"
