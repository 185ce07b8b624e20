"""The region of interest: what is cut out of both scans."""

import numpy as np

from finemri.pair import Pairing
from finemri.pair.region import region
from finemri.pair.scans import pair_scans
from finemri.volumes.volume import Volume
from tests.pair.heads import off, scan


def test_the_region_of_interest_is_cut_out() -> None:
    wide = scan((1.0, 1.0, 1.0), (90, 80, 60))
    made = pair_scans(scan((1.0, 1.0, 4.0), (90, 80, 15)), wide, Pairing(margin=2.0))
    crop = made.told["crop"]["fine"]
    assert made.fine.shape < (60, 60, 60)
    assert made.fine.shape == tuple(b - a for a, b in zip(crop["start"], crop["stop"], strict=True))
    assert off(made.fine) < 1e-5
    assert off(made.coarse) < 1e-5
    whole = pair_scans(scan((1.0, 1.0, 4.0), (90, 80, 15)), wide, Pairing(crop=False))
    i, j, k = (slice(a, b) for a, b in zip(crop["start"], crop["stop"], strict=True))
    assert np.array_equal(whole.fine.voxels[i, j, k], made.fine.voxels)
    assert made.told["without_tissue"]
    opened = [made.fine.voxels[:, :, f] for _, f in made.matches or ()]
    assert len(opened) == 15 - len(made.told["without_tissue"])


def test_a_side_that_the_coarse_scan_missed_is_given_up_and_air_is_not() -> None:
    voxels = np.zeros((20, 18, 16), np.float32)
    voxels[2:18, 2:16, :] = np.random.default_rng(0).uniform(0.8, 1, (16, 14, 16)).astype(np.float32)
    fine = Volume(voxels, np.eye(4))
    wedge = np.ones(fine.shape, bool)
    for i in range(6):
        wedge[i, :, : 6 - i] = False  # a tilted field of view
    airless = np.ones(fine.shape, bool)
    airless[:, 17, 8:] = False

    box = region(fine, wedge, margin=0)
    kept = tuple(slice(first, stop) for first, stop in zip(box.start, box.stop, strict=True))

    assert wedge[kept].mean() > 0.99
    assert np.prod(np.subtract(box.stop, box.start)) > 0.6 * 16 * 14 * 16
    assert region(fine, airless, margin=0) == region(fine, np.ones(fine.shape, bool), margin=0)
