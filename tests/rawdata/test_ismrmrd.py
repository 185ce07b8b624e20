"""ISMRMRD: readouts find their places, averages are averaged, and what is no Cartesian image is refused."""

from pathlib import Path

import h5py
import ismrmrd
import numpy as np
import pytest

from finemri.rawdata.files import open_raw
from finemri.refusal import Refusal
from tests.rawdata.scans import header, kspace, write_ismrmrd


@pytest.mark.parametrize("averages", [1, 3])
def test_readouts_find_their_places(tmp_path: Path, averages: int) -> None:
    samples = kspace()
    write_ismrmrd(tmp_path / "a.h5", samples, averages=averages)
    scan = open_raw(tmp_path / "a.h5")
    np.testing.assert_allclose(scan.samples, samples, atol=2e-6)
    assert scan.facts["left out"] == "1 noise readouts"
    assert ("averages" in scan.facts) == (averages > 1)
    assert scan.spacing == pytest.approx((2.0, 3.0, 4.5))
    assert scan.source is not None
    assert scan.source.format == "ismrmrd"
    assert "Doe" not in str(scan.facts)


def test_lines_are_counted_from_the_headers_centre(tmp_path: Path) -> None:
    samples = kspace()
    write_ismrmrd(tmp_path / "a.h5", samples[..., 4:], header(32, 24, centre=8))  # 4 lines were never measured
    scan = open_raw(tmp_path / "a.h5")
    np.testing.assert_array_equal(scan.samples[..., 4:], samples[..., 4:])
    assert not scan.samples[..., :4].any()
    assert not scan.sampled[:, :4].any()


def test_an_asymmetric_echo_keeps_its_centre(tmp_path: Path) -> None:
    samples = kspace(slices=1)
    data = ismrmrd.Dataset(str(tmp_path / "a.h5"), "dataset", create_if_needed=True)
    data.write_xml_header(header(32, 24).encode())
    for line in range(24):
        readout = ismrmrd.Acquisition.from_array(np.ascontiguousarray(samples[0, :, 6:, line]))
        readout.idx.kspace_encode_step_1, readout.center_sample, readout.discard_pre = line, 10, 2
        data.append_acquisition(readout)
    data.close()
    scan = open_raw(tmp_path / "a.h5")
    np.testing.assert_array_equal(scan.samples[0, :, 8:], samples[0, :, 8:])
    assert not scan.samples[0, :, :8].any()


@pytest.mark.parametrize("trajectory", ["radial", "spiral", "epi", "other"])
def test_other_trajectories_are_refused(tmp_path: Path, trajectory: str) -> None:
    write_ismrmrd(tmp_path / "a.h5", kspace(), header(32, 24, trajectory))
    with pytest.raises(Refusal, match=rf"along a {trajectory} trajectory.*Cartesian"):
        open_raw(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("counter", "sentence"),
    [("contrast", r"images a slice \(contrast\)"), ("repetition", "repetition"), ("kspace_encode_step_2", "3D")],
)
def test_more_than_one_image_a_slice_is_refused(tmp_path: Path, counter: str, sentence: str) -> None:
    write_ismrmrd(tmp_path / "a.h5", kspace(), None, averages=1, **{counter: 1})
    with pytest.raises(Refusal, match=sentence):
        open_raw(tmp_path / "a.h5")


def test_a_readout_outside_the_matrix_is_refused(tmp_path: Path) -> None:
    write_ismrmrd(tmp_path / "a.h5", kspace(), header(32, 20))
    with pytest.raises(Refusal, match=r"outside the encoded matrix \(32×20\)"):
        open_raw(tmp_path / "a.h5")


def test_coils_that_come_and_go_are_refused(tmp_path: Path) -> None:
    write_ismrmrd(tmp_path / "a.h5", kspace(slices=1))
    data = ismrmrd.Dataset(str(tmp_path / "a.h5"), "dataset", create_if_needed=False)
    data.append_acquisition(ismrmrd.Acquisition.from_array(np.ones((3, 32), np.complex64)))
    data.close()
    with pytest.raises(Refusal, match="have 3 and 4 coils"):
        open_raw(tmp_path / "a.h5")


def test_readouts_of_another_make_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as root:
        root["dataset/xml"] = [header(32, 24)]
        root["dataset/data"] = np.ones(5)
    with pytest.raises(Refusal, match="no ISMRMRD acquisitions"):
        open_raw(tmp_path / "a.h5")
