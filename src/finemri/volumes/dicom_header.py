"""The header of a derived MR series. What comes over from the source is listed here; nothing else does."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import PurePath

import numpy as np
from jaxtyping import Float64
from pydicom import DataElement, Dataset
from pydicom.config import IGNORE, RAISE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from finemri import __version__
from finemri.volumes.dicom_origin import ACQUISITION, Origin
from finemri.volumes.dicom_scan import Slice

PATIENT_AND_STUDY = [
    "SpecificCharacterSet", "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex",
    "PatientAge", "PatientSize", "PatientWeight", "PatientIdentityRemoved", "DeidentificationMethod",
    "LongitudinalTemporalInformationModified", "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID",
    "StudyDescription", "AccessionNumber", "ReferringPhysicianName", "FrameOfReferenceUID",
    "PositionReferenceIndicator",
]  # fmt: skip
"""So that a PACS files the result with the patient and the study, and a viewer links it with the source."""
SCANNER = [
    "Manufacturer", "ManufacturerModelName", "SoftwareVersions", "DeviceSerialNumber", "InstitutionName",
]  # fmt: skip
"""Who scanned it: moves into ContributingEquipmentSequence, because the equipment of the result is finemri."""
EMPTY = [
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
    "AccessionNumber", "ReferringPhysicianName", "PositionReferenceIndicator", "PatientPosition", "ScanOptions",
    "MRAcquisitionType", "EchoTime", "EchoTrainLength", "RepetitionTime", "AcquisitionNumber", "Laterality",
]  # fmt: skip
"""Must be there, may be empty."""
FILED_BY = [
    "SpecificCharacterSet", "PatientName", "PatientID", "IssuerOfPatientID", "StudyInstanceUID", "AccessionNumber",
    "FrameOfReferenceUID",
]  # fmt: skip
"""A PACS compares these letter by letter, so they go over even where the source breaks the standard's rules."""


def derived_header(origin: Origin, provenance: Mapping[str, object], spacing: Sequence[float]) -> Dataset:
    """All that every slice of the result shares, but for its grid, of which the ``spacing`` (mm) is told in words."""
    header = Dataset()
    for keyword in EMPTY:
        setattr(header, keyword, None)
    header.SOPClassUID, header.Modality = MRImageStorage, "MR"
    header.ScanningSequence, header.SequenceVariant = "RM", "NONE"  # research mode: said where nothing is known
    copy(origin.header, header, PATIENT_AND_STUDY + ACQUISITION)
    header.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    for keyword in ("StudyInstanceUID", "FrameOfReferenceUID"):
        if not header.get(keyword):
            setattr(header, keyword, generate_uid(prefix=None))
    header.SeriesInstanceUID = generate_uid(prefix=None)
    header.SeriesNumber = series_number(origin)
    now = datetime.now().astimezone()
    for event in ("InstanceCreation", "Series", "Content"):
        setattr(header, f"{event}Date", now.strftime("%Y%m%d"))
        setattr(header, f"{event}Time", now.strftime("%H%M%S"))
    header.Manufacturer = header.ManufacturerModelName = "finemri"
    header.SoftwareVersions = __version__
    header.SeriesDescription, header.DerivationDescription = descriptions(origin, provenance, spacing)
    header.DerivationCodeSequence = Items([code("113085", "Spatial resampling")])
    if origin.slices:
        header.ContributingEquipmentSequence = Items([scanner(origin)])
    header.file_meta = FileMetaDataset()
    header.file_meta.MediaStorageSOPClassUID = MRImageStorage
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return header


def copy(source: Dataset, target: Dataset, keywords: Sequence[str]) -> None:
    """Only what is listed, and with the type that the standard gives it: nothing travels under a false name."""
    for keyword in keywords:
        tag = tag_for_keyword(keyword)
        element = source.get(tag) if tag is not None else None
        if not isinstance(element, DataElement) or dictionary_VR(element.tag) != element.VR:
            continue
        mode = IGNORE if keyword in FILED_BY else RAISE
        with suppress(ValueError):  # an invalid age or weight is not worth a file that a PACS turns away
            target[element.tag] = DataElement(element.tag, element.VR, element.value, validation_mode=mode)


def series_number(origin: Origin) -> int:
    """Sorts right behind the source: 4 -> 401."""
    number = origin.slices[0].number if origin.slices else 0
    return 100 * number + 1 if number is not None and 0 <= number < 10_000_000 else 1


def descriptions(origin: Origin, provenance: Mapping[str, object], spacing: Sequence[float]) -> tuple[str, str]:
    """SeriesDescription and DerivationDescription, in ASCII: the source may have any character set."""
    finer, at_length = in_words(provenance.get("scale"), spacing)
    method = PurePath(str(provenance.get("method") or "")).name  # a checkpoint is known by its path, but folders tell
    short = " ".join(word for word in ("finemri", finer, method) if word)
    long = [f"Derived by finemri {__version__}{at_length}"]
    long += [f"from {origin}"] if origin.slices else []
    long += [f"method {method}"] if method else []
    long += [f"weights SHA-256 {provenance['weights_sha256']}"] if provenance.get("weights_sha256") else []
    return clean(short)[:64], clean("; ".join(long))[:1024]


def in_words(scale: object, spacing: Sequence[float]) -> tuple[str, str]:
    """What became finer: "x2" where the factors are whole numbers, else the grid, "1x1x1 mm"; and at greater length."""
    if not scale:
        return "", ""
    factors = list(scale) if isinstance(scale, list | tuple) else [scale]
    if not all(isinstance(factor, int) for factor in factors):
        grid = [f"{mm:.3g}" for mm in spacing]
        return f"{'x'.join(grid)} mm", f", resampled to {' x '.join(grid)} mm"
    times = f"x{factors[0]}" if len(set(factors)) == 1 else f"x{'x'.join(map(str, factors))}"
    return times, f", {times} finer"


def clean(text: str) -> str:
    """Printable ASCII without the backslash, which would begin another value."""
    return "".join(letter if " " <= letter <= "~" and letter != "\\" else "_" for letter in text)


def code(value: str, meaning: str) -> Dataset:
    """A term of DICOM's own vocabulary."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def scanner(origin: Origin) -> Dataset:
    """The machine that acquired the source."""
    item = Dataset()
    item.Manufacturer = "unknown"
    copy(origin.header, item, SCANNER)
    item.PurposeOfReferenceCodeSequence = Items([code("109101", "Acquisition Equipment")])
    return item


def references(header: Dataset, origin: Origin, position: Float64[np.ndarray, "3"]) -> None:
    """Point to the two source slices around an output slice: a pointer to all would be megabytes in every series."""
    if not origin.slices:
        return
    nearest = origin.nearest(position)
    header.SourceImageSequence = Items([reference(image, purpose=True) for image in nearest])
    series = Dataset()
    series.SeriesInstanceUID = nearest[0].series
    series.ReferencedInstanceSequence = Items([reference(image, purpose=False) for image in nearest])
    header.ReferencedSeriesSequence = Items([series])


def reference(image: Slice, *, purpose: bool) -> Dataset:
    """One source instance."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = image.sop_class, image.sop_instance
    if purpose:
        item.PurposeOfReferenceCodeSequence = Items([code("121322", "Source image for image processing operation")])
    return item
