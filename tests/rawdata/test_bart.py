"""BART: pairs of files that fit one another, and axes by BART's own order."""

from pathlib import Path

import numpy as np
import pytest

from finemri.rawdata.files import open_raw
from finemri.refusal import Refusal
from tests.rawdata.scans import kspace, write_cfl


@pytest.mark.parametrize(
    ("dims", "order"),
    [
        ((32, 24, 1, 4), (1, 2, 0)),
        ((1, 32, 24, 4, 1), (1, 2, 0)),
        ((32, 1, 24, 4), (1, 2, 0)),
    ],
)
@pytest.mark.parametrize("suffix", [".cfl", ".hdr"])
def test_coils_by_dimension(tmp_path: Path, dims: tuple[int, ...], order: tuple[int, ...], suffix: str) -> None:
    samples = kspace(slices=1)[0]
    write_cfl(tmp_path / "a", samples.transpose(order), dims)
    scan = open_raw(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(scan.samples[0], samples)
    assert scan.source is not None
    assert [path.name for path in scan.source.paths] == ["a.cfl", "a.hdr"]
    assert "Doe" not in str(scan.facts)


def test_slices_are_the_thirteenth_dimension(tmp_path: Path) -> None:
    samples = kspace(slices=3)
    write_cfl(tmp_path / "a", samples.transpose(2, 3, 1, 0), (32, 24, 1, 4, *[1] * 9, 3))
    np.testing.assert_array_equal(open_raw(tmp_path / "a.cfl").samples, samples)


def test_a_volume_has_to_be_named(tmp_path: Path) -> None:
    samples = kspace(slices=16)
    write_cfl(tmp_path / "a", samples.transpose(0, 2, 3, 1), (16, 32, 24, 4))
    with pytest.raises(Refusal, match="--axes"):
        open_raw(tmp_path / "a.cfl")
    np.testing.assert_array_equal(open_raw(tmp_path / "a.cfl", axes="slice,i,j,coil").samples, samples)


def test_halves_and_pairs_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    samples = kspace(slices=1)[0, 0]
    write_cfl(tmp_path / "a", samples, (32, 24))
    (tmp_path / "a.hdr").write_text("# Dimensions\n32 25 \n")
    with pytest.raises(Refusal, match=r"32×25 samples and a\.cfl has 6144 bytes, not 6400"):
        open_raw(tmp_path / "a.cfl")
    for words in ("", "# Dimensions\n", "# Dimensions\n32 x\n", "# Dimensions\n0 24\n", "# Dimensions\n-32 -24\n"):
        (tmp_path / "a.hdr").write_text(words)
        with pytest.raises(Refusal, match="dimensions"):
            open_raw(tmp_path / "a.cfl")
    (tmp_path / "a.hdr").unlink()
    with pytest.raises(Refusal, match=r"half of a \.cfl/\.hdr pair"):
        open_raw(tmp_path / "a.cfl")
