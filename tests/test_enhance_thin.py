"""Thick slices made thin by the verb: any spacing, any orientation, and a sentence for what cannot be."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from finemri.enhance import Thin, enhance
from finemri.physics.slices import Slices
from finemri.refusal import Refusal
from finemri.volumes.files import open_volume, save_volume, sidecar_path
from finemri.volumes.grid import lay_on_grid
from finemri.volumes.volume import Volume

UPRIGHT = np.diag([1.0, 1.0, 4.0, 1.0])
OBLIQUE = np.array([[0.8, 0.6, 0, -9], [-0.6, 0.8, 0, 4], [0, 0, 4, 7], [0, 0, 0, 1]], np.float64)
LEFT_HANDED = OBLIQUE @ np.diag([-1.0, 1, 1, 1])
ALONG_I = OBLIQUE[:, [2, 0, 1, 3]]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def blobs(*shape: int, seed: int = 0) -> np.ndarray:
    """Something smooth with a bright background of tissue."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.5)
    bright: np.ndarray = (500 + 300 * noise / np.abs(noise).max()).astype(np.float32)
    return bright


def scan(path: Path, affine: np.ndarray = UPRIGHT, shape: tuple[int, int, int] = (20, 18, 8), seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_volume(Volume(blobs(*shape, seed=seed), affine), path)
    return path


def made(source: Path, output: Path, **settings: object) -> tuple[Volume, dict[str, object]]:
    enhance(source, output, progress=False, memory=None, **settings)  # type: ignore[arg-type]
    return open_volume(output), json.loads(sidecar_path(output).read_text())


def corner(volume: Volume, n: int) -> np.ndarray:
    """The outer corner of the field of view, in millimetres."""
    where = np.array([-0.5 if n >> a & 1 else volume.shape[a] - 0.5 for a in range(3)] + [1.0])
    place: np.ndarray = volume.affine @ where
    return place


@pytest.mark.parametrize("affine", [UPRIGHT, OBLIQUE, LEFT_HANDED], ids=["upright", "oblique", "left-handed"])
def test_the_header_decides_and_the_field_of_view_stays(
    affine: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = scan(tmp_path / "jane_doe.nii.gz", affine)
    fine, told = made(source, tmp_path / "fine.nii.gz")
    assert fine.shape == (20, 18, 32)
    assert np.allclose(fine.spacing, 1)
    for n in range(8):
        np.testing.assert_allclose(corner(fine, n), corner(open_volume(source), n), atol=1e-4)
    assert told["method"] == "anyspacing-faithful"
    assert told["degradation"]["slice_axis"] == 2  # type: ignore[index]
    assert told["degradation"]["slice_thickness"] == "not known, taken to be the spacing"  # type: ignore[index]
    said = capsys.readouterr().err
    assert "thick slices, so they are made isotropic by anyspacing-faithful" in said
    assert "How thick a slice is, nothing tells: taken as 4 mm" in said
    assert "jane" not in json.dumps(told)


def test_a_dicom_series_becomes_one_of_thin_slices_in_the_same_place(tmp_path: Path) -> None:
    save_volume(Volume(blobs(20, 18, 8), OBLIQUE), tmp_path / "in")
    fine, told = made(tmp_path / "in", tmp_path / "out")
    assert fine.source is not None
    assert (fine.source.format, fine.source.slice_thickness) == ("dicom", 1.0)
    assert fine.shape == (20, 18, 32)
    for n in range(8):
        np.testing.assert_allclose(corner(fine, n), corner(open_volume(tmp_path / "in"), n), atol=1e-3)
    assert told["degradation"]["slice_thickness"] == "the header"  # type: ignore[index]


def test_slices_along_another_axis_are_made_thin_alike(tmp_path: Path) -> None:
    source = scan(tmp_path / "k.nii.gz", OBLIQUE)
    volume = open_volume(source)
    save_volume(Volume(np.ascontiguousarray(np.moveaxis(volume.voxels, 2, 0)), ALONG_I), tmp_path / "i.nii.gz")
    one, _ = made(source, tmp_path / "one.nii.gz", thin=Thin(consistency="hard"), isotropic=True)
    other, told = made(tmp_path / "i.nii.gz", tmp_path / "other.nii.gz", thin=Thin(consistency="hard"), isotropic=True)
    assert told["degradation"]["slice_axis"] == 0  # type: ignore[index]
    assert told["trust"]["inconsistency"] < 1e-5  # type: ignore[index]
    np.testing.assert_allclose(np.moveaxis(other.voxels, 0, 2), one.voxels, rtol=0, atol=0.01 * one.voxels.max())


def test_any_spacing_that_is_asked_for(tmp_path: Path) -> None:
    source = scan(tmp_path / "a.nii.gz", np.diag([0.5, 0.7, 3.3, 1]))
    fine, told = made(source, tmp_path / "b.nii.gz", thin=Thin((0.7, 0.7, 1.0)))
    assert fine.shape == (14, 18, 26)
    assert told["grid"]["asked_mm"] == [0.7, None, 1.0]  # type: ignore[index]
    fine, _ = made(source, tmp_path / "c.nii.gz", isotropic=True)
    assert fine.shape == (14, 18, 38)


@pytest.mark.parametrize("method", ["anyspacing-faithful", "anyspacing-sharp", "spline"])
def test_hard_consistency_gives_back_what_was_measured(method: str, tmp_path: Path) -> None:
    source = scan(tmp_path / "a.nii.gz")
    measured = open_volume(source).voxels
    a = Slices(2, 4.0, 4.0).matrix(32).numpy()
    off = {}
    for keeping in ("none", "damped", "hard"):
        output = tmp_path / f"{keeping}.nii.gz"
        fine, told = made(source, output, method=method, isotropic=True, thin=Thin(consistency=keeping), maps=True)
        residual = open_volume(tmp_path / f"{keeping}_residual.nii.gz")
        assert residual.shape == (20, 18, 8)
        gap = fine.voxels @ a.T - measured
        np.testing.assert_allclose(residual.voxels, gap, atol=0.01)
        off[keeping] = told["trust"]["inconsistency"]  # type: ignore[index]
        assert off[keeping] == pytest.approx(np.linalg.norm(gap) / np.linalg.norm(measured), rel=0.02, abs=1e-6)
        invented = open_volume(tmp_path / f"{keeping}_nullspace.nii.gz")
        np.testing.assert_allclose(invented.voxels, abs(fine.voxels - fine.voxels @ np.linalg.pinv(a) @ a), atol=0.01)
        assert 0 < told["trust"]["null_space_energy"] < 0.05  # type: ignore[index]
    assert off["hard"] < 1e-5 < off["damped"] < off["none"]


def test_the_spline_is_the_spline(tmp_path: Path) -> None:
    source = scan(tmp_path / "a.nii.gz")
    fine, _ = made(source, tmp_path / "b.nii.gz", method="spline", isotropic=True, thin=Thin(consistency="none"))
    np.testing.assert_allclose(fine.voxels, lay_on_grid(open_volume(source), (None, None, 1.0)).voxels, rtol=1e-4)


def test_thickness_as_asked_else_as_the_header_tells(tmp_path: Path) -> None:
    source = scan(tmp_path / "a.nii.gz")
    (tmp_path / "a.json").write_text('{"SliceThickness": 3.2, "PatientName": "Jane"}')
    header, told = made(source, tmp_path / "b.nii.gz")
    assert told["degradation"]["slice_thickness_mm"] == 3.2  # type: ignore[index]
    assert told["degradation"]["slice_thickness"] == "the header"  # type: ignore[index]
    asked, told = made(source, tmp_path / "c.nii.gz", thin=Thin(thickness=5.0))
    assert told["degradation"]["slice_thickness_mm"] == 5.0  # type: ignore[index]
    assert told["degradation"]["slice_thickness"] == "asked for"  # type: ignore[index]
    assert np.abs(header.voxels - asked.voxels).max() > 1
    with pytest.raises(Refusal, match="too small for its spectra"):
        made(source, tmp_path / "d.nii.gz", thin=Thin(thickness="spectra"))
    assert "Jane" not in (tmp_path / "b.json").read_text()


def test_thickness_as_the_spectra_look_is_a_guess_and_nothing_is_put_back(tmp_path: Path) -> None:
    fine = Volume(blobs(60, 56, 60), np.eye(4))
    thick = Slices(2, 3.0, 1.8)(torch.from_numpy(np.array(fine.voxels))).numpy()
    save_volume(Volume(thick, np.diag([1.0, 1.0, 3.0, 1.0])), tmp_path / "a.nii.gz")
    told = made(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", isotropic=True, thin=Thin(thickness="spectra"))[1]
    assert told["degradation"]["slice_thickness_mm"] == pytest.approx(1.8, rel=0.5)  # type: ignore[index]
    assert told["degradation"]["slice_thickness"] == "the scan's spectra"  # type: ignore[index]
    assert told["contract"]["consistency"] == "none"  # type: ignore[index]


def test_interleaves_are_made_even_unless_that_is_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    even = np.broadcast_to(blobs(40, 40, 1), (40, 40, 12)).copy()
    even[:, :, ::2] *= 1.06
    save_volume(Volume(even, UPRIGHT), tmp_path / "a.nii.gz")
    told = made(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", method="spline", isotropic=True)[1]
    assert told["degradation"]["interleaves"]["made_even"] is True  # type: ignore[index]
    assert told["degradation"]["interleaves"]["log_brightness"] == pytest.approx(np.log(1.06), rel=0.02)  # type: ignore[index]
    assert "Every other slice was" in capsys.readouterr().err
    told = made(tmp_path / "a.nii.gz", tmp_path / "c.nii.gz", method="spline", isotropic=True, thin=Thin(even=False))[1]
    assert told["degradation"]["interleaves"]["made_even"] is False  # type: ignore[index]
    assert "Every other slice was" not in capsys.readouterr().err


def test_slices_unlike_those_learnt_get_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = scan(tmp_path / "a.nii.gz", np.diag([1.0, 1.0, 12.0, 1.0]))
    told = made(source, tmp_path / "b.nii.gz", thin=Thin(thickness=6.0))[1]
    said = capsys.readouterr().err
    assert "gaps of 100% of their thickness, and -20% to 50% were learnt" in said
    assert any("gaps of 100%" in str(each) for each in told["warnings"])  # type: ignore[attr-defined]


def test_measured_slices_are_put_back_where_their_thickness_is_known(tmp_path: Path) -> None:
    source = scan(tmp_path / "a.nii.gz", shape=(40, 36, 8))
    ways: dict[str, tuple[Thin, str, str]] = {
        "unknown": (Thin(), "anyspacing-faithful", "none"),
        "known": (Thin(thickness=4.0), "anyspacing-faithful", "damped"),
        "spline": (Thin(thickness=4.0), "spline", "none"),
        "itself": (Thin(thickness=4.0, rounds=1), "selfsuper", "none"),
        "asked": (Thin(consistency="damped"), "spline", "damped"),
    }
    for name, (thin, method, kept) in ways.items():
        told = made(source, tmp_path / f"{name}.nii.gz", method=method, isotropic=True, thin=thin)[1]
        assert told["contract"]["consistency"] == kept, name  # type: ignore[index]


def test_the_sidecar_tells_the_precision_that_was_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for has, told in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr("finemri.recipes.network_enhancer.has_bf16", lambda _, has=has: has)
        assert made(scan(tmp_path / f"{has}.nii.gz"), tmp_path / f"{told}.nii.gz")[1]["precision"] == told
