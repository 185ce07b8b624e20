"""Laws of thick slices at any spacing."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from finemri.physics.degradation import SliceProfile
from finemri.physics.slices import TOLD, Slices, along, inverse
from finemri.refusal import Refusal

any_slices = st.builds(
    Slices,
    axis=st.integers(0, 2),
    spacing=st.floats(1.0, 8.0),
    thickness=st.floats(0.5, 7.0),
    profile=st.sampled_from(["gaussian", "sinc"]),
)


def image(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=40, deadline=None)
@given(any_slices, st.integers(9, 24))
def test_the_adjoint_is_one(slices: Slices, size: int) -> None:
    shape = [5, 4, 6]
    shape[slices.axis] = size
    x = image(0, 2, *shape)
    y = slices(x)
    other = image(1, *y.shape)
    i, j, k = shape
    assert y.shape[slices.axis + 1] == slices.count(size)
    assert_close((y * other).sum(), (x * slices.adjoint(other, (i, j, k))).sum())


@settings(max_examples=40, deadline=None)
@given(any_slices, st.integers(9, 40))
def test_a_constant_stays_one(slices: Slices, size: int) -> None:
    """Weights of every slice add up to one, at the mirrored ends as well."""
    assert_close(slices.matrix(size).sum(1), torch.ones(slices.count(size), dtype=torch.float64))


@pytest.mark.parametrize(("thickness", "gap"), [(3.0, 0.0), (5.0, 1.0), (4.0, -1.0), (1.0, 1.0)])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_whole_spacings_are_slice_profiles(thickness: float, gap: float, axis: int) -> None:
    x = image(2, 20, 20, 20)
    known = SliceProfile(axis, thickness, gap)(x)
    assert_close(Slices(axis, thickness + gap, thickness)(x), known, atol=1e-8, rtol=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.floats(1.0, 6.5), st.floats(2.0, 6.0), st.sampled_from(["gaussian", "sinc"]))
def test_a_landmark_keeps_its_place(spacing: float, thickness: float, profile: str) -> None:
    """The mean position that a slice sees is its centre, and slice i lies where scaled_affine puts it: s(i + ½) − ½."""
    slices = Slices(2, spacing, thickness, profile)  # type: ignore[arg-type]
    j = torch.arange(120, dtype=torch.float64)
    seen = slices.matrix(120) @ j
    inside = slice(round(24 / spacing), -round(24 / spacing))
    expected = spacing * (torch.arange(len(seen), dtype=torch.float64) + 0.5) - 0.5
    assert_close(slices.centres(len(seen)), expected)
    assert_close(seen[inside], expected[inside], atol=1e-3, rtol=0)


@pytest.mark.parametrize("profile", ["gaussian", "sinc"])
@pytest.mark.parametrize("thickness", [4.0, 7.0])
def test_the_thickness_is_the_width_at_half_maximum(profile: str, thickness: float) -> None:
    weights = Slices(2, 64.0, thickness, profile).matrix(64)[0]  # type: ignore[arg-type]
    half, places = weights.max() / 2, []
    for n, (before, after) in enumerate(pairwise(weights.tolist())):
        if (before < half) != (after < half):
            places.append(n + (half.item() - before) / (after - before))
    assert len(places) == 2
    assert places[1] - places[0] == pytest.approx(thickness, rel=0.1)


def test_a_sinc_pulse_cuts_sharper_than_a_gaussian() -> None:
    """It excites less beyond its thickness, and side lobes below zero."""
    sinc, gauss = (Slices(2, 80.0, 8.0, p).matrix(80)[0] for p in ("sinc", "gaussian"))
    beyond = (torch.arange(80) - 39.5).abs() > 6
    assert sinc[beyond].abs().sum() < 0.5 * gauss[beyond].sum()
    assert sinc.min() < 0 <= gauss.min()
    assert sinc.min() > -0.05 * sinc.max()


def test_a_stack_within_a_longer_one() -> None:
    """`first` moves the slices: tissue beyond the stack is seen, not mirrored."""
    x, slices = image(3, 1, 1, 60), Slices(2, 2.5, 4.0)
    expected = along(slices.matrix(60), x, 2)[..., 4:12]
    assert_close(along(slices.matrix(60, 8, first=10.0), x, 2), expected)


@settings(max_examples=30, deadline=None)
@given(st.floats(1.5, 6.0), st.floats(0.7, 1.25), st.sampled_from(["gaussian", "sinc"]))
def test_what_was_measured_is_put_back(spacing: float, share: float, profile: str) -> None:
    """x + A⁺(y − A x) has the slices y, moves no further than it must, and is its own repetition."""
    slices = Slices(2, spacing, share * spacing, profile)  # type: ignore[arg-type]
    a = slices.matrix(48)
    x, y = image(4, 48), image(5, len(a))
    back = inverse(a)
    moved = x + back @ (y - a @ x)
    assert_close(a @ moved, y)
    assert_close(moved + back @ (y - a @ moved), moved)
    assert_close((moved - x) @ (torch.eye(48, dtype=torch.float64) - back @ a), torch.zeros(48, dtype=torch.float64))
    damped = x + inverse(a, 0.5) @ (y - a @ x)
    assert 0 < (damped - x).norm() < (moved - x).norm()


def test_what_a_network_is_told() -> None:
    slices = Slices(2, 4.0, 5.0)
    told = slices.told(torch.arange(9, dtype=torch.float64) - 0.5, in_plane=0.5)  # centres at 1.5, 5.5, …
    assert told.shape == (TOLD, 9)
    assert_close(told[:2, [2, 6]], torch.tensor([[1.0, 1.0], [0.0, 0.0]], dtype=torch.float64))
    assert_close(told[:2, 4], torch.tensor([-1.0, 0.0], dtype=torch.float64))
    assert_close(told[2:, 0], torch.tensor([0.0, -0.2, 0.0], dtype=torch.float64))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"axis": 3}, "0, 1 or 2"),
        ({"spacing": 0.5}, "at least one fine voxel"),
        ({"spacing": float("inf")}, "at least one fine voxel"),
        ({"thickness": 0.1}, "at least half a fine voxel"),
    ],
)
def test_slices_that_cannot_be_are_refused(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        Slices(**settings)  # type: ignore[arg-type]
    with pytest.raises(Refusal, match="too short"):
        Slices(2, 5.0, 5.0).matrix(4)
