"""Scans for tests: random affines, and DICOM series as a scanner would write them, made without finemri's writer."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from pydicom import Dataset, dcmwrite
from pydicom.config import disable_value_validation
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid
from pydicom.valuerep import format_number_as_ds
from scipy.spatial.transform import Rotation

SECRET = "Doe^Jane"
SERIES = "1.2.826.0.1.3680043.8.498.1"

Edit = Callable[[Dataset, int], None]


@st.composite
def affines(draw: st.DrawFn) -> np.ndarray:
    """Rotated, permuted and flipped grids with unequal spacing and an origin far away; float64 (4, 4)."""
    numbers = st.floats(-1, 1, allow_subnormal=False)
    turn = np.array(draw(st.tuples(numbers, numbers, numbers)))
    turn = np.array([draw(st.sampled_from([0.0, 1.0]))]) * turn  # half of them are not oblique
    order = draw(st.permutations(range(3)))
    flips = np.array(draw(st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3)))
    spacing = np.array(draw(st.tuples(*[st.floats(0.2, 7)] * 3)))
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_rotvec(turn).as_matrix() @ (np.eye(3)[list(order)] * flips * spacing)
    affine[:3, 3] = np.array(draw(st.tuples(numbers, numbers, numbers))) * 300
    return affine


def oblique(spacing: Sequence[float] = (0.7, 0.8, 1.2), turn: Sequence[float] = (0.2, -0.4, 0.3)) -> np.ndarray:
    """One right-handed, oblique grid."""
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_rotvec(turn).as_matrix() * np.array(spacing)
    affine[:3, 3] = -91.25, 12.5, -40.125
    return affine


def ramp(shape: tuple[int, int, int] = (5, 4, 6)) -> np.ndarray:
    """A different whole number in every voxel."""
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def write_series(
    folder: Path, stored: np.ndarray, affine: np.ndarray, edit: Edit | None = None, syntax: str = ExplicitVRLittleEndian
) -> list[Path]:
    """Files of a series, k last, in an order that has nothing to do with where they lie; ``edit`` may spoil each."""
    folder.mkdir(exist_ok=True, parents=True)
    paths = []
    for k in range(stored.shape[2]):
        with disable_value_validation():
            dataset = slice_dataset(stored, affine, k)
            if edit:
                edit(dataset, k)
            if syntax != ExplicitVRLittleEndian:
                dataset.compress(syntax, generate_instance_uid=False)
            dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
            paths.append(folder / f"slice-{(k * 7 + 3) % 101:03d}-{k}")
            dcmwrite(paths[-1], dataset, enforce_file_format=True)
    return paths


def slice_dataset(stored: np.ndarray, affine: np.ndarray, k: int) -> Dataset:
    """Slice k of voxels [i, j, k], whose affine is RAS."""
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = MRImageStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = SERIES, "1.2.826.0.1.3680043.8.498.2"
    dataset.FrameOfReferenceUID = "1.2.826.0.1.3680043.8.498.3"
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "MR", 4, 900 - k
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = SECRET, "SECRET-ID", "19520314"
    dataset.StudyDate, dataset.StudyTime, dataset.AccessionNumber = "20200102", "101112", "ACC-77"
    dataset.EchoTime, dataset.Manufacturer, dataset.PatientAge = "4.5", "A scanner", "68"  # the age breaks the rules
    dataset.PatientAddress = "Secret Street 5"
    dataset.add_new(0x00291001, "LO", "a private secret")
    dataset.add_new(0x00290010, "LO", "PRIVATE MAKER")
    dataset.ImagePositionPatient = decimals(lps[:3, 3] + k * lps[:3, 2])
    dataset.ImageOrientationPatient = decimals(np.concatenate([lps[:3, 0] / spacing[0], lps[:3, 1] / spacing[1]]))
    dataset.PixelSpacing = decimals(spacing[[1, 0]])
    dataset.SliceThickness = decimals(spacing[[2]])[0]
    dataset.Rows, dataset.Columns = stored.shape[1], stored.shape[0]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = int(stored.min() < 0)
    kind = np.dtype("<i2" if dataset.PixelRepresentation else "<u2")
    dataset.PixelData = stored[:, :, k].T.astype(kind).tobytes()
    dataset["PixelData"].VR = "OW"
    return dataset


def decimals(numbers: np.ndarray) -> list[str]:
    return [format_number_as_ds(float(number)) for number in numbers]


def along_normal(voxels: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same picture in the order in which DICOM has it: k along row × column, which in RAS is a positive
    determinant."""
    if np.linalg.det(affine[:3, :3]) > 0:
        return voxels, affine
    turned = np.diag([1.0, 1.0, -1.0, 1.0])
    turned[2, 3] = voxels.shape[2] - 1
    return voxels[:, :, ::-1], affine @ turned
