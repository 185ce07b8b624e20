import re
from dataclasses import dataclass
from itertools import pairwise

import pytest

from finemri.refusal import Refusal
from finemri.volumes.layout import RAMP, Layout, lay_tiles

MIB = 2**20


@dataclass(frozen=True)
class Costly:
    """What a layout asks of an enhancer."""

    scale: tuple[int, int, int] = (2, 2, 2)
    tile: tuple[int, int, int] = (256, 256, 256)
    margin: tuple[int, int, int] = (6, 6, 6)
    bytes_per_voxel: float = 500.0
    normaliser: str = "none"

    def __call__(self, image: object) -> object:
        raise AssertionError("a layout computes nothing")


def lay(shape: tuple[int, int, int], enhancer: Costly | None = None, **settings: object) -> Layout:
    return lay_tiles(shape, enhancer or Costly(), **settings)  # type: ignore[arg-type]


def test_a_volume_that_fits_is_one_tile() -> None:
    assert lay((100, 80, 60), memory=2**30).count == 1


def test_fewer_bytes_make_smaller_and_more_tiles() -> None:
    layouts = [lay((160, 160, 160), memory=budget * MIB) for budget in (4000, 1000, 400, 200)]
    sizes = [layout.tile[0] * layout.tile[1] * layout.tile[2] for layout in layouts]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)
    assert [layout.count for layout in layouts] == sorted(layout.count for layout in layouts)


@pytest.mark.parametrize("budget", [150, 300, 900])
def test_a_tile_and_its_slab_stay_within_the_budget(budget: int) -> None:
    shape = (200, 150, 180)
    layout = lay(shape, memory=budget * MIB, held=20 * MIB)
    i, j, k = layout.tile
    slab = 4 * 2 * shape[0] * 2 * shape[1] * 2 * layout.depth
    assert 20 * MIB + i * j * k * 500 + slab <= budget * MIB
    assert layout.count > 1


def test_tiles_are_spread_evenly_and_share_margin_and_ramp() -> None:
    layout = lay((200, 150, 180), memory=300 * MIB)
    for spans in layout.axes:
        steps = [right.start - left.start for left, right in pairwise(spans)]
        assert max(steps, default=0) - min(steps, default=0) <= 1
        assert all(left.stop - right.start >= 2 * (6 + RAMP) for left, right in pairwise(spans))


def test_a_budget_that_is_too_small_is_refused_with_the_one_that_suffices() -> None:
    with pytest.raises(Refusal, match="takes at least --memory") as refusal:
        lay((200, 200, 200), memory=10 * MIB)
    enough = int(re.findall(r"(\d+)MiB", str(refusal.value))[-1])
    assert enough > 10
    assert lay((200, 200, 200), memory=enough * MIB).count > 1
    with pytest.raises(Refusal):
        lay((200, 200, 200), memory=(enough - 1) * MIB)


def test_the_natural_tile_bounds_the_size_and_not_the_shape() -> None:
    layout = lay((300, 40, 40), Costly(tile=(80, 80, 80)))
    assert layout.count == 1
    layout = lay((300, 80, 80), Costly(tile=(80, 80, 80)))
    i, j, k = layout.tile
    assert layout.count > 1
    assert i * j * k <= 80**3


def test_a_given_tile_is_respected() -> None:
    layout = lay((50, 50, 50), tile=(30, 50, 64), overlap=(4, 0, 0))
    assert layout.tile == (30, 50, 50)
    assert [span.stop - span.start for span in layout.axes[0]] == [30, 30]


def test_a_tile_no_larger_than_its_overlap_is_refused() -> None:
    with pytest.raises(Refusal, match="at least 9"):
        lay((50, 50, 50), tile=(8, 8, 8), overlap=(8, 8, 8))
    with pytest.raises(Refusal, match="overlap is at least 0"):
        lay((50, 50, 50), tile=(8, 8, 8), overlap=(-1, 0, 0))


def test_a_given_tile_beyond_the_budget_is_refused() -> None:
    with pytest.raises(Refusal, match="too small"):
        lay((200, 200, 200), tile=(150, 150, 150), memory=100 * MIB)


def test_a_flat_method_gets_tiles_one_voxel_deep_whatever_is_asked() -> None:
    layout = lay((64, 64, 9), Costly(tile=(64, 64, 1), margin=(3, 3, 0)), tile=(32, 32, 4))
    assert layout.tile == (32, 32, 1)
    assert len(layout.axes[2]) == 9
