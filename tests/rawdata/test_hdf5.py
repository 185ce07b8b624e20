"""HDF5 from strangers: no other file is read, nothing too large is allocated, and damage is a sentence."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from finemri.rawdata.files import open_raw
from finemri.refusal import Refusal
from tests.rawdata.scans import kspace, write_fastmri, write_ismrmrd


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Somebody else's k-space."""
    write_fastmri(tmp_path / "elsewhere.h5", kspace())
    kspace().tofile(tmp_path / "elsewhere.bin")
    return tmp_path


def test_an_external_link_is_not_followed(elsewhere: Path) -> None:
    with h5py.File(elsewhere / "a.h5", "w") as root:
        root["kspace"] = h5py.ExternalLink("elsewhere.h5", "/kspace")
    with pytest.raises(Refusal, match="external link"):
        open_raw(elsewhere / "a.h5")


def test_the_mask_is_not_read_from_elsewhere_either(elsewhere: Path) -> None:
    write_fastmri(elsewhere / "a.h5", kspace())
    with h5py.File(elsewhere / "a.h5", "a") as root:
        root["mask"] = h5py.ExternalLink("elsewhere.h5", "/kspace")
    with pytest.raises(Refusal, match="external link"):
        open_raw(elsewhere / "a.h5")


def test_external_links_of_an_ismrmrd_scan_are_not_followed(elsewhere: Path) -> None:
    write_ismrmrd(elsewhere / "scan.h5", kspace(slices=1))
    with h5py.File(elsewhere / "a.h5", "w") as root:
        root["dataset/xml"] = ["x"]
        root["dataset/data"] = h5py.ExternalLink("scan.h5", "/dataset/data")
        del root["dataset/xml"]
        root["dataset/xml"] = h5py.ExternalLink("scan.h5", "/dataset/xml")
    with pytest.raises(Refusal, match="external link"):
        open_raw(elsewhere / "a.h5")
    with h5py.File(elsewhere / "b.h5", "w") as root:
        root["dataset"] = h5py.ExternalLink("scan.h5", "/dataset")
    with pytest.raises(Refusal, match=r"external link|no array of numbers"):
        open_raw(elsewhere / "b.h5")


def test_an_external_link_by_name_is_refused(elsewhere: Path) -> None:
    with h5py.File(elsewhere / "a.mat", "w") as root:
        root["mine"] = np.ones((30, 30))
        root["other"] = h5py.ExternalLink("elsewhere.h5", "/")
    for name in ("other", "other/kspace"):
        with pytest.raises(Refusal, match=r"external link|no array other"):
            open_raw(elsewhere / "a.mat", dataset=name)


def test_external_storage_is_not_read(elsewhere: Path) -> None:
    with h5py.File(elsewhere / "a.h5", "w") as root:
        root.create_dataset(
            "kspace", (2, 4, 32, 24), "<c8", external=[(str(elsewhere / "elsewhere.bin"), 0, h5py.h5f.UNLIMITED)]
        )
    with pytest.raises(Refusal, match="lies in other files"):
        open_raw(elsewhere / "a.h5")


def test_a_virtual_dataset_is_not_read(elsewhere: Path) -> None:
    layout = h5py.VirtualLayout((2, 4, 32, 24), np.complex64)
    layout[...] = h5py.VirtualSource(str(elsewhere / "elsewhere.h5"), "kspace", (2, 4, 32, 24))
    with h5py.File(elsewhere / "a.h5", "w") as root:
        root.create_virtual_dataset("kspace", layout)
    with pytest.raises(Refusal, match="lies in other files"):
        open_raw(elsewhere / "a.h5")


def test_soft_links_stay_in_their_group(tmp_path: Path) -> None:
    samples = kspace()
    with h5py.File(tmp_path / "a.h5", "w") as root:
        root["data"], root["hidden/x"] = samples, samples
        root["kspace"], root["mask"] = h5py.SoftLink("data"), h5py.SoftLink("/hidden/x")
    with pytest.raises(Refusal, match="leaves its group"):
        open_raw(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as root:
        del root["mask"]
    np.testing.assert_array_equal(open_raw(tmp_path / "a.h5").samples, samples)


@pytest.mark.parametrize("loop", ["kspace", "nothing"])
def test_a_soft_link_that_leads_nowhere_is_a_sentence(tmp_path: Path, loop: str) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as root:
        root["kspace"] = h5py.SoftLink(loop)
    with pytest.raises(Refusal, match=r"a\.h5 .*\.$"):
        open_raw(tmp_path / "a.h5")


@pytest.mark.parametrize("chunks", [None, (1, 1, 1000, 1000)])
def test_a_small_file_that_claims_terabytes_is_refused(tmp_path: Path, chunks: tuple[int, ...] | None) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as root:
        root.create_dataset("kspace", (1000, 64, 10000, 10000), np.complex64, chunks=chunks)
    with pytest.raises(Refusal, match="more than its file can hold"):
        open_raw(tmp_path / "a.h5")


@pytest.mark.parametrize("writer", [write_fastmri, write_ismrmrd])
def test_a_truncated_file_is_a_sentence(tmp_path: Path, writer: object) -> None:
    (write_fastmri if writer is write_fastmri else write_ismrmrd)(tmp_path / "a.h5", kspace())
    whole = (tmp_path / "a.h5").read_bytes()
    for share in (0, 0.01, 0.3, 0.9, 0.99):
        (tmp_path / "a.h5").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(Refusal, match="truncated"):
            open_raw(tmp_path / "a.h5")


def test_damaged_bytes_are_a_sentence_or_another_number(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as root:
        root.create_dataset("kspace", data=kspace(), compression="gzip", fletcher32=True)
        root["ismrmrd_header"] = "x"
        del root["ismrmrd_header"]
    whole = (tmp_path / "a.h5").read_bytes()
    place = len(whole) * 3 // 4
    (tmp_path / "a.h5").write_bytes(whole[:place] + bytes(64) + whole[place + 64 :])
    with pytest.raises(Refusal, match="damaged"):
        open_raw(tmp_path / "a.h5")


def test_text_is_no_kspace(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as root:
        root["kspace"] = "Whose woods these are"
    with pytest.raises(Refusal, match="no numbers"):
        open_raw(tmp_path / "a.h5")
