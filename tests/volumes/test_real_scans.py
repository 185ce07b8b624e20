"""Real scans: what finemri reads is what nibabel and the headers say."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from pydicom import dcmread

from finemri.volumes.files import describe_series, open_volume, save_slabs


def test_a_real_dicom_head(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "thin_t1_dicom"
    (description,) = describe_series(folder)
    assert (description.shape, description.skipped, description.refusal) == ((274, 384, 384), 0, "")
    volume = open_volume(folder)
    assert volume.shape == description.shape
    assert volume.spacing == pytest.approx((0.7, 0.6667, 0.6667), abs=1e-4)
    assert "".join(nib.aff2axcodes(volume.affine)) == "LPS"
    for path in sorted(folder.iterdir())[::97]:
        dataset = dcmread(path)
        place = np.array(dataset.ImagePositionPatient, float) * (-1, -1, 1)
        i, j, k = np.linalg.solve(volume.affine[:3, :3], place - volume.affine[:3, 3])
        assert (i, j, k) == pytest.approx((0, 0, round(k)), abs=1e-6)
        np.testing.assert_array_equal(volume.voxels[:, :, round(k)], dataset.pixel_array.T)
    part = volume.voxels[:, :, 100:108]  # the whole takes as long as the rest of these tests together
    save_slabs(iter([part]), (274, 384, 8), volume.affine, tmp_path / "part", source=volume.source)
    np.testing.assert_array_equal(open_volume(tmp_path / "part").voxels, part)
    assert dcmread(tmp_path / "part" / "IM-0001.dcm").PatientID == dcmread(path).PatientID


@pytest.mark.parametrize("name", ["head_t1_1mm/t1.nii.gz", "thick_multicontrast/visit1_t2w.nii.gz"])
def test_a_real_nifti_head(shared_data: Path, name: str) -> None:
    volume, expected = open_volume(shared_data / name), nib.Nifti1Image.from_filename(shared_data / name)
    np.testing.assert_array_equal(volume.voxels, expected.get_fdata(dtype=np.float32))
    np.testing.assert_allclose(volume.affine, expected.affine, rtol=1e-12)
