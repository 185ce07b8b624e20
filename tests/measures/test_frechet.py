"""Fréchet distance by hand, against torchmetrics' formula, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import linalg
from torchmetrics.image.fid import _compute_fid

from finemri.measures.frechet import features_of, frechet_distance, read_features
from finemri.refusal import Refusal

rng = np.random.default_rng(0)


def test_by_hand() -> None:
    a, b = np.array([[0.0], [2.0]]), np.array([[5.0], [9.0]])  # means 1 and 7, variances 2 and 8
    assert frechet_distance(a, b) == pytest.approx(36 + 2 + 8 - 2 * 4)
    square = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    wide, moved = square * np.array([3, 1]), square + np.array([0, 2])
    assert frechet_distance(wide, moved) == pytest.approx(4 + (3 - 1) ** 2 * 4 / 3)


@pytest.mark.parametrize("images", [7, 60], ids=["fewer images than features", "more"])
def test_equals_torchmetrics_and_scipy(images: int) -> None:
    mixing = rng.normal(size=(2, 12, 12))
    a, b = rng.normal(size=(images, 12)) @ mixing[0], rng.normal(size=(images + 5, 12)) @ mixing[1] + 0.5
    moments = [torch.from_numpy(m) for f in (a, b) for m in (f.mean(0), np.cov(f, rowvar=False))]
    assert frechet_distance(a, b) == pytest.approx(float(_compute_fid(*moments)), rel=1e-4)
    if images > 12:
        c1, c2 = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
        root = np.trace(linalg.sqrtm(c1 @ c2).real)
        expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(c1 + c2) - 2 * root
        assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_none_from_itself_the_same_both_ways_and_in_float32() -> None:
    a = rng.normal(size=(30, 6)).astype(np.float32) + 1000
    b = a + rng.normal(size=a.shape).astype(np.float32)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a))
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(a.astype(np.float64), b.astype(np.float64)))


def test_features_of_a_file_and_of_a_network(tmp_path: Path) -> None:
    images = rng.normal(size=(4, 5, 6))
    found = features_of(images, lambda image: image.mean(axis=0))
    assert found.shape == (4, 6)
    np.save(tmp_path / "features.npy", found)
    assert (read_features(tmp_path / "features.npy") == found).all()
    with pytest.raises(Refusal, match="as many"):
        features_of([images[0], images[0, :, :3]], lambda image: image)
    with pytest.raises(Refusal, match="as many"):
        features_of([], lambda image: image)


def test_what_is_no_crowd_is_refused(tmp_path: Path) -> None:
    good = rng.normal(size=(5, 3))
    with pytest.raises(Refusal, match="two images"):
        frechet_distance(good[:1], good)
    with pytest.raises(Refusal, match="one network"):
        frechet_distance(good, good[:, :2])
    with pytest.raises(Refusal, match="not finite"):
        frechet_distance(good, np.where(good == good[0, 0], np.nan, good))
    np.save(tmp_path / "pickle.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "text.npy").write_text("no array")
    np.save(tmp_path / "one.npy", good[0])
    for name in ("pickle.npy", "text.npy", "one.npy"):
        with pytest.raises(Refusal, match="one row an image"):
            read_features(tmp_path / name)
    with pytest.raises(Refusal, match="There is no"):
        read_features(tmp_path / "missing.npy")
