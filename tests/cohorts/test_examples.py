from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from finemri.cohorts.examples import Mixture, Patches, SyntheticPatches, VolumePatches
from finemri.cohorts.regions import LabelRegions, Region, VolumeRegions
from finemri.physics.degradation import Degradation, GaussianBlur, KSpaceTruncation, SliceProfile
from finemri.refusal import Refusal

BLUR = GaussianBlur(2, 1.0)


def head(shape: tuple[int, int, int] = (60, 56, 52), seed: int = 0) -> NDArray[np.float32]:
    """A bright ball of noise in dark air, in odd units."""
    rng = np.random.default_rng(seed)
    i, j, k = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    ball = (i**2 + j**2 + k**2) < 0.5
    return (700 * ball * rng.uniform(0.5, 1.0, shape)).astype(np.float32)


def label_map(shape: tuple[int, int, int] = (48, 44, 52)) -> NDArray[np.int32]:
    i, j, k = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    radius = np.sqrt(i**2 + j**2 + k**2)
    return np.select([radius < 0.3, radius < 0.5, radius < 0.7, radius < 0.85], [2, 3, 24, 507], 0).astype(np.int32)


class Numbered:
    """Regions whose voxels say where they lie."""

    def cut(self, shape: tuple[int, int, int], rng: np.random.Generator) -> Region:
        rng.random()
        return torch.arange(float(np.prod(shape))).reshape(shape)


def test_an_example_depends_on_seed_and_number_alone() -> None:
    def kinds(seed: int) -> list[Patches]:
        return [
            VolumePatches([head(), head(seed=1)], degradations=[BLUR], patch=8, seed=seed, noise=(0.0, 0.05)),
            SyntheticPatches([label_map()], degradations=[BLUR], patch=8, seed=seed, noise=(0.0, 0.05)),
        ]

    for first, again, other in zip(kinds(3), kinds(3), kinds(4), strict=True):
        later, earlier = first[7], first[2]
        assert torch.equal(again[2]["coarse"], earlier["coarse"])
        assert torch.equal(again[7]["fine"], later["fine"])
        assert not torch.equal(earlier["fine"], later["fine"])
        assert not torch.equal(other[7]["fine"], later["fine"])


@pytest.mark.parametrize("degradation", [GaussianBlur(2), KSpaceTruncation(4), SliceProfile(axis=2, thickness=3.0)])
@pytest.mark.parametrize("shape", [(60, 56, 52), (13, 51, 20)])  # the second is smaller than a region
def test_patches_have_their_size_whatever_the_volume(degradation: Degradation, shape: tuple[int, int, int]) -> None:
    patches = VolumePatches([head(shape)], degradations=[degradation], patch=(6, 5, 4), seed=0)
    for n in range(4):
        example = patches[n]
        i, j, k = degradation.scale
        assert example["coarse"].shape == (1, 6, 5, 4)
        assert example["fine"].shape == (1, 6 * i, 5 * j, 4 * k)
        assert example["coarse"].dtype == example["fine"].dtype == torch.float32
        assert example["coarse"].is_contiguous()
        assert example["fine"].is_contiguous()


@pytest.mark.parametrize(
    "degradation", [GaussianBlur(2), GaussianBlur(4), SliceProfile(axis=1, thickness=2.0, gap=1.0)]
)
def test_coarse_and_fine_show_the_same_place_in_every_orientation(degradation: Degradation) -> None:
    patches = VolumePatches([head()], degradations=[degradation], patch=12, seed=0)
    for n in range(20):
        example = patches[n]
        reach = (slice(None), *(slice(None) if s == 1 else slice(4, -4) for s in degradation.scale))
        torch.testing.assert_close(degradation(example["fine"])[reach], example["coarse"][reach], atol=1e-4, rtol=0)


def test_truncated_patches_show_the_same_place_too() -> None:
    i, j, k = np.meshgrid(*(np.arange(n) for n in (60, 56, 52)), indexing="ij")
    slow = (4 + np.sin(0.30 * i) + np.sin(0.25 * j) + np.sin(0.35 * k)).astype(
        np.float32
    )  # the tails of a sinc are long
    patches = VolumePatches([slow], degradations=[KSpaceTruncation(2)], patch=16, seed=0, contrast_jitter=False)
    truncate, inner = KSpaceTruncation(2, boundary="mirror"), (slice(None), *[slice(4, -4)] * 3)

    def deviation(fine: torch.Tensor, coarse: torch.Tensor) -> float:
        return float((truncate(fine) - coarse)[inner].abs().mean())

    for n in range(5):
        fine, coarse = patches[n]["fine"], patches[n]["coarse"]
        shifted = [deviation(fine.roll(1, dims=axis), coarse) for axis in (1, 2, 3)]
        assert deviation(fine, coarse) < min(shifted) / 8


def test_all_orientations_of_a_cube_are_met() -> None:
    patches = Patches(Numbered(), [BLUR], 2, seed=0, contrast_jitter=False, guard=1)
    seen = {tuple(patches[n]["fine"].flatten().tolist()) for n in range(600)}
    assert len(seen) == 48


def test_regions_lie_where_tissue_is() -> None:
    volume = np.zeros((96, 96, 96), np.float32)
    volume[:20, 60:80, 40:60] = 100
    everywhere, tissue = VolumeRegions([volume], tissue=0.0), VolumeRegions([volume], tissue=1.0)

    def share(regions: VolumeRegions) -> float:
        rngs = (np.random.default_rng(n) for n in range(60))
        return float(np.mean([regions.cut((16, 16, 16), rng).max() > 0.5 for rng in rngs]))

    assert share(tissue) == 1
    assert share(everywhere) < 0.5


