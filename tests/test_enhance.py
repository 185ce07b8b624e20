import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from finemri import enhance as verb
from finemri.enhance import Crew, choose_method, enhance, find_jobs
from finemri.enhance.crop import FADE, tissue_box
from finemri.recipes import RECIPES, describe
from finemri.recipes.network_enhancer import NetworkEnhancer
from finemri.refusal import Refusal
from finemri.shapes import FineVoxels, Voxels
from finemri.shelf import Method
from finemri.training.weights import save_weights
from finemri.volumes.enhancer import Enhancer
from finemri.volumes.files import open_volume, save_volume
from finemri.volumes.grid import lay_on_grid, scaled_affine, spline_resize
from finemri.volumes.intensity import by_percentile
from finemri.volumes.volume import Volume

AFFINE = np.array([[0, -2, 0, 40], [1.5, 0, 0, -30], [0, 0, 3, 7], [0, 0, 0, 1]], np.float64)


@dataclass
class Doubler:
    """Nearest neighbour, twice as fine; fails where it is told to."""

    scale: tuple[int, int, int] = (2, 2, 2)
    tile: tuple[int, int, int] = (8, 8, 8)
    margin: tuple[int, int, int] = (1, 1, 1)
    bytes_per_voxel: float = 40.0
    normaliser: str = "percentile"
    settings: Mapping[str, str] = field(default_factory=lambda: {"device": "abacus"})

    def __call__(self, image: Voxels) -> FineVoxels:
        return image.repeat(2, 0).repeat(2, 1).repeat(2, 2)


RANGES = {"coarsest_spacing": [0.5, 1.5], "negative": [0.0, 0.01]}
Use = Callable[..., None]


