from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from finemri.cohorts.cohort import Cohort, Subject
from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.measured import MeasuredSlices, is_whole
from finemri.physics.coils import simulate_sensitivities
from finemri.physics.fourier import to_kspace
from finemri.refusal import Refusal


def image(seed: int = 0, shape: tuple[int, int] = (40, 36)) -> NDArray[np.complex64]:
    """A textured disc with a phase of its own, and a little noise."""
    rng = np.random.default_rng(seed)
    i, j = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    disc = (i**2 + j**2 < 0.6) * rng.uniform(0.7, 1.0, shape) * np.exp(1j * (i + 0.5 * j**2))
    noise = rng.normal(0, 1e-3, (2, *shape))
    return np.asarray(disc + noise[0] + 1j * noise[1], dtype=np.complex64)


def measured(path: Path, *images: NDArray[np.complex64]) -> Path:
    kspace = np.stack([to_kspace(torch.from_numpy(x)).numpy() for x in images])
    np.save(path, kspace[0] if len(images) == 1 else kspace)
    return path


def alone(path: Path) -> Cohort:
    return Cohort((Subject("a", (path,)),))


def test_one_coil_gives_its_image_back(tmp_path: Path) -> None:
    for n in range(2):
        measured(tmp_path / f"p{n}.npy", 700 * image(n))
    source = MeasuredSlices(find_cohort(tmp_path))
    assert source.people == ("p0", "p1")
    for n, d in enumerate(source.every()):
        expected = image(n) / np.percentile(np.abs(image(n)), 99.9)
        np.testing.assert_allclose(d.image, expected, atol=1e-5)
        assert d.labels is None
    assert {source.only(["p1"]).draw(np.random.default_rng(n)).person for n in range(5)} == {"p1"}
    a, b = (source.draw(np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(a.image, b.image)


def test_many_coils_become_one_image(tmp_path: Path) -> None:
    truth = image()
    maps = simulate_sensitivities(truth.shape, 4, np.random.default_rng(0))
    path = measured(tmp_path / "a.npy", *(maps * truth))
    (drawn,) = MeasuredSlices(alone(path), matrix=(40, 36)).every()
    expected = np.abs(truth) / np.percentile(np.abs(truth), 99.9)
    assert np.abs(np.abs(drawn.image) - expected)[expected > 0.3].mean() < 0.02


def test_zeros_around_are_no_gaps(tmp_path: Path) -> None:
    mask = np.zeros((10, 8), dtype=bool)
    assert not is_whole(mask)
    mask[1:, 2:] = True
    assert is_whole(mask)
    assert not is_whole(mask & (np.arange(10) % 3 > 0)[:, None])
    assert not is_whole(mask & (np.arange(10) > 5)[:, None])
    kspace = np.load(measured(tmp_path / "a.npy", image()))
    kspace[:3] = 0
    np.save(tmp_path / "a.npy", np.stack([kspace]))
    assert len(list(MeasuredSlices(alone(tmp_path / "a.npy")).every())) == 1


def test_what_was_not_measured_in_full_is_refused(tmp_path: Path) -> None:
    kspace = np.load(measured(tmp_path / "a.npy", image()))
    kspace[::3] = 0
    np.save(tmp_path / "a.npy", kspace)
    with pytest.raises(Refusal, match="sampled at 6"):
        MeasuredSlices(alone(tmp_path / "a.npy"))
    np.save(tmp_path / "b.npy", image())
    with pytest.raises(Refusal, match="looks like an image"):
        MeasuredSlices(alone(tmp_path / "b.npy"))
    (drawn,) = MeasuredSlices(alone(tmp_path / "b.npy"), domain="image", matrix=(30, 50)).every()
    assert drawn.image.shape == (30, 50)


def test_the_real_ones(shared_data: Path) -> None:
    folder = shared_data / "kspace"
    (one,) = MeasuredSlices(alone(folder / "brain_1coil_full.mat")).every()
    assert one.image.shape == (160, 220)
    with pytest.raises(Refusal, match="12%"):
        MeasuredSlices(alone(folder / "brain_8coil_poisson.npy"))
