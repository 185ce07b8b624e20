"""What a mask gives away: the kind that it was drawn as, and its centre."""

from typing import Any

import numpy as np
import pytest

from finemri.physics.sampling import PATTERNS, Sampling
from finemri.rawdata.pattern import look_at


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_kind_that_it_was_drawn_as(pattern: Any) -> None:
    mask = Sampling(pattern, 4.0).draw((64, 48), 3)
    found = look_at(mask)
    assert found.kind == ("lines along j" if pattern.endswith("1d") else "points")
    assert found.share == pytest.approx(0.25, abs=0.01)
    assert look_at(mask.T).kind == ("lines along i" if pattern.endswith("1d") else "points")
    if pattern.endswith("1d"):
        assert look_at(mask.T).centre == found.centre[::-1]
        assert found.centre[1] == 48


def test_the_centre_is_the_rectangle_around_dc() -> None:
    mask = np.zeros((64, 48), dtype=bool)
    mask[32 - 6 : 32 + 6] = True
    mask[::8] = True
    assert look_at(mask).centre == (12, 48)
    assert str(look_at(mask)) == "1D, whole lines along j, the centre (ACS) full in 12 × 48"


def test_a_comb_with_a_small_square_in_its_middle_is_still_of_lines() -> None:
    mask = np.zeros((64, 48), dtype=bool)
    mask[:, ::2] = True
    mask[26:38, 18:30] = True
    found = look_at(mask)
    assert found.kind == "lines along i"
    assert found.centre == (12, 13)


def test_lines_cut_short_are_lines() -> None:
    mask = np.zeros((64, 48), dtype=bool)
    mask[::3, 10:] = True
    mask[30:36, 10:] = True
    assert look_at(mask).kind == "lines along j"


def test_everything_and_a_hole_in_the_middle() -> None:
    mask = np.ones((20, 21), dtype=bool)
    assert (look_at(mask).kind, look_at(mask).centre, str(look_at(mask))) == ("full", (20, 21), "every sample")
    mask[10, 10] = False
    mask[:5] = False
    assert look_at(mask).centre == (0, 0)