@pytest.fixture
def use_doubler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the shelf hold one stand-in, whatever is asked for."""
    method = Method("doubler", Doubler(), "ab" * 32, {"recipe": "doubler-recipe", "portrait": RANGES})
    monkeypatch.setattr(verb, "choose_method", lambda **_: method)


def scan(path: Path, *shape: int, seed: int = 0) -> Path:
    """A scan of noise on an oblique grid."""
    voxels = np.random.default_rng(seed).uniform(10, 900, shape or (9, 10, 11)).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_volume(Volume(voxels, AFFINE), path)
    return path


@pytest.mark.usefixtures("use_doubler")
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_file_becomes_finer_on_a_grid_over_the_same_field_of_view(tmp_path: Path, suffix: str) -> None:
    source = scan(tmp_path / f"in{suffix}")
    enhance(source, tmp_path / f"out{suffix}", progress=False)
    coarse, fine = open_volume(source), open_volume(tmp_path / f"out{suffix}")
    np.testing.assert_allclose(fine.voxels, Doubler()(np.array(coarse.voxels)), rtol=1e-5)
    np.testing.assert_allclose(fine.affine, scaled_affine(coarse.affine, (2, 2, 2)), atol=1e-5)


@pytest.mark.usefixtures("use_doubler")
def test_the_sidecar_tells_how_it_was_made_and_warns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = scan(tmp_path / "in.nii.gz")
    enhance(source, tmp_path / "out.nii.gz", memory=2**40, progress=False)
    told = json.loads((tmp_path / "out.json").read_text())
    coarse = open_volume(source)
    assert coarse.source is not None
    assert told["method"] == "doubler"
    assert told["recipe"] == "doubler-recipe"
    assert told["weights_sha256"] == "ab" * 32
    assert told["input"]["sha256"] == coarse.source.sha256
    assert told["settings"] == {"device": "abacus"}
    assert told["memory"] == 2**40
    assert told["margin"] == [1, 1, 1]
    assert told["normaliser"]["scale"] == pytest.approx(np.percentile(coarse.voxels, 99.9), rel=1e-5)
    assert len(told["warnings"]) == 1
    assert "largest side of its voxels" in told["warnings"][0]
    assert told["warnings"][0] in capsys.readouterr().err


@pytest.mark.usefixtures("use_doubler")
def test_an_output_that_exists_stays_without_force(tmp_path: Path) -> None:
    source, output = scan(tmp_path / "in.nii.gz"), tmp_path / "out.nii.gz"
    output.write_text("precious")
    with pytest.raises(Refusal, match="--force"):
        enhance(source, output, progress=False)
    assert output.read_text() == "precious"
    enhance(source, output, force=True, progress=False)
    assert open_volume(output).shape == (18, 20, 22)


@pytest.mark.usefixtures("use_doubler")
def test_an_output_that_exists_is_refused_before_the_source_is_opened(tmp_path: Path) -> None:
    (tmp_path / "out.nii.gz").write_text("precious")
    with pytest.raises(Refusal, match="exists already"):
        enhance(tmp_path / "not-there.nii.gz", tmp_path / "out.nii.gz", progress=False)


@pytest.mark.usefixtures("use_doubler")
def test_a_budget_that_is_too_small_leaves_nothing_behind(tmp_path: Path) -> None:
    source = scan(tmp_path / "in.nii.gz")
    with pytest.raises(Refusal, match="--memory"):
        enhance(source, tmp_path / "out.nii.gz", memory=2**20, progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.nii.gz"]


@pytest.mark.usefixtures("use_doubler")
def test_a_folder_of_many_keeps_its_names_and_goes_on_after_a_failure(tmp_path: Path) -> None:
    many, into = tmp_path / "many", tmp_path / "fine"
    scan(many / "a.nii.gz")
    (many / "b.nii.gz").write_bytes(b"this is no scan")
    scan(many / "c.nii", 5, 6, 7)
    with pytest.raises(Refusal, match=r"1 of 3 scans could not be enhanced.* b\.nii\.gz: "):
        enhance(many, into, progress=False)
    assert open_volume(into / "a.nii.gz").shape == (18, 20, 22)
    assert open_volume(into / "c.nii").shape == (10, 12, 14)
    assert not (into / "b.nii.gz").exists()
    before = (into / "a.nii.gz").stat().st_mtime_ns
    (many / "b.nii.gz").unlink()
    scan(many / "b.nii.gz", 5, 5, 5)
    enhance(many, into, progress=False)
    assert open_volume(into / "b.nii.gz").shape == (10, 10, 10), "what was missing"
    assert (into / "a.nii.gz").stat().st_mtime_ns == before, "what was there stays"


@pytest.mark.usefixtures("use_doubler")
def test_a_folder_of_many_never_mixes_methods_scans_or_strangers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    many, into = tmp_path / "many", tmp_path / "fine"
    scan(many / "a.nii.gz")
    enhance(many, into, progress=False)
    scan(many / "b.nii.gz")
    with pytest.raises(Refusal, match="another method or other settings"):
        enhance(many, into, crop=True, progress=False)
    with monkeypatch.context() as patch:
        use(patch, Doubler())
        with pytest.raises(Refusal, match="another method or other settings"):
            enhance(many, into, progress=False)
    save_volume(Volume(np.ones((9, 9, 9), np.float32), AFFINE), many / "a.nii.gz", force=True)
    with pytest.raises(Refusal, match=r"a\.nii\.gz has changed since"):
        enhance(many, into, progress=False)
    enhance(many, into, force=True, progress=False)
    assert "1 of 2 results are there already" not in capsys.readouterr().err
    assert open_volume(into / "a.nii.gz").shape == (18, 18, 18)
    told = (into / "settings.json").read_text()
    assert "doubler" in told
    assert str(tmp_path) not in told
    (into / "settings.json").unlink()
    with pytest.raises(Refusal, match="2 of 2 results exist already"):
        enhance(many, into, progress=False)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.json").write_text("precious")
    with pytest.raises(Refusal, match="1 of 2 results exist already"):
        enhance(many, tmp_path / "other", progress=False)
    assert (tmp_path / "other" / "a.json").read_text() == "precious"


@pytest.mark.usefixtures("use_doubler")
def test_one_scan_is_nothing_to_share(tmp_path: Path) -> None:
    source = scan(tmp_path / "in.nii.gz")
    for crew in (Crew(2), Crew(scheduler="tcp://127.0.0.1:1")):
        with pytest.raises(Refusal, match="nothing to share"):
            enhance(source, tmp_path / "out.nii.gz", crew=crew, progress=False)


@pytest.mark.usefixtures("use_doubler")
def test_a_dicom_series_and_a_folder_of_series(tmp_path: Path) -> None:
    for name in ("one", "two"):
        scan(tmp_path / "study" / name)
    enhance(tmp_path / "study" / "one", tmp_path / "single", progress=False)
    assert open_volume(tmp_path / "single").shape == (18, 20, 22)
    assert find_jobs(tmp_path / "study" / "one", tmp_path / "fine.nii.gz") is None
    enhance(tmp_path / "study", tmp_path / "fine", progress=False)
    for name in ("one", "two"):
        assert open_volume(tmp_path / "fine" / name).shape == (18, 20, 22)


@pytest.mark.usefixtures("use_doubler")
def test_a_series_some_folders_down_is_a_single_scan(tmp_path: Path) -> None:
    scan(tmp_path / "export" / "study" / "series")
    enhance(tmp_path / "export", tmp_path / "fine.nii.gz", progress=False)
    assert open_volume(tmp_path / "fine.nii.gz").shape == (18, 20, 22)


def test_label_maps_are_not_enhanced_and_files_are_no_place_for_many(tmp_path: Path) -> None:
    scan(tmp_path / "data" / "images" / "a.nii.gz")
    scan(tmp_path / "data" / "labels" / "a.nii.gz")
    jobs = find_jobs(tmp_path / "data", tmp_path / "fine")
    assert jobs is not None
    assert [job.output for job in jobs] == [tmp_path / "fine" / "images" / "a.nii.gz"]
    with pytest.raises(Refusal, match="label maps only"):
        find_jobs(tmp_path / "data" / "labels", tmp_path / "fine")
    with pytest.raises(Refusal, match="folder"):
        find_jobs(tmp_path / "data", tmp_path / "fine.nii.gz")


def test_methods_are_found_by_name_and_by_path(tmp_path: Path) -> None:
    recipe = RECIPES["volume-srgan-subpixel-x4"]
    header = describe("volume-srgan-subpixel-x4", recipe)
    save_weights(tmp_path / "own.safetensors", recipe.generator().state_dict(), header)
    own = str(tmp_path / "own.safetensors")
    settings = {"style": "faithful", "device": "cpu"}
    found = choose_method(scale=None, weights=own, method=None, **settings)
    assert isinstance(found.enhancer, NetworkEnhancer)
    assert found.enhancer.scale == (4, 4, 4)
    assert choose_method(scale=None, weights=None, method="spline", **settings).enhancer.scale == (2, 2, 2)
    with pytest.raises(Refusal, match="scale"):
        choose_method(scale=2, weights=own, method=None, **settings)
    with pytest.raises(Refusal, match="both"):
        choose_method(scale=2, weights=own, method="spline", **settings)
    for named in ({"weights": own, "method": None}, {"weights": None, "method": "spline"}):
        with pytest.raises(Refusal, match="style chooses among what ships"):
            choose_method(scale=None, style="sharp", device="cpu", **named)
    with pytest.raises(Refusal, match="no method"):
        choose_method(scale=2, weights=None, method="magic", **settings)


@dataclass
class Smoother:
    """A box filter over 5³ voxels and one brighter: looks two voxels far, at scale 1; counts what it was given."""

    scale: tuple[int, int, int] = (1, 1, 1)
    tile: tuple[int, int, int] = (12, 12, 12)
    margin: tuple[int, int, int] = (2, 2, 2)
    bytes_per_voxel: float = 40.0
    normaliser: str = "percentile"
    seen: int = 0

    def __call__(self, image: Voxels) -> FineVoxels:
        self.seen += image.size
        smooth: FineVoxels = ndimage.uniform_filter(image, 5, mode="reflect") + np.float32(0.25)
        return smooth


def ball(shape: tuple[int, int, int], radius: float, middle: tuple[float, float, float]) -> np.ndarray:
    """Bright texture in faint noise."""
    rng = np.random.default_rng(1)
    away = ((np.indices(shape).T - np.array(middle)) ** 2).sum(-1).T ** 0.5
    image: np.ndarray = np.where(away < radius, rng.uniform(300, 900, shape), rng.uniform(0, 5, shape))
    return image.astype(np.float32)


def use(monkeypatch: pytest.MonkeyPatch, enhancer: Enhancer, **header: object) -> None:
    method = Method("stand-in", enhancer, "cd" * 32, header)
    monkeypatch.setattr(verb, "choose_method", lambda **_: method)


@pytest.mark.parametrize("enhancer", [Smoother(), Doubler(tile=(16, 16, 16))])
def test_a_crop_changes_nothing_where_there_is_tissue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, enhancer: Smoother | Doubler
) -> None:
    use(monkeypatch, enhancer)
    voxels = ball((60, 50, 56), 9, (22, 24, 50))
    save_volume(Volume(voxels, AFFINE), tmp_path / "in.nii")
    enhance(tmp_path / "in.nii", tmp_path / "whole.nii", progress=False)
    whole_seen = getattr(enhancer, "seen", None)
    enhance(tmp_path / "in.nii", tmp_path / "crop.nii", crop=True, progress=False)
    whole, crop = open_volume(tmp_path / "whole.nii"), open_volume(tmp_path / "crop.nii")
    told = json.loads((tmp_path / "crop.json").read_text())
    box = told["crop"]["box"]
    assert all(low <= m - 9 and m + 9 <= high for (low, high), m in zip(box, (22, 24, 47), strict=True))
    assert box[2][1] == 56, "tissue goes on beyond the field of view"
    assert np.prod([high - low for low, high in box]) < 0.5 * voxels.size
    np.testing.assert_array_equal(crop.affine, whole.affine)
    assert crop.shape == whole.shape
    s = enhancer.scale[0]
    inner = tuple(
        slice((low + FADE) * s, (high if high == n else high - FADE) * s)
        for (low, high), n in zip(box, voxels.shape, strict=True)
    )
    np.testing.assert_allclose(crop.voxels[inner], whole.voxels[inner], rtol=1e-5, atol=1e-3)
    outer = np.ones(crop.shape, dtype=bool)
    outer[tuple(slice(low * s, high * s) for low, high in box)] = False
    laid = spline_resize(voxels, enhancer.scale)
    np.testing.assert_allclose(crop.voxels[outer], laid[outer], atol=1e-2)
    assert told["normaliser"] == json.loads((tmp_path / "whole.json").read_text())["normaliser"]
    if isinstance(enhancer, Smoother):
        assert enhancer.seen - whole_seen < 0.6 * whole_seen  # type: ignore[operator]


def test_a_crop_fades_into_what_lies_around_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Smoother())
    voxels = ball((60, 50, 56), 9, (22, 24, 30)) + 20
    save_volume(Volume(voxels, AFFINE), tmp_path / "in.nii")
    enhance(tmp_path / "in.nii", tmp_path / "crop.nii", crop=True, progress=False)
    (low, _), _, _ = json.loads((tmp_path / "crop.json").read_text())["crop"]["box"]
    more = (open_volume(tmp_path / "crop.nii").voxels - voxels)[low - 1 : low + FADE + 1, 20:28, 26:34].mean((1, 2))
    assert abs(more[0]) < 1e-3
    steps = np.diff(more) / more[-1]
    assert steps.min() > 0
    assert steps.max() < 0.35


def test_tissue_everywhere_is_nothing_to_crop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Smoother())
    source = scan(tmp_path / "in.nii.gz", 20, 21, 22)
    enhance(source, tmp_path / "out.nii.gz", crop=True, progress=False)
    assert json.loads((tmp_path / "out.json").read_text())["crop"] is None


def test_both_of_two_legs_are_tissue_and_specks_are_not() -> None:
    legs = ball((60, 60, 40), 9, (15, 30, 20)) + ball((60, 60, 40), 9, (44, 30, 20))
    legs[30, 55, 3] = 900
    i, j, k = tissue_box(legs, 0)
    assert np.abs(np.subtract((*i, *j, *k), (6, 53, 21, 39, 11, 29))).max() <= 3
    assert tissue_box(np.zeros((5, 6, 7), np.float32)) == ((0, 5), (0, 6), (0, 7))


def test_a_coarser_scan_is_first_laid_onto_the_grid_that_was_learnt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, Smoother(), grid=[1.48, 0.9, None], portrait={})
    source = scan(tmp_path / "in.nii.gz", 14, 15, 16)
    enhance(source, tmp_path / "out.nii.gz", progress=False)
    coarse, fine = open_volume(source), open_volume(tmp_path / "out.nii.gz")
    assert fine.shape == (14, 33, 16), "1.5 mm is within 5 % of 1.48 mm, and the third axis does not matter"
    np.testing.assert_allclose(fine.affine, scaled_affine(coarse.affine, (1, 33 / 15, 1)), atol=1e-5)
    laid = lay_on_grid(coarse, (None, 0.9, None)).voxels
    expected = ndimage.uniform_filter(laid, 5, mode="reflect") + 0.25 * by_percentile(laid).scale
    np.testing.assert_allclose(fine.voxels, expected, rtol=1e-4)
    told = json.loads((tmp_path / "out.json").read_text())["grid"]
    assert told == {
        "learnt_mm": [1.48, 0.9, None], "input_shape": [14, 15, 16], "input_mm": [1.5, 2.0, 3.0], "laid": "cubic spline"
    }  # fmt: skip
    assert "first laid onto 1.5 × 0.909 × 3 mm" in capsys.readouterr().err


def test_a_finer_scan_stays_and_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Smoother(), grid=[1.5, 2.4, 3.0])
    enhance(scan(tmp_path / "in.nii.gz", 14, 15, 16), tmp_path / "out.nii.gz", progress=False)
    told = json.loads((tmp_path / "out.json").read_text())
    assert told["grid"]["laid"] is None
    assert told["output"]["shape"] == [14, 15, 16]
    (warning,) = told["warnings"]
    assert warning.startswith("Its voxels are 1.5 × 2 × 3 mm, finer than the 1.5 × 2.4 × 3 mm that was learnt")


def test_a_grid_beyond_the_budget_and_a_grid_that_is_none_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = scan(tmp_path / "in.nii.gz", 14, 15, 16)
    use(monkeypatch, Smoother(), grid=[0.01, 0.01, 0.02])
    with pytest.raises(Refusal, match=r"at least --memory \d+MiB"):
        enhance(source, tmp_path / "out.nii.gz", progress=False)
    for grid in ([1, 2], [1, 2, 0], "123", [1, 2, True]):
        use(monkeypatch, Smoother(), grid=grid)
        with pytest.raises(Refusal, match="a grid that is none"):
            enhance(source, tmp_path / "out.nii.gz", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["in.nii.gz"]
