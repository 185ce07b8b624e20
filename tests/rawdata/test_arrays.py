"""NumPy, MATLAB and HDF5 arrays: what was saved is what is read, and nothing else is."""

import io
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from finemri.rawdata.files import open_raw
from finemri.refusal import Refusal
from tests.rawdata.scans import kspace


@pytest.fixture
def samples() -> np.ndarray:
    coils: np.ndarray = kspace()[0]
    return coils


def save(path: Path, samples: np.ndarray, **more: np.ndarray) -> None:
    """(coil, i, j), under the name kspace where there are names."""
    named = {"kspace": samples, **more}
    if path.suffix == ".npy":
        np.save(path, samples)
    elif path.suffix == ".npz":
        np.savez_compressed(path, allow_pickle=False, **named)
    elif path.name == "v5.mat":
        scipy.io.savemat(path, named, do_compression=True)
    else:
        with h5py.File(path, "w", userblock_size=512 if path.suffix == ".mat" else 0) as root:
            for name, values in named.items():
                if path.suffix != ".mat":
                    root[name] = values
                elif np.iscomplexobj(values):  # as MATLAB does: backwards, real and imaginary part as a compound
                    both = np.empty(values.T.shape, [("real", "<f8"), ("imag", "<f8")])
                    both["real"], both["imag"] = values.T.real, values.T.imag
                    root[name] = both
                else:
                    root[name] = values.T


NAMES = ["a.npy", "a.npz", "v5.mat", "v73.mat"]


@pytest.mark.parametrize("name", NAMES)
def test_what_was_saved_is_read(tmp_path: Path, name: str, samples: np.ndarray) -> None:
    save(tmp_path / name, samples)
    scan = open_raw(tmp_path / name)
    np.testing.assert_array_equal(scan.samples, samples[None])
    assert scan.facts["axes"].startswith("coil, i, j (")
    assert scan.flags == ()
    assert scan.source is not None
    assert scan.source.format == "arrays"


@pytest.mark.parametrize("name", NAMES[1:])
def test_mask_and_sensitivities_beside_it_are_taken(tmp_path: Path, name: str, samples: np.ndarray) -> None:
    mask = np.zeros(samples.shape[1:])
    mask[::2] = mask[14:18] = 1
    save(tmp_path / name, samples, mask=mask, sens_maps=samples * 2)
    scan = open_raw(tmp_path / name)
    np.testing.assert_array_equal(scan.mask, mask == 1)
    sensitivities = scan.slice(0).sensitivities
    assert sensitivities is not None
    np.testing.assert_array_equal(sensitivities, samples * 2)
    np.testing.assert_array_equal(scan.slice(0).samples, samples * (mask == 1))


@pytest.mark.parametrize("name", NAMES[1:])
def test_of_several_arrays_one_has_to_be_chosen(tmp_path: Path, name: str, samples: np.ndarray) -> None:
    save(tmp_path / name, samples, ksp=samples * 2)
    with pytest.raises(Refusal, match=r"several arrays \(.*ksp.*--dataset"):
        open_raw(tmp_path / name)
    np.testing.assert_array_equal(open_raw(tmp_path / name, dataset="ksp").samples[0], samples * 2)
    with pytest.raises(Refusal, match="no array other"):
        open_raw(tmp_path / name, dataset="other")


@pytest.mark.parametrize("name", NAMES)
def test_a_truncated_file_is_a_sentence(tmp_path: Path, name: str, samples: np.ndarray) -> None:
    save(tmp_path / name, samples)
    whole = (tmp_path / name).read_bytes()
    for share in (0.02, 0.5, 0.95):
        (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(Refusal, match=r"truncated") as refusal:
            open_raw(tmp_path / name)
        assert str(refusal.value).endswith(".")


@pytest.mark.parametrize("name", NAMES[:2])
def test_python_objects_are_not_unpickled(tmp_path: Path, name: str) -> None:
    array = np.array([{"a": 1}, None], dtype=object)
    if name == "a.npy":
        np.save(tmp_path / name, array, allow_pickle=True)
    else:
        np.savez(tmp_path / name, kspace=array)
    with pytest.raises(Refusal, match="Python objects"):
        open_raw(tmp_path / name)


def test_an_archive_that_claims_more_than_it_holds_is_refused_before_it_is_read(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<c8", "fortran_order": False, "shape": (8, 10**6, 10**6)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("kspace.npy", stream.getvalue())
    with pytest.raises(Refusal, match="truncated"):
        open_raw(tmp_path / "a.npz")


def test_real_and_imaginary_part_as_a_last_axis_are_joined_and_it_is_told(tmp_path: Path, samples: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", np.stack([samples.real, samples.imag], axis=-1))
    scan = open_raw(tmp_path / "a.npy")
    np.testing.assert_array_equal(scan.samples[0], samples)
    assert "real and imaginary" in scan.facts["complex from"]


def test_words_and_cells_of_matlab_are_no_arrays(tmp_path: Path, samples: np.ndarray) -> None:
    note = np.array(["a", 1], dtype=object)
    scipy.io.savemat(tmp_path / "v5.mat", {"note": "knee", "cell": note, "mine": samples})
    np.testing.assert_array_equal(open_raw(tmp_path / "v5.mat").samples[0], samples)
    scipy.io.savemat(tmp_path / "v5.mat", {"note": "knee"})
    with pytest.raises(Refusal, match="no array of numbers"):
        open_raw(tmp_path / "v5.mat")
