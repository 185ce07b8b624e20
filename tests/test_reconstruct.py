"""The verb reconstruct: files of k-space become images; what does not fit is one sentence, and nothing is written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from finemri import cli
from finemri.physics.coils import simulate_sensitivities
from finemri.physics.sampling import Sampling
from tests.rawdata.scans import kspace, phantom, transform, write_cfl, write_fastmri, write_ismrmrd

SHAPE = (32, 24)
COILS = 4


def call(*words: object) -> int:
    return cli.main(["reconstruct", *map(str, words)])


def zero_filled(*words: object) -> int:
    return call(*words, "--method", "zero-filled", "--device", "cpu")


def maps() -> np.ndarray:
    """Those that tests.rawdata.scans measures with."""
    return np.asarray(simulate_sensitivities(SHAPE, COILS, np.random.default_rng(1)))


def error(image: np.ndarray, true: np.ndarray) -> float:
    return float(np.linalg.norm(np.abs(image) - np.abs(true)) / np.linalg.norm(true))


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Two slices of four coils, all samples measured."""
    write_fastmri(tmp_path / "scan.h5", kspace(2, COILS, *SHAPE))
    return tmp_path / "scan.h5"


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """One slice of one coil, half measured: samples that are zero were not."""
    mask = Sampling("density-2d", 2, acs=0.3).draw(SHAPE, 0)
    np.save(tmp_path / "alone.npy", transform(phantom(*SHAPE)) * mask)
    return tmp_path / "alone.npy"


def test_all_four_formats_hold_the_same_image(scan: Path, tmp_path: Path) -> None:
    outputs = {suffix: tmp_path / f"image{suffix}" for suffix in (".npy", ".h5", ".nii.gz", ".png")}
    for suffix, path in outputs.items():
        outputs[suffix] = path.with_name(f"{suffix.strip('.').replace('.', '')}-{path.name}")
        assert zero_filled(scan, "-o", outputs[suffix]) == 0
    image = np.load(outputs[".npy"])
    assert (image.shape, image.dtype) == ((2, *SHAPE), np.complex64)
    true = np.stack([phantom(*SHAPE, seed=n) for n in range(2)])
    assert error(image, true) < 1e-5  # nothing was left out, and Σ |S|² = 1
    with h5py.File(outputs[".h5"]) as root:
        np.testing.assert_array_equal(root["reconstruction_complex"][()], image)
        np.testing.assert_array_equal(root["reconstruction"][()], np.abs(image))
    nifti = nib.Nifti1Image.from_filename(outputs[".nii.gz"])
    np.testing.assert_array_equal(np.asarray(nifti.dataobj), np.abs(image).transpose(1, 2, 0))
    picture = np.asarray(Image.open(outputs[".png"]), dtype=float)
    assert picture.shape == (SHAPE[0], 2 * SHAPE[1])
    white = np.percentile(np.abs(image), 99.9)
    expected = 255 * np.hstack([np.abs(one) for one in image]) / white
    np.testing.assert_allclose(picture, expected.clip(max=255), atol=0.51)


def test_the_sidecar_tells_how_and_not_of_whom(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "Doe_Jane_1954"
    folder.mkdir()
    write_fastmri(folder / "Doe.h5", kspace(2, COILS, *SHAPE))
    assert zero_filled(folder / "Doe.h5", "-o", folder / "image.npy", "--slices", 1, "--coils", 3) == 0
    text = (folder / "image.json").read_text(encoding="utf-8")
    assert "Doe" not in text
    assert "ID-4711" not in text
    assert "/" not in text.replace("finemri/", "")
    told = json.loads(text)
    assert told["method"] == "zero-filled"
    assert told["settings"]["coils"] == COILS
    assert told["settings"]["compressed_to"] == 3
    assert told["settings"]["matrix"] == list(SHAPE)
    assert told["settings"]["sampled"] == 1.0
    assert told["input"]["format"] == "fastmri"
    assert len(told["input"]["sha256"]) == len(told["output"]["sha256"]) == 64
    assert told["output"]["shape"] == [1, *SHAPE]
    assert told["input"]["flags"] == []
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("words", "expected"), [((), 2), (("--slices", 1), 1), (("--slices", 1, 0), 2)])
def test_slices_can_be_chosen(words: tuple[object, ...], expected: int, scan: Path, tmp_path: Path) -> None:
    assert zero_filled(scan, "-o", tmp_path / "all.npy") == 0
    assert zero_filled(scan, "-o", tmp_path / "some.npy", *words) == 0
    order = words[1:] or (0, 1)
    some = np.load(tmp_path / "some.npy")
    assert len(some) == expected
    np.testing.assert_array_equal(some, np.load(tmp_path / "all.npy")[list(order)])


