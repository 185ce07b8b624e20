"""reconstruct --maps: identities of what is measured, what lies beside the result, and what is refused."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from finemri import cli
from finemri.baselines.reconstruction import ZeroFilled
from finemri.measures.trust import inconsistency
from finemri.physics.coils import simulate_sensitivities
from finemri.physics.consistency import SenseOperator
from finemri.physics.fourier import to_image, to_kspace
from finemri.physics.kspace import KSpace
from finemri.physics.sampling import Pattern, Sampling
from finemri.reconstruct.maps import NAMES, SliceTrust, numbers, trust_slice
from finemri.shapes import Slice
from finemri.shelf import ReconstructionMethod, find_reconstructor
from finemri.volumes.files import open_volume
from tests.physics.heads import head, measured
from tests.rawdata.scans import kspace, write_fastmri

SHAPE = (32, 24)


@dataclass(frozen=True)
class Filtered:
    """A times zero-filled, plus b times what no sample of one coil saw: an invention that is known."""

    gain: float = 1.0
    invented: float = 0.0
    handed: float = 0.0
    """What is added to the first row of the image."""
    needs_sensitivities: bool = True

    def __call__(self, kspace: KSpace) -> Slice:
        image = self.gain * ZeroFilled()(kspace)
        rng = np.random.default_rng(0)
        made_up = (rng.normal(size=SHAPE) + 1j * rng.normal(size=SHAPE)) * ~kspace.mask
        image = image + self.invented * to_image(torch.from_numpy(made_up.astype(np.complex64))).numpy()
        image[1] += np.complex64(self.handed)
        return np.asarray(image, np.complex64)


def method(reconstructor: Filtered | None = None) -> ReconstructionMethod:
    return ReconstructionMethod("mine", reconstructor or Filtered(), None, {})


def scan(coils: int = 1, pattern: Pattern | None = "density-2d", noise: float = 0.0) -> KSpace:
    maps = simulate_sensitivities(SHAPE, coils, np.random.default_rng(1))
    whole = measured(head(SHAPE), maps, noise)
    return whole if pattern is None else whole.undersampled(Sampling(pattern, 3, acs=0.3).draw(SHAPE, 0))


def judge(
    kspace: KSpace, how: ReconstructionMethod, *rivals: ReconstructionMethod
) -> tuple[SliceTrust, dict[str, Any]]:
    told = trust_slice(kspace, how.reconstructor(kspace), how, rivals)
    return told, dict(numbers([told], how, rivals))


@pytest.mark.parametrize("coils", [1, 4])
def test_a_clean_scan_with_nothing_left_out_contradicts_nothing_and_nothing_is_made_up(coils: int) -> None:
    told, said = judge(scan(coils, None), method())
    assert said["inconsistency"] < 1e-5
    assert said["least_inconsistency"] < 1e-5
    assert said["null_space_energy"] < 1e-8
    assert told.maps["residual"].max() < 1e-5
    assert told.maps["nullspace"].max() < 1e-5
    assert said["stability"]["amplification"] == pytest.approx(1, rel=1e-4)
    assert said["disagreement"]["relative_rms"] < 1e-5


def test_of_one_coil_everything_is_known_exactly() -> None:
    known, how = scan(), method(Filtered(gain=0.9, invented=0.05))
    image = how.reconstructor(known)
    told, said = judge(known, how)
    spectrum = to_kspace(torch.from_numpy(image)).numpy()
    share = np.square(np.abs(spectrum[~known.mask])).sum() / np.square(np.abs(spectrum)).sum()
    assert said["null_space_energy"] == pytest.approx(share, rel=1e-4)
    assert share > 0.01
    invented = to_image(torch.from_numpy(spectrum * ~known.mask)).numpy()
    np.testing.assert_allclose(told.maps["nullspace"], np.abs(invented), atol=1e-5)
    assert said["inconsistency"] == pytest.approx(0.1, rel=1e-4)
    np.testing.assert_allclose(told.maps["residual"], 0.1 * np.abs(ZeroFilled()(known)), atol=1e-5)
    assert said["stability"]["amplification"] == pytest.approx(0.9, rel=1e-4)
    assert said["phase"] == "the result's"


def test_of_many_coils_it_is_the_operators_residual_and_the_least_is_below() -> None:
    known, how = scan(4, noise=0.05), method()
    _, said = judge(known, how)
    assert known.sensitivities is not None
    scanner = SenseOperator(*(torch.from_numpy(a)[None] for a in (known.mask[None], known.sensitivities)))
    image, samples = (torch.from_numpy(a)[None] for a in (how.reconstructor(known), known.samples))
    assert said["inconsistency"] == pytest.approx(inconsistency(image, samples, scanner.forward), rel=1e-5)
    assert 0.01 < said["least_inconsistency"] < said["inconsistency"]


@pytest.mark.parametrize("pattern", ["density-2d", "random-1d"])
def test_samples_kept_aside_are_an_exam(pattern: Pattern) -> None:
    """Zero-filling of one coil says nothing of a sample that it did not see; a method that knows the truth says all."""
    known = scan(pattern=pattern)

    class Knowing(Filtered):
        def __call__(self, kspace: KSpace) -> Slice:
            return head(SHAPE)

    assert judge(known, method())[1]["kept_aside"]["error"] == pytest.approx(1, rel=1e-4)
    assert judge(known, method(Knowing()))[1]["kept_aside"]["error"] < 1e-4
    columns = KSpace(known.samples.swapaxes(1, 2).copy(), known.mask.T.copy())
    assert judge(columns, find_reconstructor("zero-filled"))[1]["kept_aside"]["error"] == pytest.approx(1, rel=1e-4)


def test_flips_find_what_a_method_does_on_one_side_alone() -> None:
    told, said = judge(scan(), method(Filtered(handed=3.0)))
    spread = told.maps["disagreement"]
    assert spread[1].min() > 0.5
    assert spread[-1].min() > 0.5
    assert np.delete(spread, [1, SHAPE[0] - 1], axis=0).max() < 1e-5
    assert said["disagreement"]["over"] == "4 flips"


def test_rivals_disagree_by_their_magnitudes() -> None:
    known, rival = scan(), method(Filtered(gain=0.5))
    told, said = judge(known, method(), rival)
    plain = np.abs(ZeroFilled()(known))
    np.testing.assert_allclose(told.maps["disagreement"], 0.5 * plain / np.sqrt(2), atol=1e-5)
    assert said["disagreement"]["over"] == ["mine", "mine"]
    assert said["disagreement"]["relative_rms"] == pytest.approx(0.5 / np.sqrt(2), rel=1e-4)


def test_a_magnitude_borrows_the_phase() -> None:
    known = scan(4, None)
    bare = KSpace(known.samples, known.mask)
    _, said = judge(bare, find_reconstructor("zero-filled"))
    assert said["phase"] == "of the zero-filled image"
    assert said["inconsistency"] < 0.05


@pytest.mark.parametrize(("coils", "name"), [(1, "l1-wavelet"), (4, "zero-filled")])
def test_maps_lie_beside_the_result_and_leave_it_as_it_is(
    coils: int, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "Doe_Jane_1954"
    folder.mkdir()
    mask = Sampling("density-2d", 2, acs=0.4).draw(SHAPE, 0)
    np.save(folder / "Doe.npy", kspace(1, coils, *SHAPE)[0] * mask)
    words = ["reconstruct", str(folder / "Doe.npy"), "--method", name, "--device", "cpu"]
    words += ["--axes", "coil,i,j"] if coils > 1 else []
    assert cli.main([*words, "-o", str(folder / "plain.npy")]) == 0
    assert cli.main([*words, "-o", str(folder / "image.npy"), "--maps"]) == 0
    assert (folder / "plain.npy").read_bytes() == (folder / "image.npy").read_bytes()
    assert sorted(path.name for path in folder.glob("*.nii.gz")) == sorted(f"image_{n}.nii.gz" for n in NAMES)
    text = (folder / "image.json").read_text(encoding="utf-8")
    assert "Doe" not in text
    assert str(tmp_path) not in text
    told = json.loads(text)["trust"]
    assert told["maps"] == list(NAMES)
    image, made_up = np.load(folder / "image.npy")[0], open_volume(folder / "image_nullspace.nii.gz").voxels[..., 0]
    share = np.square(made_up).sum() / np.square(np.abs(image)).sum()
    assert told["null_space_energy"] == pytest.approx(share, rel=1e-3, abs=1e-9)
    assert 0 < told["inconsistency"] < 0.6
    assert 0 < told["kept_aside"]["error"] < 1.1
    assert "against what was measured" in capsys.readouterr().err


def test_several_slices_add_up(tmp_path: Path) -> None:
    write_fastmri(tmp_path / "scan.h5", kspace(2, 4, *SHAPE))
    words = ["reconstruct", str(tmp_path / "scan.h5"), "--method", "zero-filled", "--maps", "--rivals", "l1-wavelet"]
    assert cli.main([*words, "-o", str(tmp_path / "both.nii.gz")]) == 0
    assert open_volume(tmp_path / "both_disagreement.nii.gz").shape == (*SHAPE, 2)
    told = json.loads((tmp_path / "both.json").read_text())["trust"]
    assert told["disagreement"]["over"] == ["zero-filled", "l1-wavelet"]
    assert told["null_space_energy"] < 1e-8


def test_what_cannot_be_mapped_is_refused_and_nothing_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "scan.npy", kspace(1, 1, *SHAPE)[0, 0])
    words = ["reconstruct", str(tmp_path / "scan.npy"), "-o", str(tmp_path / "image.npy"), "--method", "zero-filled"]
    assert cli.main([*words, "--rivals", "l1-wavelet"]) == 2
    assert "pass --maps" in capsys.readouterr().err
    assert cli.main([*words, "--maps", "--rivals", "magic"]) == 2
    (tmp_path / "image_residual.nii.gz").write_text("precious")
    assert cli.main([*words, "--maps"]) == 2
    assert "--force" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image_residual.nii.gz", "scan.npy"]
