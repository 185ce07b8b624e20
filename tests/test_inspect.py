"""inspect: it says what things are, names a command that parses, and tells nothing of the patient."""

import shlex
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from finemri import cli
from finemri.inspect import inspect
from finemri.recipes import RECIPES, describe
from finemri.refusal import Refusal
from finemri.training.weights import save_weights
from finemri.volumes.files import save_volume
from finemri.volumes.volume import Volume
from tests.rawdata.scans import kspace, phantom, write_fastmri

SECRETS = ("Doe", "Jane", "ID-4711", "19700102", "Brain tumour", "St. Elsewhere")


def scan(shape: tuple[int, int, int] = (12, 10, 8), spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Volume:
    voxels = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    return Volume(voxels, np.diag([-spacing[0], -spacing[1], spacing[2], 1.0]))


def write_series(folder: Path, number: int, slices: int, modality: str = "MR") -> None:
    """A series as a scanner writes it, with everything in it that must not be told."""
    folder.mkdir(exist_ok=True)
    series, study, frame = generate_uid(), generate_uid(), generate_uid()
    for n in range(slices):
        image = pydicom.Dataset()
        image.PatientName, image.PatientID, image.PatientBirthDate = "Doe^Jane", "ID-4711", "19700102"
        image.StudyDescription, image.SeriesDescription = "Brain tumour", "Brain tumour follow-up"
        image.StudyDate, image.InstitutionName = "19700102", "St. Elsewhere"
        image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = study, series, frame
        image.SOPClassUID, image.SOPInstanceUID = MRImageStorage, generate_uid()
        image.Modality, image.SeriesNumber, image.InstanceNumber = modality, number, n + 1
        image.ImagePositionPatient, image.ImageOrientationPatient = [0, 0, 3.0 * n], [1, 0, 0, 0, 1, 0]
        image.PixelSpacing, image.SliceThickness = [0.9, 0.9], 3
        image.Rows, image.Columns, image.SamplesPerPixel = 6, 7, 1
        image.PhotometricInterpretation, image.PixelRepresentation = "MONOCHROME2", 0
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
        image.PixelData = (np.arange(42, dtype=np.uint16) + n).tobytes()
        image.file_meta = pydicom.dataset.FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        pydicom.dcmwrite(folder / f"{number}-{n}.dcm", image, enforce_file_format=True)


def check_commands(commands: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every command is one that the command line takes."""
    ran: list[Any] = []
    for verb in (cli.Enhance, cli.Reconstruct, cli.Train, cli.Evaluate):
        monkeypatch.setattr(verb, "run", lambda self: ran.append(self))
    for command in commands:
        program, *words = shlex.split(command)
        assert program == "finemri"
        assert cli.main(words) == 0
    return ran


def test_a_nifti_volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "my scan.nii.gz"
    save_volume(scan(spacing=(1.0, 1.0, 2.5)), path)
    found = inspect(path)
    assert found.what == "A NIfTI volume"
    assert found.facts["matrix"] == "12 × 10 × 8"
    assert found.facts["spacing"] == "1 × 1 × 2.5 mm"
    assert found.facts["field of view"] == "12 × 10 × 20 mm"
    assert found.facts["orientation"] == "LPS"
    assert found.facts["intensities"] == "0 to 959"
    assert "12 × 10 × 20 voxels of 1 mm" in found.can[0]
    ran = check_commands(found.commands, monkeypatch)
    assert ran[0].source == path
    assert ran[0].output == tmp_path / "my scan-fine.nii.gz"
    assert str(found).splitlines()[0] == "A NIfTI volume"
    assert f"  {found.commands[0]}" in str(found).splitlines()


def test_a_volume_without_thick_slices_is_offered_twice_as_fine(tmp_path: Path) -> None:
    save_volume(scan(spacing=(1.0, 2.5, 2.5)), tmp_path / "a.nii")
    found = inspect(tmp_path / "a.nii")
    assert "2.5 times" in found.facts["remark"]
    assert "24 × 20 × 16 voxels of 0.5 × 1.25 × 1.25 mm" in found.can[0]
    assert "--isotropic" not in str(found)


def test_a_constant_volume_is_not_offered_to_be_made_finer(tmp_path: Path) -> None:
    save_volume(scan().with_voxels(np.full((12, 10, 8), 7, np.float32)), tmp_path / "a.nii")
    found = inspect(tmp_path / "a.nii")
    assert "constant" in found.facts["remark"]
    assert found.commands == ()


def test_one_dicom_series_and_nothing_of_the_patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_series(tmp_path / "scan", 3, slices=5)
    found = inspect(tmp_path / "scan")
    assert found.what == "A DICOM series"
    assert found.facts["matrix"] == "7 × 6 × 5"
    assert found.facts["spacing"] == "0.9 × 0.9 × 3 mm"
    assert not [secret for secret in SECRETS if secret.lower() in str(found).lower()]
    assert check_commands(found.commands, monkeypatch)[0].output == tmp_path / "scan-fine"


def test_several_series_are_listed_and_each_usable_one_has_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_series(tmp_path / "scan", 3, slices=5)
    write_series(tmp_path / "scan", 4, slices=4)
    write_series(tmp_path / "scan", 7, slices=2, modality="CT")
    found = inspect(tmp_path / "scan")
    assert found.what == "A folder with 3 DICOM series"
    assert "MR, 5 slices of 7 × 6" in found.facts["series 3"]
    assert "not usable" in found.facts["series 7"]
    assert "CT" in found.facts["series 7"]
    assert [verb.series for verb in check_commands(found.commands, monkeypatch)] == ["3", "4"]
    assert not [secret for secret in SECRETS if secret.lower() in str(found).lower()]


def test_a_cohort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("imagesTr", "labelsTr"):
        (tmp_path / "many" / name).mkdir(parents=True)
    for person in ("a", "b", "c"):
        save_volume(scan(), tmp_path / "many" / "imagesTr" / f"{person}.nii.gz")
    save_volume(scan(), tmp_path / "many" / "labelsTr" / "a.nii.gz")
    found = inspect(tmp_path / "many")
    assert found.facts == {"people": "3", "scans": "3", "label maps": "1"}
    verbs = check_commands(found.commands, monkeypatch)
    assert {type(verb) for verb in verbs} == {cli.Enhance, cli.Evaluate, cli.Train}


def test_a_cohort_of_label_maps_is_for_training_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "label_maps").mkdir()
    for person in ("a", "b"):
        save_volume(scan(), tmp_path / "label_maps" / f"{person}.nii.gz")
    found = inspect(tmp_path / "label_maps")
    assert found.facts["scans"] == "0"
    assert [type(verb) for verb in check_commands(found.commands, monkeypatch)] == [cli.Train]


def test_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "volume-srgan-subpixel-x2"
    generator = RECIPES[name].generator()
    save_weights(tmp_path / "a.safetensors", generator.state_dict(), describe(name, RECIPES[name]))
    found = inspect(tmp_path / "a.safetensors")
    assert found.facts["recipe"] == name
    assert check_commands(found.commands, monkeypatch)[0].weights == str(tmp_path / "a.safetensors")


@pytest.mark.parametrize(("name", "option"), [("recnet", "method"), ("segmenter", "segmenter")])
def test_weights_of_another_job_are_for_another_verb(
    name: str, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.safetensors"
    save_weights(path, RECIPES["recnet"].generator().state_dict(), describe(name, RECIPES[name]))
    found = inspect(path)
    assert found.facts["job"] == RECIPES[name].job
    assert str(getattr(check_commands(found.commands, monkeypatch)[0], option)) == str(path)


def test_a_cohort_of_k_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for person in ("a", "b"):
        write_fastmri(tmp_path / f"{person}.h5", kspace(1, 2, 24, 20))
    found = inspect(tmp_path)
    assert found.what == "A cohort of k-space"
    assert found.facts["people"] == "2"
    evaluate, train = check_commands(found.commands, monkeypatch)
    assert (evaluate.cohort, evaluate.sampling) == ((tmp_path,), "poisson-2d")
    assert train.recipe.job == "reconstruct"
    for person in ("a", "b"):
        (tmp_path / f"{person}.h5").unlink()
        Image.fromarray(np.arange(600, dtype=np.uint8).reshape(30, 20)).save(tmp_path / f"{person}_01.png")
    assert inspect(tmp_path).what == "A cohort of pictures"


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    name = "volume-srgan-subpixel-x2"
    path = tmp_path / "a.safetensors"
    save_weights(path, RECIPES[name].generator().state_dict(), describe(name, RECIPES[name]))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(Refusal, match="damaged"):
        inspect(path)


def test_what_is_nothing_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "poem.txt").write_text("Whose woods these are I think I know")
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "poem.txt", tmp_path / "empty", tmp_path / "absent.nii"):
        with pytest.raises(Refusal) as refusal:
            inspect(path)
        assert "\n" not in str(refusal.value)
        assert str(refusal.value).endswith(".")


@pytest.mark.parametrize("folder", ["thin_t1_dicom", "head_t1_1mm", "label_maps", "hippocampus"])
def test_real_folders_are_understood(folder: str, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = inspect(shared_data / folder)
    assert check_commands(found.commands, monkeypatch)


def test_kspace_tells_coils_sampling_and_the_next_command(tmp_path: Path) -> None:
    samples, lines = kspace(slices=3), np.zeros(24, np.float32)
    lines[::4] = lines[10:15] = 1
    write_fastmri(tmp_path / "my scan.h5", samples, lines)
    found = inspect(tmp_path / "my scan.h5")
    assert found.what == "k-space"
    assert (found.facts["coils"], found.facts["slices"], found.facts["matrix"]) == ("4", "3", "32 × 24")
    assert found.facts["pixels"] == "2 × 3 mm, slices 4.5 mm"
    assert found.facts["field of view"] == "64 × 72 mm"
    assert found.facts["sampled"] == "41.7 % of the samples, 2.4 times fewer than all"
    assert found.facts["mask"] == "1D, whole lines along i, the centre (ACS) full in 32 × 5, as the file says"
    assert found.facts["undersampling"].startswith("prospective")
    program, verb, source, _, output = shlex.split(found.commands[0])
    assert (program, verb, source) == ("finemri", "reconstruct", str(tmp_path / "my scan.h5"))
    assert output == str(tmp_path / "my scan-image.npy")
    assert not [secret for secret in SECRETS if secret.lower() in str(found).lower()]


def test_options_that_were_needed_stand_in_the_command(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as root:
        root["one"], root["two"] = kspace(coils=20)[0], np.ones(3)
    with pytest.raises(Refusal, match="--dataset"):
        inspect(tmp_path / "a.h5")
    with pytest.raises(Refusal, match="--axes"):
        inspect(tmp_path / "a.h5", dataset="one")
    (command,) = inspect(tmp_path / "a.h5", dataset="one", axes="coil,i,j").commands
    assert command.endswith("a-image.npy --axes coil,i,j --dataset one")


def test_an_image_taken_for_kspace_is_flagged(tmp_path: Path) -> None:
    magnitude = np.abs(phantom(32, 24))
    np.save(tmp_path / "a.npy", magnitude)
    found = inspect(tmp_path / "a.npy")
    assert found.what == "An image, taken for k-space"
    assert "implicit data crime" in found.facts["flag 1"]
    assert found.facts["undersampling"].startswith("none yet")


def test_a_mask_without_a_centre_is_told_and_no_command_offered(tmp_path: Path) -> None:
    lines = np.zeros(24, np.float32)
    lines[::7] = 1
    write_fastmri(tmp_path / "a.h5", kspace(), lines)
    found = inspect(tmp_path / "a.h5")
    assert "leaves out the centre" in found.facts["not usable"]
    assert found.commands == ()


def test_axes_of_what_is_no_kspace_are_refused(tmp_path: Path) -> None:
    save_volume(scan(), tmp_path / "a.nii")
    with pytest.raises(Refusal, match="no k-space"):
        inspect(tmp_path / "a.nii", axes="i,j")


def test_real_kspace_is_understood(shared_data: Path) -> None:
    folder = shared_data / "kspace"
    assert inspect(folder / "brain_8coil_poisson.npy").facts["mask"].startswith("2D, points")
    assert inspect(folder / "brain_8coil_every_second_line.cfl").facts["mask"].startswith("1D, whole lines along i")
    assert inspect(folder / "brain_16coil_full.mat").facts["undersampling"].startswith("none yet")
    assert inspect(folder / "knee_complex_image.hdr").commands[0].endswith("--domain image")
