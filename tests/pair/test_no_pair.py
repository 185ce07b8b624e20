"""Scans and settings that make no pair are a sentence."""

import numpy as np
import pytest

from finemri.pair import Pairing
from finemri.pair.scans import pair_scans
from finemri.refusal import Refusal
from finemri.volumes.volume import Volume
from tests.pair.heads import NO_MOVE, scan, thick, thin


@pytest.mark.parametrize(
    ("coarse", "fine", "says"),
    [
        (thick(at=(0.0, 0.0, 60.0)), thin(), r"do not overlap: their fields of view are 16\.0 mm apart"),
        (thick(at=(100.0, 0.0, 0.0)), thin(), r"52\.0 mm apart"),
        (scan((1.0, 1.0, 4.0), (48, 56, 1)), thin(), "coarse scan is a single slice"),
        (thick(), scan((1.0, 1.0, 1.0), (48, 56, 1)), "fine scan is a single slice"),
        (thin(), thin(), "nothing to learn"),
        (thin(), thick(), "were the folders swapped"),
        (thick(), Volume(np.zeros((48, 56, 44), np.float32), thin().affine), "fine scan is constant"),
    ],
)
def test_scans_that_make_no_pair(coarse: Volume, fine: Volume, says: str) -> None:
    with pytest.raises(Refusal, match=says):
        pair_scans(coarse, fine, Pairing())


@pytest.mark.parametrize("axes", [(0,), (0, 1)])
def test_slices_with_a_wrong_orientation_in_the_header(axes: tuple[int, ...]) -> None:
    with pytest.raises(Refusal, match="mirrored or turned round"):
        pair_scans(thick(), Volume(np.flip(thin().voxels, axes).copy(), thin().affine), NO_MOVE)


def test_settings_that_make_no_sense() -> None:
    with pytest.raises(Refusal, match="at least 0 mm"):
        Pairing(margin=-1)
    with pytest.raises(Refusal, match="none or rigid"):
        Pairing(by="slices", registration="affine")
    with pytest.raises(Refusal, match="--by volumes"):
        pair_scans(thick(), thin(), Pairing(registration="deformable"))
    with pytest.raises(Refusal, match="--by volumes"):
        pair_scans(scan((2.0, 2.0, 2.0), (24, 28, 22)), scan((1.0, 1.0, 3.0), (48, 56, 15)), Pairing(by="slices"))
