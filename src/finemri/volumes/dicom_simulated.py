"""DICOM out, for a scan that nobody measured: a series of its own, of a pseudonym, that says so."""

from collections.abc import Mapping
from pathlib import Path

from pydicom import Dataset

from finemri.landing import landing_folder
from finemri.provenance import digest
from finemri.refusal import Refusal
from finemri.volumes.dicom_header import clean, derived_header
from finemri.volumes.dicom_origin import Origin
from finemri.volumes.dicom_scan import quiet
from finemri.volumes.dicom_write import (
    Geometry,
    decimal,
    describe_pixels,
    rescale_for,
    spooled,
    window,
    write_slices,
)
from finemri.volumes.volume import Volume

SIMULATED = "Simulated by finemri from another scan of the same person; not measured."
LONGEST = 64
"""Letters of a PatientID."""


def write_simulated(
    volume: Volume, path: Path, *, patient: str, thickness: float, tesla: float, method: Mapping[str, object]
) -> str:
    """A folder of 16-bit MR slices IM-0001.dcm …, in a study and a frame of reference of its own. Returns the SHA-256.

    ``patient``: a pseudonym, the PatientID; there is no name and no date of anybody. ``thickness`` of a slice in mm may
    be less than the distance between slices. ``method`` as in a provenance. Raises Refusal for a pseudonym that DICOM
    cannot hold, and for a sheared grid.
    """
    if clean(patient) != patient or not 0 < len(patient) <= LONGEST:
        raise Refusal(f"{patient!r} cannot be a PatientID; name people in at most {LONGEST} letters of plain ASCII.")
    geometry = Geometry.of(volume.affine, volume.shape)
    told = Dataset()
    told.PatientID, told.PatientIdentityRemoved, told.DeidentificationMethod = patient, "YES", "Simulated"
    told.MagneticFieldStrength = decimal(tesla)
    origin = Origin(told, ())
    with landing_folder(path) as folder:
        spool = spooled([volume.voxels], volume.shape, folder / "voxels.raw")
        rescale = rescale_for(spool)
        with quiet():
            header = derived_header(origin, method, geometry.spacing)
            describe_pixels(header, geometry, rescale, window(spool))
            header.SliceThickness = decimal(thickness)
            header.DerivationDescription = f"{SIMULATED} {header.DerivationDescription}"
            header.ImageComments = SIMULATED
            places = write_slices(header, geometry, rescale, spool, origin, folder)
        spool.path.unlink()
        return digest(places)
