"""DICOM: a folder of classic MR slices in, a volume out. Sorting lives in dicom_series, writing in dicom_write."""

import hashlib
from pathlib import Path

import numpy as np

from finemri.refusal import Refusal
from finemri.volumes.description import Description
from finemri.volumes.dicom_pixels import intensities
from finemri.volumes.dicom_scan import is_dicom, scan
from finemri.volumes.dicom_series import arrange, choose
from finemri.volumes.dicom_series import describe as describe_folder
from finemri.volumes.dicom_write import bytes_needed, write
from finemri.volumes.slice_thickness import agreed
from finemri.volumes.volume import Source, Volume

__all__ = ["bytes_needed", "claims", "describe", "read", "write"]


def claims(path: Path) -> bool:
    """A folder, or a file with DICM at its place."""
    return path.is_dir() or is_dicom(path)


def read(path: Path, series: str | None = None) -> Volume:
    """Voxels [column, row, slice along the normal], rescaled slice by slice; affine LPS -> RAS.

    ``path`` is a folder (subfolders are searched too), or one slice, which stands for its series in its own folder.
    ``series`` is a number from ``describe`` or a SeriesInstanceUID. Raises Refusal for anything but one regular stack.
    """
    folder = scan(path)
    images = choose(folder, series)
    if folder.damaged:
        raise Refusal(
            f"{folder.damaged} DICOM files cannot be read (truncated, damaged, deflated or far too large); "
            "copy them again, or take them out of the folder."
        )
    stack = arrange(images)
    voxels, sha256 = np.empty(stack.shape, np.float32, order="F"), hashlib.sha256()
    for k, image in enumerate(stack.slices):
        data = image.path.read_bytes()
        sha256.update(data)
        with np.errstate(over="ignore", invalid="ignore"):  # not finite, which Volume refuses with a sentence
            voxels[:, :, k] = intensities(data, image, k + 1)
    paths = tuple(image.path for image in stack.slices)
    thickness = agreed([image.thickness for image in stack.slices])
    return Volume(voxels, stack.affine, Source("dicom", paths, sha256.hexdigest(), thickness))


def describe(path: Path) -> list[Description]:
    """Every series below a folder."""
    folder = scan(path)
    choose(folder, next(iter(folder.slices)).series if folder.slices else None)  # refuses a folder without images
    return describe_folder(folder)
