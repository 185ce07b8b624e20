import json
from pathlib import Path

import numpy as np
import pytest
import torch

from finemri.enhance import enhance
from finemri.enhance.maps import operators
from finemri.measures.trust import null_space, null_space_energy
from finemri.physics.degradation import GaussianBlur, KSpaceTruncation
from finemri.refusal import Refusal
from finemri.shelf import Method, find_method
from finemri.volumes.files import open_volume, save_volume
from finemri.volumes.volume import Volume

AFFINE = np.array([[0, -2, 0, 40], [1.5, 0, 0, -30], [0, 0, 3, 7], [0, 0, 0, 1]], np.float64)
NAMES = ["residual_blur", "nullspace_blur", "residual_kspace", "nullspace_kspace", "disagreement"]


def scan(path: Path, *shape: int) -> Path:
    """Smooth noise in air."""
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in shape or (12, 13, 14)], indexing="ij"))
    body = 900 * np.exp(-4 * (grid**2).sum(0)) + np.random.default_rng(0).uniform(0, 30, grid.shape[1:])
    save_volume(Volume(body.astype(np.float32), AFFINE), path)
    return path


def test_maps_lie_beside_the_result_and_numbers_in_its_sidecar(tmp_path: Path) -> None:
    source, output = scan(tmp_path / "in.nii.gz", 6, 7, 8), tmp_path / "out.nii.gz"
    enhance(source, output, weights="volume-x2-faithful", maps=True, device="cpu", progress=False)
    coarse, fine = open_volume(source), open_volume(output)
    found = {name: open_volume(tmp_path / f"out_{name}.nii.gz") for name in NAMES}
    trust = json.loads((tmp_path / "out.json").read_text())["trust"]
    assert trust["maps"] == NAMES
    assert trust["degradation"] == "what the weights learnt"
    chosen: dict[str, GaussianBlur | KSpaceTruncation] = {"blur": GaussianBlur(2), "kspace": KSpaceTruncation(2)}
    for name, degradation in chosen.items():
        gap = degradation(torch.tensor(fine.voxels)).numpy() - coarse.voxels
        np.testing.assert_allclose(found[f"residual_{name}"].voxels, gap, atol=0.01)
        np.testing.assert_allclose(found[f"residual_{name}"].affine, coarse.affine, atol=1e-5)
        invented = null_space(np.array(fine.voxels), degradation)
        np.testing.assert_allclose(found[f"nullspace_{name}"].voxels, np.abs(invented), atol=0.01)
        share = np.linalg.norm(gap.ravel()) / np.linalg.norm(coarse.voxels.ravel())
        assert trust[name]["inconsistency"] == pytest.approx(share, rel=1e-3)
        assert trust[name]["null_space_energy"] == pytest.approx(null_space_energy(np.array(fine.voxels), degradation))
    assert trust["blur"]["operator"] == {"factor": 2, "sigma": 1.0}
    spread = found["disagreement"].voxels.astype(np.float64)
    np.testing.assert_allclose(found["disagreement"].affine, fine.affine, atol=1e-5)
    share = np.sqrt((spread**2).mean() / (fine.voxels.astype(np.float64) ** 2).mean())
    assert trust["disagreement"]["relative_rms"] == pytest.approx(share, rel=1e-3)
    assert 0 < share < 0.2
    assert trust["disagreement"]["over"] == "8 flips"
    assert 0.3 < trust["stability"]["amplification"] < 2


def test_maps_leave_the_result_as_it_is(tmp_path: Path) -> None:
    source = scan(tmp_path / "in.nii.gz")
    enhance(source, tmp_path / "plain.nii.gz", method="spline", progress=False)
    enhance(source, tmp_path / "out", method="spline", maps=True, degradation="kspace", progress=False)
    enhance(source, tmp_path / "out.nii.gz", method="spline", maps=True, degradation="kspace", force=True,
            progress=False)  # fmt: skip
    assert (tmp_path / "plain.nii.gz").read_bytes() == (tmp_path / "out.nii.gz").read_bytes()
    assert (tmp_path / "out").is_dir()  # DICOM, with maps beside it as NIfTI
    assert open_volume(tmp_path / "out_disagreement.nii.gz").voxels.max() < 0.01  # a spline has no handedness
    assert not (tmp_path / "out_nullspace_blur.nii.gz").exists()
    trust = json.loads((tmp_path / "out.json").read_text())["trust"]
    assert trust["degradation"] == "--degradation"
    assert "blur" not in trust


def test_rivals_are_what_disagrees(tmp_path: Path) -> None:
    source = scan(tmp_path / "in.nii.gz")
    enhance(source, tmp_path / "out.nii.gz", method="spline", maps=True, rivals=("linear",), progress=False)
    lines, curves = (
        find_method(name, 2).enhancer(np.array(open_volume(source).voxels)) for name in ("linear", "spline")
    )
    spread = open_volume(tmp_path / "out_disagreement.nii.gz").voxels
    np.testing.assert_allclose(spread, np.abs(lines - curves) / np.sqrt(2), atol=0.01)
    assert json.loads((tmp_path / "out.json").read_text())["trust"]["disagreement"]["over"] == ["spline", "linear"]


def test_around_the_box_all_members_are_one_spline(tmp_path: Path) -> None:
    voxels = np.zeros((44, 8, 8), np.float32)
    voxels[20:24, 2:6, 2:6] = np.random.default_rng(0).uniform(300, 900, (4, 4, 4))
    save_volume(Volume(voxels, AFFINE), tmp_path / "in.nii.gz")
    enhance(tmp_path / "in.nii.gz", tmp_path / "out.nii.gz", method="linear", maps=True, rivals=("spline",), crop=True,
            progress=False)  # fmt: skip
    told = json.loads((tmp_path / "out.json").read_text())
    (first, last), spread = told["crop"]["box"][0], open_volume(tmp_path / "out_disagreement.nii.gz").voxels
    assert 0 < first < last < 44
    assert spread[: 2 * first].max() == spread[2 * last :].max() == 0
    assert spread[2 * 20 : 2 * 24].max() > 10
    assert 0.3 < told["trust"]["stability"]["amplification"] < 1.2


def test_what_cannot_be_mapped_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    source, output = scan(tmp_path / "in.nii.gz", 40, 40, 40), tmp_path / "out.nii.gz"
    with pytest.raises(Refusal, match="Maps look at the whole result"):
        enhance(source, output, method="spline", maps=True, memory=2**20, progress=False)
    with pytest.raises(Refusal, match="pass --maps"):
        enhance(source, output, method="spline", degradation="blur", progress=False)
    (tmp_path / "out_disagreement.nii.gz").write_text("precious")
    with pytest.raises(Refusal, match="--force"):
        enhance(source, output, method="spline", maps=True, progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.nii.gz", "out_disagreement.nii.gz"]


def test_who_says_how_a_scan_became_coarse() -> None:
    spline = find_method("spline", 2)
    assert list(operators(spline, None)[0]) == ["blur", "kspace"]
    learnt = Method("mine", spline.enhancer, None, {"settings": {"degradations": ["blur"], "sigma": 0.8}})
    assert operators(learnt, None) == ({"blur": GaussianBlur(2, 0.8)}, "what the weights learnt")
    assert operators(learnt, "kspace") == ({"kspace": KSpaceTruncation(2)}, "--degradation")
    same = find_method("spline", 1)
    assert operators(same, None)[0] == {}
    with pytest.raises(Refusal, match="leave --degradation out"):
        operators(same, "blur")
