"""fastMRI: one coil and many, the mask of lines, the header's facts and not the person's."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from finemri.rawdata.files import open_raw
from finemri.refusal import Refusal
from tests.rawdata.scans import HEADER, kspace, write_fastmri


def test_several_coils_with_their_header(tmp_path: Path) -> None:
    samples = kspace(slices=3)
    write_fastmri(tmp_path / "a.h5", samples)
    scan = open_raw(tmp_path / "a.h5")
    np.testing.assert_array_equal(scan.samples, samples)
    assert scan.spacing == pytest.approx((2.0, 3.0, 4.5))
    assert scan.shown == (16, 24)
    assert scan.facts["format"] == "fastMRI HDF5"
    assert scan.facts["readout oversampling"].startswith("2, kept")
    assert scan.facts["field strength"] == "2.89 T"
    assert "Doe" not in str(scan.facts)
    assert "4711" not in str(scan.facts)


def test_three_axes_are_slices_of_one_coil(tmp_path: Path) -> None:
    samples = kspace(slices=5, coils=1)
    write_fastmri(tmp_path / "a.h5", samples[:, 0])
    np.testing.assert_array_equal(open_raw(tmp_path / "a.h5").samples, samples)


def test_the_mask_is_of_lines_and_turns_with_the_named_axes(tmp_path: Path) -> None:
    samples, lines = kspace(), np.zeros(24, np.float32)
    lines[[3, 11, 12, 13]] = 1
    write_fastmri(tmp_path / "a.h5", samples, lines)
    scan = open_raw(tmp_path / "a.h5")
    np.testing.assert_array_equal(scan.mask, np.broadcast_to(lines == 1, (32, 24)))
    turned = open_raw(tmp_path / "a.h5", axes="slice coil j i")
    np.testing.assert_array_equal(turned.samples, samples.swapaxes(2, 3))
    np.testing.assert_array_equal(turned.mask, np.broadcast_to(lines == 1, (32, 24)).T)
    assert turned.spacing == pytest.approx((3.0, 2.0, 4.5))
    assert turned.shown == (24, 16)
    np.testing.assert_array_equal(turned.slice(1).samples, np.where(lines == 1, samples[1], 0).swapaxes(1, 2))


def test_a_mask_of_another_shape_or_of_other_numbers_is_refused(tmp_path: Path) -> None:
    write_fastmri(tmp_path / "a.h5", kspace(), np.ones(25))
    with pytest.raises(Refusal, match=r"mask in a.h5 is 25 and its k-space 32×24"):
        open_raw(tmp_path / "a.h5")
    write_fastmri(tmp_path / "a.h5", kspace(), np.full(24, 0.5))
    with pytest.raises(Refusal, match="more than zeros and ones"):
        open_raw(tmp_path / "a.h5")


def test_sensitivities_of_other_coils_are_refused(tmp_path: Path) -> None:
    write_fastmri(tmp_path / "a.h5", kspace(), sensitivities=kspace(coils=5))
    with pytest.raises(Refusal, match="give those of these coils"):
        open_raw(tmp_path / "a.h5")


def test_without_a_header_three_axes_go_by_the_rule_for_bare_arrays(tmp_path: Path) -> None:
    samples = kspace()[0]
    with h5py.File(tmp_path / "a.h5", "w") as root:
        root["kspace"] = samples
    scan = open_raw(tmp_path / "a.h5")
    np.testing.assert_array_equal(scan.samples, samples[None])
    assert "shortest" in scan.facts["axes"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("no xml", "not XML"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "entities"),
        ('<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"/>', "no encoding"),
    ],
)
def test_a_damaged_header_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    write_fastmri(tmp_path / "a.h5", kspace(), header=text)
    with pytest.raises(Refusal, match=sentence):
        open_raw(tmp_path / "a.h5")


def test_a_header_of_nonsense_numbers_tells_nothing(tmp_path: Path) -> None:
    text = HEADER.format(x=-1, y="nan", rx=0, fx="inf", fy="", ymax=0, yc=0, trajectory="cartesian")
    write_fastmri(tmp_path / "a.h5", kspace(), header=text)
    scan = open_raw(tmp_path / "a.h5")
    assert (scan.spacing, scan.shown) == (None, None)
