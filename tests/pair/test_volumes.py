"""Volumes are laid on one grid."""

import numpy as np

from finemri.pair import Pairing
from finemri.pair.scans import pair_scans
from tests.pair.heads import NO_MOVE, scan, thin


def test_volumes_that_lay_still_need_no_registration() -> None:
    made = pair_scans(scan((2.0, 2.0, 2.0), (24, 28, 22)), thin(), NO_MOVE)
    assert made.told["mode"] == "volumes"
    assert made.matches is None
    assert made.coarse.shape == made.fine.shape
    assert np.array_equal(made.coarse.affine, made.fine.affine)
    assert np.abs(made.coarse.voxels - made.fine.voxels).mean() < 0.01 * made.fine.voxels.max()


def test_equal_grids_of_two_field_strengths() -> None:
    made = pair_scans(thin(), thin(), Pairing(same_grid=True, registration="none", crop=False))
    assert made.told["mode"] == "volumes"
    assert np.allclose(made.coarse.voxels, made.fine.voxels, atol=0.01)
