"""Every degradation is linear with an exact adjoint, keeps brightness, and obeys the cell-centred grid."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from finemri.physics.degradation import Degradation, GaussianBlur, KSpaceTruncation, SliceProfile

EVERY = [
    GaussianBlur(2),
    GaussianBlur(4, 1.0),
    GaussianBlur(3, 1.7),
    KSpaceTruncation(2),
    KSpaceTruncation(3),
    KSpaceTruncation(4, boundary="mirror"),
    SliceProfile(axis=2, thickness=3.0),
    SliceProfile(axis=0, thickness=2.5, gap=0.5),
    SliceProfile(axis=1, thickness=5.0, gap=-1.0, profile="box"),
]
each = pytest.mark.parametrize("degradation", EVERY, ids=repr)
sizes = st.tuples(*(st.integers(5, 17),) * 3)


@each
@given(shape=sizes, seed=st.integers(0, 2**31))
def test_adjoint(degradation: Degradation, shape: tuple[int, int, int], seed: int) -> None:
    """⟨A x, y⟩ = ⟨x, Aᴴ y⟩."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(2, *shape, generator=draw, dtype=torch.float64)
    coarse = degradation(x)
    y = torch.randn(coarse.shape, generator=draw, dtype=torch.float64)
    back = degradation.adjoint(y, shape)
    assert back.shape == x.shape
    torch.testing.assert_close((coarse * y).sum(), (x * back).sum(), rtol=1e-10, atol=1e-10)


@each
@given(shape=sizes)
def test_a_constant_stays_constant(degradation: Degradation, shape: tuple[int, int, int]) -> None:
    coarse = degradation(torch.full(shape, 7.0, dtype=torch.float64))
    assert coarse.shape == tuple(n // s for n, s in zip(shape, degradation.scale, strict=True))
    torch.testing.assert_close(coarse, torch.full_like(coarse, 7.0))


@each
def test_coarse_sample_i_sits_at_the_centre_of_its_cell(degradation: Degradation) -> None:
    """A smooth wave over the field of view, read at r·i + (r − 1)/2, is what comes out: attenuated, but nowhere
    shifted."""
    n = 120
    for axis, r in enumerate(degradation.scale):
        shape = [1, 1, 1]
        shape[axis] = n
        wave = torch.sin(2 * torch.pi * 2 * (torch.arange(n, dtype=torch.float64) + 0.5) / n).reshape(shape)
        fine = wave.expand(*(n if a == axis else 8 * s for a, s in enumerate(degradation.scale)))
        coarse = degradation(fine.contiguous())
        line = coarse.movedim(axis, 0)[:, 0, 0]
        centres = r * torch.arange(n // r, dtype=torch.float64) + (r - 1) / 2
        expected = torch.sin(2 * torch.pi * 2 * (centres + 0.5) / n)
        inner = slice(4, -4)  # a mirrored sine has a kink at the border
        gain = (line[inner] @ expected[inner]) / (expected[inner] @ expected[inner])
        assert 0.9 < gain < 1.05
        assert (line - gain * expected)[inner].abs().max() < 0.02