@pytest.mark.parametrize("write", ["fastmri", "ismrmrd", "bart", "npz"])
def test_every_format_gives_the_same_image(write: str, scan: Path, tmp_path: Path) -> None:
    samples = kspace(1, COILS, *SHAPE)
    source = {"fastmri": "a.h5", "ismrmrd": "a.mrd", "bart": "a.cfl", "npz": "a.npz"}[write]
    writers: dict[str, Callable[[Path], Any]] = {
        "fastmri": lambda path: write_fastmri(path, samples),
        "ismrmrd": lambda path: write_ismrmrd(path, samples),
        "bart": lambda path: write_cfl(path, samples[0].transpose(1, 2, 0)[:, :, None], (*SHAPE, 1, COILS)),
        "npz": lambda path: np.savez(path, kspace=samples[0]),
    }
    writers[write](tmp_path / source)
    assert zero_filled(tmp_path / source, "-o", tmp_path / "image.npy") == 0
    assert error(np.load(tmp_path / "image.npy"), phantom(*SHAPE, seed=0)[None]) < 1e-5


def test_a_mask_says_what_counts_as_measured(tmp_path: Path, scan: Path) -> None:
    mask = Sampling("random-1d", 2, acs=0.2).draw(SHAPE, 3)
    np.save(tmp_path / "mask.npy", mask)
    np.save(tmp_path / "before.npy", kspace(2, COILS, *SHAPE)[1] * mask)
    assert zero_filled(scan, "-o", tmp_path / "a.npy", "--mask", tmp_path / "mask.npy", "--slices", 1) == 0
    assert zero_filled(tmp_path / "before.npy", "-o", tmp_path / "b.npy") == 0
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy"), atol=1e-6)
    assert json.loads((tmp_path / "a.json").read_text())["settings"]["sampled"] == 0.5
    assert error(np.load(tmp_path / "a.npy"), phantom(*SHAPE, seed=1)[None]) > 0.05


def test_sensitivities_bring_the_phase_back(tmp_path: Path, scan: Path) -> None:
    """Zero-filling without them knows the magnitude alone."""
    np.save(tmp_path / "maps.npy", maps())
    np.save(tmp_path / "each.npy", np.stack([maps() * 1j, maps()]))
    words = scan, "--slices", 0
    assert zero_filled(*words, "-o", tmp_path / "rss.npy") == 0
    assert zero_filled(*words, "-o", tmp_path / "sense.npy", "--sensitivities", tmp_path / "maps.npy") == 0
    np.testing.assert_allclose(np.load(tmp_path / "sense.npy")[0], phantom(*SHAPE, seed=0), atol=1e-5)
    assert not np.load(tmp_path / "rss.npy").imag.any()
    assert zero_filled(*words, "-o", tmp_path / "each-sense.npy", "--sensitivities", tmp_path / "each.npy") == 0
    np.testing.assert_allclose(np.load(tmp_path / "each-sense.npy")[0], -1j * phantom(*SHAPE, seed=0), atol=1e-5)
    told = [
        json.loads((tmp_path / name).read_text())["settings"]["sensitivities"] for name in ("rss.json", "sense.json")
    ]
    assert told == ["none", "given"]


def test_wavelets_beat_zero_filling_and_estimate_what_they_need(tmp_path: Path) -> None:
    shape = (64, 48)
    mask = Sampling("density-2d", 3, acs=0.3).draw(shape, 0)
    np.save(tmp_path / "scan.npy", kspace(1, COILS, *shape)[0] * mask)
    for method in ("zero-filled", "l1-wavelet"):
        assert call(tmp_path / "scan.npy", "-o", tmp_path / f"{method}.npy", "--method", method) == 0
    errors = [
        error(np.load(tmp_path / f"{method}.npy")[0], phantom(*shape)) for method in ("zero-filled", "l1-wavelet")
    ]
    assert errors[1] < 0.7 * errors[0]
    assert json.loads((tmp_path / "l1-wavelet.json").read_text())["settings"]["sensitivities"] == "ESPIRiT"


