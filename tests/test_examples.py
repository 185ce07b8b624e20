"""The gallery: every example runs from its folder as a reader would run it, hardly trained."""

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from tests.test_project import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))
PAGE = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
IMAGES = ROOT / "docs" / "images" / "examples"


def run(example: Path, folder: Path, *more: str) -> str:
    """Run it with hardly any rounds; what it prints."""
    command = [sys.executable, str(example), "--quick", "--into", "out", *more]
    ran = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return ran.stdout


def told(output: str) -> dict[str, list[float]]:
    """Method -> its numbers, of the lines that ``tell`` prints."""
    lines = [line for line in output.splitlines() if re.search(r" {3,}(psnr|snr|mse) ", line)]
    return {line[:32].strip(): [float(n) for n in re.findall(r"[\w-]+ (\S+)", line[32:])] for line in lines}


def check_picture(path: Path) -> None:
    """Wide enough for a page, light enough for a repository, and something is to be seen."""
    with Image.open(path) as image:
        grey = np.asarray(image.convert("L"))
    assert grey.shape[1] >= 900
    assert grey.std() > 20
    assert np.unique(grey).size > 50
    assert path.stat().st_size < 200_000


def test_there_is_one_for_each_paper() -> None:
    assert [example.name[:3] for example in EXAMPLES] == ["000", "001", "002", "003", "004"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_measures_and_draws(example: Path, tmp_path: Path) -> None:
    numbers = told(run(example, tmp_path, "--figure", "shown/figure.png"))
    assert len(numbers) >= 3  # a baseline and two systems, at least
    assert all(math.isfinite(n) for each in numbers.values() for n in each)
    assert len({tuple(each) for each in numbers.values()}) == len(numbers)  # no two methods are one
    check_picture(tmp_path / "shown" / "figure.png")


def test_an_example_takes_scans_of_ones_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "mine").mkdir()
    place = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in (30, 34, 26)), indexing="ij"))
    for n in range(10):
        waves = sum(np.sin(rng.uniform(5, 12) * x + rng.uniform(0, 6)) for x in place)
        head = ((place**2).sum(0) < 0.8) * (100 + 20 * waves)
        nibabel.save(nibabel.Nifti1Image(head.astype(np.float32), np.eye(4)), tmp_path / "mine" / f"sub-{n:02d}.nii.gz")
    (example,) = (each for each in EXAMPLES if each.name.startswith("002"))
    assert "spline" in told(run(example, tmp_path, "--cohort", "mine"))
    assert not (tmp_path / "out" / "people").exists()
    check_picture(tmp_path / "out" / "002.png")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_page_shows_an_example(example: Path) -> None:
    assert f"examples/{example.name}" in PAGE
    assert f"images/examples/{example.name[:3]}.png" in PAGE
    check_picture(IMAGES / f"{example.name[:3]}.png")