def test_regions_are_normalised_and_mirrored_beyond_the_edges() -> None:
    line = np.arange(1, 6, dtype=np.float32).reshape(5, 1, 1) * 10
    region = VolumeRegions([line]).cut((12, 2, 2), np.random.default_rng(0))
    steps = region[:, 0, 0].diff().abs()
    assert region.max() == pytest.approx(1, abs=0.01)
    assert steps.max() == pytest.approx(0.2, abs=0.01)  # mirrored: no jump from 50 to 10
    assert (region == region[:, :1, :1]).all()


def test_a_zoom_keeps_larger_voxels_too() -> None:
    regions = VolumeRegions([head()], zoom=(1.0, 2.0), levels=3)
    assert [level.shape for level in regions.pyramids[0]] == [(60, 56, 52), (42, 40, 37), (30, 28, 26)]
    same, half = regions.pyramids[0][0].astype(np.float64), regions.pyramids[0][2].astype(np.float64)
    blocks = same.reshape(30, 2, 28, 2, 26, 2).mean((1, 3, 5))
    assert np.corrcoef(blocks.ravel(), half.ravel())[0, 1] > 0.95  # in place, without aliasing


def test_noise_spares_the_fine_image_and_half_of_the_examples() -> None:
    settings = {"degradations": [BLUR], "patch": 8, "seed": 0, "contrast_jitter": False}
    clean = VolumePatches([head()], **settings)  # type: ignore[arg-type]
    noisy = VolumePatches([head()], noise=(0.1, 0.1), **settings)  # type: ignore[arg-type]
    deviations = []
    for n in range(60):
        assert torch.equal(clean[n]["fine"], noisy[n]["fine"])
        difference = noisy[n]["coarse"] - clean[n]["coarse"]
        bright = clean[n]["coarse"] > 0.4
        deviations.append(float(difference[bright].std()) if bright.sum() > 50 else -1.0)
    measured = np.array([d for d in deviations if d >= 0])
    assert 0.25 < np.mean(measured == 0) < 0.75
    assert np.all(np.abs(measured[measured > 0] - 0.1) < 0.03)


@pytest.mark.parametrize(("normaliser", "air"), [("percentile", 0.0), ("max", -1.0)])
def test_patches_come_in_the_units_of_the_normaliser(normaliser: str, air: float) -> None:
    for patches in (
        VolumePatches([head()], degradations=[BLUR], patch=24, seed=0, normaliser=normaliser, contrast_jitter=False),
        SyntheticPatches([label_map()], degradations=[BLUR], patch=24, seed=0, normaliser=normaliser, t1_weighted=1.0),
    ):
        fine = torch.stack([patches[n]["fine"] for n in range(4)])
        assert fine.min() == pytest.approx(air, abs=0.1)
        assert 0.3 < fine.max() < 3


def test_a_files_own_units_stay_as_they_are() -> None:
    patches = VolumePatches([head()], degradations=[BLUR], patch=20, seed=0, normaliser="none", contrast_jitter=False)
    assert patches[0]["fine"].max() > 500


def test_the_kinds_of_a_mixture_come_in_their_shares() -> None:
    class Constant:
        def __init__(self, value: float) -> None:
            self.value = value

        def __getitem__(self, n: int) -> dict[str, torch.Tensor]:
            return {"kind": torch.tensor(self.value), "n": torch.tensor(float(n))}

    mixture = Mixture([Constant(0), Constant(1), Constant(2)], [3, 1, 0], seed=0)
    kinds = np.array([float(mixture[n]["kind"]) for n in range(400)])
    assert [float(mixture[n]["n"]) for n in range(5)] == [0, 1, 2, 3, 4]
    assert (kinds == 2).sum() == 0
    assert 0.68 < np.mean(kinds == 0) < 0.82
    assert kinds.tolist() == [float(mixture[n]["kind"]) for n in range(400)]


def test_label_maps_keep_their_labels_in_one_byte() -> None:
    first, second = label_map(), label_map()
    second[second == 24] = 530
    regions = LabelRegions([first, second.astype(np.float32)])
    for stored, original in zip(regions.maps, (first, second), strict=True):
        assert stored.dtype == np.uint8
        assert np.array_equal(np.unique(regions.labels[stored]), np.unique(original))
    assert all(a != b for a, b in pairwise(regions.labels.tolist()))


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(Refusal, match="one scale"):
        VolumePatches([head()], degradations=[BLUR, GaussianBlur(4)], patch=8, seed=0)
    with pytest.raises(Refusal, match="scale"):
        VolumePatches([head()], degradations=[BLUR], patch=8, seed=0, scale=4)
    with pytest.raises(Refusal, match="no volume"):
        VolumePatches([], degradations=[BLUR], patch=8, seed=0)
    with pytest.raises(Refusal, match="as many weights"):
        VolumePatches([head()], degradations=[BLUR], patch=8, seed=0, weights=[1, 2])
    with pytest.raises(Refusal, match="lower to a higher"):
        VolumePatches([head()], degradations=[BLUR], patch=8, seed=0, noise=(0.2, 0.1))
    with pytest.raises(Refusal, match="own units"):
        VolumePatches([head()], degradations=[BLUR], patch=8, seed=0, normaliser="none")
    with pytest.raises(Refusal, match="is it an image"):
        SyntheticPatches([head() / 700], degradations=[BLUR], patch=8, seed=0)
    with pytest.raises(Refusal, match="background only"):
        SyntheticPatches([np.zeros((9, 9, 9), np.int32)], degradations=[BLUR], patch=8, seed=0)
    with pytest.raises(Refusal, match="as many weights"):
        Mixture([], [], seed=0)
