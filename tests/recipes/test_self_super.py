"""Self-super-resolution: better than the spline, remembered, any factor; what it refuses. All of it tiny."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from finemri.physics.slices import Slices
from finemri.provenance import check_provenance
from finemri.recipes.self_super import SelfSuper, self_super
from finemri.refusal import Refusal
from finemri.shapes import Voxels
from finemri.training.weights import load_weights
from finemri.volumes.grid import lay_on_grid
from finemri.volumes.thick import Acquisition
from finemri.volumes.volume import Volume

TINY = SelfSuper(rounds=40, batch=8, patch=(16, 8), features=8, blocks=2, learning_rate=3e-3, noise=0.0)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def texture(size: int = 48) -> Voxels:
    """As fine in plane as through it, and without noise."""
    grains = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((size,) * 3), 1.2)
    made: Voxels = np.abs(grains / grains.std()).astype(np.float32)
    return made


def thick(truth: Voxels, axis: int = 2, spacing: float = 3.0, thickness: float = 3.0) -> Volume:
    """Slices of 1 mm voxels, the first beginning where the truth does."""
    voxels = Slices(axis, spacing, thickness)(torch.from_numpy(truth)).numpy()
    scale = np.ones(3)
    scale[axis] = spacing
    affine = np.diag([*scale, 1.0])
    affine[:3, 3] = (scale - 1) / 2
    return Volume(voxels, affine)


def error(made: Volume, truth: Voxels) -> float:
    i, j, k = made.shape
    return float(np.square(made.voxels - truth[:i, :j, :k]).mean())


@pytest.mark.parametrize("axis", [0, 2])
def test_it_errs_less_than_the_spline_and_keeps_the_place(axis: int) -> None:
    truth = texture()
    scan = thick(truth, axis)
    restored = self_super(scan, settings=TINY, precision="fp32").volume
    spline = lay_on_grid(scan, [1.0, 1.0, 1.0])
    assert restored.shape == truth.shape
    np.testing.assert_allclose(restored.affine, np.eye(4), atol=1e-12)
    assert error(restored, truth) < 0.92 * error(spline, truth)


def test_a_factor_that_is_not_whole() -> None:
    truth = texture()
    scan = thick(truth, spacing=2.6, thickness=2.6)
    restored = self_super(scan, Acquisition(2, 2.6), settings=TINY, precision="fp32")
    spline = lay_on_grid(scan, [1.0, 1.0, 1.0])
    assert restored.volume.shape == spline.shape == (48, 48, 47)
    np.testing.assert_allclose(restored.volume.affine, spline.affine)
    assert restored.volume.spacing[2] == pytest.approx(18 * 2.6 / 47)
    n = 46  # the grid's voxels are 0.996 mm: near enough to the truth's to compare what both make of the scan
    both = [float(np.square(v.voxels[:, :, :n] - truth[:, :, :n]).mean()) for v in (restored.volume, spline)]
    assert both[0] < 0.95 * both[1]


def test_what_it_learnt_is_found_again_to_the_bit(tmp_path: Path) -> None:
    scan, heard = thick(texture(30)), list[tuple[int, int]]()
    few = replace(TINY, rounds=4)
    first = self_super(scan, settings=few, cache=tmp_path, progress=lambda *n: heard.append(n))
    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4), (1, 2), (2, 2)]
    (file,) = tmp_path.iterdir()
    written = file.stat().st_mtime_ns
    heard.clear()
    again = self_super(scan, settings=few, cache=tmp_path, progress=lambda *n: heard.append(n))
    assert heard == [(1, 2), (2, 2)]
    assert file.stat().st_mtime_ns == written
    np.testing.assert_array_equal(first.volume.voxels, again.volume.voxels)
    assert first.told == again.told
    anew = self_super(scan, settings=few)
    np.testing.assert_array_equal(first.volume.voxels, anew.volume.voxels)
    assert load_weights(file)[1]["kind"] == "SelfSuper"


@pytest.mark.parametrize("other", [{"seed": 1}, {"rounds": 5}])
def test_other_settings_or_another_scan_are_learnt_anew(tmp_path: Path, other: dict[str, object]) -> None:
    scan, few = thick(texture(30)), replace(TINY, rounds=2)
    self_super(scan, settings=few, cache=tmp_path)
    self_super(scan, settings=replace(few, **other), cache=tmp_path)  # type: ignore[arg-type]
    self_super(scan, Acquisition(2, 2.5), settings=few, cache=tmp_path)
    changed = scan.voxels.copy()
    changed[3, 4, 5] += 0.1
    self_super(scan.with_voxels(changed), settings=few, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


def test_given_weights_are_where_it_starts(tmp_path: Path) -> None:
    scan = thick(texture(30))
    self_super(scan, settings=TINY, cache=tmp_path, precision="fp32")
    (file,) = tmp_path.iterdir()
    start, _ = load_weights(file)
    short = replace(TINY, rounds=4)
    cold = self_super(scan, settings=short, precision="fp32")
    warm = self_super(scan, settings=short, start=start, precision="fp32")
    assert error(warm.volume, texture(30)) < 0.97 * error(cold.volume, texture(30))
    assert "given weights" in str(warm.told["settings"])
    with pytest.raises(Refusal, match="another network"):
        self_super(scan, settings=replace(short, features=4), start=start)


def test_a_damaged_file_of_the_cache_is_refused(tmp_path: Path) -> None:
    scan, few = thick(texture(30)), replace(TINY, rounds=1)
    self_super(scan, settings=few, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(Refusal, match="damaged"):
        self_super(scan, settings=few, cache=tmp_path)


def test_a_cache_that_cannot_be_written_to_is_refused_before_anything_is_learnt(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    heard: list[tuple[int, int]] = []
    with pytest.raises(Refusal, match=r"cannot be kept in .*file; choose another folder"):
        self_super(thick(texture(24)), settings=TINY, cache=tmp_path / "file", progress=lambda *n: heard.append(n))
    assert not heard


def slices_told(scan: Volume, acquisition: Acquisition | None = None) -> dict[str, object]:
    told = self_super(scan, acquisition, settings=replace(TINY, rounds=1, noise=1.0)).told
    check_provenance(told)
    assert isinstance(told["degradation"], dict)
    return told["degradation"]


def test_the_sidecar_tells_the_thickness_and_how_it_is_known() -> None:
    told = slices_told(thick(texture(30)))
    noise = told.pop("noise")
    assert isinstance(noise, float)
    assert 0 < noise < 0.5
    assert told == {
        "slice_axis": 2,
        "slice_spacing_mm": 3.0,
        "slice_thickness_mm": 3.0,
        "slice_thickness": "not known, taken to be the spacing",
        "slice_thickness_by_spectra_mm": None,
        "slice_profile": "gaussian",
    }
    given = slices_told(thick(texture(30)), Acquisition(2, 2.5, "sinc"))
    assert (given["slice_thickness_mm"], given["slice_thickness"], given["slice_profile"]) == (2.5, "told", "sinc")
    assert slices_told(thick(texture(48)))["slice_thickness_by_spectra_mm"] == pytest.approx(3, rel=0.5)


@pytest.mark.parametrize(
    ("scan", "asked", "why"),
    [
        (Volume(texture(30), np.eye(4)), {}, "thin already"),
        (thick(texture(30)), {"spacing": 3.0}, "thin already"),
        (thick(texture(30)), {"spacing": 0.5}, "cannot teach"),
        (thick(texture(30)), {"spacing": 4.0}, "coarser"),
        (Volume(texture(30)[:, :, :1].copy(), np.diag([1.0, 1, 3, 1])), {}, "One slice"),
        (Volume(texture(30)[:15], np.diag([1.0, 1, 3, 1])), {}, "field of view"),
        (Volume(np.zeros((30, 30, 10), np.float32), np.diag([1.0, 1, 3, 1])), {}, "contrast"),
    ],
)
def test_what_it_refuses(scan: Volume, asked: dict[str, float], why: str) -> None:
    with pytest.raises(Refusal, match=why):
        self_super(scan, settings=TINY, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "setting", [{"rounds": 0}, {"phases": 1}, {"noise": 2.0}, {"learning_rate": 0.0}, {"patch": (0, 8)}]
)
def test_settings_that_make_no_sense(setting: dict[str, object]) -> None:
    with pytest.raises(Refusal):
        SelfSuper(**setting)  # type: ignore[arg-type]
