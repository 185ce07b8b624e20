"""The demo on a small anatomy: everything is written, and measured on what was written."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finemri import demo as room
from finemri.demo import METHODS, demo, template
from finemri.enhance import enhance
from finemri.refusal import Refusal
from finemri.volumes.files import open_volume
from finemri.volumes.volume import Volume


def anatomy(shape: tuple[int, int, int] = (33, 36, 31)) -> Volume:
    """A textured ball on black, of odd size, not at the origin."""
    place = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"))
    ball = (place**2).sum(0) < 0.7
    voxels = ball * (100 + 30 * np.sin(9 * place[0]) * np.cos(7 * place[1]) + 20 * np.sin(11 * place[2]))
    affine = np.diag([1.0, 1.0, 1.2, 1.0])
    affine[:3, 3] = -20, 5, 9
    return Volume(voxels.astype(np.float32), affine)


@pytest.fixture
def without_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let baselines stand in for the shipped weights: linear for faithful, nearest for sharp."""
    standing_in = {"faithful": "linear", "sharp": "nearest"}

    def without(source: Path, output: Path, *, style: str | None = None, **settings: Any) -> None:
        method = standing_in[style] if style else settings.pop("method")
        enhance(source, output, method=method, **settings)

    monkeypatch.setattr(room, "enhance", without)


@pytest.mark.usefixtures("without_weights")
def test_demo_writes_what_it_measures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = demo(tmp_path / "out", device="cpu", truth=anatomy())
    assert tuple(row.method for row in rows) == METHODS
    psnr = {row.method: row.psnr for row in rows}
    assert psnr["spline"] > max(psnr["faithful"], psnr["sharp"]) > 10
    truth = open_volume(tmp_path / "out" / "truth.nii.gz")
    assert truth.shape == (32, 36, 30)
    coarse = open_volume(tmp_path / "out" / "coarse.nii.gz")
    assert coarse.shape == (16, 18, 15)
    assert coarse.spacing == pytest.approx((2, 2, 2.4))
    assert coarse.voxels.mean() == pytest.approx(truth.voxels.mean(), rel=0.02)
    for method in METHODS:
        fine = open_volume(tmp_path / "out" / f"fine-{method}.nii.gz")
        assert fine.shape == truth.shape
        np.testing.assert_allclose(fine.affine, truth.affine, atol=1e-4)
    assert (tmp_path / "out" / "demo.png").read_bytes()[:4] == b"\x89PNG"
    said = capsys.readouterr().out
    assert f"{psnr['spline']:.2f}" in said
    assert f"{psnr['sharp'] - psnr['spline']:+.2f}" in said


@pytest.mark.usefixtures("without_weights")
def test_a_demo_is_not_replaced_unasked(tmp_path: Path) -> None:
    (tmp_path / "truth.nii.gz").write_bytes(b"mine")
    with pytest.raises(Refusal, match="force"):
        demo(tmp_path, device="cpu", truth=anatomy())
    assert (tmp_path / "truth.nii.gz").read_bytes() == b"mine"


def test_without_its_extra_the_demo_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "nilearn" else find(name))
    with pytest.raises(Refusal, match=r"pip install 'finemri\[demo\]'"):
        demo(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_template_is_a_whole_brain_at_one_millimetre() -> None:
    volume = template()
    assert volume.spacing == pytest.approx((1, 1, 1))
    assert volume.shape == (197, 233, 189)
    assert 1.5e6 < (volume.voxels > 0).sum() < 2.5e6, "a brain has about two litres, ventricles included"
