import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from finemri.physics.contrast import PAIRS, T1W, draw_contrast, smooth_noise
from finemri.refusal import Refusal


def stripes(*labels: int, width: int = 10) -> NDArray[np.int32]:
    """Slabs of labels along i."""
    return np.repeat(np.array(labels, np.int32), width)[:, None, None] * np.ones((1, 24, 24), np.int32)


def means(image: torch.Tensor, count: int) -> list[float]:
    """Brightness in the core of every slab."""
    return [float(slab[3:-3].mean()) for slab in image.chunk(count)]


def test_a_draw_depends_on_the_generator_alone() -> None:
    labels = stripes(0, 2, 3, 24)
    first, again, other = (draw_contrast(labels, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_draws_are_finite_and_about_zero_to_one() -> None:
    labels = np.random.default_rng(0).choice([0, *T1W, *PAIRS, 999], (20, 20, 20)).astype(np.int32)
    for seed in range(40):
        image = draw_contrast(labels, np.random.default_rng(seed))
        assert image.isfinite().all()
        assert image.min() >= 0
        assert image.max() < 3


def test_tissues_differ_and_contrasts_too() -> None:
    labels = stripes(2, 3, 24)
    drawn = np.array(
        [means(draw_contrast(labels, np.random.default_rng(seed), t1_weighted=0.0), 3) for seed in range(60)]
    )
    assert np.all(drawn.std(axis=0) > 0.15)
    order = {tuple(row) for row in drawn.argsort(axis=1).tolist()}
    assert len(order) == 6  # every tissue can be the brightest


def test_t1_weighted_draws_keep_the_order_of_tissues() -> None:
    labels = stripes(2, 3, 24, 0)
    for seed in range(40):
        image = draw_contrast(labels, np.random.default_rng(seed), t1_weighted=1.0, bias=0.0, deviation=0.02)
        white, grey, fluid, air = means(image, 4)
        assert white > grey > fluid > air


def test_left_and_right_look_alike() -> None:
    labels = stripes(3, 42)
    for seed in range(10):
        left, right = means(draw_contrast(labels, np.random.default_rng(seed), bias=0.0, deviation=0.0), 2)
        assert left == pytest.approx(right, abs=0.08)  # apart from the two kinds of tissue in a label


def test_partial_volume_softens_edges() -> None:
    labels = stripes(0, 2, width=12)
    image = draw_contrast(labels, np.random.default_rng(5), t1_weighted=1.0, bias=0.0, deviation=0.0)
    profile = image.mean((1, 2))
    edge = (profile[11:13] - profile[3]) / (profile[20] - profile[3])
    assert (edge > 0.02).all()
    assert (edge < 0.98).all()


def test_another_shape_shows_the_same_field_of_view() -> None:
    labels = stripes(0, 2, 0, width=12)
    image = draw_contrast(labels, np.random.default_rng(0), shape=(24, 24, 12), t1_weighted=1.0, bias=0.0)
    assert image.shape == (24, 24, 12)
    place = (image.mean((1, 2)) * torch.arange(24)).sum() / image.mean((1, 2)).sum()
    assert float(place) == pytest.approx(11.5, abs=0.3)


@pytest.mark.parametrize("spacing", [0.9, 1.3, 2.0, 5.0, 11.0])
def test_smooth_noise_has_unit_deviation_and_the_scale_asked_for(spacing: float) -> None:
    noise = torch.stack([smooth_noise((48, 48, 48), spacing, torch.Generator().manual_seed(n)) for n in range(8)])
    assert float(noise.std()) == pytest.approx(1, abs=0.2)
    neighbours = float((noise[:, 1:] * noise[:, :-1]).mean() / noise.square().mean())
    width = 0.6 * spacing  # the Gaussian that interpolates
    assert neighbours == pytest.approx(np.exp(-1 / (4 * width**2)) if spacing > 1 else 0, abs=0.05)


def test_negative_labels_are_refused() -> None:
    with pytest.raises(Refusal, match="negative"):
        draw_contrast(stripes(-1, 2), np.random.default_rng(0))
