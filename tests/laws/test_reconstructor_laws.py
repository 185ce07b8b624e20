"""Every reconstructor on the shelf: brightness goes through, all samples give the image, any size, one coil or many."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from finemri.baselines import RECONSTRUCTORS
from finemri.baselines.dlmri import DLMRI
from finemri.physics.coils import simulate_sensitivities
from finemri.physics.kspace import KSpace
from finemri.physics.sampling import Sampling
from finemri.rawdata.reconstructor import Reconstructor
from finemri.refusal import Refusal
from tests.physics.heads import head, measured

each = pytest.mark.parametrize("name", RECONSTRUCTORS)
sizes = pytest.mark.parametrize("shape", [(24, 24), (25, 24), (23, 31)])


def reconstructor(name: str) -> Reconstructor:
    """As it stands on the shelf, in fewer rounds where that only saves time."""
    method = RECONSTRUCTORS[name]()
    return replace(method, rounds=2, learning_rounds=2) if isinstance(method, DLMRI) else method


def scan(shape: tuple[int, int], coils: int, acceleration: float = 1) -> KSpace:
    kspace = measured(head(shape), simulate_sensitivities(shape, coils, np.random.default_rng(0)))
    return kspace.undersampled(Sampling("density-2d", acceleration, acs=0.3).draw(shape, 0))


@each
def test_it_is_a_reconstructor(name: str) -> None:
    assert isinstance(reconstructor(name), Reconstructor)


@each
@sizes
@pytest.mark.parametrize("coils", [1, 3])
def test_all_samples_give_the_image(name: str, shape: tuple[int, int], coils: int) -> None:
    """As nearly as the method's prior lets it."""
    image = reconstructor(name)(scan(shape, coils))
    assert image.shape == shape
    assert image.dtype == np.complex64
    np.testing.assert_allclose(image, head(shape), atol=0.02)


@each
@pytest.mark.parametrize("coils", [1, 3])
@pytest.mark.parametrize("factor", [2.0**-30, 2.0**12])
def test_brightness_goes_through(name: str, coils: int, factor: float) -> None:
    """r(a k) = a r(k), to the bit where a is a power of two."""
    reconstruct, kspace = reconstructor(name), scan((24, 23), coils, 2)
    image = reconstruct(kspace)
    other = reconstruct(KSpace.of(kspace.samples * np.float32(factor), kspace.mask, kspace.sensitivities))
    np.testing.assert_allclose(other / np.float32(factor), image, atol=1e-5 * np.abs(image).max())


@each
def test_the_same_again(name: str) -> None:
    kspace = scan((24, 23), 2, 3)
    np.testing.assert_array_equal(reconstructor(name)(kspace), reconstructor(name)(kspace))


@each
def test_one_coil_is_a_coil_that_listens_evenly(name: str) -> None:
    kspace = scan((24, 23), 1, 2)
    alone = reconstructor(name)(KSpace.of(kspace.samples, kspace.mask))
    np.testing.assert_array_equal(alone, reconstructor(name)(kspace))


@each
def test_several_coils_without_sensitivities_work_or_are_refused(name: str) -> None:
    kspace = scan((24, 24), 3, 2)
    unknown, reconstruct = KSpace.of(kspace.samples, kspace.mask), reconstructor(name)
    if reconstruct.needs_sensitivities:
        with pytest.raises(Refusal, match="sensitivities of the 3 coils"):
            reconstruct(unknown)
    else:
        assert np.isfinite(reconstruct(unknown)).all()


@each
def test_nothing_is_printed_and_nothing_is_changed(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    kspace = scan((24, 24), 2, 2)
    before = kspace.samples.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reconstructor(name)(kspace)
    np.testing.assert_array_equal(kspace.samples, before)
    assert capfd.readouterr() == ("", "")
