from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from finemri.cohorts.cohort import Cohort, Subject
from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.stacks import StackSlices
from finemri.refusal import Refusal

MAGNITUDE, PHASE = (np.random.default_rng(0).integers(0, 256, (2, 6, 4), dtype=np.uint8)).astype(np.uint8)


def picture(path: Path, magnitude: NDArray[np.uint8] = MAGNITUDE, phase: NDArray[np.uint8] = PHASE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(np.concatenate([magnitude, phase], axis=1)).save(path)
    return path


def alone(path: Path) -> Cohort:
    return Cohort((Subject("a", (path,)),))


def test_halves_are_magnitude_and_phase(tmp_path: Path) -> None:
    (drawn,) = StackSlices(alone(picture(tmp_path / "a.png"))).every()
    assert drawn.image.shape == (6, 4)
    assert drawn.image.dtype == np.complex64
    np.testing.assert_allclose(np.abs(drawn.image), MAGNITUDE / 255, atol=1e-6)
    expected = MAGNITUDE / 255 * np.exp(1j * (2 * np.pi * PHASE / 255 - np.pi))
    np.testing.assert_allclose(drawn.image, expected, atol=1e-6)


def test_halves_are_resized_without_bleeding_over_the_seam(tmp_path: Path) -> None:
    bright, half_turn = np.full((64, 40), 255, dtype=np.uint8), np.zeros((64, 40), dtype=np.uint8)
    source = StackSlices(alone(picture(tmp_path / "a.png", bright, half_turn)), matrix=(32, 20))
    image = source.draw(np.random.default_rng(0)).image
    assert image.shape == (32, 20)
    np.testing.assert_allclose(image, -1, atol=1e-5)  # e^(−iπ) up to the edges


def test_grey_jpegs_stored_in_colour_are_read(tmp_path: Path) -> None:
    grey = np.repeat(np.linspace(40, 200, 32).astype(np.uint8)[:, None], 32, axis=1)
    PIL.Image.fromarray(np.repeat(grey[..., None], 3, axis=2)).save(tmp_path / "a.jpg", quality=95)
    image = StackSlices(alone(tmp_path / "a.jpg")).draw(np.random.default_rng(0)).image
    np.testing.assert_allclose(np.abs(image), grey[:, :16] / 255, atol=0.02)


def test_people_draws_and_order(tmp_path: Path) -> None:
    for person, slices in (("x", (2, 10, 1)), ("y", (1,))):
        for n in slices:
            picture(tmp_path / f"{person}_{n}.png", np.full_like(MAGNITUDE, n))
    source = StackSlices(find_cohort(tmp_path))
    assert source.people == ("x", "y")
    brightness = [(d.person, round(float(np.abs(d.image).max()) * 255)) for d in source.every()]
    assert brightness == [("x", 1), ("x", 2), ("x", 10), ("y", 1)]
    draws = [source.draw(np.random.default_rng(n)) for n in range(60)]
    assert 20 < sum(d.person == "y" for d in draws) < 40  # people, not pictures, are drawn equally often
    assert source.only(["y"]).people == ("y",)
    for n, d in enumerate(draws[:5]):
        np.testing.assert_array_equal(source.draw(np.random.default_rng(n)).image, d.image)


def test_pictures_that_are_no_slices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="side by side"):
        StackSlices(alone(picture(tmp_path / "odd.png", MAGNITUDE, PHASE[:, :3])))
    PIL.Image.fromarray(np.zeros((4, 4), dtype=np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(Refusal, match="8 bits"):
        StackSlices(alone(tmp_path / "deep.png"))
    PIL.Image.fromarray(np.zeros((1, 8194), dtype=np.uint8)).save(tmp_path / "wide.png")
    with pytest.raises(Refusal, match="at most 8192"):
        StackSlices(alone(tmp_path / "wide.png"))
    colours = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    PIL.Image.fromarray(colours).save(tmp_path / "colour.png")
    with pytest.raises(Refusal, match="colour"):
        next(StackSlices(alone(tmp_path / "colour.png")).every())
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(Refusal, match="no JPEG or PNG"):
        StackSlices(alone(tmp_path / "text.png"))
    whole = picture(tmp_path / "cut.jpg", *np.random.default_rng(0).integers(0, 256, (2, 64, 64), dtype=np.uint8))
    whole.write_bytes(whole.read_bytes()[:2000])
    with pytest.raises(Refusal, match="damaged"):
        next(StackSlices(alone(whole)).every())
    with pytest.raises(Refusal, match="at least one pixel"):
        StackSlices(alone(picture(tmp_path / "a.png")), matrix=(0, 4))
    with pytest.raises(Refusal, match="leave this person out"):
        StackSlices(Cohort((Subject("a"),)))