def test_compressed_coils_show_nearly_the_same(scan: Path, tmp_path: Path) -> None:
    for coils in (1, 2, 4):
        assert zero_filled(scan, "-o", tmp_path / f"{coils}.npy", "--coils", coils) == 0
    true = np.stack([phantom(*SHAPE, seed=n) for n in range(2)])
    errors = [error(np.load(tmp_path / f"{coils}.npy"), true) for coils in (1, 2, 4)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-5


def test_more_coils_than_there_are_is_all_of_them(scan: Path, tmp_path: Path) -> None:
    assert zero_filled(scan, "-o", tmp_path / "a.npy", "--coils", 9) == 0
    assert json.loads((tmp_path / "a.json").read_text())["settings"]["compressed_to"] is None


def test_an_image_in_place_of_k_space_is_flagged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of numbers made from it, nobody shall think that they were measured."""
    np.save(tmp_path / "magnitude.npy", np.abs(phantom(*SHAPE)))
    assert zero_filled(tmp_path / "magnitude.npy", "-o", tmp_path / "a.npy") == 0
    told = json.loads((tmp_path / "a.json").read_text())
    assert any("implicit data crime" in flag for flag in told["input"]["flags"])
    assert "implicit data crime" in capsys.readouterr().err
    np.testing.assert_allclose(np.abs(np.load(tmp_path / "a.npy")[0]), np.abs(phantom(*SHAPE)), atol=1e-5)
    np.save(tmp_path / "complex.npy", phantom(*SHAPE))
    assert zero_filled(tmp_path / "complex.npy", "-o", tmp_path / "b.npy", "--domain", "image") == 0
    assert json.loads((tmp_path / "b.json").read_text())["input"]["flags"]
    assert capsys.readouterr().err.startswith("finemri: ")


def test_axes_and_datasets_can_be_named(tmp_path: Path) -> None:
    samples = kspace(1, COILS, *SHAPE)[0]
    np.savez(tmp_path / "two.npz", other=samples * 0 + 1, mine=samples.transpose(2, 0, 1))
    words = (tmp_path / "two.npz", "-o", tmp_path / "a.npy", "--dataset", "mine", "--axes", "j,coil,i")
    assert zero_filled(*words) == 0
    assert error(np.load(tmp_path / "a.npy")[0], phantom(*SHAPE)) < 1e-5


@pytest.mark.parametrize(
    "name", ["brain_8coil_poisson.npy", "brain_8coil_every_second_line.cfl", "brain_1coil_full.mat"]
)
def test_real_scans(name: str, shared_data: Path, tmp_path: Path) -> None:
    output = tmp_path / "image.npy"
    assert zero_filled(shared_data / "kspace" / name, "-o", output, "--slices", 0) == 0
    image = np.load(output)
    assert image.ndim == 3
    assert np.isfinite(image).all()
    assert np.abs(image).max() > 0
    i, j = image.shape[1:]
    middle = np.abs(image[0, i // 4 : -i // 4, j // 4 : -j // 4]).mean()
    assert middle > 1.5 * np.abs(image[0, : i // 16, : j // 16]).mean()  # a head, with air in the corner


# What does not fit: exit code 2, one sentence, nothing written.


def refusal(capsys: pytest.CaptureFixture[str], folder: Path, *words: object) -> str:
    """What the command says."""
    before = sorted(folder.rglob("*"))
    assert zero_filled(*words) == 2
    said = capsys.readouterr()
    assert said.err.startswith("finemri: ")
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert sorted(folder.rglob("*")) == before
    return said.err


def _damaged(value: complex) -> np.ndarray:
    samples: np.ndarray = kspace(1, 1, *SHAPE)[0, 0]
    samples[3, 4] = value
    return samples


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [
        (np.zeros(SHAPE, np.complex64), "zero everywhere"),
        (_damaged(np.nan), "not finite"),
        (_damaged(complex(np.inf)), "not finite"),
        (np.zeros((0, *SHAPE), np.complex64), "empty array"),
        (np.ones(7, np.complex64), "cannot be told"),
        (np.array(["a", "b"]), "not numbers"),
        (np.ones((6, 6, 32, 24), np.complex64), "axes"),
    ],
)
def test_samples_that_cannot_be_reconstructed(
    samples: np.ndarray, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "bad.npy", samples)
    assert sentence in refusal(capsys, tmp_path, tmp_path / "bad.npy", "-o", tmp_path / "image.npy")


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (np.arange(24 * 32).reshape(24, 32) % 2, "mask is 24×32 and the k-space 32×24"),
        (np.broadcast_to(np.arange(32)[:, None] < 8, SHAPE), "leaves out the centre"),
        (np.zeros(SHAPE, bool), "zero everywhere"),
        (np.linspace(0, 1, 32 * 24).reshape(SHAPE), "no mask"),
        (np.arange(32) % 2, "no mask"),
    ],
)
def test_masks_that_do_not_fit(
    mask: np.ndarray, sentence: str, scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "mask.npy", mask)
    assert sentence in refusal(capsys, tmp_path, scan, "-o", tmp_path / "image.npy", "--mask", tmp_path / "mask.npy")


@pytest.mark.parametrize(
    ("sensitivities", "sentence"),
    [
        (maps()[:3], "sensitivities are 3×32×24 and the k-space 4×32×24"),
        (maps()[:, :-2], "give those of these coils"),
        (np.stack([maps()] * 3), "3 slices and k-space of 2"),
        (maps() * np.nan, "not finite"),
    ],
)
def test_coils_that_do_not_match(
    sensitivities: np.ndarray, sentence: str, scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "maps.npy", sensitivities.astype(np.complex64))
    assert sentence in refusal(
        capsys, tmp_path, scan, "-o", tmp_path / "a.npy", "--sensitivities", tmp_path / "maps.npy"
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--slices", 2), "no slice 2"),
        (("--slices", -1), "no slice -1"),
        (("--coils", 0), "not 0"),
        (("--axes", "coil,i"), "--axes coil,i is not understood"),
        (("--dataset", "other"), "no dataset other"),
    ],
)
def test_words_that_do_not_fit_the_scan(
    words: tuple[object, ...], sentence: str, scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sentence in refusal(capsys, tmp_path, scan, "-o", tmp_path / "image.npy", *words)


def test_broken_and_far_reaching_hdf5(scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "half.h5").write_bytes(scan.read_bytes()[: scan.stat().st_size // 2])
    assert "truncated" in refusal(capsys, tmp_path, tmp_path / "half.h5", "-o", tmp_path / "image.npy")
    (tmp_path / "none.h5").write_text("no HDF5 at all")
    assert "not an HDF5 file" in refusal(capsys, tmp_path, tmp_path / "none.h5", "-o", tmp_path / "image.npy")
    with h5py.File(tmp_path / "link.h5", "w") as root:
        root["kspace"] = h5py.ExternalLink(str(scan), "/kspace")
    assert "points to another file" in refusal(capsys, tmp_path, tmp_path / "link.h5", "-o", tmp_path / "image.npy")


def test_no_such_file_folder_or_method(scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "nothing at" in refusal(capsys, tmp_path, tmp_path / "none.h5", "-o", tmp_path / "image.npy")
    assert "does not exist" in refusal(capsys, tmp_path, scan, "-o", tmp_path / "none" / "image.npy")
    for method, sentence in (("magic", "no method 'magic'"), ("spline", "makes images finer")):
        assert call(scan, "-o", tmp_path / "image.npy", "--method", method) == 2
        assert sentence in capsys.readouterr().err
    assert not (tmp_path / "image.npy").exists()


@pytest.mark.parametrize("name", ["image.jpg", "image", ".npy", "image.npz", "image.dcm"])
def test_outputs_of_unknown_kind(name: str, scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "name a .npy, .nii.gz, .h5 or .png file" in refusal(capsys, tmp_path, scan, "-o", tmp_path / name)


def test_what_is_there_stays(scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The image, the sidecar beside it, and the source."""
    for name in ("image.npy", "image.json"):
        (tmp_path / name).write_text("mine")
        assert f"{name} exists already" in refusal(capsys, tmp_path, scan, "-o", tmp_path / "image.npy")
        assert (tmp_path / name).read_text() == "mine"
        if name == "image.npy":
            (tmp_path / name).unlink()
    assert zero_filled(scan, "-o", tmp_path / "image.npy", "--force") == 0
    assert json.loads((tmp_path / "image.json").read_text())["method"] == "zero-filled"
    assert "own source" in refusal(capsys, tmp_path, scan, "-o", scan, "--force")
